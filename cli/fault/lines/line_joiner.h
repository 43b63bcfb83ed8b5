// SPDX-License-Identifier: GPL-2.0-only
//
// Lines that a mail program or a terminal broke, made whole: a line that stops inside a message is
// held until what follows completes it. What completes nothing is handed on as it came.
//
//   > [  144.480641] DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault
//   > addr 9c000000 [fault reason 06] PTE Read access is not set
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/fault/lines/fault_line.h"
#include "cli/fault/reading/framing.h"

namespace iommulab {

class line_joiner {
 public:
  /// A whole line, what parse_fault_line() makes of it, and the place of its first piece.
  using receiver =
      std::function<void(const framed_line&, parsed_fault_line, const std::string& source)>;

  explicit line_joiner(receiver next) : next_(std::move(next)) {}

  void add(framed_line line, const std::string& source);
  /// What is held goes on.
  void finish();
  [[nodiscard]] bool holds() const { return !pieces_.empty(); }

 private:
  struct piece {
    framed_line line;
    std::string source;
  };

  void hold(framed_line line, const std::string& source);
  bool take(const framed_line& line, const std::string& source);

  receiver next_;
  std::vector<piece> pieces_;  ///< held, in order
  std::string joined_;         ///< all of them
  std::string best_;           ///< the join that reads best, of the first `best_count_`
  size_t best_count_ = 0;
  int best_grade_ = 0;
};

}  // namespace iommulab
