// SPDX-License-Identifier: GPL-2.0-only
#include "cli/kernels/kernels_report.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "kernel/catalogue.h"

namespace iommulab {
namespace {

/// Where the port differs from `one` and not from `other`.
std::vector<std::string> only_from(const kernel_profile& one, const kernel_profile& other) {
  std::vector<std::string> only;
  const auto others = other.differences();
  for (const kernel_difference& d : one.differences()) {
    const bool shared = std::any_of(others.begin(), others.end(),
                                    [&](const kernel_difference& o) { return o.id == d.id; });
    if (!shared) only.emplace_back(d.id);
  }
  return only;
}

void say_only(const kernel_profile& from, const kernel_profile& not_from,
              const std::vector<std::string>& ids, std::string& text) {
  if (ids.empty()) return;
  absl::StrAppendFormat(&text, "\nThe port does otherwise than %s and not than %s: %s\n",
                        from.release(), not_from.release(), absl::StrJoin(ids, ", "));
}

}  // namespace

kernel_comparison compare_kernels(const kernel_profile& one, const kernel_profile& other) {
  kernel_comparison comparison;
  for (const kernel_profile* profile : kernel_profiles()) {
    const bool is_end = profile == &one || profile == &other;
    if (comparison.first == nullptr) {
      if (is_end) comparison.first = profile;
      continue;
    }
    const auto changes = profile->changes();
    comparison.changes.insert(comparison.changes.end(), changes.begin(), changes.end());
    if (!is_end) continue;
    comparison.second = profile;
    break;
  }
  comparison.only_from_first = only_from(*comparison.first, *comparison.second);
  comparison.only_from_second = only_from(*comparison.second, *comparison.first);
  return comparison;
}

std::string kernel_text(const kernel_profile& kernel) {
  return absl::StrFormat("Linux %s (%s)", kernel.release(), kernel.name());
}

std::string kernels_text(absl::Span<const kernel_profile* const> kernels) {
  std::string text;
  for (const kernel_profile* kernel : kernels) {
    absl::StrAppendFormat(&text, "%-10s Linux %-9s %2d places where the port does otherwise%s\n",
                          kernel->name(), kernel->release(), kernel->differences().size(),
                          kernel == &default_kernel_profile() ? "; the default" : "");
  }
  return text;
}

std::string comparison_text(const kernel_comparison& comparison) {
  std::string text = absl::StrFormat("What Linux %s does otherwise than Linux %s:\n",
                                     comparison.second->release(), comparison.first->release());
  for (const kernel_change& change : comparison.changes) {
    absl::StrAppendFormat(&text, "\n%s\n  %-8s %s\n  %-8s %s\n  %-8s %s\n", change.where,
                          comparison.first->release(), change.before, comparison.second->release(),
                          change.now, "", change.meaning);
  }
  say_only(*comparison.first, *comparison.second, comparison.only_from_first, text);
  say_only(*comparison.second, *comparison.first, comparison.only_from_second, text);
  return text;
}

}  // namespace iommulab
