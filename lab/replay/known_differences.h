// SPDX-License-Identifier: GPL-2.0-only
//
// The one list of differences from real kernels that are meant, and exactly how far each goes.
// Tests and `iommulab verify` read it; a difference on it is reported with its reason. A test asks
// that each entry is met in some capture, so that the list cannot outlive what it excuses.
//
// What happened decides, not the name of a capture.
//
// Tables on which Linux 4.4 hangs and which are refused here: the real log ends where the kernel
// hung, and the run's goes on with the refusal. That, and nothing else, is excused: up to there
// both logs are the same.
//
// Operations in which 4.4 stops at a BUG, or writes where it must not: ours does the safe thing and
// says so in its log. That operation is excused, and the operations after one from which the kernel
// did not come back are not there to be compared.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/v4_4/divergence.h"
#include "lab/replay/numbered_line.h"

namespace iommulab::verify {

/// What the driver found wrong with its table.
struct table_refusal_said {
  std::string name;  ///< of the diagnosis
  std::string line;  ///< what the log says where the table is refused for it
};

struct known_difference {
  /// Name of the diagnosis, by intel/dmar/diagnosis.h; a '*' at its end stands for any characters.
  std::string_view refusal;
  /// The line that a hanging 4.4 prints over and over; empty when it hangs silently.
  std::string_view repeated;
  std::string_view reason;
};

absl::Span<const known_difference> known_differences();

/// An operation of a script in which 4.4 stops or goes wrong, and we do not.
struct known_operation_difference {
  /// The function in which the kernel's BUG or oops was; empty when the kernel came back.
  std::string_view died_in;
  /// How a line begins that our log has for the operation and the kernel's has not.
  std::string_view our_line;
  /// What our log line must also have in it; empty for nothing.
  std::string_view our_line_has;
  /// The line must name an old entry that is a superpage and a new one that is not: "already set
  /// (to 3da00083 not 3d400003)".
  bool inside_superpage = false;
  /// An operation that may give something else later, because 4.4 overwrote memory; or empty.
  std::string_view spoils;
  std::string_view reason;
};

absl::Span<const known_operation_difference> known_operation_differences();

/// Where the functions called are others than 4.4's, and nothing else differs. Our run reports the
/// divergence in the call that goes its own way.
struct known_call_difference {
  v4_4::divergence id;
  std::string_view reason;
};

absl::Span<const known_call_difference> known_call_differences();
/// The entry for a divergence that our run reported, by its name; null when calls are not excused.
const known_call_difference* find_known_call_difference(std::string_view reported);

/// The entry for an operation, or null. `died_in` is where the kernel stopped in it, if it did; the
/// logs are what was printed meanwhile.
const known_operation_difference* find_known_operation_difference(
    absl::Span<const known_operation_difference> list, std::string_view died_in,
    absl::Span<const numbered_line> captured_log, absl::Span<const numbered_line> our_log);

/// The entry that excuses how the two logs differ, or null. `refusals` are the run's, in order; the
/// last is the one that ended it.
const known_difference* find_known_difference(absl::Span<const known_difference> list,
                                              absl::Span<const table_refusal_said> refusals,
                                              absl::Span<const numbered_line> captured_log,
                                              absl::Span<const numbered_line> our_log);

}  // namespace iommulab::verify
