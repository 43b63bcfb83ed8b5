// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/events/trace_choice.h"

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace iommulab {
namespace {

struct word {
  std::string_view name;
  trace_class meaning;
};

constexpr std::array<word, 9> all_words = {{
    {"calls", trace_class::calls},
    {"regs", trace_class::regs},
    {"tables", trace_class::tables},
    {"queue", trace_class::queue},
    {"iova", trace_class::iova},
    {"pages", trace_class::pages},
    {"faults", trace_class::faults},
    {"log", trace_class::log},
    {"all", trace_class::all},
}};

absl::StatusOr<trace_class> parse_word(const std::string& name) {
  std::string list;
  for (const word& w : all_words) {
    if (name == w.name) return w.meaning;
    if (!list.empty()) list += ", ";
    list += w.name;
  }
  return errno_status(
      EINVAL, absl::StrFormat("--trace: '%s' is no class of events; there are %s", name, list));
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

trace_class class_of(trace_kind kind) {
  switch (kind) {
    case trace_kind::call_enter:
    case trace_kind::call_exit:
    case trace_kind::note:
      return trace_class::calls;
    case trace_kind::reg_read:
    case trace_kind::reg_write:
      return trace_class::regs;
    case trace_kind::table_write:
      return trace_class::tables;
    case trace_kind::descriptor:
      return trace_class::queue;
    case trace_kind::iova:
      return trace_class::iova;
    case trace_kind::page:
      return trace_class::pages;
    case trace_kind::log:
      return trace_class::log;
    case trace_kind::fault:
    case trace_kind::interrupt:
    case trace_kind::diagnosis:
      return trace_class::faults;
  }
  return trace_class::none;
}

}  // namespace iommulab
