// SPDX-License-Identifier: GPL-2.0-only
#include "lab/groups/machine_groups.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "core/pci/registers.h"
#include "core/pci/search.h"
#include "core/pci/vendor_ids.h"
#include "lab/groups/served_machine.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/unit_scopes.h"

namespace iommulab {
namespace {

/// Since then a unit's registration makes the groups of its devices; before, one walk over the bus
/// made them all.
constexpr pci_release numbers_by_units{6, 1};

/// Before, the driver found no unit for what lies behind a volume management device.
constexpr pci_release volumes_have_groups{5, 6};

constexpr uint32_t class_iommu = 0x0806;

constexpr std::string_view ranges_of_amd =
    "which functions an AMD IOMMU serves (the table IVRS says): all but itself and what lies "
    "before "
    "it in its device";
constexpr std::string_view numbers_of_one_unit =
    "the numbers, without the table of remapping units (--dmar): as for one unit";

/// An AMD IOMMU is a function of its own, of which firmware tells in a table (IVRS).
bool is_amd_iommu(const pci_dev& pdev) {
  return pdev.vendor == pci_vendor::amd && pdev.class_code >> 8 == class_iommu;
}
bool is_amd_iommu(const pci_function_config& f) {
  const auto word = [&](size_t at) {
    return uint32_t{f.config[at]} | uint32_t{f.config[at + 1]} << 8;
  };
  return word(pci_reg::vendor_id) == pci_vendor::amd &&
         word(pci_reg::class_revision + 2) == class_iommu;
}

/// dmar_register_drhd_unit(): a unit goes to the front of the list, one with INCLUDE_ALL to its
/// end. By unit, its place.
std::vector<size_t> places_of_units(const grouped_machine& machine) {
  std::vector<size_t> list;
  size_t unit = 0;
  for (const auto& structure : decode_dmar(machine.dmar_table).structures) {
    const auto* drhd = std::get_if<dmar_drhd>(&structure.body);
    if (drhd == nullptr) continue;
    list.insert(drhd->include_all() ? list.end() : list.begin(), unit++);
  }
  std::vector<size_t> places(list.size());
  for (size_t i = 0; i < list.size(); ++i) places[list[i]] = i;
  return places;
}

/// Devices of the first unit in the list before those of the next, each unit's as the bus has them.
std::vector<device*> by_units(const grouped_machine& machine, const std::vector<device*>& devices) {
  const unit_of_slot units = units_of_functions(served_machine(machine));
  const std::vector<size_t> places = places_of_units(machine);
  const auto place_of = [&](device* dev) {
    const auto found = units.find(pci_source_id(pci_real_dma_dev(*dev->pci)));
    return found == units.end() ? places.size() : places[found->second];
  };
  // The last place is that of devices of no unit.
  std::vector<std::vector<device*>> of_place(places.size() + 1);
  for (device* const dev : devices) of_place[place_of(dev)].push_back(dev);
  std::vector<device*> ordered;
  for (const std::vector<device*>& of_unit : of_place) {
    ordered.insert(ordered.end(), of_unit.begin(), of_unit.end());
  }
  return ordered;
}

}  // namespace

machine_groups::machine_groups(std::unique_ptr<pci_machine> hardware, pci_release release)
    : iommu_(env_, sysfs_),
      bus_(env_, sysfs_, iommu_, "pci"),
      hardware_(std::move(hardware)),
      pci_(bus_, *hardware_) {
  iommu_init(iommu_);
  pci_.set_release(release);
  pci_.request_acs();
}

absl::StatusOr<std::unique_ptr<machine_groups>> machine_groups::create(
    const grouped_machine& machine, pci_release release) {
  auto hardware = pci_machine::create(machine.roots, machine.functions);
  if (!hardware.ok()) return hardware.status();
  std::unique_ptr<machine_groups> made(new machine_groups(*std::move(hardware), release));
  made->scan(machine);
  const std::vector<device*> devices = made->bus_.devices;
  const bool follows_units = release >= numbers_by_units;
  if (follows_units && machine.dmar_table.empty()) made->assumed_.emplace_back(numbers_of_one_unit);
  made->put_into_groups(follows_units ? by_units(machine, devices) : devices);
  made->switch_on(machine.virtual_functions);
  return made;
}

void machine_groups::scan(const grouped_machine& machine) {
  for (const pci_function_config& f : machine.functions) {
    if (!is_amd_iommu(f)) continue;
    if (!pci_.has_amd_iommu()) assumed_.emplace_back(ranges_of_amd);
    pci_.set_amd_iommu(true);
  }
  constexpr pci_release with_links{4, 4};
  if (pci_.release() > with_links) pci_.know_links_of_pcie_bridges();
  for (const pci_root& root : machine.roots) {
    pci_bus& bus = pci_.scan_root_bus(root.segment, root.bus);
    for (const vmd_root& volume : machine.volumes) {
      if (volume.root == root) bus.volume_device = pci_.find(volume.endpoint);
    }
  }
  for (const pci_function_config& f : machine.functions) {
    if (pci_.find(f.id) == nullptr) not_found_.push_back(f.id);
  }
  std::sort(not_found_.begin(), not_found_.end());
}

bool machine_groups::is_unseen(pci_dev& pdev) const {
  if (&pci_real_dma_dev(pdev) != &pdev) return pci_.release() < volumes_have_groups;
  if (!pci_.has_amd_iommu()) return false;
  return pci_core::for_each_pci_dev_on(*pdev.bus, [&](const pci_dev& unit) {
           return is_amd_iommu(unit) && unit.slot() == pdev.slot() && pdev.devfn <= unit.devfn ? 1
                                                                                               : 0;
         }) != 0;
}

void machine_groups::put_into_groups(const std::vector<device*>& order) {
  for (device* const dev : order) {
    if (is_unseen(*dev->pci)) continue;
    iommu_group* const group = pci_device_group(*dev);
    if (group == nullptr) continue;
    dev->group = group;
    group->devices.push_back({dev, dev->name});
  }
}

/// Drivers switch virtual functions on when the groups of all else are there.
void machine_groups::switch_on(const std::vector<virtual_function>& functions) {
  for (const virtual_function& f : functions) {
    pci_dev* const physfn = pci_.find(f.physical);
    const source_id id = f.function.id;
    const bool can_be = physfn != nullptr && !physfn->is_virtfn &&
                        id.segment == f.physical.segment && pci_.find(id) == nullptr;
    pci_dev* added = nullptr;
    if (can_be) {
      virtual_functions_.push_back(std::make_unique<pci_function>(f.function));
      added = pci_.add_virtual_function(*physfn, id.bus, id.devfn, *virtual_functions_.back());
    }
    if (added == nullptr) {
      not_found_.push_back(id);
    } else {
      put_into_groups({&added->dev});
    }
  }
  std::sort(not_found_.begin(), not_found_.end());
}

const iommu_group* machine_groups::group_of(source_id id) const {
  const pci_dev* const pdev = pci_.find(id);
  return pdev == nullptr ? nullptr : pdev->dev.group;
}

}  // namespace iommulab
