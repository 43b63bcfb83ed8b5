// SPDX-License-Identifier: GPL-2.0-only
//
// A folder that holds what one run of a real kernel left behind: its command line, PCI tree,
// register trace, tables, call tree, log and sysfs listing. Large files are stored as NAME.xz;
// readers ask for NAME and do not care.
//
// Immutable after open(). A file is read once, at the first call that asks for it: a comparison
// reads some of them twenty times, and most of that time would be spent in unpacking.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/catalogue.h"
#include "lab/diff/numbered_line.h"

namespace iommulab::verify {

/// Whether the directory at `path` holds anything that a capture has. One that does and cannot be
/// opened is a damaged capture; anything else is none.
bool looks_like_capture(const std::string& path);

/// Who recorded a capture, hence what is in it.
enum class recording_kind : uint8_t {
  phases,  ///< of Linux 4.4: workloads up to marks, operations of scripts, hot plugging
  stops,   ///< of Linux 6.1 and 6.12: one workload with four stops, tracepoints (stop_run.h)
  script,  ///< of Linux 6.12: a client's operations (client_recording.h)
};
/// By the names of its files, of which one that is lost does not matter.
recording_kind recording_kind_of(const std::string& path);

class capture_folder {
 public:
  /// Opens the directory at `path`; NOT_FOUND (ENOENT) when there is none, and EINVAL when it
  /// holds none of the files that a capture has.
  /// `kernel` is the one that ran; without it the one that the path names, or else the default.
  static absl::StatusOr<capture_folder> open(std::string path,
                                             const kernel_profile* kernel = nullptr);

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Which kernel left it behind.
  [[nodiscard]] const kernel_profile& kernel() const { return *kernel_; }
  [[nodiscard]] recording_kind recording() const { return recording_; }
  /// True for the runs whose kernel recorded its call tree: their page addresses are known in
  /// allocation order.
  [[nodiscard]] bool has_recorded_calls() const;

  /// Names of what is in the folder and in its folders, without ".xz", sorted: "fgraph/boot.txt".
  /// What is no file fails to read.
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }
  [[nodiscard]] bool has(std::string_view name) const;

  /// The content of NAME or NAME.xz. ENOENT when there is neither; EINVAL when the compressed
  /// data is damaged. The sentence names the file.
  [[nodiscard]] absl::StatusOr<std::string> read_text(std::string_view name) const;
  /// The same, cut into lines; a last line without a newline counts, an empty one does not. EINVAL
  /// for more lines than any capture has.
  [[nodiscard]] absl::StatusOr<numbered_lines> read_lines(std::string_view name) const;

  /// The content of the file at `path`, which several captures share, read once like their own.
  [[nodiscard]] absl::StatusOr<std::string_view> shared_text(const std::string& path) const;

  /// The path of NAME as messages print it.
  [[nodiscard]] std::string file_path(std::string_view name) const;

 private:
  class kept_texts;

  capture_folder();
  /// NAME's content, which stays until the last copy of this folder goes.
  [[nodiscard]] absl::StatusOr<std::string_view> text_of(std::string_view name) const;

  std::string path_;
  const kernel_profile* kernel_ = nullptr;
  recording_kind recording_ = recording_kind::phases;
  std::vector<std::string> files_;
  std::shared_ptr<kept_texts> texts_;
};

}  // namespace iommulab::verify
