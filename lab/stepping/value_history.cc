// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/value_history.h"

#include <memory>
#include <utility>

namespace iommulab {
namespace {

/// A copy of the run, looked at from event `from` on until `end`.
class value_watch final : public trace_sink {
 public:
  value_watch(const value_look& look, size_t from, size_t end, bool only_first)
      : look_(look), next_(from), end_(end), only_first_(only_first) {}

  absl::Status watch(const repeatable_run& run) {
    auto made = run.make(*this);
    if (!made.ok()) return made.status();
    live_ = std::make_unique<live_run>(*std::move(made));
    if (next_ == 0) value_ = look_(*live_);
    if (next_ < end_) live_->go_on();
    live_.reset();
    return absl::OkStatus();
  }
  void on_event(const trace_event& /*event*/) override {
    const size_t index = told_++;
    if (index + 1 < next_) return;
    std::string now = look_(*live_);
    if (index >= next_ && now != value_) {
      change_ = value_change{index, std::move(value_), now};
      if (only_first_) end_ = index + 1;
    }
    value_ = std::move(now);
    if (told_ >= end_) {
      live_->hold();  // and no further
    }
  }
  [[nodiscard]] std::optional<value_change> found() && { return std::move(change_); }

 private:
  const value_look& look_;
  const size_t next_;  ///< the first event that may change the value
  size_t end_;
  const bool only_first_;
  size_t told_ = 0;
  std::string value_;
  std::optional<value_change> change_;
  std::unique_ptr<live_run> live_;
};

absl::StatusOr<std::optional<value_change>> found_by(value_watch watch, const repeatable_run& run) {
  if (absl::Status status = watch.watch(run); !status.ok()) return status;
  return std::move(watch).found();
}

}  // namespace

absl::StatusOr<std::optional<value_change>> first_change(const repeatable_run& run,
                                                         const value_look& look, size_t from,
                                                         size_t end) {
  return found_by(value_watch(look, from, end, true), run);
}

absl::StatusOr<std::optional<value_change>> last_change(const repeatable_run& run,
                                                        const value_look& look, size_t end) {
  return found_by(value_watch(look, 0, end, false), run);
}

}  // namespace iommulab
