// SPDX-License-Identifier: GPL-2.0-only
//
// What came of one class of effects, and its words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lab/replay/listing_difference.h"

namespace iommulab::verify {

struct class_result {
  enum class outcome : uint8_t {
    equal,
    different,
    not_compared,  ///< the capture has no file for the class
    known,         ///< different, and on the list of known differences
    omitted,       ///< there, not compared, and on the list of omissions (omissions.h)
    unaccounted,   ///< there, not compared, and nothing excuses it
    unreadable,    ///< the capture's file could not be read: the report is the sentence for it
  };
  std::string name;
  outcome status = outcome::not_compared;
  size_t lines = 0;                ///< of the capture that were compared
  std::string report;              ///< where it differs first, or the reason
  std::vector<std::string> files;  ///< of the capture that were compared, or are excused
  std::vector<diff_hunk> hunks{};  ///< of a comparison, all

  /// Whether a regression run should succeed in spite of this result.
  [[nodiscard]] bool passes() const;
  /// There, or not, and not compared for a reason that is all right.
  [[nodiscard]] bool is_left_out() const {
    return status == outcome::not_compared || status == outcome::omitted;
  }
};

/// "equal", "DIFFERENT": as it is printed.
std::string_view name(class_result::outcome status);

/// "registers   equal         41 lines", and of a difference the hunks, of which at most
/// `most_lines` lines.
std::string to_string(const class_result& result, size_t most_lines = SIZE_MAX);

/// What `--class` takes: a word of a class's name, "queue" of "netup queue".
absl::Span<const std::string_view> class_words();
/// Whether one of `words` is a word of the result's name; of none at all, always.
bool is_of_class(const class_result& result, absl::Span<const std::string> words);

}  // namespace iommulab::verify
