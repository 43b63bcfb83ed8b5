// SPDX-License-Identifier: GPL-2.0-only
//
// What stands behind the standard streams: everything that a command writes passes clean_text, so
// that nothing recorded reaches a terminal raw. Our own control sequences go past it.
#pragma once

#include <ostream>
#include <streambuf>
#include <string_view>

#include "cli/output/clean_text.h"
#include "cli/output/screen.h"

namespace iommulab {

class clean_buffer final : public std::streambuf {
 public:
  /// `out` outlives the buffer.
  explicit clean_buffer(screen& out) : out_(out) {}

  /// Unchanged, at once.
  void pass(std::string_view sequence);
  /// What was held back of an unfinished character goes out too.
  void finish();

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  screen& out_;
  clean_text clean_;
};

/// A control sequence of our own, such as what erases a line of progress.
void write_control(std::ostream& out, std::string_view sequence);

}  // namespace iommulab
