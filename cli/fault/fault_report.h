// SPDX-License-Identifier: GPL-2.0-only
//
// Lines put together to faults, and faults to groups: one for each device, kind of request and
// reason, with the addresses that it met.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/fault/fault_line.h"
#include "cli/fault/fault_pattern.h"
#include "cli/fault/fault_reasons.h"
#include "cli/fault/fault_status.h"
#include "cli/fault/system_facts.h"

namespace iommulab {

struct fault_group {
  fault_line fault;  ///< the first one; for its device, access, reason …
  size_t count = 0;
  std::string source;  ///< where the first one stands: "line 12 of dmesg.txt", "argument 1"
  std::set<uint64_t> addresses;  ///< of DMA requests
  std::set<uint32_t> indices;    ///< of interrupt requests
  fault_trail trail;             ///< when, and in which steps
  std::string words_remark;      ///< where a line's words are not its number's
};

struct unreadable_line {
  std::string source;
  std::string why;
};

/// Collects lines in their order.
class fault_collector {
 public:
  /// `source` says where the line stands.
  void add(std::string_view line, const std::string& source);
  /// No more lines.
  void finish();

  [[nodiscard]] const std::vector<fault_group>& groups() const { return groups_; }
  [[nodiscard]] const std::vector<unreadable_line>& unreadable() const { return unreadable_; }
  [[nodiscard]] const std::set<uint32_t>& status_values() const { return status_values_; }
  [[nodiscard]] uint64_t suppressed() const { return suppressed_; }
  /// Names of other IOMMUs whose faults were seen.
  [[nodiscard]] const std::set<std::string>& foreign() const { return foreign_; }
  [[nodiscard]] const system_facts& log_facts() const { return facts_; }
  /// Whether there is something to explain.
  [[nodiscard]] bool empty() const { return groups_.empty() && status_values_.empty(); }

 private:
  void file(fault_line fault, const std::string& source, std::optional<double> when);

  std::vector<fault_group> groups_;
  std::vector<unreadable_line> unreadable_;
  std::set<uint32_t> status_values_;
  uint64_t suppressed_ = 0;
  std::set<std::string> foreign_;
  system_facts facts_;
  std::optional<fault_line> waiting_;  ///< the first half of a two-line message
  std::string waiting_source_;
  std::optional<double> waiting_time_;
};

/// What is known of the device: "VGA controller [8086:0102]", "no function of this machine; …".
std::vector<std::string> device_hints(const fault_group& group, const system_facts& facts);
/// What the addresses say, one sentence a finding.
std::vector<std::string> address_hints(const fault_group& group, const system_facts& facts);
/// How a flood goes, one sentence a finding; with what the kernel did not print where it can only
/// be of this group.
std::vector<std::string> pattern_hints(const fault_group& group, const fault_collector& faults);

std::string fault_text(const fault_collector& faults, const system_facts& facts);
std::string fault_json(const fault_collector& faults, const system_facts& facts);

}  // namespace iommulab
