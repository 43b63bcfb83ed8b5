// SPDX-License-Identifier: GPL-2.0-only
//
// A note of a call tree, "WORD 0000:00:05.0 size=0x1000 flags=0x24000c0", taken apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "platform/machine/parse.h"

namespace iommulab::verify {

class call_note {
 public:
  /// The text outlives the note.
  explicit call_note(std::string_view text) : words_(split_at(text, ' ')) {}

  [[nodiscard]] std::string_view name() const { return words_[0]; }
  /// The second word, where a note of the DMA API has the device; empty when there is none.
  [[nodiscard]] std::string_view device() const {
    return words_.size() > 1 ? words_[1] : std::string_view();
  }
  /// What stands behind "KEY=".
  [[nodiscard]] std::optional<std::string_view> word(std::string_view key) const {
    for (std::string_view word : words_) {
      if (take_prefix(word, key) && take_prefix(word, "=")) return word;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<uint64_t> value(std::string_view key) const {
    const std::optional<std::string_view> text = word(key);
    return text ? parse_number(*text) : std::nullopt;
  }
  /// The number behind "-> ".
  [[nodiscard]] std::optional<uint64_t> result() const {
    if (words_.size() < 2 || words_[words_.size() - 2] != "->") return std::nullopt;
    return parse_number(words_.back());
  }

 private:
  std::vector<std::string_view> words_;
};

}  // namespace iommulab::verify
