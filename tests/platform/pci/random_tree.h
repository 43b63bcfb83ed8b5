// SPDX-License-Identifier: GPL-2.0-only
//
// Trees of bridges that chance has wired up, for tests that hold an index against a search of all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "core/pci/registers.h"
#include "platform/pci/config_bytes.h"
#include "platform/pci/function_builder.h"
#include "platform/pci/pci_machine.h"

namespace iommulab::random_tree {

inline constexpr uint16_t segments = 2;

using chance = std::mt19937;

/// 0 to `below` - 1
inline size_t pick(chance& from, size_t below) {
  return std::uniform_int_distribution<size_t>(0, below - 1)(from);
}

/// Bus 0 of each segment is a root bus.
inline std::vector<pci_root> roots() {
  std::vector<pci_root> all;
  for (uint16_t segment = 0; segment < segments; ++segment) all.push_back({segment, 0});
  return all;
}

/// `count` functions; a third of them are bridges, of which some lead to a bus that another one
/// leads to already, and some to none above their own. Every function is on a root bus or behind a
/// bridge.
inline std::vector<pci_function_config> functions(chance& from, size_t count) {
  std::vector<pci_function_config> made;
  std::vector<source_id> buses;
  for (const pci_root& root : roots()) buses.push_back({root.segment, root.bus, 0});
  while (made.size() < count) {
    source_id where = buses[pick(from, buses.size())];
    where.devfn = static_cast<uint8_t>(pick(from, 16));
    if (std::any_of(made.begin(), made.end(), [&](const auto& f) { return f.id == where; })) {
      continue;
    }
    if (pick(from, 3) != 0) {
      made.push_back(function_builder(where, 1, 1, 0xff0000).build());
      continue;
    }
    const bool leads_back = pick(from, 4) == 0;
    const auto secondary = static_cast<uint8_t>(leads_back ? pick(from, where.bus + size_t{1})
                                                           : where.bus + 1 + pick(from, 4));
    made.push_back(
        function_builder(where, 1, 2, 0x060400).bridge(where.bus, secondary, 0xff).build());
    if (!leads_back) buses.push_back({where.segment, secondary, 0});
  }
  std::shuffle(made.begin(), made.end(), from);
  return made;
}

/// The bridge that the function is behind: the first that leads to its bus from a lower one. Null
/// for one on a root bus.
inline const pci_function_config* bridge_above(const std::vector<pci_function_config>& all,
                                               source_id function) {
  if (function.bus == 0) return nullptr;
  constexpr auto bridge_header = static_cast<uint32_t>(pci_header_type::bridge);
  const auto found = std::find_if(all.begin(), all.end(), [&](const pci_function_config& f) {
    return f.id.segment == function.segment && f.id.bus < function.bus &&
           config_get(f.config, pci_reg::header_type, 1) == bridge_header &&
           config_get(f.config, pci_reg::secondary_bus, 1) == function.bus;
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace iommulab::random_tree
