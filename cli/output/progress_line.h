// SPDX-License-Identifier: GPL-2.0-only
//
// One line on a terminal that says what is being done; it is gone at the end.
#pragma once

#include <cstddef>
#include <ostream>
#include <string_view>

#include "cli/output/clean_buffer.h"

namespace iommulab {

class progress_line {
 public:
  /// `out` null: says nothing. `steps`: how often next() will be called; 0: nobody knows.
  progress_line(std::ostream* out, size_t steps) : out_(out), steps_(steps) {}
  ~progress_line() { clear(); }
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  void next(std::string_view what) {
    ++done_;
    if (out_ == nullptr) return;
    write_control(*out_, erase);
    *out_ << done_;
    if (steps_ != 0) *out_ << '/' << steps_;
    *out_ << ' ' << what << std::flush;
    stands_ = true;
  }
  /// Makes room for something else, until the next step.
  void clear() {
    if (stands_) write_control(*out_, erase);
    stands_ = false;
  }

 private:
  static constexpr std::string_view erase = "\r\x1b[K";
  std::ostream* out_;
  size_t steps_;
  size_t done_ = 0;
  bool stands_ = false;
};

}  // namespace iommulab
