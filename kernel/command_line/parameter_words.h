// SPDX-License-Identifier: GPL-2.0-only
//
// Words of kernel command lines that have to do with remapping, and what becomes of each: one table
// for those that a generation reads (beside its profile), and one for those that only other kernels
// read (here).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace iommulab {

enum class word_effect : uint8_t {
  acts,          ///< the run does what the kernel does
  acts_when_on,  ///< the same, on remapping that is switched on
  bounces,       ///< as `acts`; keeps remapping hardware from being looked for
  no_tables,     ///< as `acts`; leaves no table that names remapping hardware
  no_effect,     ///< the kernel reads it, and the driver here has no use for it
  not_modelled,  ///< the kernel would do something that the run does not
};

/// A word that a generation reads: a parameter without a value, or one of the words of a value that
/// commas part.
struct parameter_word {
  std::string_view parameter;
  std::string_view value;  ///< how the word begins, or the whole; empty: whatever it is
  word_effect effect = word_effect::acts;
  std::string_view why = {};  ///< of no_effect and not_modelled
};

/// How a kernel compares the words of a parameter's value.
enum class value_match : uint8_t { whole, beginning };

struct command_line_table {
  absl::Span<const parameter_word> words;
  /// Parameters whose words count by their beginning; those of others whole.
  absl::Span<const std::string_view> by_beginning;
};

/// What only other kernels read.
struct foreign_word {
  std::string_view parameter;  ///< a '*' at its end stands for anything
  std::string_view value;      ///< as above
  /// Major and minor release from which a kernel of this architecture reads it; 0.0: none does.
  unsigned since_major = 0;
  unsigned since_minor = 0;
  std::string_view what;  ///< what it is, and whose
  /// Where it is read: a file of the kernel's tree, or the patch.
  std::string_view source;
};

absl::Span<const foreign_word> foreign_words();

/// `own`, and behind them what every generation reads alike: about firmware, memory, PCI.
std::vector<parameter_word> with_platform_words(absl::Span<const parameter_word> own);

}  // namespace iommulab
