// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/overwritten_memory.h"

#include <cstddef>

#include "absl/strings/str_format.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab::verify {
namespace {

/// The hexadecimal number behind `mark`, as far as it goes.
std::optional<uint64_t> hex_behind(std::string_view line, std::string_view mark) {
  const size_t at = line.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(at + mark.size());
  return parse_hex(rest.substr(0, rest.find_first_not_of("0123456789abcdef")));
}

/// An entry that 4.4 writes into the memory of a large page.
struct stray_entry {
  uint64_t address = 0;
  uint64_t value = 0;
};

std::optional<stray_entry> stray_entry_of(std::string_view line) {
  const auto vpfn = hex_behind(line, "DMA PTE for vPFN 0x");
  const auto before = hex_behind(line, "already set (to ");
  const auto wanted = hex_behind(line, " not ");
  if (!vpfn || !before || !wanted) return std::nullopt;
  const vtd::second_level_entry old_entry{*before};
  if (!old_entry.super_page() || vtd::second_level_entry{*wanted}.super_page()) {
    return std::nullopt;
  }
  constexpr uint64_t entries_a_table = page_size / sizeof(uint64_t);
  return stray_entry{old_entry.address().value() + *vpfn % entries_a_table * sizeof(uint64_t),
                     *wanted};
}

}  // namespace

bool tells_of_overwriting(std::string_view line) {
  return stray_entry_of(line).has_value();
}

void overwritten_memory::take(std::string_view line) {
  const std::optional<stray_entry> stray = stray_entry_of(line);
  if (!stray) return;
  constexpr unsigned bits_a_byte = 8;
  for (size_t i = 0; i < sizeof(uint64_t); ++i) {
    bytes_[stray->address + i] = static_cast<uint8_t>(stray->value >> (i * bits_a_byte));
  }
}

std::optional<std::string> overwritten_memory::peeked(const dmalab::script& script,
                                                      const dmalab::operation& op,
                                                      std::string_view ours) const {
  constexpr size_t words_of_peek = 3;
  if (op.words.size() != words_of_peek || op.words[0] != "peek") return std::nullopt;
  const auto index = parse_number(op.words[1]);
  const auto offset = parse_number(op.words[2]);
  if (!index || !offset) return std::nullopt;
  if (*index >= script.arenas.size() || !script.arenas[*index].start) return std::nullopt;
  std::string text(ours);
  bool is_touched = false;
  constexpr size_t digits_a_byte = 2;
  for (size_t i = 0; (i + 1) * digits_a_byte <= text.size(); ++i) {
    const auto found = bytes_.find(script.arenas[*index].start->value() + *offset + i);
    if (found == bytes_.end()) continue;
    is_touched = true;
    text.replace(i * digits_a_byte, digits_a_byte, absl::StrFormat("%02x", found->second));
  }
  return is_touched ? std::optional(text) : std::nullopt;
}

}  // namespace iommulab::verify
