// SPDX-License-Identifier: GPL-2.0-only
//
// One line on a terminal that says what is being done; it is gone at the end.
#pragma once

#include <cstddef>
#include <ostream>
#include <string_view>

namespace iommulab {

class progress_line {
 public:
  /// `out` null: says nothing. `steps`: how often next() will be called.
  progress_line(std::ostream* out, size_t steps) : out_(out), steps_(steps) {}
  ~progress_line() {
    if (out_ != nullptr && done_ != 0) *out_ << "\r\x1b[K" << std::flush;
  }
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  void next(std::string_view what) {
    ++done_;
    if (out_ == nullptr) return;
    *out_ << "\r\x1b[K" << done_ << '/' << steps_ << ' ' << what << std::flush;
  }

 private:
  std::ostream* out_;
  size_t steps_;
  size_t done_ = 0;
};

}  // namespace iommulab
