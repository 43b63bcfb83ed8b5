// SPDX-License-Identifier: GPL-2.0-only
//
// The pattern of a flood: how fast, in which steps, one buffer or many. Counted as lines come, in
// bounded memory but for the set of addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

/// Seconds, of the kernel's stamp "[ 9100.100002]" in a line; nothing without one.
std::optional<double> time_stamp(std::string_view line);

/// What a group's lines had in common, in their order.
class fault_trail {
 public:
  /// `times`: how often the line came, by its logger.
  void add(std::optional<uint64_t> address, std::optional<double> when, uint64_t times);

  [[nodiscard]] uint64_t lines() const { return lines_; }
  /// Seconds from the first to the last stamp; nothing with fewer than two, or with stamps that
  /// run backwards (logs of several boots).
  [[nodiscard]] std::optional<double> seconds() const;
  /// Printed lines a second; nothing without a span.
  [[nodiscard]] std::optional<double> rate() const;
  /// The step from one address to the next that at least nine in ten have; 0 for always the same
  /// address. Nothing below four addresses, or without such a step.
  [[nodiscard]] std::optional<int64_t> step() const;

 private:
  uint64_t lines_ = 0;
  uint64_t stamped_ = 0;
  std::optional<double> first_time_;
  std::optional<double> last_time_;
  bool backwards_ = false;
  std::optional<uint64_t> last_address_;
  uint64_t steps_ = 0;
  std::map<int64_t, uint64_t> step_counts_;  ///< of the first different ones
};

/// Addresses that lie close together.
struct address_piece {
  uint64_t first = 0;
  uint64_t last = 0;  ///< the last address seen, not its page's end
  size_t pages = 0;   ///< how many different ones were seen
};
std::vector<address_piece> pieces_of(const std::set<uint64_t>& addresses);

/// "address 0x1000", "3 pages one behind the other, 0x1000 to 0x3000", "17 addresses between …".
std::string address_pattern(const std::set<uint64_t>& addresses);

/// Sentences about rate, steps and pieces; none for a few lines. `not_printed`: lines that are
/// known to be missing and belong to this group.
std::vector<std::string> flood_words(const fault_trail& trail, const std::set<uint64_t>& addresses,
                                     uint64_t not_printed);

}  // namespace iommulab
