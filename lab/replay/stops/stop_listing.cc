// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/stop_listing.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace iommulab::verify {
namespace {

using effect_kind = run_effect::kind;

bool is_left_out(const tracepoint& event) {
  if (event.name == "tracing_mark_write" || event.name.starts_with("dma_")) return true;
  const auto submitted = parse_submission(event.text);
  return submitted && submitted->type == interrupt_submission;
}

/// A call whose result has an event of its own, so that its end is seen.
bool begins_call_with_result(const tracepoint& event) {
  return event.name == "map_sg" || event.name == "map_page" || event.name == "alloc";
}
bool ends_call(const tracepoint& event) {
  return event.name == "map_sg_ret" || event.name == "map_page_ret" || event.name == "alloc_ret";
}

/// Events that a kernel shows without probes on its functions.
bool is_tracepoint(std::string_view raw) {
  constexpr std::string_view prefixes[] = {"qi_submit: ",
                                           "add_device_to_group: ",
                                           "remove_device_from_group: ",
                                           "attach_device_to_domain: ",
                                           "map: ",
                                           "unmap: ",
                                           "cache_tag_"};
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view p) { return raw.starts_with(p); });
}

/// A device's lines of dma-api, put together from its steps and all effects.
class dma_api_writer {
 public:
  dma_api_writer(const dma_api_file& file, size_t index, absl::Span<const run_effect> effects,
                 absl::Span<const played_step> played)
      : file_(file), index_(index), effects_(effects), played_(played) {}

  numbered_lines write(std::string head) && {
    add(std::move(head));
    size_t next_item = 0;
    for (const played_step& p : played_) {
      if (p.step.what == stop_step::kind::fault || p.step.file != index_) continue;
      for (; next_item < p.step.item; ++next_item) add_mark(next_item);
      next_item = p.step.item + 1;
      write_step(p);
    }
    for (; next_item < file_.items.size(); ++next_item) add_mark(next_item);
    return std::move(lines_);
  }

 private:
  void add(std::string text) { lines_.push_back({lines_.size() + 1, std::move(text)}); }

  void add_mark(size_t item) {
    if (file_.items[item].what == dma_api_item::kind::mark) add(file_.items[item].text);
  }

  void write_step(const played_step& p) {
    const bool timer = p.step.what == stop_step::kind::timer;
    if (!timer) add(p.line);
    const auto first = std::lower_bound(
        effects_.begin(), effects_.end(), p.first_event,
        [](const run_effect& effect, size_t event) { return effect.event < event; });
    const run_effect* flush = nullptr;
    std::string description;
    std::string freed;
    size_t count = 0;
    const auto end_flush = [&] {
      if (flush == nullptr) return;
      add(absl::StrFormat("flush %s %s freed=%d:%s", timer ? "timer" : "full", description, count,
                          freed));
      flush = nullptr;
    };
    for (auto at = first; at != effects_.end() && at->event < p.last_event; ++at) {
      if (at->what == effect_kind::flush) {
        end_flush();
        flush = &*at;
        description = "did=? desc=?";
        freed.clear();
        count = 0;
      } else if (flush != nullptr && at->what == effect_kind::submission) {
        description = described(at->raw);
      } else if (flush != nullptr && at->what == effect_kind::free_iova) {
        constexpr std::string_view word = "free_iova";
        freed += at->brief.substr(word.size());
        ++count;
      } else if (flush == nullptr && !at->brief.empty()) {
        add(absl::StrCat("  ", at->brief));
      }
    }
    end_flush();
  }

  /// "did=6 desc=0x600e2,0x0"
  static std::string described(std::string_view raw) {
    constexpr unsigned domain_shift = 16;
    constexpr uint64_t domain_mask = 0xffff;
    const auto submitted = parse_submission(raw);
    if (!submitted) return "did=? desc=?";
    return absl::StrFormat("did=%d desc=0x%x,0x%x",
                           (submitted->words[0] >> domain_shift) & domain_mask, submitted->words[0],
                           submitted->words[1]);
  }

  const dma_api_file& file_;
  const size_t index_;
  absl::Span<const run_effect> effects_;
  absl::Span<const played_step> played_;
  numbered_lines lines_;
};

}  // namespace

numbered_lines event_lines_of(absl::Span<const tracepoint> events,
                              absl::Span<const stop_step> steps, std::string_view phase) {
  constexpr std::string_view with_pointer = "alloc_ret:";
  numbered_lines lines;
  numbered_lines held;  // missed, while a call is open
  bool is_in_call = false;
  for (const tracepoint& event : events) {
    if (event.phase != phase || is_left_out(event)) continue;
    const bool pointer = event.text.starts_with(with_pointer);
    numbered_line line{event.line, pointer ? std::string(with_pointer) : event.text};
    const bool is_missed = std::any_of(steps.begin(), steps.end(), [&](const stop_step& step) {
      return step.missed && step.line == event.line;
    });
    if (is_missed && is_in_call) {
      held.push_back(std::move(line));
      continue;
    }
    lines.push_back(std::move(line));
    if (begins_call_with_result(event)) is_in_call = true;
    if (!ends_call(event)) continue;
    is_in_call = false;
    lines.insert(lines.end(), held.begin(), held.end());
    held.clear();
  }
  lines.insert(lines.end(), held.begin(), held.end());
  return lines;
}

numbered_lines event_lines_of_run(absl::Span<const run_effect> effects,
                                  absl::Span<const played_step> played, size_t first, size_t last,
                                  bool with_probes) {
  // At one place what a call begins with comes first, and what it ends with last.
  enum order : uint8_t { ends, begins, effect };
  struct placed {
    size_t event;
    order what;
    const std::string* text;
  };
  std::vector<placed> all;
  for (const played_step& p : played) {
    if (!with_probes || p.first_event < first || p.last_event > last) continue;
    if (p.line.starts_with("direct ")) continue;
    if (!p.begins.empty()) all.push_back({p.first_event, begins, &p.begins});
    if (!p.ends.empty()) all.push_back({p.last_event, ends, &p.ends});
  }
  const auto is_seen_by_probes = [&](size_t event) {
    return with_probes && std::none_of(played.begin(), played.end(), [&](const played_step& p) {
             return p.step.missed && p.first_event <= event && event < p.last_event;
           });
  };
  for (const run_effect& e : effects) {
    if (e.event < first || e.event >= last || e.raw.empty()) continue;
    if (is_tracepoint(e.raw) || is_seen_by_probes(e.event))
      all.push_back({e.event, effect, &e.raw});
  }
  std::stable_sort(all.begin(), all.end(), [](const placed& a, const placed& b) {
    return a.event != b.event ? a.event < b.event : a.what < b.what;
  });
  numbered_lines lines;
  for (const placed& p : all) lines.push_back({p.event + 1, *p.text});
  return lines;
}

numbered_lines dma_api_lines_of_run(const dma_api_file& file, size_t index, std::string head,
                                    absl::Span<const run_effect> effects,
                                    absl::Span<const played_step> played) {
  return dma_api_writer(file, index, effects, played).write(std::move(head));
}

}  // namespace iommulab::verify
