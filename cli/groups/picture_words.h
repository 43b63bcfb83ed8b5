// SPDX-License-Identifier: GPL-2.0-only
//
// What pictures of IOMMU groups say of functions, units and reserved memory: the same words in
// every format, not yet escaped for any.
#pragma once

#include <string>
#include <vector>

#include "cli/groups/group_choice.h"
#include "lab/groups/topology.h"

namespace iommulab {

struct groups_picture {
  std::string title;
  const groups_subject& subject;
  group_topology topology;
  std::vector<std::string> notes;  ///< what differs from a listing, what was assumed
};

/// "45 functions in 36 groups, 4 remapping units, 3 reserved regions".
std::string summary_words(const groups_picture& picture);
/// "Root bus 00", "Root bus 10000:e0, behind 00:0e.0".
std::string bus_words(const groups_picture& picture, const topology_bus& bus);

/// "00:1f.2"; "12 × 00:05.0 … 00:06.3" of several.
std::string address_words(const groups_picture& picture, const topology_node& node);
/// "root port" of a bridge, "Ethernet controller" of another function.
std::string kind_words(const topology_node& node);
/// "[8086:1520]".
std::string id_words(const topology_node& node);
/// "group 5", "groups 20–31", "40 groups of 20–99" where they are too scattered, "no group".
std::string group_words(const topology_node& node);
/// "RMRR 0, 2–4"; empty where no region names it.
std::string region_words(const topology_node& node);
/// Everything known of a node, in lines.
std::vector<std::string> detail_lines(const groups_picture& picture, const topology_node& node);

/// "dmar0", as the kernel calls it.
std::string unit_name(size_t unit);
/// "dmar0 at 0xfed90000, INCLUDE_PCI_ALL: 5 functions".
std::string unit_line(const groups_picture& picture, size_t unit);
/// "RMRR 0: 0x7d000000-0x7d0fffff for 00:1a.0, 00:1d.0".
std::string region_line(const groups_picture& picture, size_t region);

}  // namespace iommulab
