// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/held_run.h"

#include <utility>

namespace iommulab {

held_run::~held_run() {
  drop();
}

void held_run::wait_for(bool outside) {
  std::unique_lock lock(mutex_);
  turned_.wait(lock, [&] { return outside_runs_ == outside; });
}

void held_run::pass_to(bool outside) {
  {
    const std::scoped_lock lock(mutex_);
    outside_runs_ = outside;
  }
  turned_.notify_all();
}

void held_run::begin() {
  thread_ = std::thread([this] {
    wait_for(false);
    try {
      body_();
    } catch (...) {
      thrown_ = std::current_exception();
    }
    ended_ = true;
    pass_to(true);
  });
}

bool held_run::go_on() {
  if (ended_) return false;
  if (!thread_.joinable()) begin();
  pass_to(false);
  wait_for(true);
  if (thrown_ && !dropped_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  return !ended_;
}

void held_run::drop() {
  if (!thread_.joinable()) {
    ended_ = true;
    return;
  }
  if (!ended_) {
    dropped_ = true;
    silence_();
    go_on();
  }
  thread_.join();
}

void held_run::hold() {
  if (dropped_ || std::this_thread::get_id() != thread_.get_id()) return;
  pass_to(true);
  wait_for(false);
}

void event_hold::on_event(const trace_event& event) {
  if (!here_(event)) return;
  at_ = event;
  run_.hold();
}

}  // namespace iommulab
