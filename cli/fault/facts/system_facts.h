// SPDX-License-Identifier: GPL-2.0-only
//
// What is known of the system that a fault comes from: out of the same log, or out of a machine.
// It names devices, and says what lies at an address.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/fault/lines/fault_line.h"
#include "core/status.h"
#include "core/types.h"
#include "kernel/profile/kernel_profile.h"
#include "platform/machine/machine.h"

namespace iommulab {

struct system_facts {
  struct function {
    uint16_t vendor = 0;
    uint16_t device = 0;
    uint32_t class_code = 0;  ///< 0xBBSSPP
  };
  struct range {
    uint64_t first = 0;
    uint64_t last = 0;
    std::string words;  ///< "usable", "reserved"; of an RMRR its devices, when known
    /// Of an RMRR, what the kernel found wrong with it: "which the kernel found not to be reserved
    /// in the memory map"; empty when nothing.
    std::string complaint{};
  };
  /// A base address register, an expansion ROM or a bridge's window that the log shows.
  struct bar {
    std::string name;  ///< "BAR 0", "ROM", "window"
    uint64_t first = 0;
    uint64_t last = 0;
  };
  /// The buses below a bridge.
  struct bus_range {
    uint8_t first = 0;
    uint8_t last = 0;
  };
  /// What a remapping unit says of itself.
  struct unit {
    std::string name;  ///< "dmar0"
    uint64_t cap = 0;
    uint64_t ecap = 0;
  };
  struct linux_version {
    unsigned major = 0;
    unsigned minor = 0;
    auto operator<=>(const linux_version&) const = default;
  };

  std::string source;  ///< "the log", "machine 'server'"; empty when nothing is known
  std::map<source_id, function> functions;
  /// Requester ids that are no function's own, and the functions whose requests bear them.
  std::map<source_id, std::vector<source_id>> aliases;
  std::vector<range> reserved_regions;  ///< RMRRs
  std::vector<range> memory;            ///< the firmware's map
  /// Memory that functions answer at; a bridge's windows hold what lies behind it.
  std::map<source_id, std::vector<bar>> bars;
  /// Bridges that the log shows with their buses.
  std::map<source_id, bus_range> bridges;
  /// Root buses (device 0 function 0 stands for the bus) whose scan the log shows from the
  /// beginning: "PCI host bridge to bus", then function 0 of device 0. Only below one of these, or
  /// below one of `bridges`, does it mean something that a function is not in `functions`.
  std::set<source_id> scanned_roots;
  std::vector<unit> units;
  std::optional<linux_version> kernel;
  std::optional<source_id> vmd;  ///< a VMD function whose devices are in a segment of their own
  /// A root bus whose scan has begun, and none of whose functions has been seen yet.
  std::optional<source_id> starting_root;
  std::optional<std::string> command_line;
  std::vector<std::string> assumed;  ///< machine_config::assumed
};

/// Takes what a log line says, if it says something.
void learn_from_log(std::string_view line, system_facts& facts);
/// Takes what a firmware line says of a reserved region.
void learn_complaint(const fault_line& fault, system_facts& facts);
/// EINVAL when the machine cannot be built.
absl::StatusOr<system_facts> facts_of(const kernel_profile& profile, const machine_config& machine);

}  // namespace iommulab
