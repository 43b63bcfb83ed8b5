// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/quirks.h"

#include <algorithm>
#include <array>

#include "absl/types/span.h"
#include "core/bit_field.h"
#include "core/dev_printk.h"
#include "intel/dmar/scope.h"
#include "intel/dmar/table.h"

namespace iommulab::v6_12 {
namespace {

constexpr uint16_t vendor_id_intel = 0x8086;

// Q35, mobile and desktop 4 series, QM57, Broadwell.
constexpr std::array<uint16_t, 33> broken_graphics = {
    0x29b2, 0x2a40, 0x2e00, 0x2e10, 0x2e20, 0x2e30, 0x2e40, 0x2e90, 0x0044, 0x1606, 0x160b,
    0x160e, 0x1602, 0x160a, 0x160d, 0x1616, 0x161b, 0x161e, 0x1612, 0x161a, 0x161d, 0x1626,
    0x162b, 0x162e, 0x1622, 0x162a, 0x162d, 0x1636, 0x163b, 0x163e, 0x1632, 0x163a, 0x163d};
// The 4 series neglect to say that they need write buffers flushed.
constexpr std::array<uint16_t, 7> forgotten_write_buffers = {0x2a40, 0x2e00, 0x2e10, 0x2e20,
                                                             0x2e30, 0x2e40, 0x2e90};
// Ironlake host bridges.
constexpr std::array<uint16_t, 3> ironlake = {0x0040, 0x0062, 0x006a};
// Graphics by the upper byte of their device id.
constexpr std::array<uint8_t, 9> hangs_when_off = {0x45, 0x46, 0x4c, 0x4e, 0x8a,
                                                   0x98, 0x9a, 0xa7, 0x7d};

bool is_any_of(const pci_dev& pdev, absl::Span<const uint16_t> ids) {
  return pdev.vendor == vendor_id_intel &&
         std::find(ids.begin(), ids.end(), pdev.device_id) != ids.end();
}

// What comes in from outside may bear any id; it is not to switch protection off.
// Linux v6.12 drivers/iommu/intel/iommu.c: risky_device(), a part of its callers there
bool risky_device(const pci_dev& pdev) {
  if (!pdev.untrusted) return false;
  dev_printk(pdev.dev, log_level::info,
             "DMAR: Skipping IOMMU quirk for dev [%04X:%04X] on untrusted PCI link", pdev.vendor,
             pdev.device_id);
  dev_printk(pdev.dev, log_level::info,
             "DMAR: Please check with your BIOS/Platform vendor about this");
  return true;
}

// Graphics control of the Ironlake host bridge.
constexpr uint16_t ggc_at = 0x52;
constexpr uint16_t ggc_vt_enabled = 0x8 << 8;

// Linux v6.12 drivers/iommu/intel/iommu.c: quirk_iommu_igfx()
void quirk_iommu_igfx(intel_driver& drv, const pci_dev& dev) {
  IOMMULAB_CALL(drv.trace, "quirk_iommu_igfx", {"dev", dev});
  if (risky_device(dev)) return;
  dev_printk(dev.dev, log_level::info, "DMAR: Disabling IOMMU for graphics on this chipset");
  drv.options.disable_igfx_iommu = true;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: quirk_iommu_rwbf()
void quirk_iommu_rwbf(intel_driver& drv, const pci_dev& dev) {
  IOMMULAB_CALL(drv.trace, "quirk_iommu_rwbf", {"dev", dev});
  if (risky_device(dev)) return;
  dev_printk(dev.dev, log_level::info, "DMAR: Forcing write-buffer flush capability");
  drv.rwbf_quirk = true;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: quirk_calpella_no_shadow_gtt()
void quirk_calpella_no_shadow_gtt(intel_driver& drv, const pci_dev& dev) {
  IOMMULAB_CALL(drv.trace, "quirk_calpella_no_shadow_gtt", {"dev", dev});
  if (risky_device(dev)) return;
  const uint16_t ggc = dev.config->read16(ggc_at);
  if ((ggc & ggc_vt_enabled) == 0) {
    dev_printk(dev.dev, log_level::info,
               "DMAR: BIOS has allocated no shadow GTT; disabling IOMMU for graphics");
    drv.options.disable_igfx_iommu = true;
  } else if (!drv.options.disable_igfx_iommu) {
    dev_printk(dev.dev, log_level::info, "DMAR: Disabling batched IOTLB flush on Ironlake");
    iommu_set_dma_strict(drv.core);
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: quirk_igfx_skip_te_disable()
void quirk_igfx_skip_te_disable(intel_driver& drv, const pci_dev& dev) {
  if (dev.vendor != vendor_id_intel) return;
  IOMMULAB_CALL(drv.trace, "quirk_igfx_skip_te_disable", {"dev", dev});
  if (!is_gfx_device(dev)) return;
  const auto generation = static_cast<uint8_t>(dev.device_id >> 8);
  if (std::find(hangs_when_off.begin(), hangs_when_off.end(), generation) == hangs_when_off.end()) {
    return;
  }
  if (risky_device(dev)) return;
  dev_printk(dev.dev, log_level::info, "DMAR: Skip IOMMU disabling for graphics");
  drv.iommu_skip_te_disable = true;
}

// Where Sandy Bridge's chipset keeps the base address of remapping registers.
constexpr uint16_t vtbar_at = 0xb0;
constexpr uint32_t vtbar_base = 0xffff0000;
constexpr uint64_t engines_unit_offset = 0xa000;

// The system management registers of Tylersburg and its VTISOCHCTRL.
constexpr uint16_t azalia_device = 0x3a3e;
constexpr uint16_t management_device = 0x342e;
constexpr uint16_t vtisochctrl_at = 0x188;
constexpr field32 routed_elsewhere{0};
constexpr field32 isoch_tlb_entries{4, 2};
constexpr uint32_t recommended_entries = 0x10;

}  // namespace

// The order is that of the kernel's declarations. Each prints before it acts.
void register_intel_iommu_quirks(intel_driver& drv) {
  drv.host.pci.add_header_fixup([&drv](pci_dev& dev) {
    if (is_any_of(dev, broken_graphics)) quirk_iommu_igfx(drv, dev);
    if (is_any_of(dev, forgotten_write_buffers)) quirk_iommu_rwbf(drv, dev);
    if (is_any_of(dev, ironlake)) quirk_calpella_no_shadow_gtt(drv, dev);
    quirk_igfx_skip_te_disable(drv, dev);
  });
}

bool quirk_ioat_snb_local_iommu(intel_driver& drv, pci_dev& pdev) {
  const pci_dev* bridge = drv.host.pci.find({pci_domain_nr(*pdev.bus), pdev.bus->number, 0});
  const uint64_t vtbar =
      (bridge == nullptr ? UINT32_MAX : bridge->config->read32(vtbar_at)) & vtbar_base;
  const dmar_drhd_unit* drhd = dmar_find_matched_drhd_unit(drv, pdev);
  if (drhd != nullptr && drhd->reg_base_addr.value() - vtbar == engines_unit_offset) return false;
  if (!drv.warned_ioat) {
    drv.pr.warn(
        "[Firmware Bug]: BIOS assigned incorrect VT-d unit for Intel(R) QuickData Technology "
        "device");
    drv.warned_ioat = true;
  }
  return true;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: check_tylersburg_isoch(), a part of its caller there
void check_tylersburg_isoch(intel_driver& drv) {
  const pci_dev* azalia = drv.host.pci.get_device(vendor_id_intel, azalia_device);
  if (azalia == nullptr || risky_device(*azalia)) return;
  const pci_dev* management = drv.host.pci.get_device(vendor_id_intel, management_device);
  if (management == nullptr || risky_device(*management)) return;
  if (management->config->size() <= vtisochctrl_at) return;
  const uint32_t vtisochctrl = management->config->read32(vtisochctrl_at);
  if (routed_elsewhere.test(vtisochctrl)) return;
  const uint32_t entries = vtisochctrl & isoch_tlb_entries.mask();
  if (entries == recommended_entries) return;
  if (entries == 0) {
    drv.env.log.warn(broken_bios(drv, "DMA routed to ISOCH DMAR unit but no TLB space."));
    drv.iommu_identity_mapping |= identmap_azalia;
    return;
  }
  drv.pr.warn("Recommended TLB entries for ISOCH unit is 16; your BIOS set %d", entries);
}

}  // namespace iommulab::v6_12
