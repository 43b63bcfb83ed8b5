// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/class_result.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/counted.h"
#include "core/enum_names.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

constexpr std::array<std::string_view, 17> words_of_classes = {
    "registers", "queue",   "calls",      "tables",   "log",  "sysfs",  "groups", "domains", "vfio",
    "workload",  "hotplug", "operations", "start-up", "ring", "events", "types",  "dma-api",
};

}  // namespace

bool class_result::passes() const {
  return status == outcome::equal || status == outcome::not_compared || status == outcome::known ||
         status == outcome::omitted;
}

std::string_view name(outcome status) {
  static constexpr auto names = enum_names<outcome>({
      {outcome::equal, "equal"},
      {outcome::different, "DIFFERENT"},
      {outcome::not_compared, "not compared"},
      {outcome::known, "known difference"},
      {outcome::omitted, "not compared"},
      {outcome::unaccounted, "NOT COMPARED"},
      {outcome::unreadable, "UNREADABLE"},
  });
  return names(status);
}

std::string to_string(const class_result& result, size_t most_lines) {
  std::string text = absl::StrFormat("%-10s %s", result.name, name(result.status));
  switch (result.status) {
    case outcome::equal:
      return absl::StrFormat("%s, %s\n", text, counted(result.lines, "line"));
    case outcome::not_compared:
      return absl::StrFormat("%s (%s)\n", text, result.report);
    case outcome::omitted:
      return absl::StrFormat("not compared: %s: %s\n", result.name, result.report);
    default:
      break;
  }
  absl::StrAppend(&text, ": ", result.report, result.report.ends_with('\n') ? "" : "\n");
  if (result.hunks.empty()) return text;
  const std::string file = result.files.empty() ? "capture" : result.files.front();
  return absl::StrCat(text, hunks_to_text(result.hunks, file, "this run", most_lines));
}

absl::Span<const std::string_view> class_words() {
  return words_of_classes;
}

bool is_of_class(const class_result& result, absl::Span<const std::string> words) {
  // A run that ended early is no class: it says why others differ.
  if (words.empty() || result.name == "start-up" || result.name == "workload") return true;
  const std::vector<std::string> own = absl::StrSplit(result.name, ' ');
  return std::any_of(own.begin(), own.end(), [&](std::string_view word) {
    if (word.ends_with('\'')) word.remove_suffix(1);  // "operations' queue"
    return std::find(words.begin(), words.end(), word) != words.end();
  });
}

}  // namespace iommulab::verify
