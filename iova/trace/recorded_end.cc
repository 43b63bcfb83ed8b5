// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/recorded_end.h"

#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status.h"
#include "core/text_source.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view end_comment = "# end ops=";
constexpr std::string_view linux_comment = "# Linux ";
constexpr std::string_view trace_word = ", trace ";

/// A count, and what says so.
struct told_count {
  uint64_t operations = 0;
  std::string by;
};

std::optional<uint64_t> whole_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "4.4/a_seq" out of "# Linux 4.4 iova, trace a_seq"; empty when no line says so.
std::string title_of(const std::vector<std::string_view>& lines) {
  for (const std::string_view line : lines) {
    if (!line.starts_with('#')) return {};
    const size_t trace = line.find(trace_word);
    if (!line.starts_with(linux_comment) || trace == std::string_view::npos) continue;
    const std::string_view rest = line.substr(linux_comment.size());
    const std::string_view name = line.substr(trace + trace_word.size());
    return absl::StrCat(std::string(rest.substr(0, rest.find(' '))), "/",
                        std::string(name.substr(0, name.find(' '))));
  }
  return {};
}

/// Where a COUNTS file may lie.
std::vector<fs::path> count_files(const std::string& trace) {
  std::vector<fs::path> places;
  std::error_code error;
  const auto add_above = [&](const fs::path& from, const char* below) {
    for (fs::path at = from;; at = at.parent_path()) {
      places.push_back(at / below / "COUNTS");
      if (at == at.parent_path()) break;
    }
  };
  add_above(fs::absolute(trace, error).lexically_normal().parent_path(), "");
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return places;
  add_above(program.parent_path(), "tests/golden/iova");
  add_above(program.parent_path(), "tests/golden/pagetable");
  return places;
}

absl::StatusOr<std::optional<told_count>> listed_count(const std::string& trace,
                                                       const std::string& title) {
  for (const fs::path& place : count_files(trace)) {
    std::error_code error;
    if (title.empty() || !fs::is_regular_file(place, error)) continue;
    const auto source = read_source(place.string());
    if (!source.ok()) return source.status();
    size_t number = 0;
    for (const std::string_view line : source->lines()) {
      ++number;
      if (line.starts_with('#') || line.substr(0, line.find(' ')) != title) continue;
      const auto count = whole_number(line.substr(line.find(' ') + 1));
      if (!count) return line_error(source->name, number, "count", line, "not NAME OPERATIONS");
      return told_count{*count, source->name};
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<told_count>> told_by(const text_source& source) {
  const std::vector<std::string_view> lines = source.lines();
  const std::string_view last = lines.empty() ? std::string_view() : lines.back();
  if (!last.starts_with(end_comment)) return listed_count(source.name, title_of(lines));
  const auto count = whole_number(last.substr(end_comment.size()));
  if (!count) return line_error(source.name, lines.size(), "end", last, "ops= takes a number");
  return told_count{*count, "its last line"};
}

}  // namespace

std::string recorded_end_line(size_t operations) {
  return absl::StrCat(std::string(end_comment), operations, "\n");
}

absl::Status check_recorded_end(const recording_read& read) {
  const auto source = read_source(read.path);
  if (!source.ok()) return source.status();
  const size_t lines = source->lines().size();
  if (!source->text.empty() && source->text.back() != '\n') {
    return line_error(source->name, lines, "last line", source->lines().back(),
                      "the trace is cut short: the line does not end");
  }
  const auto told = told_by(*source);
  if (!told.ok()) return told.status();
  if (told->has_value()) {
    if ((*told)->operations == read.operations) return absl::OkStatus();
    return line_error(
        source->name, lines, "operations", absl::StrCat(read.operations),
        absl::StrFormat("%s says that there are %d", (*told)->by, (*told)->operations));
  }
  if (read.asks_for_whole) return absl::OkStatus();
  return line_error(source->name, lines, "last operation",
                    source->lines().empty() ? "" : source->lines().back(),
                    absl::StrFormat("the trace is cut short: a recording ends with %s, or with a "
                                    "line \"# end ops=%d\"",
                                    read.whole, read.operations));
}

}  // namespace iommulab
