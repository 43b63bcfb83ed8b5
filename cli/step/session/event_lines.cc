// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/session/event_lines.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/call_values.h"
#include "kernel/kernel.h"
#include "lab/graph/graph_text.h"

namespace iommulab::step {
namespace {

/// "init_dmars ret=0": of a return the function too, for no indentation says which it is.
std::string returned(const events::call_exit& e) {
  if (e.result.empty()) return std::string(e.name);
  const char* before = e.result.front().name.empty() ? " ret=" : " ";
  return absl::StrCat(std::string(e.name), before, to_string(e.result));
}

}  // namespace

std::string call_text(const events::call_enter& call) {
  const auto append = [](std::string* text, const call_value& v) { *text += to_string({v}); };
  return absl::StrFormat("%s (%s)", call.name, absl::StrJoin(call.arguments, ", ", append));
}

std::string event_lines::line(size_t index) {
  const trace_event* event = history_.event(index);
  if (event == nullptr) return {};
  if (const auto* left = event->as<events::call_exit>()) return "} /* " + returned(*left) + " */";
  event_words words = words_before(index);
  const std::string text = graph_text_of(*event, words);
  return event->kind() == trace_kind::call_enter ? text + " {" : text;
}

size_t event_lines::depth(size_t index) {
  const trace_event* event = history_.event(index);
  return event == nullptr ? 0 : event->depth;
}

/// Names of registers are the machine's; which table is whose, earlier root entries say.
event_words event_lines::words_before(size_t index) {
  if (!words_) {
    const auto seen = history_.look(index + 1);
    kernel* const system = seen.ok() ? (*seen)->system() : nullptr;
    words_ = system == nullptr ? event_words() : event_words(system->units());
  }
  for (; searched_ < index; ++searched_) {
    const auto* entry = history_.event(searched_)->as<events::table_write>();
    if (entry != nullptr && entry->table.ends_with("root")) roots_.push_back(searched_);
  }
  event_words words = *words_;
  for (const size_t root : roots_) {
    if (root < index) words.place(*history_.event(root));
  }
  return words;
}

}  // namespace iommulab::step
