// SPDX-License-Identifier: GPL-2.0-only
#include "core/v4_4_178/pci_quirks.h"

#include "core/pci/quirks.h"

namespace iommulab::v4_4_178 {

// Linux v4.4.178 drivers/pci/quirks.c: the users of quirk_dma_func1_alias(); drivers/pci/probe.c:
// set_pcie_port_type()
void register_pci_quirks(pci_core& pci) {
  pci.know_links_of_pcie_bridges();
  pci.add_header_fixup([](pci_dev& pdev) {
    constexpr uint16_t marvell_ext = 0x1b4b;
    constexpr uint16_t tti = 0x1103;
    const bool comes_from_function_1 =
        (pdev.vendor == marvell_ext && (pdev.device_id == 0x9128 || pdev.device_id == 0x9220)) ||
        (pdev.vendor == tti && pdev.device_id == 0x0645);
    if (comes_from_function_1) quirk_dma_func1_alias(pdev);
  });
}

}  // namespace iommulab::v4_4_178
