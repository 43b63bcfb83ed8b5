// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/operation_excuses.h"

#include <string_view>
#include <utility>

#include "lab/replay/log_listing.h"
#include "lab/replay/overwritten_memory.h"

namespace iommulab::verify {
namespace {

/// The functions in which our run reported that its calls differ, with the reasons.
std::set<std::string> functions_with_other_calls(absl::Span<const trace_event> events,
                                                 std::set<std::string>& reasons) {
  std::set<std::string> found;
  std::vector<std::string> open;
  for (const trace_event& event : events) {
    if (event.kind() == trace_kind::call_enter) open.emplace_back(event.function());
    if (event.kind() == trace_kind::call_exit && !open.empty()) open.pop_back();
    const auto* told = event.as<events::diagnosis>();
    if (told == nullptr || open.empty()) continue;
    const known_call_difference* known = find_known_call_difference(told->name);
    if (known == nullptr) continue;
    found.insert(open.back());
    reasons.emplace(known->reason);
  }
  return found;
}

}  // namespace

numbered_lines captured_operation_log(const dmalab::operation& op) {
  constexpr std::string_view cut_here = "[ cut here ]";
  const std::optional<dmalab::kernel_death> death = op.death();
  numbered_lines raw;
  for (const dmalab::log_record& record : op.ordered_log()) {
    // The report of a death is no warning.
    if (death && (record.text.find(cut_here) != std::string::npos ||
                  record.text.find(death->message) != std::string::npos)) {
      break;
    }
    raw.push_back({record.line, record.text});
  }
  return driver_lines(raw);
}

operation_excuses find_excuses(const played_script& played) {
  operation_excuses found;
  overwritten_memory overwritten;
  for (size_t i = 0; i < played.outcomes().size(); ++i) {
    const dmalab::outcome& o = played.outcomes()[i];
    const dmalab::operation& op = *o.op;
    operation_excuse excuse;
    excuse.peeked = overwritten.peeked(played.script(), op, o.result);
    excuse.other_calls = functions_with_other_calls(played.events_of(i), found.reasons);
    const std::optional<dmalab::kernel_death> death = op.death();
    excuse.known = find_known_operation_difference(death ? &*death : nullptr, played.events_of(i));
    excuse.died = excuse.known != nullptr && death;
    if (excuse.known != nullptr) {
      found.reasons.emplace(excuse.known->reason);
      if (!death) {
        for (const numbered_line& line : played.our_log(o)) overwritten.take(line.text);
      }
    }
    found.by_operation.push_back(std::move(excuse));
  }
  return found;
}

std::vector<call_event> without_calls_below(absl::Span<const call_event> events,
                                            const std::set<std::string>& names) {
  std::vector<call_event> kept;
  size_t depth = 0;
  size_t excused = 0;  // depth of the open call below which nothing is kept; 0 for none
  for (const call_event& event : events) {
    const bool enters = event.what == call_event::kind::enter;
    if (event.what == call_event::kind::exit && depth == excused) excused = 0;
    if (excused == 0) kept.push_back(event);
    if (enters && ++depth > 0 && excused == 0 && names.contains(event.text)) excused = depth;
    if (event.what == call_event::kind::exit && depth > 0) --depth;
  }
  return kept;
}

std::vector<call_event> without_leaves(absl::Span<const call_event> events, std::string_view name) {
  std::vector<call_event> kept;
  for (size_t i = 0; i < events.size(); ++i) {
    const bool is_leaf = events[i].what == call_event::kind::enter && events[i].text == name &&
                         i + 1 < events.size() && events[i + 1].what == call_event::kind::exit;
    if (is_leaf) {
      ++i;
    } else {
      kept.push_back(events[i]);
    }
  }
  return kept;
}

}  // namespace iommulab::verify
