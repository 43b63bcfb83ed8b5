// SPDX-License-Identifier: GPL-2.0-only
#include "core/divergence_row.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"

namespace iommulab {

std::string_view name(divergence_shows shows) {
  using enum divergence_shows;
  static constexpr auto names = enum_names<divergence_shows>({
      {not_recorded, "no"},
      {calls, "calls"},
      {operation, "operation"},
      {start_up, "start-up"},
  });
  return names(shows);
}

std::string divergence_table_head(std::string_view kernel) {
  return absl::StrFormat(
      "| id | where | %s | here | shows in a recording |\n|---|---|---|---|---|\n", kernel);
}

std::string divergence_table_row(const divergence_words& words) {
  return absl::StrFormat("| `%s` | %s | %s | %s | %s |\n", words.name, words.where, words.kernel,
                         words.here, name(words.shows));
}

void report_divergence(environment& env, std::string_view kernel, const divergence_words& words,
                       std::string_view detail) {
  const bool is_kept = env.divergences.count();
  if (!is_kept && !env.trace.on(events::diagnosis::of)) return;
  events::diagnosis told;
  told.name = words.name;
  told.text = absl::StrFormat("%s: %s %s; here: %s", words.where, kernel, words.kernel, words.here);
  if (!detail.empty()) absl::StrAppendFormat(&told.text, " (%s)", detail);
  env.trace.tell([&] { return told; });
  if (!is_kept) return;
  env.log.remark(absl::StrFormat("%s: %s", told.name, told.text));
  env.divergences.keep(std::move(told));
}

}  // namespace iommulab
