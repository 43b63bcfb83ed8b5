// SPDX-License-Identifier: GPL-2.0-only
//
// Where a hostile device is tried: a small machine with one unit, the device, and a neighbour with
// a domain of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"
#include "platform/machine/machine.h"

namespace iommulab::hostile {

inline constexpr source_id attacker_slot{0, 0, pci_devfn(3, 0)};
inline constexpr source_id neighbour_slot{0, 0, pci_devfn(9, 0)};

inline constexpr uint64_t ram = uint64_t{64} << 20;
/// Buffers lie here; tables and everything else of the kernel's may not be reached at all.
inline constexpr uint64_t first_buffer = 0x1000000;
inline constexpr uint64_t buffer_pages = 0x2000;

/// The unit's tables, and what the device can.
struct setting {
  std::string name;
  std::string words{};    ///< of the command line, beside strict and lazy
  unsigned width = 39;    ///< of addresses in bits
  bool scalable = false;  ///< the unit has scalable mode; not meant for kernels that do not use it
  bool first_level = false;  ///< and first-level tables alone
  bool large = false;        ///< some buffers fit a large page
  bool ats = false;          ///< the unit knows device-TLBs, and the device has one
};
std::vector<setting> settings();

machine_config machine_of(const setting& s);

}  // namespace iommulab::hostile
