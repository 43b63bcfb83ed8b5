// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dma/divergences_met.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "core/counted.h"
#include "platform/memory/page_allocator.h"

namespace iommulab::dmalab {

bool divergences_met::is_harm(std::string_view what) const {
  using enum page_diagnosis_kind;
  for (const page_diagnosis_kind kind : {double_free, foreign_free, wrong_order_free}) {
    if (name(kind) == what) return true;
  }
  const auto all = profile_.differences();
  return std::any_of(all.begin(), all.end(),
                     [&](const kernel_difference& d) { return d.id == what; });
}

void divergences_met::take(const operation& op, absl::Span<const trace_event> events,
                           bool is_recorded) {
  for (const trace_event& event : events) {
    const auto* told = event.as<events::diagnosis>();
    if (told == nullptr || !is_harm(told->name)) continue;
    ++total_;
    if (!is_recorded) ++findings_;
    if (met_.size() < capacity) {
      met_.push_back({op.line, absl::StrFormat("%s: %s", told->name, told->text)});
    }
  }
}

std::string divergences_met::text() const {
  if (total_ == 0) return {};
  std::string text =
      absl::StrFormat("\n%s in which Linux %s would not have come through unharmed\n",
                      counted(total_, "place"), profile_.release());
  for (const met& m : met_) absl::StrAppendFormat(&text, "line %d: %s\n", m.line, m.what);
  if (total_ > met_.size()) absl::StrAppendFormat(&text, "and %d more\n", total_ - met_.size());
  return text;
}

}  // namespace iommulab::dmalab
