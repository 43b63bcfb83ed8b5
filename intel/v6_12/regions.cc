// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/regions.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "intel/dmar/table.h"
#include "intel/hw/memory.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/quirks.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab::v6_12 {
namespace {

/// The unit of a list that was made of the same structure, or null.
template <typename List>
typename List::pointer made_of(List& list, const remapping_structure& header) {
  for (auto& unit : list) {
    if (unit.hdr.bytes == header.bytes) return &unit;
  }
  return nullptr;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_find_atsr()
dmar_atsr_unit* dmar_find_atsr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_find_atsr", {"atsr", header});
  dmar_atsr_unit* found = made_of(drv.dmar_atsr_units, header);
  return this_call.result(found, found != nullptr);
}

/// Frees a structure's unit and its scope; it is in no list any more.
template <typename Unit>
void free_unit_of_table(intel_driver& drv, Unit& unit) {
  dmar_free_dev_scope(drv, unit.devices);
  kernel_delete(drv, &unit);
}

/// A structure comes while the system runs and the driver does not.
bool comes_too_late(const intel_driver& drv) {
  return drv.env.state != system_state::booting && !drv.intel_iommu_enabled;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: rmrr_sanity_check(), and x86's arch_rmrr_sanity_check()
bool rmrr_is_sane(const intel_driver& drv, uint64_t base, uint64_t end) {
  if ((base & ~page_mask) != 0 || ((end + 1) & ~page_mask) != 0 || end <= base) return false;
  if (!drv.host.firmware_reserves || drv.host.firmware_reserves(base, end + 1)) return true;
  drv.pr.err(
      "[Firmware Bug]: No firmware reserved region can cover this RMRR [0x%016x-0x%016x], contact "
      "BIOS vendor for fixes",
      base, end);
  return false;
}

/// Enters the device into a scope, or takes it out: > 0 when it is one of the scope's, < 0 on a
/// mismatch.
template <typename Unit>
int follow_device(intel_driver& drv, const dmar_pci_notify_info& info, size_t fixed_size,
                  Unit& unit) {
  if (info.event == bus_notify::add_device) {
    return dmar_insert_dev_scope(drv, info, unit.hdr, fixed_size, unit.segment, unit.devices);
  }
  return dmar_remove_dev_scope(drv, info, unit.segment, unit.devices);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_find_matched_satc_unit(), a part of its caller
// there
const dmar_satc_unit* dmar_find_matched_satc_unit(const intel_driver& drv, const pci_dev& dev) {
  for (const dmar_satc_unit& satcu : drv.dmar_satc_units) {
    if (satcu.segment != pci_domain_nr(*dev.bus)) continue;
    if (any_active_dev_scope(satcu.devices, [&](const auto& s) { return s.dev->pci == &dev; })) {
      return &satcu;
    }
  }
  return nullptr;
}

/// Adds a region when memory can be had for it.
bool add_region(intel_driver& drv, std::vector<iommu_resv_region>& regions,
                const iommu_resv_region& region) {
  const auto made =
      iommu_alloc_resv_region(drv.core, region.start, region.length, region.prot, region.type);
  if (made) regions.push_back(*made);
  return made.has_value();
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: device_rmrr_is_relaxable(). USB and graphics have their
// regions for what firmware does with them before the system runs.
bool device_rmrr_is_relaxable(const device& dev) {
  return dev_is_pci(dev) && (is_usb_device(*dev.pci) || is_gfx_device(*dev.pci));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_parse_one_rmrr()
int dmar_parse_one_rmrr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_parse_one_rmrr", {"header", header});
  const byte_cursor c(header.bytes, header.table_offset);
  const uint64_t base = *c.read(dmar_layout::rmrr::base);
  const uint64_t end = *c.read(dmar_layout::rmrr::limit);
  if (!rmrr_is_sane(drv, base, end)) {
    warn_broken_bios(drv, absl::StrFormat("bad RMRR [0x%016x-0x%016x]", base, end));
  }
  kernel_ptr<dmar_rmrr_unit> rmrru = kernel_new<dmar_rmrr_unit>(drv);
  if (rmrru == nullptr) return this_call.result(-ENOMEM);
  rmrru->hdr = header;
  rmrru->base_address = base;
  rmrru->end_address = end;
  rmrru->segment = *c.read(dmar_layout::rmrr::segment);
  const int ret =
      dmar_alloc_dev_scope(drv, rmrru->hdr, dmar_layout::rmrr::fixed_size, rmrru->devices);
  if (ret != 0) return this_call.result(ret);
  drv.dmar_rmrr_units.push_front(*rmrru.release());
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_parse_one_atsr()
int dmar_parse_one_atsr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_parse_one_atsr", {"hdr", header});
  if (comes_too_late(drv) || dmar_find_atsr(drv, header) != nullptr) return this_call.result(0);
  kernel_ptr<dmar_atsr_unit> atsru = kernel_new<dmar_atsr_unit>(drv);
  if (atsru == nullptr) return this_call.result(-ENOMEM);
  const byte_cursor c(header.bytes, header.table_offset);
  atsru->hdr = header;
  atsru->segment = *c.read(dmar_layout::atsr::segment);
  atsru->include_all = dmar_layout::atsr::all_ports.in(*c.read(dmar_layout::atsr::flags));
  if (!atsru->include_all) {
    const int ret =
        dmar_alloc_dev_scope(drv, atsru->hdr, dmar_layout::atsr::fixed_size, atsru->devices);
    if (ret != 0) return this_call.result(ret);
  }
  drv.dmar_atsr_units.push_front(*atsru.release());
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_release_one_atsr()
int dmar_release_one_atsr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_release_one_atsr", {"hdr", header});
  dmar_atsr_unit* atsru = dmar_find_atsr(drv, header);
  if (atsru == nullptr) return this_call.result(0);
  drv.dmar_atsr_units.erase(drv.dmar_atsr_units.iterator_to(*atsru));
  free_unit_of_table(drv, *atsru);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_check_one_atsr()
int dmar_check_one_atsr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_check_one_atsr", {"hdr", header});
  const dmar_atsr_unit* atsru = dmar_find_atsr(drv, header);
  if (atsru == nullptr || atsru->include_all) return this_call.result(0);
  return this_call.result(any_active_dev_scope(atsru->devices) ? -EBUSY : 0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_parse_one_satc()
int dmar_parse_one_satc(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_parse_one_satc", {"hdr", header});
  if (comes_too_late(drv) || made_of(drv.dmar_satc_units, header) != nullptr) {
    return this_call.result(0);
  }
  kernel_ptr<dmar_satc_unit> satcu = kernel_new<dmar_satc_unit>(drv);
  if (satcu == nullptr) return this_call.result(-ENOMEM);
  const byte_cursor c(header.bytes, header.table_offset);
  satcu->hdr = header;
  satcu->segment = *c.read(dmar_layout::satc::segment);
  satcu->atc_required = dmar_layout::satc::atc_required.in(*c.read(dmar_layout::satc::flags));
  const int ret =
      dmar_alloc_dev_scope(drv, satcu->hdr, dmar_layout::satc::fixed_size, satcu->devices);
  if (ret != 0) return this_call.result(ret);
  drv.dmar_satc_units.push_front(*satcu.release());
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_iommu_notify_scope_dev()
int dmar_iommu_notify_scope_dev(intel_driver& drv, const dmar_pci_notify_info& info) {
  IOMMULAB_CALL(drv.trace, "dmar_iommu_notify_scope_dev", {"info", info});
  if (comes_too_late(drv)) return this_call.result(0);
  const bool adding = info.event == bus_notify::add_device;
  for (dmar_rmrr_unit& rmrru : drv.dmar_rmrr_units) {
    const int ret = follow_device(drv, info, dmar_layout::rmrr::fixed_size, rmrru);
    if (adding && ret < 0) return this_call.result(ret);
  }
  for (dmar_atsr_unit& atsru : drv.dmar_atsr_units) {
    if (atsru.include_all) continue;
    const int ret = follow_device(drv, info, dmar_layout::atsr::fixed_size, atsru);
    if (ret > 0) break;
    if (ret < 0) return this_call.result(ret);
  }
  for (dmar_satc_unit& satcu : drv.dmar_satc_units) {
    const int ret = follow_device(drv, info, dmar_layout::satc::fixed_size, satcu);
    if (ret > 0) break;
    if (ret < 0) return this_call.result(ret);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_ats_supported(), a part of its caller there
bool dmar_ats_supported(intel_driver& drv, pci_dev& dev, const intel_iommu& iommu) {
  const pci_dev& physical = pci_physfn(dev);
  // In legacy mode the hardware itself turns on what a device cannot do without.
  if (const dmar_satc_unit* satcu = dmar_find_matched_satc_unit(drv, physical); satcu != nullptr) {
    return !satcu->atc_required || sm_supported(drv, iommu);
  }
  const device* root_port = nullptr;
  for (const pci_bus* bus = physical.bus; bus != nullptr; bus = bus->parent) {
    const pci_dev* bridge = bus->self;
    if (bridge == nullptr) return true;  // integrated in the root complex
    if (!pci_is_pcie(*bridge) || bridge->pcie_type == pci_exp_type::pci_bridge) return false;
    if (bridge->pcie_type == pci_exp_type::root_port) {
      root_port = &bridge->dev;
      break;
    }
  }
  return std::any_of(
      drv.dmar_atsr_units.begin(), drv.dmar_atsr_units.end(), [&](const dmar_atsr_unit& atsru) {
        if (atsru.segment != pci_domain_nr(*physical.bus)) return false;
        return atsru.include_all || any_active_dev_scope(atsru.devices, [&](const auto& s) {
                 return s.dev == root_port;
               });
      });
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_get_resv_regions()
void intel_iommu_get_resv_regions(intel_driver& drv, device& dev,
                                  std::vector<iommu_resv_region>& regions) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_get_resv_regions", {"device", dev});
  constexpr int both_ways = iommu_read | iommu_write;
  for (const dmar_rmrr_unit& rmrr : drv.dmar_rmrr_units) {
    const iommu_resv_region region = {
        phys_addr(rmrr.base_address), rmrr.end_address - rmrr.base_address + 1, both_ways,
        device_rmrr_is_relaxable(dev) ? iommu_resv_type::direct_relaxable
                                      : iommu_resv_type::direct};
    for (const dmar_dev_scope& s : rmrr.devices) {
      if (s.dev == nullptr) continue;
      if (s.dev != &dev && !is_downstream_to_pci_bridge(dev, *s.dev)) continue;
      if (!add_region(drv, regions, region)) break;
    }
  }
  constexpr uint64_t floppy_reaches = uint64_t{1} << 24;
  if (dev_is_pci(dev) && is_isa_device(*dev.pci)) {
    add_region(drv, regions,
               {phys_addr(0), floppy_reaches, both_ways, iommu_resv_type::direct_relaxable});
  }
  constexpr uint64_t ioapic_range_start = 0xfee00000;
  constexpr uint64_t ioapic_range_size = 0x100000;
  add_region(drv, regions,
             {phys_addr(ioapic_range_start), ioapic_range_size, 0, iommu_resv_type::msi});
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_free_dmars(), a part of its caller there
void intel_iommu_free_dmars(intel_driver& drv) {
  const auto free_all = [&drv](auto& list) {
    while (!list.empty()) {
      auto& unit = list.front();
      list.pop_front();
      free_unit_of_table(drv, unit);
    }
  };
  free_all(drv.dmar_rmrr_units);
  free_all(drv.dmar_atsr_units);
  free_all(drv.dmar_satc_units);
}

}  // namespace iommulab::v6_12
