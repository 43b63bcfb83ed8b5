// SPDX-License-Identifier: GPL-2.0-only
#include "cli/groups/picture_words.h"

#include <algorithm>
#include <set>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/machines/class_names.h"
#include "core/counted.h"

namespace iommulab {
namespace {

constexpr uint32_t class_of_pci_bridge = 0x0604;
constexpr size_t most_group_ranges = 3;

void for_each_topology_node(const std::vector<topology_node>& nodes,
                            absl::FunctionRef<void(const topology_node&)> fn) {
  for (const topology_node& node : nodes) {
    fn(node);
    for_each_topology_node(node.children, fn);
  }
}

void for_each_topology_node(const group_topology& topology,
                            absl::FunctionRef<void(const topology_node&)> fn) {
  for (const topology_bus& bus : topology.buses) for_each_topology_node(bus.nodes, fn);
}

/// "3", "20–31": ascending numbers, each once, as runs without a gap.
template <typename Number>
std::vector<std::string> number_ranges(const std::vector<Number>& numbers) {
  std::vector<std::string> ranges;
  for (size_t begin = 0; begin < numbers.size();) {
    size_t end = begin + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    const std::string first = absl::StrCat(numbers[begin]);
    ranges.push_back(end - begin == 1 ? first : absl::StrCat(first, "–", numbers[end - 1]));
    begin = end;
  }
  return ranges;
}

std::string group_of_member(const topology_member& member) {
  return member.group ? absl::StrFormat("group %d", *member.group) : "no group";
}

std::string served_words(const topology_marks& marks, const group_topology& topology) {
  if (!marks.unit) return "no remapping unit";
  const topology_unit& unit = topology.units[*marks.unit];
  return absl::StrFormat("remapping unit %s at 0x%x%s", unit_name(*marks.unit),
                         unit.registers.value(),
                         marks.is_named()   ? ", which names it"
                         : unit.include_all ? " (INCLUDE_PCI_ALL)"
                                            : ", by a bridge");
}

std::string region_range(const topology_region& region) {
  return absl::StrFormat("0x%x-0x%x", region.first.value(), region.last.value());
}

}  // namespace

std::string summary_words(const groups_picture& picture) {
  size_t functions = 0;
  std::set<int> groups;
  for_each_topology_node(picture.topology, [&](const topology_node& node) {
    functions += node.members.size();
    for (const int group : node.groups()) groups.insert(group);
  });
  std::string words = counted(functions, "function") + " in " + counted(groups.size(), "group");
  const group_topology& topology = picture.topology;
  if (!topology.units.empty()) words += ", " + counted(topology.units.size(), "remapping unit");
  if (!topology.regions.empty())
    words += ", " + counted(topology.regions.size(), "reserved region");
  return words;
}

std::string bus_words(const groups_picture& picture, const topology_bus& bus) {
  const std::string first = picture.subject.address({bus.root.segment, bus.root.bus, 0});
  std::string words = "Root bus " + first.substr(0, first.rfind(':'));
  if (bus.volume) words += ", behind " + picture.subject.address(*bus.volume);
  return words;
}

std::string address_words(const groups_picture& picture, const topology_node& node) {
  std::string first = picture.subject.address(node.id());
  if (!node.is_folded()) return first;
  return absl::StrCat(node.members.size(), " × ", first, " … ",
                      picture.subject.address(node.members.back().id));
}

std::string kind_words(const topology_node& node) {
  if (node.is_virtual) return pci_class_name(node.class_code) + ", virtual";
  const bool is_port = node.class_code >> 8 == class_of_pci_bridge && node.express;
  return is_port ? pci_port_type(*node.express) : pci_class_name(node.class_code);
}

std::string id_words(const topology_node& node) {
  return absl::StrFormat("[%04x:%04x]", node.vendor, node.device);
}

std::string group_words(const topology_node& node) {
  const std::vector<int> groups = node.groups();
  if (groups.empty()) return "no group";
  if (groups.size() == 1) return absl::StrCat("group ", groups.front());
  const std::vector<std::string> ranges = number_ranges(groups);
  if (ranges.size() <= most_group_ranges) return "groups " + absl::StrJoin(ranges, ", ");
  return absl::StrCat(groups.size(), " groups of ", groups.front(), "–", groups.back());
}

std::string region_words(const topology_node& node) {
  if (node.marks.regions.empty()) return "";
  return "RMRR " + absl::StrJoin(number_ranges(node.marks.regions), ", ");
}

std::vector<std::string> detail_lines(const groups_picture& picture, const topology_node& node) {
  std::vector<std::string> lines;
  for (const topology_member& member : node.members) {
    lines.push_back(absl::StrCat(picture.subject.address(member.id), ", ", group_of_member(member),
                                 ": ", picture.subject.title(member.id)));
  }
  if (!node.is_found) lines.emplace_back("not found by a scan of its bus");
  const group_topology& topology = picture.topology;
  if (!topology.units.empty()) lines.push_back(served_words(node.marks, topology));
  for (const size_t unit : node.marks.scopes) {
    if (unit == node.marks.unit) continue;
    lines.push_back("also named by " + unit_name(unit));
  }
  for (const size_t region : node.marks.regions) {
    lines.push_back(absl::StrFormat("reserved memory RMRR %d: %s", region,
                                    region_range(topology.regions[region])));
  }
  return lines;
}

std::string unit_name(size_t unit) {
  return absl::StrCat("dmar", unit);
}

std::string unit_line(const groups_picture& picture, size_t unit) {
  size_t served = 0;
  for_each_topology_node(picture.topology, [&](const topology_node& node) {
    if (node.marks.unit == unit) served += node.members.size();
  });
  const topology_unit& of = picture.topology.units[unit];
  std::string line = absl::StrFormat("%s at 0x%x", unit_name(unit), of.registers.value());
  if (of.segment != 0) line += absl::StrFormat(", segment %x", of.segment);
  if (of.include_all) line += ", INCLUDE_PCI_ALL";
  return line + ": " + counted(served, "function");
}

std::string region_line(const groups_picture& picture, size_t region) {
  std::vector<std::string> named;
  for_each_topology_node(picture.topology, [&](const topology_node& node) {
    const std::vector<size_t>& regions = node.marks.regions;
    if (std::find(regions.begin(), regions.end(), region) == regions.end()) return;
    named.push_back(picture.subject.address(node.id()));
  });
  return absl::StrFormat("RMRR %d: %s for %s", region,
                         region_range(picture.topology.regions[region]),
                         named.empty() ? "nothing that is there" : absl::StrJoin(named, ", "));
}

}  // namespace iommulab
