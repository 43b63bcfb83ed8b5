// SPDX-License-Identifier: GPL-2.0-only
#include "lab/groups/topology.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <variant>

#include "core/pci/registers.h"
#include "core/pci/search.h"
#include "lab/groups/served_machine.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/unit_scopes.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

using dmar_layout::scope_type;

/// What the table names by its paths.
using slots_named = std::map<source_id, topology_marks>;

pci_root bus_of(source_id id) {
  return {id.segment, id.bus};
}

bool names_functions(const dmar_device_scope& scope) {
  return scope.type == static_cast<uint8_t>(scope_type::pci_endpoint) ||
         scope.type == static_cast<uint8_t>(scope_type::pci_sub_hierarchy);
}

/// The slots that a structure's scopes lead to, each once.
std::vector<source_id> slots_of(const machine_config& machine, uint16_t segment,
                                const dmar_structure& structure) {
  std::vector<source_id> slots;
  for (const dmar_device_scope& scope : structure.scopes) {
    if (!names_functions(scope)) continue;
    const auto slot = slot_of_scope(machine, segment, scope);
    if (slot && std::find(slots.begin(), slots.end(), *slot) == slots.end()) slots.push_back(*slot);
  }
  return slots;
}

class topology_builder {
 public:
  topology_builder(const grouped_machine& machine, const machine_groups& groups)
      : machine_(served_machine(machine)), groups_(groups), unit_of_(units_of_functions(machine_)) {
    read_table();
    for (const pci_function_config& f : machine_.pci_functions) {
      if (groups.pci().find(f.id) == nullptr) missing_[bus_of(f.id)].push_back(missing_node(f));
    }
    for (const virtual_function& f : machine.virtual_functions) {
      const source_id id = f.function.id;
      if (groups.pci().find(id) != nullptr) continue;
      missing_[bus_of(id)].push_back(missing_node(f.function));
      missing_[bus_of(id)].back().is_virtual = true;
    }
    for (const auto& root : groups.pci().root_buses()) add(*root);
    std::sort(made_.buses.begin(), made_.buses.end(),
              [](const topology_bus& a, const topology_bus& b) { return a.root < b.root; });
    place_rest();
  }

  group_topology take() { return std::move(made_); }

 private:
  void read_table() {
    for (const dmar_structure& structure : decode_dmar(machine_.dmar_table).structures) {
      if (const auto* drhd = std::get_if<dmar_drhd>(&structure.body)) {
        for (const source_id slot : slots_of(machine_, drhd->segment, structure)) {
          named_[slot].scopes.push_back(made_.units.size());
        }
        made_.units.push_back({drhd->segment, phys_addr(drhd->register_base), drhd->include_all()});
      } else if (const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body)) {
        for (const source_id slot : slots_of(machine_, rmrr->segment, structure)) {
          named_[slot].regions.push_back(made_.regions.size());
        }
        made_.regions.push_back({rmrr->segment, phys_addr(rmrr->base), phys_addr(rmrr->limit)});
      }
    }
  }

  void add(const pci_bus& root) {
    topology_bus bus{{root.segment, root.number}, std::nullopt, nodes_on(root)};
    if (root.volume_device != nullptr) bus.volume = pci_source_id(*root.volume_device);
    made_.buses.push_back(std::move(bus));
  }

  std::vector<topology_node> nodes_on(const pci_bus& bus) {
    std::vector<topology_node> nodes;
    add_functions_of(bus, nodes);
    for (const auto& child : bus.children) {
      const bool is_virtual_bus = child->self == nullptr;
      if (is_virtual_bus) add_functions_of(*child, nodes);
    }
    std::sort(nodes.begin(), nodes.end(),
              [](const topology_node& a, const topology_node& b) { return a.id() < b.id(); });
    return folded(std::move(nodes));
  }

  void add_functions_of(const pci_bus& bus, std::vector<topology_node>& nodes) {
    for (const auto& pdev : bus.devices) nodes.push_back(node_of(*pdev));
    if (auto missing = missing_.extract({bus.segment, bus.number}); !missing.empty()) {
      std::move(missing.mapped().begin(), missing.mapped().end(), std::back_inserter(nodes));
    }
  }

  /// Functions of buses that the kernel did not come to, on the last root bus before them, or on a
  /// bus of their own where there is none.
  void place_rest() {
    for (auto& [bus, nodes] : missing_) {
      std::vector<topology_node> rest = folded(std::move(nodes));
      const auto behind =
          std::partition_point(made_.buses.begin(), made_.buses.end(),
                               [&bus = bus](const topology_bus& root) { return root.root <= bus; });
      const bool has_root =
          behind != made_.buses.begin() && std::prev(behind)->root.segment == bus.segment;
      if (has_root) {
        std::move(rest.begin(), rest.end(), std::back_inserter(std::prev(behind)->nodes));
      } else {
        made_.buses.insert(behind, {bus, std::nullopt, std::move(rest)});
      }
    }
  }

  void mark(source_id id, source_id requester, topology_marks& marks) const {
    if (const auto named = named_.find(id); named != named_.end()) marks = named->second;
    if (const auto unit = unit_of_.find(requester); unit != unit_of_.end()) {
      marks.unit = unit->second;
    }
  }

  [[nodiscard]] topology_node missing_node(const pci_function_config& f) const {
    topology_node node;
    node.members = {{f.id, std::nullopt}};
    node.vendor = static_cast<uint16_t>(config_get(f.config, pci_reg::vendor_id, 2));
    node.device = static_cast<uint16_t>(config_get(f.config, pci_reg::device_id, 2));
    node.class_code = config_get(f.config, pci_reg::class_revision, 4) >> 8;
    node.is_found = false;
    for_each_capability(f.config, [&](uint8_t id, uint16_t at) {
      if (id != pci_reg::capability_id_express) return;
      const auto flags = static_cast<uint16_t>(at + pci_reg::exp_flags);
      node.express =
          static_cast<pci_exp_type>(config_get(f.config, flags, pci_reg::exp_flags_type));
    });
    mark(f.id, f.id, node.marks);
    return node;
  }

  topology_node node_of(pci_dev& pdev) {
    topology_node node;
    const source_id id = pci_source_id(pdev);
    const iommu_group* const group = groups_.group_of(id);
    node.members = {{id, group == nullptr ? std::nullopt : std::optional(group->id)}};
    node.vendor = pdev.vendor;
    node.device = pdev.device_id;
    node.class_code = pdev.class_code;
    if (pci_is_pcie(pdev)) node.express = pdev.pcie_type;
    node.is_virtual = pdev.is_virtfn;
    mark(id, pci_source_id(pci_physfn(pci_real_dma_dev(pdev))), node.marks);
    if (pdev.subordinate != nullptr) node.children = nodes_on(*pdev.subordinate);
    return node;
  }

  static bool can_fold(const topology_node& node) {
    return node.children.empty() && node.marks.regions.empty();
  }

  static bool alike(const topology_node& a, const topology_node& b) {
    return can_fold(a) && can_fold(b) && a.vendor == b.vendor && a.device == b.device &&
           a.class_code == b.class_code && a.express == b.express && a.is_found == b.is_found &&
           a.is_virtual == b.is_virtual && a.marks == b.marks &&
           a.members.front().group.has_value() == b.members.front().group.has_value();
  }

  /// More than `most_unfolded` alike ones become one, in the place of the first.
  static std::vector<topology_node> folded(std::vector<topology_node> nodes) {
    std::vector<topology_node> kept;
    std::vector<bool> taken(nodes.size(), false);
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (taken[i]) continue;
      std::vector<size_t> others;
      for (size_t j = i + 1; j < nodes.size(); ++j) {
        if (!taken[j] && alike(nodes[i], nodes[j])) others.push_back(j);
      }
      kept.push_back(std::move(nodes[i]));
      if (others.size() < most_unfolded) continue;
      for (const size_t j : others) {
        kept.back().members.push_back(nodes[j].members.front());
        taken[j] = true;
      }
    }
    return kept;
  }

  machine_config machine_;
  const machine_groups& groups_;
  unit_of_slot unit_of_;
  slots_named named_;
  std::map<pci_root, std::vector<topology_node>> missing_;  ///< by bus; placed ones are taken out
  group_topology made_;
};

}  // namespace

bool topology_marks::is_named() const {
  return unit && std::find(scopes.begin(), scopes.end(), *unit) != scopes.end();
}

std::vector<int> topology_node::groups() const {
  std::vector<int> numbers;
  for (const topology_member& member : members) {
    if (member.group) numbers.push_back(*member.group);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

group_topology topology_of(const grouped_machine& machine, const machine_groups& groups) {
  return topology_builder(machine, groups).take();
}

}  // namespace iommulab
