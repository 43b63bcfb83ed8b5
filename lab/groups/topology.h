// SPDX-License-Identifier: GPL-2.0-only
//
// A machine's PCI topology as a picture of its IOMMU groups shows it: root buses, what hangs off
// them as a tree, of each function its group, the remapping unit that translates for it and the
// reserved memory that the DMAR table gives it. Many alike functions side by side are one node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lab/groups/machine_groups.h"

namespace iommulab {

/// A DRHD structure of the table (VT-d specification 8.3).
struct topology_unit {
  uint16_t segment = 0;
  phys_addr registers;       ///< where its registers are
  bool include_all = false;  ///< INCLUDE_PCI_ALL
};

/// An RMRR structure of the table (8.4).
struct topology_region {
  uint16_t segment = 0;
  phys_addr first;
  phys_addr last;  ///< the last byte
};

/// What the table says of a function: numbers count units and regions of the topology.
struct topology_marks {
  std::optional<size_t> unit;   ///< the one that translates for it; none without a table
  std::vector<size_t> scopes;   ///< units that name it, as a device or as a bridge
  std::vector<size_t> regions;  ///< regions that name it

  /// By a scope of its own unit.
  [[nodiscard]] bool is_named() const;
  bool operator==(const topology_marks&) const = default;
};

struct topology_member {
  source_id id;
  std::optional<int> group;
};

/// One function, or more than `most_unfolded` alike ones: of one parent, with the same ids, class
/// and kind of port, the same marks and no region, all found and with a group or all without, and
/// with nothing behind them.
struct topology_node {
  std::vector<topology_member> members;  ///< ascending
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint32_t class_code = 0;              ///< 0xBBSSPP
  std::optional<pci_exp_type> express;  ///< none for a conventional function
  bool is_virtual = false;              ///< a virtual function, which its driver switched on
  bool is_found = true;                 ///< by the kernel, when it scans the bus
  topology_marks marks;
  std::vector<topology_node> children;

  [[nodiscard]] source_id id() const { return members.front().id; }
  [[nodiscard]] bool is_folded() const { return members.size() > 1; }
  /// Those of its members, ascending, each once.
  [[nodiscard]] std::vector<int> groups() const;
};
inline constexpr size_t most_unfolded = 4;

struct topology_bus {
  pci_root root;
  std::optional<source_id> volume;  ///< the volume management device that it lies behind
  std::vector<topology_node> nodes;
};

struct group_topology {
  std::vector<topology_unit> units;      ///< in the table's order, as the kernel numbers them
  std::vector<topology_region> regions;  ///< in the table's order
  std::vector<topology_bus> buses;       ///< ascending
};

/// Of all functions that the machine has; `groups` are its groups. A virtual function's unit
/// is its physical function's. One that the kernel does not find stands where its bus is, or on the
/// root bus where the kernel does not find that either.
group_topology topology_of(const grouped_machine& machine, const machine_groups& groups);

}  // namespace iommulab
