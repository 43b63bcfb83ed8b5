// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/trace_choice.h"

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace iommulab {
namespace {

struct word {
  std::string_view name;
  trace_class meaning;
};

constexpr std::array<word, 13> all_words = {{
    {"calls", trace_class::calls},
    {"regs", trace_class::regs},
    {"tables", trace_class::tables},
    {"queue", trace_class::queue},
    {"iova", trace_class::iova},
    {"pages", trace_class::pages},
    {"faults", trace_class::faults},
    {"log", trace_class::log},
    {"domains", trace_class::domains},
    {"devices", trace_class::devices},
    {"unit", trace_class::unit},
    {"answers", trace_class::answers},
    {"all", trace_class::all},
}};

absl::StatusOr<trace_class> parse_word(const std::string& name) {
  if (const auto meaning = trace_class_named(name)) return *meaning;
  return errno_status(EINVAL, absl::StrFormat("--trace: '%s' is no class of events; there are %s",
                                              name, absl::StrJoin(trace_class_words(), ", ")));
}

}  // namespace

absl::StatusOr<trace_class> parse_trace_classes(std::string_view words) {
  trace_class classes = trace_class::log | trace_class::faults;
  const std::vector<std::string> names = absl::StrSplit(std::string(words), ',');
  for (const std::string& name : names) {
    const auto meaning = parse_word(name);
    if (!meaning.ok()) return meaning.status();
    classes = classes | *meaning;
  }
  return classes;
}

std::optional<trace_class> trace_class_named(std::string_view name) {
  for (const word& w : all_words) {
    if (name == w.name) return w.meaning;
  }
  return std::nullopt;
}

std::vector<std::string> trace_class_words() {
  std::vector<std::string> names;
  for (const word& w : all_words) names.emplace_back(w.name);
  return names;
}

}  // namespace iommulab
