// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/rmrr.h"

#include <cerrno>

#include "intel/hw/memory.h"
#include "intel/v4_4/quirks.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_find_atsr()
dmar_atsr_unit* dmar_find_atsr(intel_driver& drv, const remapping_structure& atsr) {
  for (dmar_atsr_unit& unit : drv.dmar_atsr_units) {
    if (unit.hdr.bytes == atsr.bytes) return &unit;
  }
  return nullptr;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_free_atsr()
void intel_iommu_free_atsr(intel_driver& drv, dmar_atsr_unit& atsru) {
  dmar_free_dev_scope(drv, atsru.devices);
  kernel_delete(drv, &atsru);
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_parse_one_rmrr()
int dmar_parse_one_rmrr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_parse_one_rmrr", {"header", header});
  kernel_ptr<dmar_rmrr_unit> rmrru = kernel_new<dmar_rmrr_unit>(drv);
  if (rmrru == nullptr) return this_call.result(-ENOMEM);
  const byte_cursor c(header.bytes, header.table_offset);
  rmrru->hdr = header;
  rmrru->base_address = *c.read(dmar_layout::rmrr::base);
  rmrru->end_address = *c.read(dmar_layout::rmrr::limit);
  rmrru->segment = *c.read(dmar_layout::rmrr::segment);
  const int ret =
      dmar_alloc_dev_scope(drv, rmrru->hdr, dmar_layout::rmrr::fixed_size, rmrru->devices);
  if (ret != 0) return this_call.result(ret);
  drv.dmar_rmrr_units.push_front(*rmrru.release());
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_parse_one_atsr()
int dmar_parse_one_atsr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_parse_one_atsr", {"hdr", header});
  if (drv.env.state != system_state::booting && !drv.intel_iommu_enabled) {
    return this_call.result(0);
  }
  if (dmar_find_atsr(drv, header) != nullptr) return this_call.result(0);
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

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_release_one_atsr()
int dmar_release_one_atsr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_release_one_atsr", {"hdr", header});
  dmar_atsr_unit* atsru = dmar_find_atsr(drv, header);
  if (atsru == nullptr) return this_call.result(0);
  drv.dmar_atsr_units.erase(drv.dmar_atsr_units.iterator_to(*atsru));
  intel_iommu_free_atsr(drv, *atsru);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_check_one_atsr()
int dmar_check_one_atsr(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_check_one_atsr", {"hdr", header});
  const dmar_atsr_unit* atsru = dmar_find_atsr(drv, header);
  if (atsru == nullptr || atsru->include_all) return this_call.result(0);
  return this_call.result(any_active_dev_scope(atsru->devices) ? -EBUSY : 0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_iommu_notify_scope_dev()
int dmar_iommu_notify_scope_dev(intel_driver& drv, const dmar_pci_notify_info& info) {
  IOMMULAB_CALL(drv.trace, "dmar_iommu_notify_scope_dev", {"info", info});
  if (!drv.intel_iommu_enabled && drv.env.state != system_state::booting) {
    return this_call.result(0);
  }
  const bool adding = info.event == bus_notify::add_device;

  for (dmar_rmrr_unit& rmrru : drv.dmar_rmrr_units) {
    if (!adding) {
      dmar_remove_dev_scope(drv, info, rmrru.segment, rmrru.devices);
      continue;
    }
    const int ret = dmar_insert_dev_scope(drv, info, rmrru.hdr, dmar_layout::rmrr::fixed_size,
                                          rmrru.segment, rmrru.devices);
    if (ret < 0) return this_call.result(ret);
  }
  for (dmar_atsr_unit& atsru : drv.dmar_atsr_units) {
    if (atsru.include_all) continue;
    if (!adding) {
      if (dmar_remove_dev_scope(drv, info, atsru.segment, atsru.devices) != 0) break;
      continue;
    }
    const int ret = dmar_insert_dev_scope(drv, info, atsru.hdr, dmar_layout::atsr::fixed_size,
                                          atsru.segment, atsru.devices);
    if (ret > 0) break;
    if (ret < 0) return this_call.result(ret);
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: dmar_find_matched_atsr_unit()
bool dmar_find_matched_atsr_unit(intel_driver& drv, pci_dev& dev) {
  IOMMULAB_CALL(drv.trace, "dmar_find_matched_atsr_unit", {"dev", dev});
  const pci_dev& physical = pci_physfn(dev);
  const device* root_port = nullptr;
  for (const pci_bus* bus = physical.bus; bus != nullptr; bus = bus->parent) {
    const pci_dev* bridge = bus->self;
    if (bridge == nullptr) return this_call.result(true);  // integrated in the root complex
    if (!pci_is_pcie(*bridge) || bridge->pcie_type == pci_exp_type::pci_bridge) {
      return this_call.result(false);
    }
    if (bridge->pcie_type == pci_exp_type::root_port) {
      root_port = &bridge->dev;
      break;
    }
  }
  for (const dmar_atsr_unit& atsru : drv.dmar_atsr_units) {
    if (atsru.segment != pci_domain_nr(*physical.bus)) continue;
    for (const dmar_dev_scope& s : atsru.devices) {
      if (s.dev != nullptr && s.dev == root_port) return this_call.result(true);
    }
    if (atsru.include_all) return this_call.result(true);
  }
  return this_call.result(false);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: device_has_rmrr()
bool device_has_rmrr(intel_driver& drv, const device& dev) {
  IOMMULAB_CALL(drv.trace, "device_has_rmrr", {"dev", dev});
  for (const dmar_rmrr_unit& rmrr : drv.dmar_rmrr_units) {
    if (any_active_dev_scope(rmrr.devices, [&](const auto& s) { return s.dev == &dev; })) {
      return this_call.result(true);
    }
  }
  return this_call.result(false);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: device_is_rmrr_locked()
bool device_is_rmrr_locked(intel_driver& drv, const device& dev) {
  IOMMULAB_CALL(drv.trace, "device_is_rmrr_locked", {"dev", dev});
  if (!device_has_rmrr(drv, dev)) return this_call.result(false);
  return this_call.result(!dev_is_pci(dev) ||
                          !(is_usb_device(*dev.pci) || is_gfx_device(*dev.pci)));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_free_dmars()
void intel_iommu_free_dmars(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_free_dmars");
  while (!drv.dmar_rmrr_units.empty()) {
    dmar_rmrr_unit& rmrru = drv.dmar_rmrr_units.front();
    drv.dmar_rmrr_units.pop_front();
    dmar_free_dev_scope(drv, rmrru.devices);
    kernel_delete(drv, &rmrru);
  }
  while (!drv.dmar_atsr_units.empty()) {
    dmar_atsr_unit& atsru = drv.dmar_atsr_units.front();
    drv.dmar_atsr_units.pop_front();
    intel_iommu_free_atsr(drv, atsru);
  }
}

}  // namespace iommulab::v4_4
