// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/queue_dump.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

constexpr unsigned ring_entries = 256;
constexpr unsigned narrow_descriptor = 16;
constexpr unsigned wide_descriptor = 32;
// A wait that writes 2 (QI_DONE) to its status word with a fence, VT-d specification 6.5.2.8.
constexpr uint64_t wait_for_status = 0x200000025;
constexpr uint64_t ring_wait_type = 5;
constexpr uint64_t ring_type_bits = 0xf;
constexpr uint64_t status_bytes = 4;

/// "# invalidation queue 0x5232000, 16 bytes a descriptor; first page (256 descriptors), …"
bool take_head(std::string_view text, queue_dump& dump) {
  if (!take_prefix(text, "# invalidation queue ")) return false;
  const std::vector<std::string_view> words = split_at(text, ' ');
  constexpr size_t listed_word = 7;
  if (words.size() <= listed_word || !words[0].ends_with(',') || words[2] != "bytes" ||
      !words[listed_word].starts_with('(')) {
    return false;
  }
  const auto address = parse_number(words[0].substr(0, words[0].size() - 1));
  const auto bytes = parse_number(words[1]);
  const auto listed = parse_number(words[listed_word].substr(1));
  if (!address || !bytes || (*bytes != narrow_descriptor && *bytes != wide_descriptor) || !listed ||
      *listed > ring_entries) {
    return false;
  }
  dump.address = *address;
  dump.descriptor_bytes = static_cast<unsigned>(*bytes);
  dump.listed = static_cast<unsigned>(*listed);
  return true;
}

std::optional<ring_descriptor> parse_ring_line(const numbered_line& line, const queue_dump& dump) {
  const std::vector<std::string_view> words = split_at(line.text, ' ');
  const bool wide = dump.descriptor_bytes == wide_descriptor;
  const size_t values = wide ? 4 : 2;
  constexpr size_t before = 3;
  if (words.size() != before + values || words[0] != "Q" ||
      parse_number(words[1]) != dump.address) {
    return std::nullopt;
  }
  const auto index = parse_number(words[2]);
  if (!index || *index >= dump.listed) return std::nullopt;
  ring_descriptor found{line.line, static_cast<unsigned>(*index), {}};
  for (size_t i = 0; i < values; ++i) {
    std::string_view word = words[before + i];
    const std::string name =
        wide ? absl::StrFormat("q%d=", i) : std::string(i == 0 ? "lo=" : "hi=");
    const auto value = take_prefix(word, name) ? parse_hex(word) : std::nullopt;
    if (!value) return std::nullopt;
    found.words.at(i) = *value;
  }
  return found;
}

bool is_wait_for_status(const ring_descriptor& descriptor) {
  return (descriptor.words[0] & ring_type_bits) == ring_wait_type;
}

}  // namespace

uint64_t queue_dump::status_words() const {
  const auto wait = std::find_if(descriptors.begin(), descriptors.end(), is_wait_for_status);
  return wait == descriptors.end() ? 0 : wait->words[1] - wait->index * status_bytes;
}

absl::StatusOr<queue_dump> read_queue_dump(const capture_folder& folder, std::string_view file) {
  const absl::StatusOr<numbered_lines> lines = folder.read_lines(file);
  if (!lines.ok()) return lines.status();
  queue_dump dump;
  for (const numbered_line& line : *lines) {
    const auto refuse = [&](std::string_view why) {
      return line_error(folder.file_path(file), line.line, "descriptor", line.text, why);
    };
    if (line.line == 1) {
      if (!take_head(line.text, dump)) return refuse("the first line says where the queue is");
      continue;
    }
    const auto descriptor = parse_ring_line(line, dump);
    if (!descriptor) return refuse("no descriptor of this queue");
    const bool follows =
        dump.descriptors.empty() || dump.descriptors.back().index < descriptor->index;
    if (!follows) return refuse("its index is not above the one before it");
    dump.descriptors.push_back(*descriptor);
  }
  if (lines->empty()) {
    return line_error(folder.file_path(file), 0, "descriptor", "", "the file is empty");
  }
  return dump;
}

numbered_lines ring_lines(const queue_dump& dump) {
  numbered_lines lines;
  for (const ring_descriptor& d : dump.descriptors) {
    std::string text = absl::StrFormat("Q %d", d.index);
    for (const uint64_t word : d.words) absl::StrAppendFormat(&text, " 0x%x", word);
    lines.push_back({d.line, std::move(text)});
  }
  return lines;
}

queue_dump ring_of(absl::Span<const std::array<uint64_t, 4>> submitted, const queue_dump& like) {
  queue_dump ring = like;
  ring.descriptors.clear();
  std::array<std::optional<ring_descriptor>, ring_entries> slots;
  unsigned index = 0;
  for (const std::array<uint64_t, 4>& words : submitted) {
    slots.at(index) = ring_descriptor{index + 1, index, words};
    ++index;
    const uint64_t status = like.status_words() + index * status_bytes;
    slots.at(index) = ring_descriptor{index + 1, index, {wait_for_status, status, 0, 0}};
    index = (index + 1) % ring_entries;
  }
  for (const auto& slot : slots) {
    if (slot && slot->index < like.listed) ring.descriptors.push_back(*slot);
  }
  return ring;
}

}  // namespace iommulab::verify
