// SPDX-License-Identifier: GPL-2.0-only
#include "cli/trace/run_recording.h"

#include <utility>

#include "kernel/kernel.h"

namespace iommulab {
namespace {

class recording_sink final : public trace_sink {
 public:
  recording_sink(run_recording& into, std::string_view until) : into_(into), until_(until) {}

  void follow(live_run& run) { run_ = &run; }

  void on_event(const trace_event& event) override {
    if (into_.returned) return;
    if (!has_words_ && run_->system() != nullptr) {
      into_.words = event_words(run_->system()->units());
      has_words_ = true;
    }
    into_.events.push_back(event);
    if (until_.empty() || event.function() != until_) return;
    if (event.kind() == trace_kind::call_enter) {
      into_.entered = true;
    } else {
      into_.returned = true;
      run_->hold();
    }
  }

 private:
  run_recording& into_;
  std::string until_;
  live_run* run_ = nullptr;
  bool has_words_ = false;
};

}  // namespace

absl::StatusOr<run_recording> record_run(const repeatable_run& run, std::string_view until) {
  run_recording recording;
  recording.title = run.title();
  recording.assumed = run.assumed();
  recording_sink sink(recording, until);
  auto made = run.make(sink);
  if (!made.ok()) return made.status();
  live_run live(*std::move(made));
  sink.follow(live);
  if (!live.go_on()) recording.ended = live.status();
  return recording;
}

}  // namespace iommulab
