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
// Operations in which 4.4 stops at a BUG: ours does the safe thing and reports the divergence. Up
// to the kernel's end everything is compared; only what ours does then is excused.
//
// Operations in which 4.4 writes where it must not: ours reports the divergence, and its log names
// the entries. That line of our log is excused, and later what memory holds at exactly that place
// (overwritten_memory.h).
//
// Calls that go another way: only what is called below the function that reports the divergence.
//
// Effects on the unit of which one part differs: only that part, and only in operations in which
// our run reports the divergence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/diff/numbered_line.h"
#include "lab/script/script.h"

namespace iommulab::verify {

/// What the driver found wrong with its table.
struct table_refusal_said {
  std::string name;  ///< of the diagnosis
  std::string line;  ///< what the log says where the table is refused for it
  /// Of a refused device scope: its type, as far as the table has one there.
  std::optional<uint8_t> scope_type = std::nullopt;
};

struct known_difference {
  /// Name of the diagnosis, by intel/dmar/diagnosis.h; a '*' at its end stands for any characters.
  std::string_view refusal;
  /// The line that a hanging 4.4 prints over and over on a scope of a type that it does not know;
  /// empty when it hangs silently.
  std::string_view repeated;
  std::string_view reason;
};

absl::Span<const known_difference> known_differences();

/// An operation of a script in which 4.4 stops or goes wrong, and we do not: our run reports the
/// divergence in it.
struct known_operation_difference {
  std::string_view id;  ///< of kernel_profile::differences()
  /// The function in which the kernel's BUG or oops was; empty when the kernel came back.
  std::string_view died_in;
  /// How the report of it begins: "Kernel BUG at ".
  std::string_view died_saying;
  /// A function that 4.4 calls on what it wrote, and we do not; empty for none.
  std::string_view further_call;
  std::string_view reason;
};

absl::Span<const known_operation_difference> known_operation_differences();

/// Where the functions called are others than 4.4's, and nothing else differs. Our run reports the
/// divergence in the call that goes its own way.
struct known_call_difference {
  std::string_view id;  ///< of kernel_profile::differences()
  std::string_view reason;
};

absl::Span<const known_call_difference> known_call_differences();
/// The entry for a divergence that our run reported, by its name; null when calls are not excused.
const known_call_difference* find_known_call_difference(std::string_view reported);

/// What the unit is told in an operation (lab/clients/effects.h), when one part of it is another.
/// Our run reports the divergence in the operation.
struct known_effect_difference {
  std::string_view id;      ///< of kernel_profile::differences()
  std::string_view effect;  ///< how such an effect begins: "IOTLB page "
  std::string_view part;    ///< the word of it that may differ, without its value: "ih="
  std::string_view reason;
};

absl::Span<const known_effect_difference> known_effect_differences();
/// The entry for a divergence that our run reported in `events`, those of one operation, or null.
const known_effect_difference* find_known_effect_difference(absl::Span<const trace_event> events);
/// The effect with a ? for the value that may differ.
std::string without_known_part(const known_effect_difference& known, std::string effect);

/// The entry for an operation, or null. `death` is how the kernel stopped in it, null when it did
/// not; `events` are what our run did in it, its diagnoses among them.
const known_operation_difference* find_known_operation_difference(
    const dmalab::kernel_death* death, absl::Span<const trace_event> events);

/// The entry that excuses how the two logs differ, or null. `refusals` are the run's, in order; the
/// last is the one that ended it.
const known_difference* find_known_difference(absl::Span<const known_difference> list,
                                              absl::Span<const table_refusal_said> refusals,
                                              absl::Span<const numbered_line> captured_log,
                                              absl::Span<const numbered_line> our_log);

}  // namespace iommulab::verify
