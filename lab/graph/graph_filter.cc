// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/graph_filter.h"

#include <fnmatch.h>

#include <algorithm>

namespace iommulab {
namespace {

/// Goes through the events once, with the calls that are open.
class event_chooser {
 public:
  event_chooser(absl::Span<const trace_event> events, const graph_filter& filter,
                event_words& words)
      : events_(events), filter_(filter), words_(words), chosen_(events.size(), false) {}

  std::vector<size_t> choose() && {
    for (size_t i = 0; i < events_.size(); ++i) {
      const trace_kind kind = events_[i].kind();
      if (kind == trace_kind::call_enter) {
        enter(i);
      } else if (kind == trace_kind::call_exit) {
        leave(i);
      } else {
        effect(i);
      }
    }
    std::vector<size_t> indices;
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i]) indices.push_back(i);
    }
    return indices;
  }

 private:
  struct open_call {
    size_t event = 0;
    bool inside = false;     ///< in a subtree that is asked for
    bool candidate = false;  ///< by function and depth
    bool about = false;      ///< it, or a call around it, is about the device or the addresses
  };

  void enter(size_t i) {
    const std::string function(events_[i].function());
    open_call call;
    call.event = i;
    call.inside = (!open_.empty() && open_.back().inside) || filter_.subtrees.empty() ||
                  fits_any(function, filter_.subtrees);
    call.candidate = call.inside && depth_ < filter_.max_depth &&
                     (filter_.functions.empty() || fits_any(function, filter_.functions));
    const bool around = !open_.empty() && open_.back().about;
    call.about = around || is_subject(i);
    open_.push_back(call);
    if (!call.candidate) return;
    ++depth_;
    if (!has_subject() || call.about) show(i);
  }

  void leave(size_t i) {
    if (open_.empty()) return;
    // A result may be the only thing in which the device or the address occurs.
    if (has_subject() && open_.back().candidate && is_subject(i)) show(open_.back().event);
    if (chosen_[open_.back().event]) chosen_[i] = true;
    if (open_.back().candidate) --depth_;
    open_.pop_back();
  }

  void effect(size_t i) {
    const trace_event& event = events_[i];
    const bool is_note = event.kind() == trace_kind::note;
    const bool of_kind =
        is_note ? filter_.notes : overlaps(class_of(event.kind()), filter_.effects);
    // The words hear of what is not shown, too.
    const bool about = is_subject(i) || (!open_.empty() && open_.back().about);
    if (!of_kind || !about) return;
    const bool inside = open_.empty() ? filter_.subtrees.empty() : open_.back().inside;
    const bool chooses = !filter_.subtrees.empty() || !filter_.functions.empty();
    if (!inside || (chooses && depth_ == 0)) return;
    show(i);
  }

  /// The event, and the calls around it that may be shown.
  void show(size_t i) {
    chosen_[i] = true;
    for (const open_call& call : open_) {
      if (call.candidate) chosen_[call.event] = true;
    }
  }

  [[nodiscard]] bool has_subject() const { return filter_.device || filter_.addresses; }
  bool is_subject(size_t i) {
    const trace_event& event = events_[i];
    if (event.kind() == trace_kind::table_write) words_.place(event);
    if (filter_.device && !is_about(event, words_.describe(event), *filter_.device)) return false;
    return !filter_.addresses || is_about(event, *filter_.addresses);
  }

  absl::Span<const trace_event> events_;
  const graph_filter& filter_;
  event_words& words_;
  std::vector<bool> chosen_;
  std::vector<open_call> open_;
  size_t depth_ = 0;  ///< open candidates
};

}  // namespace

std::vector<size_t> chosen_events(absl::Span<const trace_event> events, const graph_filter& filter,
                                  event_words& words) {
  return event_chooser(events, filter, words).choose();
}

bool fits_any(const std::string& name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return pattern == name || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

}  // namespace iommulab
