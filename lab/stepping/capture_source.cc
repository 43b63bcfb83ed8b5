// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/status.h"
#include "kernel/kernel.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/workload_run.h"
#include "lab/stepping/run_sources.h"

namespace iommulab {
namespace {

/// The system belongs to the replay: it is there from before its start-up until the run ends.
class capture_running final : public running {
 public:
  capture_running(const verify::capture_folder& folder, trace_sink& sink)
      : folder_(folder), sink_(sink) {}

  void go() override {
    const verify::system_watcher watcher = [this](kernel& system) {
      system_ = &system;
      hearing_ = system.env().trace.subscribe(sink_);
    };
    if (verify::has_workload(folder_)) {
      status_ = verify::verify_workload(folder_, watcher).status();
    } else {
      const auto run = verify::run_capture(folder_, {}, watcher);
      status_ = run.status();
      if (run.ok() && !(*run)->outcome.panic.empty()) {
        status_ = errno_status(EIO, (*run)->outcome.panic);
      }
    }
    system_ = nullptr;
  }
  void mute() override {
    if (system_ != nullptr) system_->mute();
  }
  [[nodiscard]] absl::Status status() const override { return status_; }
  [[nodiscard]] kernel* system() override { return system_; }
  [[nodiscard]] std::vector<structure_section> structures(const structure_query& wanted) override {
    if (system_ == nullptr) return {};
    return system_->generation().structures(wanted);
  }

 private:
  const verify::capture_folder& folder_;
  trace_sink& sink_;
  kernel* system_ = nullptr;
  trace_subscription hearing_;
  absl::Status status_;
};

class repeatable_capture final : public repeatable_run {
 public:
  explicit repeatable_capture(verify::capture_folder folder) : folder_(std::move(folder)) {}

  absl::StatusOr<std::unique_ptr<running>> make(trace_sink& sink) const override {
    return std::make_unique<capture_running>(folder_, sink);
  }
  std::string title() const override {
    return absl::StrFormat("capture %s, Linux %s", folder_.path(), folder_.kernel().release());
  }

 private:
  verify::capture_folder folder_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<repeatable_run>> capture_to_repeat(const std::string& folder,
                                                                  const kernel_profile* kernel) {
  auto opened = verify::capture_folder::open(folder, kernel);
  if (!opened.ok()) return opened.status();
  return std::make_unique<repeatable_capture>(*std::move(opened));
}

}  // namespace iommulab
