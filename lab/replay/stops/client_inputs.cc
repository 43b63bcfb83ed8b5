// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/client_inputs.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hardware_trace.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

/// Bytes of a memory block, as `mem` takes it.
constexpr uint64_t longest_run = uint64_t{1} << 30;

/// The part of a folder's name that says that iommufd serves /dev/vfio/vfio.
constexpr std::string_view container_variant = "kc";

/// What stands behind `key` in a line of words; nothing without it.
std::optional<std::string> word_behind(std::string_view line, std::string_view key) {
  for (std::string_view word : split_at(line, ' ')) {
    if (take_prefix(word, key)) return std::string(word);
  }
  return std::nullopt;
}

bool has_variant(const capture_folder& folder) {
  std::string_view name = folder.path();
  while (name.ends_with('/')) name.remove_suffix(1);
  name.remove_prefix(name.rfind('/') + 1);
  const std::vector<std::string_view> parts = split_at(name, '.');
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == container_variant) return true;
  }
  return false;
}

/// "0x2b83000+0x1000,-,0x5800000+0x200000": page by page. Nothing when it does not read.
std::optional<std::vector<phys_addr>> pages_of_runs(std::string_view text) {
  std::vector<phys_addr> pages;
  for (const std::string_view run : split_at(text, ',')) {
    if (run == "-") continue;
    const std::vector<std::string_view> ends = split_at(run, '+');
    if (ends.size() != 2) return std::nullopt;
    const auto start = parse_number(ends[0]);
    const auto length = parse_number(ends[1]);
    if (!start || !length || (*start | *length) % page_size != 0) return std::nullopt;
    if (*length > longest_run || *start > UINT64_MAX - *length) return std::nullopt;
    for (uint64_t offset = 0; offset < *length; offset += page_size) {
      pages.emplace_back(*start + offset);
    }
  }
  return pages;
}

/// Below are identity maps, of memory that is nobody's.
constexpr uint64_t first_client_memory = uint64_t{16} << 20;

}  // namespace

bool is_compared_log(std::string_view text) {
  constexpr std::string_view others[] = {"ACPI: ", "e1000e ", "nvme "};
  return std::none_of(std::begin(others), std::end(others),
                      [&](std::string_view other) { return text.starts_with(other); });
}

numbered_lines with_unknown_pages_named(numbered_lines lines, const client_memory& memory) {
  std::set<uint64_t> known;
  for (const auto& [name, pages] : memory) {
    for (const phys_addr page : pages) known.insert(page.value());
  }
  std::map<uint64_t, size_t> unknown;
  for (numbered_line& line : lines) {
    const size_t last = line.text.rfind(' ');
    const bool is_entry = !line.text.empty() && line.text[0] >= '1' && line.text[0] <= '5';
    if (!is_entry || last == std::string::npos) continue;
    const auto value = parse_number(std::string_view(line.text).substr(last + 1));
    if (!value) continue;
    const uint64_t page = *value & page_mask & ((uint64_t{1} << 52) - 1);
    if (page < first_client_memory || known.contains(page)) continue;
    const size_t number = unknown.try_emplace(page, unknown.size() + 1).first->second;
    line.text = absl::StrFormat("%s U%d+%#x", line.text.substr(0, last), number, *value - page);
  }
  return lines;
}

absl::StatusOr<vfio_module_options> read_client_options(const capture_folder& folder) {
  vfio_module_options options;
  options.allow_unsafe_interrupts = true;
  options.container_is_iommufd = has_variant(folder);
  const auto lines = folder.read_lines("cmdline");
  if (!lines.ok()) return lines.status();
  for (const numbered_line& line : *lines) {
    if (const auto unsafe = word_behind(line.text, "oracle.unsafe=")) {
      options.allow_unsafe_interrupts = *unsafe != "0";
    }
    if (const auto limit = word_behind(line.text, "oracle.dma_entry_limit=")) {
      const auto number = parse_number(*limit);
      if (!number || *number > UINT32_MAX) {
        return line_error(folder.file_path("cmdline"), line.line, "oracle.dma_entry_limit", *limit,
                          "not a number of mappings");
      }
      options.dma_entry_limit = static_cast<unsigned>(*number);
    }
  }
  return options;
}

absl::Status check_client_marks(const capture_folder& folder,
                                absl::Span<const client_operation> operations) {
  const auto marks = read_marks(folder);
  if (!marks.ok()) return marks.status();
  std::vector<std::string> wanted = {"boot"};
  for (const client_operation& o : operations) {
    if (o.words[0] == "sync") wanted.push_back(o.words[1]);
  }
  for (size_t i = 0; i < std::max(wanted.size(), marks->size()); ++i) {
    const std::string found = i < marks->size() ? (*marks)[i].name : "";
    if (i < wanted.size() && found == wanted[i]) continue;
    return line_error(folder.file_path(marks_file), i + 1, "mark", found,
                      i < wanted.size() ? absl::StrFormat("the script's next mark is %s", wanted[i])
                                        : "the script has no further mark");
  }
  return absl::OkStatus();
}

absl::StatusOr<client_memory> memory_of_client(const capture_folder& folder,
                                               absl::Span<const client_operation> operations) {
  client_memory memory;
  for (const client_operation& o : operations) {
    const bool tells = o.words[0] == "mem" || o.words[0] == "phys";
    const auto runs = tells ? word_behind(o.result, "phys=") : std::nullopt;
    if (!runs || o.words.size() < 2) continue;
    auto pages = pages_of_runs(*runs);
    if (!pages) {
      return line_error(folder.file_path(operations_file), o.line, "phys", *runs,
                        "not runs of whole pages");
    }
    // Holes stay as they are: which page is where is known only of a block without any.
    if (runs->find('-') != std::string::npos) continue;
    memory.try_emplace(o.words[1], *std::move(pages));
  }
  return memory;
}

}  // namespace iommulab::verify
