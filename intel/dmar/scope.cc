// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/scope.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "intel/dmar/table.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab {
namespace {

using dmar_layout::scope_type;

bool is_device_like(uint8_t type) {
  return type == static_cast<uint8_t>(scope_type::acpi_namespace_device) ||
         type == static_cast<uint8_t>(scope_type::pci_endpoint) ||
         type == static_cast<uint8_t>(scope_type::pci_sub_hierarchy);
}

bool is_pci(uint8_t type) {
  return type == static_cast<uint8_t>(scope_type::pci_endpoint) ||
         type == static_cast<uint8_t>(scope_type::pci_sub_hierarchy);
}

dmar_dev_scope* free_slot(std::vector<dmar_dev_scope>& devices) {
  for (dmar_dev_scope& slot : devices) {
    if (slot.dev == nullptr) return &slot;
  }
  return nullptr;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_alloc_pci_notify_info()
std::optional<dmar_pci_notify_info> dmar_alloc_pci_notify_info(dmar_state& dmar, pci_dev& dev,
                                                               bus_notify event) {
  IOMMULAB_CALL(dmar.trace, "dmar_alloc_pci_notify_info", {"dev", dev}, {"event", event});
  bug_on(dev.is_virtfn, "dmar_alloc_pci_notify_info: virtual function");
  dmar_pci_notify_info info;
  info.event = event;
  info.dev = &dev;
  info.seg = pci_domain_nr(*dev.bus);
  if (event != bus_notify::add_device) return this_call.result(std::optional(std::move(info)));

  for (pci_dev* tmp = &dev; tmp != nullptr; tmp = tmp->bus->self) {
    info.path.insert(info.path.begin(), {tmp->bus->number, tmp->slot(), tmp->func()});
    if (pci_is_root_bus(*tmp->bus)) info.bus = tmp->bus->number;
  }
  // The kernel keeps a buffer for paths of up to 22 hops and allocates for longer ones.
  constexpr size_t static_buffer_hops = 22;
  if (info.path.size() <= static_buffer_hops) {
    return this_call.result(std::optional(std::move(info)));
  }
  info.memory = slab_token(dmar.host.slab);
  if (!info.memory) {
    dmar.pr.warn("Out of memory when allocating notify_info for %s.", pci_name(dev));
    if (dmar.dmar_dev_scope_status == 0) dmar.dmar_dev_scope_status = -ENOMEM;
    return this_call.result(std::optional<dmar_pci_notify_info>());
  }
  return this_call.result(std::optional(std::move(info)));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_match_pci_path()
bool dmar_match_pci_path(dmar_state& dmar, const dmar_pci_notify_info& info,
                         const device_scope_entry& scope) {
  IOMMULAB_CALL(dmar.trace, "dmar_match_pci_path", {"info", info}, {"bus", scope.start_bus},
                {"count", static_cast<int>(scope.hops)});
  const bool whole = scope.path.size() == scope.hops;
  if (info.bus == scope.start_bus && info.path.size() == scope.hops && whole) {
    bool equal = true;
    for (size_t i = 0; i < scope.path.size() && equal; ++i) {
      equal = scope.path[i].device == info.path[i].device &&
              scope.path[i].function == info.path[i].function;
    }
    if (equal) return this_call.result(true);
  }
  // Some firmware gives the final bus number instead of the path that leads there.
  if (scope.hops != 1 || !whole || info.path.empty()) return this_call.result(false);
  const dmar_pci_notify_info::hop& last = info.path.back();
  if (scope.start_bus != last.bus || scope.path[0].device != last.device ||
      scope.path[0].function != last.function) {
    return this_call.result(false);
  }
  dmar.pr.info("[Firmware Bug]: RMRR entry for device %02x:%02x.%x is broken - applying workaround",
               scope.start_bus, scope.path[0].device, scope.path[0].function);
  return this_call.result(true);
}

int notify_scope_dev(const dmar_state& dmar, const dmar_pci_notify_info& info) {
  return dmar.callbacks.notify_scope_dev ? dmar.callbacks.notify_scope_dev(info) : 0;
}

/// Enters a device into the scope of the unit that names it, if one does; a negative errno when it
/// does not fit there.
int insert_into_unit_scope(dmar_state& dmar, const dmar_pci_notify_info& info) {
  for (dmar_drhd_unit& dmaru : dmar.dmar_drhd_units) {
    if (!dmaru.include_all) {
      const int found = dmar_insert_dev_scope(dmar, info, dmaru.hdr, dmar_layout::drhd::fixed_size,
                                              dmaru.segment, dmaru.devices);
      if (found != 0) return std::min(found, 0);
    }
  }
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_pci_bus_add_dev(). The first error of all devices is what
// dmar_dev_scope_init() comes to.
int dmar_pci_bus_add_dev(dmar_state& dmar, const dmar_pci_notify_info& info) {
  IOMMULAB_CALL(dmar.trace, "dmar_pci_bus_add_dev", {"info", info});
  int ret = insert_into_unit_scope(dmar, info);
  if (ret == 0) ret = notify_scope_dev(dmar, info);
  if (ret < 0 && dmar.dmar_dev_scope_status == 0) dmar.dmar_dev_scope_status = ret;
  return this_call.result(ret);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_pci_bus_del_dev()
void dmar_pci_bus_del_dev(dmar_state& dmar, const dmar_pci_notify_info& info) {
  IOMMULAB_CALL(dmar.trace, "dmar_pci_bus_del_dev", {"info", info});
  for (dmar_drhd_unit& dmaru : dmar.dmar_drhd_units) {
    if (dmar_remove_dev_scope(dmar, info, dmaru.segment, dmaru.devices) != 0) break;
  }
  notify_scope_dev(dmar, info);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_pci_bus_notifier()
notify_result dmar_pci_bus_notifier(dmar_state& dmar, bus_notify action, device& dev) {
  IOMMULAB_CALL(dmar.trace, "dmar_pci_bus_notifier", {"action", action}, {"dev", dev});
  pci_dev& pdev = *dev.pci;
  if (pdev.is_virtfn) return this_call.result(notify_result::done);
  if (action != bus_notify::add_device && action != dmar.callbacks.scope_removal) {
    return this_call.result(notify_result::done);
  }
  const auto info = dmar_alloc_pci_notify_info(dmar, pdev, action);
  if (!info) return this_call.result(notify_result::done);
  if (action == bus_notify::add_device) {
    dmar_pci_bus_add_dev(dmar, *info);
  } else {
    dmar_pci_bus_del_dev(dmar, *info);
  }
  return this_call.result(notify_result::ok);
}

void register_notifier(dmar_state& dmar) {
  dmar.dmar_pci_bus_nb.notifier_call = [&dmar](bus_notify action, device& dev) {
    return dmar_pci_bus_notifier(dmar, action, dev);
  };
  dmar.dmar_pci_bus_nb.priority = dmar.kernel.notifier_priority;
  dmar.host.pci.bus().notifier.register_block(dmar.dmar_pci_bus_nb);
  dmar.dmar_pci_bus_nb_registered = true;
}

/// Whether a function is of the kind that a scope says it is.
bool scope_type_fits(const dmar_state& dmar, const pci_dev& dev, bool scope_is_endpoint) {
  constexpr unsigned base_class_shift = 16;
  constexpr uint32_t base_class_bridge = 0x06;
  const bool normal = dev.hdr_type == pci_header_type::normal;
  if (scope_is_endpoint || !dmar.kernel.bridge_scope_by_class) return scope_is_endpoint == normal;
  return !normal || (dev.class_code >> base_class_shift) == base_class_bridge;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_acpi_insert_dev_scope()
void dmar_acpi_insert_dev_scope(dmar_state& dmar, uint8_t device_number, acpi_device& adev) {
  IOMMULAB_CALL(dmar.trace, "dmar_acpi_insert_dev_scope", {"device_number", device_number},
                {"adev", adev.dev});
  for (dmar_drhd_unit& dmaru : dmar.dmar_drhd_units) {
    std::vector<device_scope_entry> scopes;
    // Whose scopes cannot be read is no unit: dmar_alloc_dev_scope() refused it.
    dmar_read_scopes(dmar, dmaru.hdr, dmar_layout::drhd::fixed_size, scopes);
    for (const device_scope_entry& scope : scopes) {
      if (scope.type != static_cast<uint8_t>(scope_type::acpi_namespace_device)) continue;
      if (scope.enumeration_id != device_number || scope.path.empty()) continue;
      const device_scope_entry::hop& hop = scope.path[0];
      dmar.pr.info("ACPI device \"%s\" under DMAR at %x as %02x:%02x.%d", adev.dev.name,
                   dmaru.reg_base_addr.value(), scope.start_bus, hop.device, hop.function);
      dmar_dev_scope* slot = free_slot(dmaru.devices);
      bug_on(slot == nullptr, "dmar_acpi_insert_dev_scope: more devices than scopes");
      *slot = {&adev.dev, scope.start_bus, pci_devfn(hop.device, hop.function)};
      return;
    }
  }
  dmar.pr.warn("No IOMMU scope found for ANDD enumeration ID %d (%s)", device_number,
               adev.dev.name);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_acpi_dev_scope_init(). It walks the table once more, with
// no check of the structures' lengths in the kernel.
int dmar_acpi_dev_scope_init(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_acpi_dev_scope_init");
  if (!dmar.dmar_tbl) return this_call.result(-ENODEV);
  return this_call.result(dmar_for_each_structure(
      dmar, *dmar.dmar_tbl, [&](const remapping_structure& s, uint16_t type) {
        if (type != static_cast<uint16_t>(dmar_layout::structure_type::andd)) return 0;
        const byte_cursor cursor(s.bytes, s.table_offset);
        const std::string name = dmar_andd_name(s);
        const acpi_bus::handle h = dmar.host.acpi.acpi_get_handle(name);
        if (h == nullptr) {
          dmar.pr.err("Failed to find handle for ACPI object %s", name);
          return 0;
        }
        acpi_device* adev = dmar.host.acpi.acpi_bus_get_device(h);
        if (adev == nullptr) {
          dmar.pr.err("Failed to get device for ACPI object %s", name);
          return 0;
        }
        dmar_acpi_insert_dev_scope(dmar, *cursor.read(dmar_layout::andd::device_number), *adev);
        return 0;
      }));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_pci_device_match()
bool dmar_pci_device_match(dmar_state& dmar, const std::vector<dmar_dev_scope>& devices,
                           pci_dev* dev) {
  IOMMULAB_CALL(dmar.trace, "dmar_pci_device_match", {"count", static_cast<int>(devices.size())},
                {"dev", dev});
  for (; dev != nullptr; dev = dev->bus->self) {
    const bool found =
        any_active_dev_scope(devices, [&](const dmar_dev_scope& s) { return s.dev->pci == dev; });
    if (found) return this_call.result(true);
  }
  return this_call.result(false);
}

}  // namespace

int dmar_read_scopes(dmar_state& dmar, const remapping_structure& hdr, size_t fixed_size,
                     std::vector<device_scope_entry>& out) {
  namespace layout = dmar_layout::scope;
  const byte_cursor cursor(hdr.bytes, hdr.table_offset);
  size_t at = fixed_size;
  while (at < cursor.size()) {
    const byte_cursor rest = cursor.from(at);
    const auto length = rest.read(layout::length);
    if (length.value_or(0) == 0) {
      dmar_refuse(dmar, table_refusal::scope_length_zero, rest.origin() + layout::length.offset, 0,
                  length ? "device scope length is 0"
                         : "the structure ends before the device scope's length");
      return -EINVAL;
    }
    // A scope shorter than its own header is stepped over; without a path it names no device.
    device_scope_entry entry;
    entry.type = *rest.read(layout::type);
    entry.length = *length;
    entry.enumeration_id = rest.read(layout::enumeration_id).value_or(0);
    entry.start_bus = rest.read(layout::start_bus).value_or(0);
    entry.hops =
        *length < layout::fixed_size ? 0 : (*length - layout::fixed_size) / dmar_layout::path::size;
    entry.table_offset = rest.origin();
    for (size_t i = 0; i < entry.hops; ++i) {
      const byte_cursor hop = rest.from(layout::fixed_size + i * dmar_layout::path::size);
      const auto device_number = hop.read(dmar_layout::path::device);
      const auto function = hop.read(dmar_layout::path::function);
      if (!device_number || !function) break;
      entry.path.push_back({*device_number, *function});
    }
    out.push_back(std::move(entry));
    at += *length;
  }
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_alloc_dev_scope()
int dmar_alloc_dev_scope(dmar_state& dmar, const remapping_structure& hdr, size_t fixed_size,
                         std::vector<dmar_dev_scope>& devices) {
  IOMMULAB_CALL(dmar.trace, "dmar_alloc_dev_scope", {"start", hdr.table_offset + fixed_size},
                {"end", hdr.table_offset + hdr.bytes.size()});
  std::vector<device_scope_entry> scopes;
  if (const int ret = dmar_read_scopes(dmar, hdr, fixed_size, scopes); ret != 0) {
    return this_call.result(ret);
  }
  size_t count = 0;
  for (const device_scope_entry& scope : scopes) {
    if (scope.path.size() < scope.hops) {
      dmar_report(dmar, table_refusal::scope_path_passes_structure_end,
                  scope.table_offset + dmar_layout::scope::length.offset, scope.length,
                  absl::StrFormat("device scope length 0x%x passes the end of its structure",
                                  scope.length));
    }
    if (is_device_like(scope.type)) {
      ++count;
    } else if (scope.type != static_cast<uint8_t>(scope_type::ioapic) &&
               scope.type != static_cast<uint8_t>(scope_type::msi_capable_hpet)) {
      dmar.pr.warn("Unsupported device scope");
    }
  }
  if (count == 0) return this_call.result(0);
  if (dmar.host.slab.should_fail()) return this_call.result(-ENOMEM);
  devices.resize(count);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_free_dev_scope()
void dmar_free_dev_scope(dmar_state& dmar, std::vector<dmar_dev_scope>& devices) {
  IOMMULAB_CALL(dmar.trace, "dmar_free_dev_scope", {"cnt", static_cast<int>(devices.size())});
  if (!devices.empty()) dmar.host.slab.freed();
  devices.clear();
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_insert_dev_scope()
int dmar_insert_dev_scope(dmar_state& dmar, const dmar_pci_notify_info& info,
                          const remapping_structure& hdr, size_t fixed_size, uint16_t segment,
                          std::vector<dmar_dev_scope>& devices) {
  IOMMULAB_CALL(dmar.trace, "dmar_insert_dev_scope", {"info", info},
                {"start", hdr.table_offset + fixed_size},
                {"end", hdr.table_offset + hdr.bytes.size()}, {"segment", segment},
                {"devices_cnt", static_cast<int>(devices.size())});
  if (segment != info.seg) return this_call.result(0);
  std::vector<device_scope_entry> scopes;
  if (const int ret = dmar_read_scopes(dmar, hdr, fixed_size, scopes); ret != 0) {
    return this_call.result(ret);
  }
  for (const device_scope_entry& scope : scopes) {
    if (!is_pci(scope.type)) continue;
    if (!dmar_match_pci_path(dmar, info, scope)) continue;
    const bool scope_is_endpoint = scope.type == static_cast<uint8_t>(scope_type::pci_endpoint);
    if (!scope_type_fits(dmar, *info.dev, scope_is_endpoint)) {
      dmar.pr.warn("Device scope type does not match for %s", pci_name(*info.dev));
      dmar_report(
          dmar, table_refusal::scope_type_mismatch, scope.table_offset, scope.type,
          absl::StrFormat("device scope type %d does not fit %s, which %s a bridge", scope.type,
                          pci_name(*info.dev), scope_is_endpoint ? "is" : "is not"));
      return this_call.result(-EINVAL);
    }
    dmar_dev_scope* slot = free_slot(devices);
    bug_on(slot == nullptr, "dmar_insert_dev_scope: more devices than scopes");
    *slot = {&info.dev->dev, info.dev->bus->number, info.dev->devfn};
    return this_call.result(1);
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_remove_dev_scope()
int dmar_remove_dev_scope(dmar_state& dmar, const dmar_pci_notify_info& info, uint16_t segment,
                          std::vector<dmar_dev_scope>& devices) {
  IOMMULAB_CALL(dmar.trace, "dmar_remove_dev_scope", {"info", info}, {"segment", segment},
                {"count", static_cast<int>(devices.size())});
  if (info.seg != segment) return this_call.result(0);
  for (dmar_dev_scope& slot : devices) {
    if (slot.dev != &info.dev->dev) continue;
    slot.dev = nullptr;
    return this_call.result(1);
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_dev_scope_init()
int dmar_dev_scope_init(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_dev_scope_init");
  if (dmar.dmar_dev_scope_status != 1) return this_call.result(dmar.dmar_dev_scope_status);
  if (dmar.dmar_drhd_units.empty()) {
    dmar.dmar_dev_scope_status = -ENODEV;
    return this_call.result(dmar.dmar_dev_scope_status);
  }
  dmar.dmar_dev_scope_status = 0;
  if (dmar_acpi_dev_scope_init(dmar) == -EINVAL) {
    dmar.dmar_dev_scope_status = -EINVAL;  // the kernel hangs here
    return this_call.result(dmar.dmar_dev_scope_status);
  }
  const int out_of_memory = dmar.host.pci.for_each_pci_dev([&](pci_dev& dev) {
    if (dev.is_virtfn) return 0;
    const auto info = dmar_alloc_pci_notify_info(dmar, dev, bus_notify::add_device);
    if (!info) return -ENOMEM;
    dmar_pci_bus_add_dev(dmar, *info);
    return 0;
  });
  if (out_of_memory != 0) return this_call.result(dmar.dmar_dev_scope_status);

  if (dmar.kernel.notifier_with_scopes) register_notifier(dmar);
  return this_call.result(dmar.dmar_dev_scope_status);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_register_bus_notifier()
void dmar_register_bus_notifier(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_register_bus_notifier");
  register_notifier(dmar);
}

void dmar_unregister_bus_notifier(dmar_state& dmar) {
  if (!dmar.dmar_pci_bus_nb_registered) return;
  dmar.host.pci.bus().notifier.unregister_block(dmar.dmar_pci_bus_nb);
  dmar.dmar_pci_bus_nb_registered = false;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_find_matched_drhd_unit()
dmar_drhd_unit* dmar_find_matched_drhd_unit(dmar_state& dmar, pci_dev& dev) {
  IOMMULAB_CALL(dmar.trace, "dmar_find_matched_drhd_unit", {"dev", dev});
  pci_dev& physical = pci_physfn(dev);
  for (dmar_drhd_unit& dmaru : dmar.dmar_drhd_units) {
    if (dmaru.include_all && dmaru.segment == pci_domain_nr(*physical.bus)) {
      return this_call.result(&dmaru);
    }
    if (dmar_pci_device_match(dmar, dmaru.devices, &physical)) return this_call.result(&dmaru);
  }
  return this_call.result(nullptr);
}

}  // namespace iommulab
