// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/log_listing.h"

#include <cctype>
#include <string_view>
#include <utility>

namespace iommulab::verify {
namespace {

constexpr std::string_view registered = "DMAR: Intel(R) Virtualization Technology for Directed I/O";
constexpr std::string_view added = "iommu: Adding device ";

/// Length of the time stamp "[    0.056064] " at the start of `text`; 0 when there is none.
size_t stamp_length(std::string_view text) {
  constexpr size_t microsecond_digits = 6;
  if (!text.starts_with('[')) return 0;
  const size_t end = text.find("] ");
  const size_t dot = text.find('.');
  if (end == std::string_view::npos || end != dot + 1 + microsecond_digits) return 0;
  if (text.substr(1, end - 1).find_first_not_of(" .0123456789") != std::string_view::npos) return 0;
  return end + 2;
}

/// Offset of a further record's stamp in `text`, behind the record's own.
size_t glued_stamp(std::string_view text) {
  size_t at = text.find('[', 1);
  while (at != std::string_view::npos && stamp_length(text.substr(at)) == 0) {
    at = text.find('[', at + 1);
  }
  return at;
}

/// A record without the level "<6>" of the one that was glued to it.
std::string_view without_level(std::string_view record) {
  constexpr size_t level_length = 3;
  if (record.size() < level_length || !record.ends_with('>')) return record;
  const std::string_view level = record.substr(record.size() - level_length);
  if (level[0] != '<' || std::isdigit(static_cast<unsigned char>(level[1])) == 0) return record;
  return record.substr(0, record.size() - level_length);
}

/// Every record of a line, without stamps.
numbered_lines records(const numbered_line& line) {
  numbered_lines found;
  std::string_view rest = line.text;
  while (true) {
    const size_t next = glued_stamp(rest);
    const bool last = next == std::string_view::npos;
    std::string_view record = last ? rest : without_level(rest.substr(0, next));
    record.remove_prefix(stamp_length(record));
    found.push_back({line.line, std::string(record)});
    if (last) return found;
    rest.remove_prefix(next);
  }
}

/// Follows a log through its warnings and keeps what the driver says.
class log_filter {
 public:
  void take(size_t line, std::string_view text) {
    if (text.find("[ cut here ]") != std::string_view::npos) {
      in_warning_ = true;
      in_sentences_ = true;
      return;
    }
    if (text.find("[ end trace") != std::string_view::npos) {
      in_warning_ = false;
      return;
    }
    if (in_warning_ && !starts_with_prefix(text)) {
      take_warning_line(line, text);
      return;
    }
    if (starts_with_prefix(text)) lines_.push_back({line, std::string(text)});
  }

  numbered_lines lines() && { return std::move(lines_); }

 private:
  /// "ACPI: DMAR 0x… 000078 (v01 …)", and not that one table takes another's place.
  static bool lists_the_table(std::string_view text) {
    return text.starts_with("ACPI: DMAR 0x") && text.find(" (v") != std::string_view::npos;
  }
  /// "pci 0000:00:1f.2: Adding to iommu group 4", as later kernels say it.
  static bool joins_a_group(std::string_view text) {
    return text.find(": Adding to iommu group ") != std::string_view::npos;
  }
  static bool starts_with_prefix(std::string_view text) {
    // The kernel prints the reason of a fault without the blank.
    return text.starts_with("DMAR: ") || text.starts_with("iommu: ") ||
           text.starts_with("DMAR:[fault reason ") || lists_the_table(text) || joins_a_group(text);
  }

  void take_warning_line(size_t line, std::string_view text) {
    if (text.starts_with("WARNING: ")) return;
    const bool machine = text.starts_with("Modules linked in:") || text.starts_with("CPU: ") ||
                         text.starts_with("Hardware name:") || text.starts_with("Call Trace:");
    // No recording is of a kernel that checks the DMA API: a run that does has more to say.
    const bool checks_api =
        text.find(": DMA-API: ") != std::string_view::npos || text.starts_with("DMA-API: ");
    if (machine || checks_api) in_sentences_ = false;
    if (in_sentences_) lines_.push_back({line, std::string(text)});
  }

  bool in_warning_ = false;
  bool in_sentences_ = false;
  numbered_lines lines_;
};

}  // namespace

std::string log_file(const capture_folder& folder) {
  for (const char* name : {"dmesg.txt", "dmesg-key.txt"}) {
    if (folder.has(name)) return name;
  }
  return {};
}

numbered_lines driver_lines(absl::Span<const numbered_line> log) {
  log_filter filter;
  for (const numbered_line& line : log) {
    for (const numbered_line& record : records(line)) filter.take(record.line, record.text);
  }
  return std::move(filter).lines();
}

numbered_lines keep_start_up(absl::Span<const numbered_line> driver_log) {
  numbered_lines kept;
  bool is_registered = false;
  for (const numbered_line& line : driver_log) {
    if (is_registered && !line.text.starts_with(added)) break;
    is_registered = is_registered || line.text == registered;
    kept.push_back(line);
  }
  return kept;
}

absl::StatusOr<numbered_lines> read_start_up_log(const capture_folder& folder) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(log_file(folder));
  if (!lines.ok()) return lines.status();
  return keep_start_up(driver_lines(*lines));
}

numbered_lines log_of_run(absl::Span<const std::string> log) {
  log_filter filter;
  for (size_t i = 0; i < log.size(); ++i) filter.take(i + 1, log[i]);
  return std::move(filter).lines();
}

}  // namespace iommulab::verify
