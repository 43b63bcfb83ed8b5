// SPDX-License-Identifier: GPL-2.0-only
//
// Where a log's bytes come from. Never read as a whole: logs may be large, and "dmesg -w" never
// ends.
#pragma once

#include <istream>
#include <memory>
#include <string>

#include "absl/types/span.h"
#include "core/status.h"

namespace iommulab {

class byte_source {
 public:
  virtual ~byte_source() = default;
  /// How many bytes were read; 0 at the end. EIO with the system's words when it cannot be read.
  virtual absl::StatusOr<size_t> read(absl::Span<char> room) = 0;
  /// Whether nothing has come for a while, though the end is not reached.
  virtual bool pauses() { return false; }
};

class stream_source : public byte_source {
 public:
  explicit stream_source(std::istream& in) : in_(in) {}
  absl::StatusOr<size_t> read(absl::Span<char> room) override;

 private:
  std::istream& in_;
};

/// A file, a pipe or a terminal. Ctrl-C is the end of what is no regular file: what was read until
/// then is to be shown.
class descriptor_source : public byte_source {
 public:
  /// Of an open descriptor, which stays open.
  explicit descriptor_source(int descriptor);
  descriptor_source(const descriptor_source&) = delete;
  descriptor_source& operator=(const descriptor_source&) = delete;
  ~descriptor_source() override;

  /// ENOENT, EISDIR …: "PATH: why".
  static absl::StatusOr<std::unique_ptr<descriptor_source>> open(const std::string& path);

  absl::StatusOr<size_t> read(absl::Span<char> room) override;
  bool pauses() override;

 private:
  /// Whether something happens within so many milliseconds; -1 waits for ever.
  bool happens_within(int milliseconds);

  int descriptor_;
  bool owned_ = false;
  int signals_ = -1;  ///< tells of SIGINT; -1 for a regular file
  bool interrupted_ = false;
};

}  // namespace iommulab
