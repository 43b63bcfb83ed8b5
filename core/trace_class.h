// SPDX-License-Identifier: GPL-2.0-only
//
// The classes of events: what a sink asks for.
#pragma once

#include <cstdint>

namespace iommulab {

enum class trace_class : uint32_t {
  none = 0,
  calls = 1u << 0,
  regs = 1u << 1,
  tables = 1u << 2,
  queue = 1u << 3,
  iova = 1u << 4,
  pages = 1u << 5,
  faults = 1u << 6,
  log = 1u << 7,
  domains = 1u << 8,   ///< domains and who is attached to them, groups and their members
  devices = 1u << 9,   ///< devices that come and go, their drivers, their configuration space
  unit = 1u << 10,     ///< what happens inside a remapping unit: registers, latches, caches
  answers = 1u << 11,  ///< each request that a unit answers, and what the answer came from
  all = 0xfff,
};

constexpr trace_class operator|(trace_class a, trace_class b) {
  return static_cast<trace_class>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr bool overlaps(trace_class a, trace_class b) {
  return (static_cast<uint32_t>(a) & static_cast<uint32_t>(b)) != 0;
}

}  // namespace iommulab
