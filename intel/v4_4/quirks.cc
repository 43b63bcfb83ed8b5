// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/quirks.h"

#include <algorithm>
#include <array>

#include "core/bit_field.h"
#include "intel/dmar/scope.h"
#include "intel/dmar/table.h"

namespace iommulab::v4_4 {
namespace {

constexpr uint16_t vendor_intel = 0x8086;

// Mobile and desktop 4 series host bridges.
constexpr std::array<uint16_t, 7> four_series = {0x2a40, 0x2e00, 0x2e10, 0x2e20,
                                                 0x2e30, 0x2e40, 0x2e90};
// Ironlake host bridges.
constexpr std::array<uint16_t, 4> calpella = {0x0040, 0x0044, 0x0062, 0x006a};

template <size_t N>
bool is_one_of(const pci_dev& pdev, const std::array<uint16_t, N>& ids) {
  return pdev.vendor == vendor_intel &&
         std::find(ids.begin(), ids.end(), pdev.device_id) != ids.end();
}

// Graphics control of the Ironlake host bridge.
constexpr uint16_t ggc_register = 0x52;
constexpr uint16_t ggc_memory_vt_enabled = 0x8 << 8;

// Linux v4.4 drivers/iommu/intel-iommu.c: quirk_calpella_no_shadow_gtt()
void quirk_calpella_no_shadow_gtt(intel_driver& drv, const pci_dev& dev) {
  const uint16_t ggc = dev.config->read16(ggc_register);
  if ((ggc & ggc_memory_vt_enabled) == 0) {
    drv.pr.info("BIOS has allocated no shadow GTT; disabling IOMMU for graphics");
    drv.options.dmar_map_gfx = false;
  } else if (drv.options.dmar_map_gfx) {
    drv.pr.info("Disabling batched IOTLB flush on Ironlake");
    drv.options.intel_iommu_strict = true;
  }
}

// The QuickData engine of Sandy Bridge servers, and where its chipset keeps the base address of
// remapping registers.
constexpr uint16_t ioat_snb_id = 0x402f;
constexpr unsigned vtbar_register = 0xb0;
constexpr uint32_t vtbar_mask = 0xffff0000;
constexpr uint64_t ioat_unit_offset = 0xa000;

// Linux v4.4 drivers/iommu/intel-iommu.c: quirk_ioat_snb_local_iommu(). The engine has a unit of
// its own, at a known offset. A table that puts it behind another one is wrong: the engine is then
// taken out of translation, in the hope that its unit is off.
void quirk_ioat_snb_local_iommu(intel_driver& drv, pci_dev& dev) {
  const pci_dev* host = drv.host.pci.find({pci_domain_nr(*dev.bus), dev.bus->number, 0});
  const uint64_t vtbar =
      (host == nullptr ? UINT32_MAX : host->config->read32(vtbar_register)) & vtbar_mask;
  const dmar_drhd_unit* drhd = dmar_find_matched_drhd_unit(drv, dev);
  if (drhd != nullptr && drhd->reg_base_addr.value() - vtbar == ioat_unit_offset) return;
  if (!drv.warned_ioat) {
    drv.env.log.warn("BIOS assigned incorrect VT-d unit for Intel(R) QuickData Technology device");
    drv.warned_ioat = true;
  }
  set_dev_membership(dev.dev, dummy_device_domain_info());
}

// The system management registers of Tylersburg and its VTISOCHCTRL.
constexpr uint16_t azalia_id = 0x3a3e;
constexpr uint16_t tylersburg_management_id = 0x342e;
constexpr uint16_t vtisochctrl_register = 0x188;
constexpr field32 azalia_to_other_unit{0};
constexpr field32 tlb_entries{4, 2};
constexpr uint32_t recommended_tlb_entries = 0x10;

}  // namespace

void register_intel_iommu_quirks(intel_driver& drv) {
  drv.host.pci.add_header_fixup([&drv](pci_dev& dev) {
    if (is_one_of(dev, four_series)) {
      drv.pr.info("Disabling IOMMU for graphics on this chipset");
      drv.options.dmar_map_gfx = false;
      drv.pr.info("Forcing write-buffer flush capability");
      drv.rwbf_quirk = true;
    }
    if (is_one_of(dev, calpella)) quirk_calpella_no_shadow_gtt(drv, dev);
  });
  drv.host.pci.add_enable_fixup([&drv](pci_dev& dev) {
    if (dev.vendor == vendor_intel && dev.device_id == ioat_snb_id) {
      quirk_ioat_snb_local_iommu(drv, dev);
    }
  });
}

// Linux v4.4 drivers/iommu/intel-iommu.c: check_tylersburg_isoch()
void check_tylersburg_isoch(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "check_tylersburg_isoch");
  if (drv.host.pci.get_device(vendor_intel, azalia_id) == nullptr) return;
  const pci_dev* management = drv.host.pci.get_device(vendor_intel, tylersburg_management_id);
  if (management == nullptr || management->config->size() <= vtisochctrl_register) return;

  const uint32_t vtisochctrl = management->config->read32(vtisochctrl_register);
  if (azalia_to_other_unit.test(vtisochctrl)) return;
  const uint32_t entries = vtisochctrl & tlb_entries.mask();
  if (entries == recommended_tlb_entries) return;
  if (entries == 0) {
    drv.env.log.warn(broken_bios(drv, "DMA routed to ISOCH DMAR unit but no TLB space."));
    drv.iommu_identity_mapping |= identmap_azalia;
    return;
  }
  drv.pr.warn("Recommended TLB entries for ISOCH unit is 16; your BIOS set %d", entries);
}

}  // namespace iommulab::v4_4
