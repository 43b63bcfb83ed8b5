// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/recorded_end.h"

#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "core/number.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view end_comment = "# end ops=";
constexpr std::string_view linux_comment = "# Linux ";
constexpr std::string_view trace_word = ", trace ";

/// A count, and the list that says so.
struct listed_operations {
  uint64_t operations = 0;
  std::string list;
};

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

absl::StatusOr<std::optional<listed_operations>> listed_count(const std::string& trace,
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
      const auto count = parse_number(line.substr(line.find(' ') + 1));
      if (!count) return line_error(source->name, number, "count", line, "not NAME OPERATIONS");
      return listed_operations{*count, source->name};
    }
  }
  return std::nullopt;
}

std::string_view last_line(const text_source& source) {
  const std::vector<std::string_view> lines = source.lines();
  return lines.empty() ? std::string_view() : lines.back();
}

absl::Status wrong_count(std::string_view name, size_t lines, size_t operations,
                         std::string_view teller, uint64_t told) {
  return line_error(name, lines, "operations", absl::StrCat(operations),
                    absl::StrFormat("%s says that there are %d", teller, told));
}

}  // namespace

std::string recorded_end_line(size_t operations) {
  return absl::StrCat(std::string(end_comment), operations, "\n");
}

absl::Status check_last_line_ends(const text_source& source) {
  if (source.text.empty() || source.text.back() == '\n') return absl::OkStatus();
  return line_error(source.name, source.lines().size(), "last line", last_line(source),
                    "the trace is cut short: the line does not end");
}

absl::Status check_marked_end(const text_source& source, size_t operations) {
  const std::string_view last = last_line(source);
  if (last.starts_with(end_comment)) {
    const number_reading count = read_number(last.substr(end_comment.size()));
    if (count.fault != number_fault::none) {
      return line_error(source.name, source.lines().size(), "end", last, name(count.fault));
    }
    if (count.value != operations) {
      return wrong_count(source.name, source.lines().size(), operations, "its last line",
                         count.value);
    }
  }
  if (operations != 0) return absl::OkStatus();
  return line_error(source.name, 0, "operations", "", "there is none");
}

std::string_view name(end_told_by told) {
  static constexpr auto names = enum_names<end_told_by>({
      {end_told_by::its_last_line, "its_last_line"},
      {end_told_by::list_of_counts, "list_of_counts"},
      {end_told_by::nothing, "nothing"},
  });
  return names(told);
}

std::string_view remark(end_told_by told) {
  static constexpr auto remarks = enum_names<end_told_by>({
      {end_told_by::its_last_line, ""},
      {end_told_by::list_of_counts, "; its end is not marked, COUNTS has as many"},
      {end_told_by::nothing, "; its end is not marked"},
  });
  return remarks(told);
}

trace_end end_of(const text_source& source) {
  const std::vector<std::string_view> lines = source.lines();
  return {lines.size(), last_line(source).starts_with(end_comment), title_of(lines)};
}

absl::StatusOr<end_told_by> check_recorded_end(const std::string& name, const trace_end& end,
                                               size_t operations) {
  if (end.is_marked) return end_told_by::its_last_line;
  const auto listed = listed_count(name, end.title);
  if (!listed.ok()) return listed.status();
  if (!listed->has_value()) return end_told_by::nothing;
  if ((*listed)->operations == operations) return end_told_by::list_of_counts;
  return wrong_count(name, end.lines, operations, (*listed)->list, (*listed)->operations);
}

}  // namespace iommulab
