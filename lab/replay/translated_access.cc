// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/translated_access.h"

#include <array>
#include <optional>

#include "core/text_source.h"
#include "lab/replay/capture_files.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab::verify {
namespace {

constexpr std::array<std::string_view, 2> translation_events = {"vtd_iotlb_page_hit ",
                                                                "vtd_iotlb_page_update "};

bool is_translation(std::string_view text) {
  for (const std::string_view event : translation_events) {
    if (text.starts_with(event)) return true;
  }
  return false;
}

/// The number behind the word `key`.
std::optional<uint64_t> value_after(const std::vector<std::string_view>& words,
                                    std::string_view key) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const auto value = words[i] == key ? parse_number(words[i + 1]) : std::nullopt;
    if (value) return value;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<translated_access> translated_access::read(const capture_folder& folder) {
  translated_access found;
  if (!folder.has(trace_file)) return found;
  const absl::StatusOr<numbered_lines> lines = folder.read_lines(trace_file);
  if (!lines.ok()) return lines.status();
  for (const numbered_line& line : *lines) {
    if (!is_translation(line.text)) continue;
    const std::vector<std::string_view> words = split_at(line.text, ' ');
    const auto sid = value_after(words, "sid");
    const auto iova = value_after(words, "iova");
    const auto entry = value_after(words, "slpte");
    if (!sid || !iova || !entry) {
      return line_error(folder.file_path(trace_file), line.line, "translation", line.text,
                        "not sid S iova ADDRESS slpte ENTRY");
    }
    constexpr unsigned bus_shift = 8;
    const source_id function{0, static_cast<uint8_t>(*sid >> bus_shift),
                             static_cast<uint8_t>(*sid)};
    found.entries_[{to_string(function), *iova >> page_shift}] = *entry;
  }
  return found;
}

uint64_t translated_access::permissions(std::string_view function, dma_addr address) const {
  constexpr uint64_t both = vtd::second_level_entry::r.mask() | vtd::second_level_entry::w.mask();
  const auto found = entries_.find({std::string(function), address.value() >> page_shift});
  return found == entries_.end() ? both : found->second & both;
}

}  // namespace iommulab::verify
