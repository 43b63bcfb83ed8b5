// SPDX-License-Identifier: GPL-2.0-only
//
// What the sanitizer found: the rule, the address, who did what, and when the state that is wrong
// came about. Findings that agree in rule, unit, address and call stack are one, with a count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/diagnosis.h"
#include "core/types.h"

namespace iommulab {

enum class sanitizer_rule : uint8_t {
  stale_translation,           ///< a cache served what the tables no longer say
  unflushed_write,             ///< a walk that does not snoop read a word still in the CPU's cache
  missing_write_buffer_flush,  ///< a walk read a word that may still be in a write buffer
  present_before_complete,     ///< an entry changed while it was present
  freed_while_reachable,       ///< a table page was freed and the unit may still read it
  reachable_after_unmap,       ///< an unmap returned, and the device still gets through
  deferred_window,             ///< the same while the invalidation was put off: measured, no error
  wrong_invalidation,          ///< of a kind that does not reach the domain's translations
};
/// The stable name, the enumerator's own.
std::string_view name(sanitizer_rule rule);
/// An error where the rule is broken, a note where it is merely measured.
constexpr diagnosis_severity severity_of(sanitizer_rule rule) {
  return rule == sanitizer_rule::deferred_window ? diagnosis_severity::note
                                                 : diagnosis_severity::error;
}

/// Names of the ported functions that were open, outermost first.
using call_stack = std::vector<std::string_view>;

/// A point in virtual time and in the program.
struct moment {
  uint64_t time_ns = 0;
  call_stack stack;
};

/// `where` is what it is about: an I/O address, or a physical one (see README.md); `value` is the
/// physical address of the table word that is to blame, 0 for none; the sentence says what
/// happened.
struct finding : diagnosis_record<sanitizer_rule> {
  std::string unit;                 ///< "dmar0"
  std::optional<source_id> source;  ///< whose request showed it
  std::optional<domain_id> domain;
  moment now;
  std::string made_by;  ///< what made the state that is wrong, in words; empty when unknown
  moment made;
  uint64_t count = 1;
};

/// One paragraph.
std::string to_text(const finding& f);

/// The first `capacity` different findings, and how many there were of each rule.
class finding_log {
 public:
  static constexpr size_t capacity = 256;

  void add(finding f);
  void clear();

  [[nodiscard]] const std::vector<finding>& findings() const { return findings_; }
  /// Occurrences, kept or not.
  [[nodiscard]] uint64_t count(sanitizer_rule rule) const;
  /// Occurrences of rules that are errors.
  [[nodiscard]] uint64_t errors() const;
  /// Occurrences that are in no finding kept.
  [[nodiscard]] uint64_t beyond_capacity() const { return beyond_capacity_; }

 private:
  static constexpr size_t rules = 8;
  std::vector<finding> findings_;
  absl::flat_hash_map<std::string, size_t> index_;
  uint64_t counts_[rules] = {};
  uint64_t beyond_capacity_ = 0;
};

}  // namespace iommulab
