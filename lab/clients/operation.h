// SPDX-License-Identifier: GPL-2.0-only
//
// One operation of a client's script, in words: its name, operands by place, and operands by name.
//
//   map i iova=0x100000 va=m0+0x1000 size=0x1000
//
// A value is a number as C writes it, a name, or a name and a number that is added. A name stands
// for what an earlier operation made of that name: a descriptor, an object's id, an address.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace iommulab {

/// What names stand for; those of an operation that failed are kept as well.
using client_names = std::map<std::string, uint64_t, std::less<>>;

class operation {
 public:
  /// Both outlive it.
  operation(absl::Span<const std::string> words, const client_names& names)
      : words_(words), names_(names) {}

  [[nodiscard]] std::string_view name() const { return words_[0]; }
  /// Operands by place, from 1; those by name do not count. Empty where there is none.
  [[nodiscard]] std::string_view word(size_t place) const;
  [[nodiscard]] size_t places() const;
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] std::string_view text(std::string_view key) const;
  [[nodiscard]] const std::string& at(size_t index) const { return words_[index]; }
  [[nodiscard]] size_t size() const { return words_.size(); }

  // Values; 0 for one that does not read, and status() says so. What is done with them is done only
  // while status() is OK.
  uint64_t value(size_t place) { return evaluate(word(place)); }
  uint64_t value_of(std::string_view key, uint64_t otherwise);
  uint64_t evaluate(std::string_view text);
  /// The same for what has 32 bits; a negative number is its two's complement.
  uint32_t value32(size_t place) { return narrowed(word(place), value(place)); }
  uint32_t value32_of(std::string_view key, uint64_t otherwise);
  void refuse(std::string_view word, std::string_view why);
  [[nodiscard]] const absl::Status& status() const { return status_; }

  /// Names of operands by name: "iova", "va", "size".
  [[nodiscard]] std::vector<std::string_view> keys() const;

 private:
  uint32_t narrowed(std::string_view text, uint64_t value);

  absl::Span<const std::string> words_;
  const client_names& names_;
  absl::Status status_;
};

}  // namespace iommulab
