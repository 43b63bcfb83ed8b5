// SPDX-License-Identifier: GPL-2.0-only
//
// Where text ends up: a file or pipe as it is, a terminal with colours and, when it is longer than
// the window, in a pager.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "cli/output/pager.h"
#include "cli/output/painter.h"

namespace iommulab {

/// --color
enum class colour_choice : char { automatic, always, never };

/// What the command line says about output. It is read when the first line goes out.
struct output_options {
  colour_choice colour = colour_choice::automatic;
  bool page = true;
};

class screen {
 public:
  /// `options` outlive the screen. Only what stands behind `may_page` is paged.
  screen(int file, const output_options& options, bool may_page)
      : file_(file), options_(options), may_page_(may_page) {}
  ~screen();
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

  /// Text that is clean.
  void write(std::string_view text);
  /// A control sequence of our own.
  void control(std::string_view sequence);
  /// What was written is to be seen now: from here on nothing waits for a pager.
  void flush();
  /// All that is left; waits for the pager. The first errno of a write, 0 for none.
  int finish();

 private:
  void begin();
  void put_lines(std::string_view text);
  void put(std::string_view bytes);
  void page_when_long();
  [[nodiscard]] bool waits_for_pager() const { return pageable_ && pager_ == nullptr; }

  int file_;
  const output_options& options_;
  bool may_page_;
  bool begun_ = false;
  bool paints_ = false;
  bool pageable_ = false;
  std::string unfinished_;  ///< a line without its end, where lines are painted
  std::string ready_;       ///< to be written
  painter painter_;
  std::unique_ptr<pager> pager_;
  int error_ = 0;
};

}  // namespace iommulab
