// SPDX-License-Identifier: GPL-2.0-only
//
// Machines of any size, for measuring how the cost of a boot grows with it.
#pragma once

#include <cstddef>

#include "platform/machine/machine.h"

namespace iommulab {

/// Below each root port hangs a chain of bridges, one below the other: an upstream port of a
/// switch, the one downstream port of that switch, the upstream port of the next. An upstream port
/// shares its device with seven endpoints, and at the chain's end is a device of eight functions.
///
///     00:00.0  host bridge
///     00:01.0  root port ─ 01:00.0 upstream port ─ 02:00.0 downstream port ─ 03:00.0 to 03:00.7
///                          01:00.1 to 01:00.7
///     00:02.0  root port ─ 04:00.0 upstream port …
///
/// Ports have ACS; endpoints have none, so that those of one device are one group. An endpoint's
/// registers are there, and function 7 has ATS, which the table reports for all root ports.
struct tree_shape {
  size_t functions = 0;     ///< of the machine, one or more; the last chain ends where they do
  unsigned levels = 31;     ///< of bridges in a chain, odd
  unsigned root_ports = 8;  ///< of a segment, at most 31; levels * root_ports is at most 255
  unsigned units_of_segment = 1;  ///< the last has INCLUDE_ALL, the others share root ports in turn
};

/// How many functions a segment of this shape holds at most. A machine has as many segments as its
/// functions need.
size_t functions_of_segment(const tree_shape& shape);

/// Units and memory are those of the built-in server. In the ACPI namespace are the host bridges
/// and the root ports. The segments' units come one segment after the other.
machine_config tree_machine(const tree_shape& shape);

}  // namespace iommulab
