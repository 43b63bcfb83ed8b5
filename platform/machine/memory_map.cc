// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/memory_map.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>
#include <string_view>

#include "platform/machine/parse.h"

namespace iommulab {
namespace {

using memory_kind = memory_range::kind;

constexpr std::string_view e820_mark = "BIOS-e820: ";

constexpr uint64_t four_gib = uint64_t{1} << 32;
/// QEMU's q35 keeps RAM below this when there is more than it, and moves the rest above 4 GiB.
constexpr uint64_t low_memory_limit = uint64_t{2} << 30;

struct kind_words {
  std::string_view e820;
  std::string_view iomem;
  memory_kind type;
};

/// In lower case: kernels differ in that.
constexpr kind_words words_of_kinds[] = {
    {"usable", "system ram", memory_kind::ram},
    {"reserved", "reserved", memory_kind::reserved},
    {"acpi data", "acpi tables", memory_kind::acpi_data},
    {"acpi nvs", "acpi non-volatile storage", memory_kind::acpi_nvs},
    {"unusable", "unusable memory", memory_kind::unusable},
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

/// Any other type, such as persistent memory, is not the system's to use.
memory_kind e820_kind(std::string_view text) {
  const std::string type = lower_case(text);
  for (const kind_words& known : words_of_kinds) {
    if (known.e820 == type) return known.type;
  }
  return memory_kind::reserved;
}

/// First and last byte and the type's words.
struct e820_line {
  uint64_t first = 0;
  uint64_t last = 0;
  std::string_view type;
};

/// "[mem 0x0000000000000000-0x000000000009fbff] usable"
std::optional<e820_line> parse_e820_line(std::string_view rest) {
  const size_t dash = rest.find('-');
  const size_t close = rest.find("] ");
  constexpr std::string_view open = "[mem ";
  if (!rest.starts_with(open) || dash > close || close == std::string_view::npos) {
    return std::nullopt;
  }
  const auto first = parse_number(rest.substr(open.size(), dash - open.size()));
  const auto last = parse_number(rest.substr(dash + 1, close - dash - 1));
  if (!first || !last) return std::nullopt;
  return e820_line{*first, *last, trimmed(rest.substr(close + 2))};
}

/// "0000000000000000 - 000000000009fc00 (usable)", before Linux 3.4: the end is no part of it.
std::optional<e820_line> parse_old_e820_line(std::string_view rest) {
  const size_t dash = rest.find(" - ");
  const size_t open = rest.find(" (");
  const size_t close = rest.rfind(')');
  if (dash > open || open == std::string_view::npos || close == std::string_view::npos) {
    return std::nullopt;
  }
  const auto first = parse_hex(trimmed(rest.substr(0, dash)));
  const auto end = parse_hex(trimmed(rest.substr(dash + 3, open - dash - 3)));
  if (!first || !end || *end == 0 || close < open) return std::nullopt;
  return e820_line{*first, *end - 1, rest.substr(open + 2, close - open - 2)};
}

bool all_zero(const std::vector<iomem_line>& lines) {
  return lines.size() > 1 && std::all_of(lines.begin(), lines.end(), [](const iomem_line& l) {
           return l.first == 0 && l.last == 0;
         });
}

/// "FIRST-LAST : NAME" behind any number of blanks.
std::optional<iomem_line> parse_iomem_line(std::string_view text) {
  constexpr std::string_view separator = " : ";
  const size_t dash = text.find('-');
  const size_t end = text.find(separator);
  if (end == std::string_view::npos || dash > end) return std::nullopt;
  const auto first = parse_hex(text.substr(0, dash));
  const auto last = parse_hex(text.substr(dash + 1, end - dash - 1));
  if (!first || !last || *last < *first || *last - *first == ~uint64_t{0}) return std::nullopt;
  return iomem_line{*first, *last, text.substr(end + separator.size())};
}

std::string_view without_indentation(std::string_view line) {
  return line.substr(std::min(line.find_first_not_of(' '), line.size()));
}

}  // namespace

bool tells_e820(const text_source& log) {
  return log.text.find(e820_mark) != std::string::npos;
}

bool hides_addresses(const text_source& iomem) {
  std::vector<iomem_line> lines;
  for (const std::string_view line : iomem.lines()) {
    if (const auto read = parse_iomem_line(without_indentation(line))) lines.push_back(*read);
  }
  return all_zero(lines);
}

absl::StatusOr<std::vector<memory_range>> parse_e820(const text_source& log) {
  std::vector<memory_range> map;
  const std::vector<std::string_view> lines = log.lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t mark = lines[i].find(e820_mark);
    if (mark == std::string_view::npos) continue;
    const std::string_view rest = lines[i].substr(mark + e820_mark.size());
    const auto refuse = [&](std::string_view why) {
      return line_error(log.name, i + 1, "BIOS-e820", rest, why);
    };
    std::optional<e820_line> line = parse_e820_line(rest);
    if (!line) line = parse_old_e820_line(rest);
    if (!line) return refuse("not of the form [mem 0xFIRST-0xLAST] TYPE");
    if (line->last < line->first) return refuse("it ends before it starts");
    if (line->first == 0) map.clear();  // the next start's map
    if (!map.empty() && line->first < map.back().end()) {
      return refuse("it overlaps the line before");
    }
    map.push_back({phys_addr(line->first), line->last - line->first + 1, e820_kind(line->type)});
  }
  if (map.empty()) return line_error(log.name, 0, "BIOS-e820", "", "there is no such line");
  return map;
}

bool is_configuration_window(std::string_view name) {
  return name.starts_with("PCI MMCONFIG ") || name.starts_with("PCI ECAM ");
}

absl::StatusOr<std::vector<iomem_line>> parse_iomem_lines(const text_source& iomem) {
  std::vector<iomem_line> found;
  const std::vector<std::string_view> lines = iomem.lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view text = without_indentation(lines[i]);
    if (text.empty()) continue;
    const std::optional<iomem_line> line = parse_iomem_line(text);
    if (!line) {
      return line_error(iomem.name, i + 1, "range", text, "not of the form FIRST-LAST : NAME");
    }
    found.push_back(*line);
  }
  if (found.empty()) {
    return line_error(iomem.name, 0, "range", "", "there is no line FIRST-LAST : NAME");
  }
  if (all_zero(found)) {
    return line_error(iomem.name, 1, "range", lines.front(),
                      "all addresses are zero: the kernel shows them to root only");
  }
  return found;
}

absl::StatusOr<std::vector<memory_range>> parse_iomem_map(const text_source& iomem) {
  const absl::StatusOr<std::vector<iomem_line>> lines = parse_iomem_lines(iomem);
  if (!lines.ok()) return lines.status();
  std::vector<memory_range> map;
  for (const iomem_line& line : *lines) {
    const std::string name = lower_case(line.name);
    const auto* known = std::find_if(std::begin(words_of_kinds), std::end(words_of_kinds),
                                     [&](const kind_words& words) { return words.iomem == name; });
    // What lies inside of a range of memory is a use of it.
    const bool inside = !map.empty() && line.first < map.back().end();
    if (known == std::end(words_of_kinds) || inside) continue;
    map.push_back({phys_addr(line.first), line.last - line.first + 1, known->type});
  }
  if (map.empty()) {
    return line_error(iomem.name, 0, "range", "", "none is System RAM or reserved");
  }
  return map;
}

absl::StatusOr<std::vector<memory_range>> read_memory_map(const std::string& path) {
  const absl::StatusOr<text_source> source = read_source(path);
  if (!source.ok()) return source.status();
  return tells_e820(*source) ? parse_e820(*source) : parse_iomem_map(*source);
}

std::vector<memory_range> backed_memory(const std::vector<memory_range>& map, uint64_t installed) {
  const uint64_t low = std::min(installed, low_memory_limit);
  const uint64_t high = four_gib + (installed - low);
  std::vector<memory_range> backed;
  for (const memory_range& range : map) {
    const bool inside =
        range.end() <= low || (range.start.value() >= four_gib && range.end() <= high);
    if (range.type == memory_range::kind::ram || inside) backed.push_back(range);
  }
  return backed;
}

std::vector<memory_range> memory_below_devices(const std::vector<memory_range>& map,
                                               uint64_t devices) {
  uint64_t ram_end = 0;
  for (const memory_range& range : map) {
    if (range.type == memory_kind::ram) ram_end = std::max(ram_end, range.end());
  }
  std::vector<memory_range> backed;
  for (const memory_range& range : map) {
    const bool below = range.end() <= devices;
    const bool high = range.start.value() >= four_gib && range.end() <= ram_end;
    if (range.type == memory_kind::ram || below || high) backed.push_back(range);
  }
  return backed;
}

absl::StatusOr<uint64_t> first_device_address(const text_source& iomem) {
  const absl::StatusOr<std::vector<iomem_line>> lines = parse_iomem_lines(iomem);
  if (!lines.ok()) return lines.status();
  constexpr uint64_t one_mib = uint64_t{1} << 20;
  uint64_t first = four_gib;
  for (const iomem_line& line : *lines) {
    const bool devices = line.name.starts_with("PCI Bus") || is_configuration_window(line.name);
    if (devices && line.first >= one_mib) first = std::min(first, line.first);
  }
  return first;
}

}  // namespace iommulab
