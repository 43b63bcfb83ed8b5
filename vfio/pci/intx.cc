// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/pci/intx.h"

#include <cstring>

namespace iommulab {

int32_t vfio_irq_data::fd(size_t i) const {
  int32_t value = 0;
  std::memcpy(&value, bytes.data() + i * sizeof(value), sizeof(value));
  return value;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_irq_ctx_get()
vfio_pci_irq_ctx* vfio_irq_ctx_get(vfio_pci_function& vdev, unsigned index) {
  const auto found = vdev.ctx.find(index);
  return found == vdev.ctx.end() ? nullptr : &found->second;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_send_intx_eventfd()
void vfio_send_intx_eventfd(vfio_pci_function& vdev) {
  const vfio_pci_irq_ctx* const ctx = vfio_irq_ctx_get(vdev, 0);
  if (!is_intx(vdev) || vdev.virq_disabled || ctx == nullptr || ctx->trigger == nullptr) return;
  ctx->trigger->signal();
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_intx_mask()
bool vfio_pci_intx_mask(vfio_pci_function& vdev) {
  if (!is_intx(vdev)) {
    if (vdev.pci_2_3) pci_intx(*vdev.pdev, false);
    return false;
  }
  vfio_pci_irq_ctx* const ctx = vfio_irq_ctx_get(vdev, 0);
  if (ctx == nullptr || ctx->masked) return false;
  if (vdev.pci_2_3) pci_intx(*vdev.pdev, false);
  ctx->masked = true;
  return true;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_intx_unmask()
void vfio_pci_intx_unmask(vfio_pci_function& vdev) {
  if (!is_intx(vdev)) {
    if (vdev.pci_2_3) pci_intx(*vdev.pdev, true);
    return;
  }
  vfio_pci_irq_ctx* const ctx = vfio_irq_ctx_get(vdev, 0);
  if (ctx == nullptr || !ctx->masked || vdev.virq_disabled) return;
  // A line that is asserted again would be signalled here. Nothing says that it is: the status
  // register of functions here does not follow their line.
  if (vdev.pci_2_3) pci_intx(*vdev.pdev, true);
  ctx->masked = false;
}

}  // namespace iommulab
