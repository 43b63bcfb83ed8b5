// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/run_history.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/status.h"

namespace iommulab {
namespace {

/// Events that are recorded at a time: changing sides costs what telling some hundred events does.
constexpr size_t recorded_at_once = 4096;

}  // namespace

/// The copy of the run that is ahead, held wherever enough is recorded.
class run_history::recorder final : public trace_sink {
 public:
  explicit recorder(run_history& history) : history_(history) {}
  absl::Status begin() {
    auto made = history_.run_.make(*this);
    if (!made.ok()) return made.status();
    live_ = std::make_unique<live_run>(std::move(*made));
    return absl::OkStatus();
  }
  void on_event(const trace_event& event) override {
    history_.keep(event);
    if (history_.events_.size() >= enough_) live_->hold();
  }
  /// Until `count` events are there. False: the run has ended, status() says how.
  bool record_until(size_t count) {
    enough_ = count;
    return live_->go_on();
  }
  [[nodiscard]] absl::Status status() const { return live_->status(); }

 private:
  run_history& history_;
  size_t enough_ = 0;
  std::unique_ptr<live_run> live_;
};

/// A copy of the run that is looked at.
class run_history::glass final : public trace_sink {
 public:
  absl::Status begin(const repeatable_run& run) {
    auto made = run.make(*this);
    if (!made.ok()) return made.status();
    live_ = std::make_unique<live_run>(std::move(*made));
    return absl::OkStatus();
  }
  void on_event(const trace_event& /*event*/) override {
    ++position_;
    if (position_ == wanted_) live_->hold();
  }
  absl::Status go_to(size_t position) {
    if (position == position_) return absl::OkStatus();
    wanted_ = position;
    if (live_->go_on() || position_ == position) return absl::OkStatus();
    return errno_status(EIO, absl::StrFormat("the run ended at event %d when it was to go to %d: "
                                             "it does not repeat",
                                             position_, position));
  }
  [[nodiscard]] size_t position() const { return position_; }
  live_run& live() { return *live_; }

 private:
  size_t position_ = 0;
  size_t wanted_ = 0;
  std::unique_ptr<live_run> live_;
};

run_history::run_history(const repeatable_run& run)
    : run_(run), recorder_(std::make_unique<recorder>(*this)) {}

run_history::~run_history() = default;

absl::StatusOr<std::unique_ptr<run_history>> run_history::of(const repeatable_run& run) {
  std::unique_ptr<run_history> made(new run_history(run));
  if (absl::Status status = made->recorder_->begin(); !status.ok()) return status;
  return made;
}

void run_history::keep(const trace_event& event) {
  const size_t index = events_.size();
  const size_t around = open_.empty() ? no_event : open_.back();
  events_.push_back(event);
  callers_.push_back(around);
  exits_.push_back(no_event);
  if (event.kind() == trace_kind::call_enter) open_.push_back(index);
  if (event.kind() == trace_kind::call_exit && around != no_event) {
    exits_[around] = index;
    open_.pop_back();
  }
}

bool run_history::reach(size_t index) {
  while (index >= events_.size() && !complete_) {
    const size_t wanted = std::max(index + 1, events_.size() + recorded_at_once);
    if (recorder_->record_until(wanted)) continue;
    complete_ = true;
    status_ = recorder_->status();
  }
  return index < events_.size();
}

const trace_event* run_history::event(size_t index) {
  return reach(index) ? &events_[index] : nullptr;
}

size_t run_history::record_all() {
  reach(no_event - 1);
  return events_.size();
}

size_t run_history::caller(size_t index) {
  return reach(index) ? callers_[index] : no_event;
}

size_t run_history::exit_of(size_t enter) {
  while (reach(enter) && exits_[enter] == no_event && reach(events_.size())) {
  }
  return enter < exits_.size() ? exits_[enter] : no_event;
}

std::vector<size_t> run_history::stack(size_t position) {
  std::vector<size_t> open;
  if (position == 0 || !reach(position - 1)) return open;
  const size_t last = position - 1;
  size_t call = callers_[last];
  if (events_[last].kind() == trace_kind::call_enter) call = last;
  if (events_[last].kind() == trace_kind::call_exit && call != no_event) call = callers_[call];
  for (; call != no_event; call = callers_[call]) open.push_back(call);
  std::reverse(open.begin(), open.end());
  return open;
}

absl::StatusOr<live_run*> run_history::look(size_t position) {
  if (glass_ == nullptr || glass_->position() > position) {
    glass_.reset();  // a system at a time
    auto fresh = std::make_unique<glass>();
    if (absl::Status status = fresh->begin(run_); !status.ok()) return status;
    glass_ = std::move(fresh);
  }
  if (absl::Status status = glass_->go_to(position); !status.ok()) {
    glass_.reset();
    return status;
  }
  return &glass_->live();
}

}  // namespace iommulab
