// SPDX-License-Identifier: GPL-2.0-only
//
// A kernel that is about to run, heard by one sink.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/catalogue.h"
#include "kernel/kernel.h"
#include "lab/stepping/repeatable_run.h"

namespace iommulab {

/// "4.4.178"; null is the default kernel.
inline std::string_view release_of(const kernel_profile* kernel) {
  return (kernel == nullptr ? default_kernel_profile() : *kernel).release();
}

class system_running : public running {
 public:
  /// `sink` outlives it.
  system_running(std::unique_ptr<kernel> system, trace_sink& sink)
      : system_(std::move(system)), hearing_(system_->env().trace.subscribe(sink)) {}

  void mute() override { system_->mute(); }
  [[nodiscard]] absl::Status status() const override { return status_; }
  [[nodiscard]] kernel* system() override { return system_.get(); }
  [[nodiscard]] std::vector<structure_section> structures(const structure_query& wanted) override {
    return system_->generation().structures(wanted);
  }

 protected:
  kernel& here() { return *system_; }
  void fail(absl::Status status) { status_ = std::move(status); }
  /// What comes from here on is not of the run any more.
  void end_hearing() { hearing_.end(); }

 private:
  std::unique_ptr<kernel> system_;
  trace_subscription hearing_;
  absl::Status status_;
};

}  // namespace iommulab
