// SPDX-License-Identifier: GPL-2.0-only
//
// The arguments of one operation, read from left to right. The first that does not read spoils the
// operation: everything read after it is 0, and status() says what was wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lab/script/script.h"

namespace iommulab::dmalab {

class arguments {
 public:
  /// `file` names the script in complaints; both outlive this.
  arguments(const operation& op, std::string_view file) : op_(op), file_(file) {}

  [[nodiscard]] bool more() const { return next_ < op_.words.size(); }
  /// The next word as it stands; empty, and an error, when there is none.
  std::string_view word(std::string_view field);
  /// Decimal, or hexadecimal with 0x.
  uint64_t number(std::string_view field);
  /// The same; of one that is larger than `largest` the complaint says `allowed`: what there is.
  uint64_t number(std::string_view field, uint64_t largest, std::string_view allowed);
  /// The number of one of `count` things: "there is one device, number 0".
  uint64_t index(std::string_view field, size_t count, std::string_view thing);

  void fail(std::string_view field, std::string_view value, std::string_view why);
  [[nodiscard]] bool ok() const { return status_.ok(); }
  /// What was wrong; words that nobody read are.
  [[nodiscard]] absl::Status status();

 private:
  const operation& op_;
  std::string_view file_;
  size_t next_ = 1;
  absl::Status status_;
};

}  // namespace iommulab::dmalab
