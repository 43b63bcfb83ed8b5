// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/pci/function.h"

namespace iommulab {

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_enable()
void find_msix_table(vfio_pci_function& vdev) {
  const pci_dev& pdev = *vdev.pdev;
  const uint16_t pos = pci_find_capability(pdev, pci_cap_id_msix);
  vdev.msix_bar = 0xff;
  if (pos == 0) return;
  const uint16_t flags = pdev.config->read16(static_cast<uint16_t>(pos + pci_msix_flags));
  const uint32_t table = pdev.config->read32(static_cast<uint16_t>(pos + pci_msix_table));
  vdev.msix_bar = static_cast<uint8_t>(table & pci_msix_table_bir);
  vdev.msix_offset = table & ~pci_msix_table_bir;
  vdev.msix_size = ((flags & pci_msix_flags_qsize) + 1u) * pci_msix_entry_size;
}

}  // namespace iommulab
