// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/pci/vectors.h"

#include <algorithm>
#include <utility>

#include "vfio/pci/rdwr.h"

namespace iommulab {
namespace {

uint16_t at(uint16_t capability, unsigned offset) {
  return static_cast<uint16_t>(capability + offset);
}

// Linux v6.12 drivers/pci/msi/msi.c: pci_write_msg_msi()
void write_msi(pci_dev& pdev, const msi_message& message) {
  pci_config_space& config = *pdev.config;
  const uint16_t pos = pci_find_capability(pdev, pci_cap_id_msi);
  uint16_t flags = config.read16(at(pos, pci_msi_flags));
  const bool is_wide = (flags & pci_msi_flags_64bit) != 0;
  flags = static_cast<uint16_t>(flags & ~(pci_msi_flags_qsize | pci_msi_flags_enable));
  config.write16(at(pos, pci_msi_flags), flags);
  config.write32(at(pos, pci_msi_address_lo), static_cast<uint32_t>(message.address));
  if (is_wide) {
    config.write32(at(pos, pci_msi_address_hi), static_cast<uint32_t>(message.address >> 32));
  }
  config.write16(at(pos, is_wide ? pci_msi_data_64 : pci_msi_data_32),
                 static_cast<uint16_t>(message.data));
  config.write16(at(pos, pci_msi_flags), static_cast<uint16_t>(flags | pci_msi_flags_enable));
}

// Linux v6.12 drivers/pci/msi/msi.c: pci_write_msg_msix()
void write_msix_entry(mmio_window& table, uint64_t entry, const msi_message& message) {
  table.write32(entry, static_cast<uint32_t>(message.address));
  table.write32(entry + 4, static_cast<uint32_t>(message.address >> 32));
  table.write32(entry + 8, message.data);
  table.write32(entry + 12, 0);  // not masked
}

void set_msix_flags(pci_dev& pdev, uint16_t on, uint16_t off) {
  const uint16_t pos = pci_find_capability(pdev, pci_cap_id_msix);
  const uint16_t flags = pdev.config->read16(at(pos, pci_msix_flags));
  pdev.config->write16(at(pos, pci_msix_flags), static_cast<uint16_t>((flags & ~off) | on));
}

}  // namespace

// Linux v6.12 drivers/pci/msi/api.c: pci_alloc_irq_vectors()
int pci_alloc_irq_vectors(vfio_pci_function& vdev, unsigned nvec, bool msix) {
  pci_dev& pdev = *vdev.pdev;
  irq_vectors* const irqs = vdev.hardware.irqs;
  const uint16_t pos = pci_find_capability(pdev, msix ? pci_cap_id_msix : pci_cap_id_msi);
  if (pos == 0 || irqs == nullptr) return -ENOSPC;
  if (nvec == 0) return -ERANGE;
  const unsigned wanted = msix ? nvec : std::min(nvec, 1u);
  for (unsigned i = 0; i < wanted; ++i) {
    const int irq = irqs->alloc_irq();
    if (irq == 0) break;
    vdev.vectors.push_back(irq);
  }
  if (vdev.vectors.empty()) return -ENOSPC;
  pci_intx(pdev, false);
  if (!msix) {
    write_msi(pdev, irqs->compose_msi_msg(vdev.vectors.front()));
    return 1;
  }
  set_msix_flags(pdev, pci_msix_flags_enable, pci_msix_flags_maskall);
  for (size_t i = 0; mmio_window* table = vfio_pci_bar_window(vdev, vdev.msix_bar); ++i) {
    if (i >= vdev.vectors.size()) break;
    write_msix_entry(*table, vdev.msix_offset + i * pci_msix_entry_size,
                     irqs->compose_msi_msg(vdev.vectors[i]));
  }
  return static_cast<int>(vdev.vectors.size());
}

// Linux v6.12 drivers/pci/msi/api.c: pci_free_irq_vectors()
void pci_free_irq_vectors(vfio_pci_function& vdev) {
  if (vdev.vectors.empty()) return;
  pci_dev& pdev = *vdev.pdev;
  for (const int irq : vdev.vectors) vdev.hardware.irqs->free_irq(irq);
  vdev.vectors.clear();
  const uint16_t msi = pci_find_capability(pdev, pci_cap_id_msi);
  if (msi != 0) {
    const uint16_t flags = pdev.config->read16(at(msi, pci_msi_flags));
    pdev.config->write16(at(msi, pci_msi_flags),
                         static_cast<uint16_t>(flags & ~pci_msi_flags_enable));
  }
  if (pci_find_capability(pdev, pci_cap_id_msix) != 0) {
    set_msix_flags(pdev, 0, pci_msix_flags_enable);
  }
  pci_intx(pdev, true);
}

// Linux v6.12 kernel/irq/manage.c: request_irq()
void request_vector(vfio_pci_function& vdev, unsigned vector, std::function<void()> action) {
  vdev.hardware.irqs->request_irq(vdev.vectors[vector], std::move(action));
}

// Linux v6.12 kernel/irq/manage.c: free_irq()
void free_vector(vfio_pci_function& vdev, unsigned vector) {
  vdev.hardware.irqs->request_irq(vdev.vectors[vector], {});
}

}  // namespace iommulab
