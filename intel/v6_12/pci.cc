// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/pci.h"

#include <cerrno>

#include "core/bit_field.h"
#include "core/pci/acs.h"
#include "core/pci/ats.h"
#include "core/pci/registers.h"

namespace iommulab::v6_12 {
namespace {

constexpr field16 ats_page_aligned_request{5};

// PASID capability (PCI Express Base 7.8.9)
constexpr uint16_t pasid_capability = 0x04;
constexpr field16 pasid_features_field{2, 1};
constexpr uint16_t pasid_control = 0x06;
constexpr field16 pasid_enable{0};

// Device Capabilities 2: End-End TLP Prefix Supported
constexpr field32 eetlp_prefix_supported{21};

uint16_t pasid_word(const pci_dev& pdev, uint16_t& cap) {
  cap = pci_find_ext_capability(pdev, pci_ext_cap_id_pasid);
  return cap == 0 ? uint16_t{0}
                  : pdev.config->read16(static_cast<uint16_t>(cap + pasid_capability));
}

/// A PASID travels in a prefix of the packet, which every function on the way to the root has to
/// let through. Linux v6.12 drivers/pci/probe.c: pci_configure_eetlp_prefix()
bool prefixes_reach_root(const pci_dev& pdev) {
  if (!pci_is_pcie(pdev)) return false;
  const uint32_t cap2 =
      pdev.config->read32(static_cast<uint16_t>(pdev.pcie_cap + pci_reg::exp_devcap2));
  if (!eetlp_prefix_supported.test(cap2)) return false;
  if (pdev.pcie_type == pci_exp_type::root_port || pdev.pcie_type == pci_exp_type::rc_endpoint) {
    return true;
  }
  return pdev.bus->self != nullptr && prefixes_reach_root(*pdev.bus->self);
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: dev_is_real_dma_subdevice(), a part of its callers there
bool dev_is_real_dma_subdevice(const device& dev) {
  return dev_is_pci(dev) && &v6_12::pci_real_dma_dev(*dev.pci) != dev.pci;
}

// Linux v6.12 drivers/pci/ats.c: pci_ats_supported()
bool ats_supported(intel_driver& drv, pci_dev& pdev) {
  IOMMULAB_CALL(drv.trace, "pci_ats_supported", {"dev", pdev});
  if (pci_find_ext_capability(pdev, pci_ext_cap_id_ats) == 0 || pdev.untrusted) {
    return this_call.result(false);
  }
  if (pdev.is_virtfn) return this_call.result(ats_supported(drv, pci_physfn(pdev)));
  return this_call.result(true);
}

void prepare_ats(pci_dev& pdev) {
  const uint16_t cap = pci_find_ext_capability(pdev, pci_ext_cap_id_ats);
  if (cap == 0 || pdev.is_virtfn || pci_ats_enabled(pdev)) return;
  pdev.ats_page_order = static_cast<uint8_t>(page_shift);
  pdev.config->write16(static_cast<uint16_t>(cap + pci_reg::ats_control), 0);
}

bool ats_page_aligned(const pci_dev& pdev) {
  const uint16_t cap = pci_find_ext_capability(pdev, pci_ext_cap_id_ats);
  if (cap == 0) return false;
  return ats_page_aligned_request.test(
      pdev.config->read16(static_cast<uint16_t>(cap + pci_reg::ats_capability)));
}

bool pci_device_is_present(const pci_dev& pdev) {
  constexpr uint16_t vendor_id = 0;
  constexpr uint16_t nobody = 0xffff;
  return pci_physfn(pdev).config->read16(vendor_id) != nobody;
}

int pci_pasid_features(const pci_dev& pdev) {
  uint16_t cap = 0;
  const uint16_t word = pasid_word(pci_physfn(pdev), cap);
  return cap == 0 ? -EINVAL : word & pasid_features_field.mask();
}

int pci_enable_pasid(pci_dev& pdev, unsigned features) {
  uint16_t cap = 0;
  const uint16_t supported = pasid_word(pci_physfn(pdev), cap);
  if (cap == 0) return -EINVAL;
  const auto control = static_cast<uint16_t>(cap + pasid_control);
  const bool enabled = pasid_enable.test(pci_physfn(pdev).config->read16(control));
  if (pdev.is_virtfn) return enabled ? 0 : -EINVAL;
  if (enabled) return -EBUSY;
  if (!prefixes_reach_root(pdev)) return -EINVAL;
  if (!v6_12::pci_acs_path_enabled(pdev, nullptr, pci_acs_rr | pci_acs_uf)) return -EINVAL;
  if ((supported & features) != features) return -EINVAL;
  pdev.config->write16(control, static_cast<uint16_t>(pasid_enable.mask() | features));
  return 0;
}

void pci_disable_pasid(pci_dev& pdev) {
  const uint16_t cap = pci_find_ext_capability(pdev, pci_ext_cap_id_pasid);
  if (pdev.is_virtfn || cap == 0) return;
  pdev.config->write16(static_cast<uint16_t>(cap + pasid_control), 0);
}

bool pci_pri_supported(const pci_dev& pdev) {
  return pci_find_ext_capability(pci_physfn(pdev), pci_ext_cap_id_pri) != 0;
}

}  // namespace iommulab::v6_12
