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

#include "cli/fault/facts/system_facts.h"
#include "cli/fault/fault_pattern.h"
#include "cli/fault/lines/fault_assembler.h"
#include "cli/fault/lines/fault_line.h"
#include "cli/fault/lines/line_joiner.h"
#include "cli/fault/reasons/fault_reasons.h"
#include "cli/fault/reasons/fault_status.h"

namespace iommulab {

struct fault_group {
  static constexpr size_t most_addresses = size_t{1} << 16;

  fault_line fault;  ///< the first one; for its device, access, reason …
  size_t count = 0;
  std::string source;  ///< where the first one stands: "line 12 of dmesg.txt", "argument 1"
  std::set<uint64_t> addresses;  ///< of DMA requests, so many as most_addresses
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
  fault_collector();

  /// Whether add() would do something with the line: most of a log need not be looked at twice.
  [[nodiscard]] bool wants(std::string_view line) const;
  /// `source` says where the line stands.
  void add(std::string_view line, const std::string& source);
  /// A line that wants() did not want: it stands between others.
  void pass_over() { repeatable_ = nowhere; }
  /// No more lines for a while: what is held does not wait.
  void settle();
  /// No more lines of this source.
  void finish();

  [[nodiscard]] const std::vector<fault_group>& groups() const { return groups_; }
  [[nodiscard]] const std::vector<unreadable_line>& unreadable() const { return unreadable_; }
  [[nodiscard]] const std::set<uint32_t>& status_values() const { return status_values_; }
  [[nodiscard]] uint64_t suppressed() const { return suppressed_; }
  /// Lines of any kind that did not get into the log.
  [[nodiscard]] uint64_t lost() const { return lost_; }
  /// Whether faults are missing in the log, so that counts are "at least".
  [[nodiscard]] bool counts_are_least() const { return suppressed_ != 0 || lost_ != 0; }
  /// Faults of more groups than are kept.
  [[nodiscard]] uint64_t further() const { return further_; }
  /// Lines of the driver that nobody explains, the first ones, and how many there are.
  [[nodiscard]] const std::vector<unreadable_line>& unexplained() const { return unexplained_; }
  [[nodiscard]] uint64_t unexplained_count() const { return unexplained_count_; }
  /// Names of other IOMMUs whose faults were seen.
  [[nodiscard]] const std::set<std::string>& foreign() const { return foreign_; }
  [[nodiscard]] const system_facts& log_facts() const { return facts_; }
  /// Whether there is something to explain.
  [[nodiscard]] bool empty() const { return groups_.empty() && status_values_.empty(); }

 private:
  static constexpr size_t nowhere = ~size_t{0};

  void take(const framed_line& line, parsed_fault_line parsed, const std::string& source);
  void file(fault_line fault, const std::string& source);
  void repeat(uint64_t times);

  std::vector<fault_group> groups_;
  std::vector<unreadable_line> unreadable_;
  std::vector<unreadable_line> unexplained_;
  uint64_t unexplained_count_ = 0;
  std::set<uint32_t> status_values_;
  uint64_t suppressed_ = 0;
  uint64_t lost_ = 0;
  uint64_t further_ = 0;
  std::set<std::string> foreign_;
  system_facts facts_;
  line_joiner joiner_;
  fault_assembler assembler_;
  size_t repeatable_ = nowhere;  ///< the group that the line before went into
};

/// What is known of the device: "VGA controller [8086:0102]", "no function of this machine; …".
std::vector<std::string> device_hints(const fault_group& group, const system_facts& facts);
/// What the addresses say, one sentence a finding.
std::vector<std::string> address_hints(const fault_group& group, const system_facts& facts);
/// How a flood goes, one sentence a finding; with what the kernel did not print where it can only
/// be of this group.
std::vector<std::string> pattern_hints(const fault_group& group, const fault_collector& faults);

/// Every group, and what there is besides.
std::string fault_text(const fault_collector& faults, const system_facts& facts);
std::string fault_group_text(const fault_group& group, const fault_collector& faults,
                             const system_facts& facts);
/// "Besides:" and what was not explained, suppressed, left out; empty without such.
std::string fault_notes_text(const fault_collector& faults, const system_facts& facts);
/// A line a group: how often it came in all.
std::string fault_counts_text(const fault_collector& faults);
/// `line_count`: how many were read.
std::string fault_json(const fault_collector& faults, const system_facts& facts, size_t line_count);

}  // namespace iommulab
