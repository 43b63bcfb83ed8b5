// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/session/values.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/structures/expression.h"
#include "lab/structures/structure_text.h"

namespace iommulab::step {
namespace {

bool is_one_line(const std::string& text) {
  return text.find('\n') == std::string::npos;
}

std::string or_nothing(const std::string& text) {
  return text.empty() ? "(not there)" : text;
}

}  // namespace

absl::StatusOr<structure_value> value_at(run_history& history, size_t position,
                                         std::string_view expression_text) {
  const auto parsed = expression::parse(expression_text);
  if (!parsed.ok()) return parsed.status();
  const auto seen = history.look(position);
  if (!seen.ok()) return seen.status();
  return parsed->evaluate(**seen);
}

absl::StatusOr<std::string> value_text_at(run_history& history, size_t position,
                                          std::string_view expression_text) {
  const auto value = value_at(history, position, expression_text);
  if (!value.ok()) return value.status();
  std::string text = value_to_text(*value);
  if (text.ends_with('\n')) text.pop_back();
  return absl::StrFormat("%s = %s", expression_text, text);
}

absl::StatusOr<value_look> look_of(run_history& history, size_t position,
                                   std::string_view expression_text) {
  auto parsed = expression::parse(expression_text);
  if (!parsed.ok()) return parsed.status();
  const absl::Status now = value_at(history, position, expression_text).status();
  if (!now.ok() && !absl::IsNotFound(now)) return now;
  return [e = *std::move(parsed)](structure_source& source) {
    const auto value = e.evaluate(source);
    return value.ok() ? comparable_text(*value) : std::string();
  };
}

std::string change_text_of(const std::string& expression_text, const value_change& change) {
  if (is_one_line(change.before) && is_one_line(change.after)) {
    return absl::StrFormat("Old value = %s\nNew value = %s\n", or_nothing(change.before),
                           or_nothing(change.after));
  }
  return change_text(expression_text, change.before, change.after) + '\n';
}

}  // namespace iommulab::step
