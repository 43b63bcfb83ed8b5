// SPDX-License-Identifier: GPL-2.0-only
//
// DMA scripts: one operation a line, with or without what it gave on a real kernel. README.md is
// the language's reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text_source.h"
#include "core/types.h"

namespace iommulab::dmalab {

/// The end of a recorded line: "; ls=2 tm=1 t=2102925270 dt=23980".
struct recorded_state {
  int list_size = 0;
  bool timer_on = false;
  uint64_t time_ns = 0;   ///< when the operation began
  uint64_t spent_ns = 0;  ///< how long it took
};

struct log_record {
  size_t line = 0;
  std::string text;  ///< what the kernel printed, with its time stamp
};

/// The report of a BUG or an oops.
struct kernel_death {
  std::string message;   ///< "Kernel BUG at ", without the address behind it
  uint64_t address = 0;  ///< of the code, or the one that could not be reached
  std::string function;  ///< in which it was: "intel_unmap"
};

struct operation {
  size_t line = 0;
  uint64_t number = 0;
  std::vector<std::string> words;     ///< the operation's name, then its arguments
  std::string text;                   ///< the same as it stands in the file
  std::optional<std::string> result;  ///< recorded behind "->"; empty when the kernel died in it
  std::optional<recorded_state> state;
  std::vector<log_record> log;  ///< recorded meanwhile

  /// The same in the kernel's order. A record without a stamp goes on from a line that the kernel
  /// had not ended, and the recorder got it before the one that it belongs behind.
  [[nodiscard]] std::vector<log_record> ordered_log() const;
  /// A recorded operation that did not come back: its line ends in the middle.
  [[nodiscard]] bool died() const { return result.has_value() && !state.has_value(); }
  /// How it died, by the log. None when it did not, or when the kernel's report is not whole: its
  /// message, the function twice, the message's address once more, and the line that ends it.
  [[nodiscard]] std::optional<kernel_death> death() const;
};

/// A contiguous piece of memory that operations name by number and offset.
struct arena {
  size_t line = 0;                 ///< 0 when the script names none
  std::optional<phys_addr> start;  ///< none: wherever there is room
  uint64_t size = 0;               ///< bytes
};

struct script_device {
  size_t line = 0;  ///< 0 when the script names none
  source_id id;
  std::optional<uint64_t> mask;
  std::optional<uint64_t> coherent_mask;
};

struct script {
  std::string path;
  std::vector<arena> arenas;
  std::vector<script_device> devices;
  std::optional<std::string> command_line;
  std::vector<operation> operations;
  /// Any operation carries a result: results, state and log are then compared.
  bool recorded = false;
  /// "# dmalab …" at its head: a recording of a kernel, whole or refused.
  bool is_recording = false;
  /// Of "# end ops=N", with which a recording ends; one in which the kernel died does not.
  std::optional<uint64_t> recorded_count;
};

/// When the kernel first handled a fault in a recording, by its log; nothing when it never did.
std::optional<uint64_t> first_fault_ns(const script& from);

/// EINVAL naming line and field.
absl::StatusOr<script> parse_script(const text_source& source);
/// Reads `path` or `path`.xz. ENOENT, EINVAL naming line and field.
absl::StatusOr<script> read_script(const std::string& path);

}  // namespace iommulab::dmalab
