// SPDX-License-Identifier: GPL-2.0-only
//
// The program that long output is read in.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace iommulab {

class pager {
 public:
  /// Runs $PAGER, else less, which shows colours, ends by itself when all fits the window and
  /// leaves the text where it is. Null when there is none, or $PAGER is empty or "cat".
  static std::unique_ptr<pager> start();
  ~pager();
  pager(const pager&) = delete;
  pager& operator=(const pager&) = delete;

  /// A reader who has seen enough is no error: the rest goes nowhere.
  void write(std::string_view bytes);

 private:
  explicit pager(FILE* pipe) : pipe_(pipe) {}
  FILE* pipe_;
};

/// Rows that `text` takes in a window of so many columns.
size_t rows_of(std::string_view text, size_t columns);

}  // namespace iommulab
