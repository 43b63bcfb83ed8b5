// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/sanitizer/finding.h"

#include "absl/strings/str_format.h"
#include "core/enum_names.h"

namespace iommulab {
namespace {

std::string seconds(uint64_t time_ns) {
  constexpr uint64_t second = 1'000'000'000;
  return absl::StrFormat("%d.%09d s", time_ns / second, time_ns % second);
}

/// Innermost first, as the kernel prints a stack.
std::string stack_text(const call_stack& stack) {
  if (stack.empty()) return "  (outside the driver)\n";
  std::string text;
  for (auto name = stack.rbegin(); name != stack.rend(); ++name) {
    text += absl::StrFormat("  %s\n", *name);
  }
  return text;
}

std::string key_of(const finding& f) {
  std::string key = absl::StrFormat("%d %s %x", static_cast<int>(f.id), f.unit, f.where);
  for (const std::string_view name : f.now.stack) {
    key += ' ';
    key += name;
  }
  return key;
}

}  // namespace

std::string_view name(sanitizer_rule rule) {
  using enum sanitizer_rule;
  static constexpr auto names = enum_names<sanitizer_rule>({
      {stale_translation, "stale_translation"},
      {unflushed_write, "unflushed_write"},
      {missing_write_buffer_flush, "missing_write_buffer_flush"},
      {present_before_complete, "present_before_complete"},
      {freed_while_reachable, "freed_while_reachable"},
      {reachable_after_unmap, "reachable_after_unmap"},
      {deferred_window, "deferred_window"},
      {wrong_invalidation, "wrong_invalidation"},
  });
  return names(rule);
}

std::string to_text(const finding& f) {
  std::string text = absl::StrFormat("%s: IOMMU sanitizer: %s in %s at 0x%x\n",
                                     f.severity == diagnosis_severity::error ? "BUG" : "NOTE",
                                     name(f.id), f.unit, f.where);
  text += absl::StrFormat("%s\n", f.sentence);
  std::string who;
  if (f.source) who += absl::StrFormat(", device %s", to_short_string(*f.source));
  if (f.domain) who += absl::StrFormat(", domain %d", f.domain->value());
  text += absl::StrFormat("Seen at %s%s%s, in:\n%s", seconds(f.now.time_ns), who,
                          f.count > 1 ? absl::StrFormat(", %d times", f.count) : "",
                          stack_text(f.now.stack));
  if (!f.made_by.empty()) {
    text += absl::StrFormat("%s at %s, in:\n%s", f.made_by, seconds(f.made.time_ns),
                            stack_text(f.made.stack));
  }
  return text;
}

void finding_log::add(finding f) {
  ++counts_[static_cast<size_t>(f.id)];
  const auto [at, fresh] = index_.try_emplace(key_of(f), findings_.size());
  if (!fresh) {
    ++findings_[at->second].count;
    return;
  }
  if (findings_.size() == capacity) {
    index_.erase(at);
    ++beyond_capacity_;
    return;
  }
  findings_.push_back(std::move(f));
}

void finding_log::clear() {
  *this = {};
}

uint64_t finding_log::count(sanitizer_rule rule) const {
  return counts_[static_cast<size_t>(rule)];
}

uint64_t finding_log::errors() const {
  uint64_t sum = 0;
  for (size_t rule = 0; rule < rules; ++rule) {
    if (severity_of(static_cast<sanitizer_rule>(rule)) == diagnosis_severity::error)
      sum += counts_[rule];
  }
  return sum;
}

}  // namespace iommulab
