// SPDX-License-Identifier: GPL-2.0-only
//
// A run that can be had again, event by event the same: what a reader goes back and forth in.
//
// `running` is a system with what it is to do; `live_run` one copy of it, on a thread of its own
// (lab/events/held_run.h), held whenever its sink says so. Who looks at it then reads state and
// takes no lock. Destroying it lets the rest run silently.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/structure.h"
#include "core/trace.h"
#include "lab/events/held_run.h"
#include "lab/structures/structure_change.h"
#include "lab/structures/structure_source.h"

namespace iommulab {

class running : public structure_source {
 public:
  /// The run, whole.
  virtual void go() = 0;
  /// Of a run that keeps account of its structures: what became of them since this was asked
  /// before, or since the run was made. None: structures() has to be asked.
  [[nodiscard]] virtual std::optional<std::vector<structure_changes>> changes() {
    return std::nullopt;
  }
  /// Takes all observers away, for good.
  virtual void mute() = 0;
  /// Behind go(). Not OK when it ended badly: the kernel stopped, an operation could not be done.
  [[nodiscard]] virtual absl::Status status() const = 0;
};

class live_run final : public structure_source {
 public:
  explicit live_run(std::unique_ptr<running> what)
      : what_(std::move(what)), run_([this] { what_->go(); }, [this] { what_->mute(); }) {}

  /// Lets it begin or go on. True: it is held; false: it has ended, and status() says how.
  bool go_on() { return run_.go_on(); }
  /// For its sink, from within.
  void hold() { run_.hold(); }
  [[nodiscard]] absl::Status status() const { return what_->status(); }

  [[nodiscard]] kernel* system() override { return what_->system(); }
  [[nodiscard]] std::vector<structure_section> structures(const structure_query& wanted) override {
    return what_->structures(wanted);
  }

 private:
  std::unique_ptr<running> what_;
  held_run run_;  // ends before what runs in it
};

class repeatable_run {
 public:
  virtual ~repeatable_run() = default;

  /// A new copy, in which nothing has happened yet. `sink` outlives it, and hears of every class of
  /// events from the first on. The error of what the run is made from.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<running>> make(trace_sink& sink) const = 0;
  /// "boot of q35, Linux 4.4.178"
  [[nodiscard]] virtual std::string title() const = 0;
  /// What is not known of its machine: machine_config::assumed.
  [[nodiscard]] virtual std::vector<std::string> assumed() const { return {}; }
};

}  // namespace iommulab
