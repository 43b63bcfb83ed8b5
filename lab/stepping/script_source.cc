// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/status.h"
#include "kernel/catalogue.h"
#include "kernel/kernel.h"
#include "lab/runs/script_boot.h"
#include "lab/script/session.h"
#include "lab/stepping/run_sources.h"
#include "lab/stepping/system_running.h"

namespace iommulab {
namespace {

class script_running final : public system_running {
 public:
  script_running(std::unique_ptr<kernel> system, trace_sink& sink,
                 const dmalab::script_request& request)
      : system_running(std::move(system), sink), request_(request) {}

  void go() override {
    if (absl::Status status = dmalab::boot_for_script(here(), request_.capture); !status.ok()) {
      fail(std::move(status));
      return;
    }
    dmalab::session_hooks hooks;
    hooks.begins = [this](const dmalab::operation& op) {
      here().env().trace.tell(
          [&op] { return events::note{absl::StrFormat("OP %d %s", op.number, op.text)}; });
    };
    hooks.ends = [this](const dmalab::outcome& o) {
      if (!o.bug.empty()) fail(errno_status(EIO, o.bug));
      if (muted_) return false;
      if (o.op == &request_.what.operations.back()) end_hearing();
      return o.bug.empty();
    };
    absl::Status status = dmalab::run_session(here(), request_.what, hooks).status();
    if (!status.ok()) fail(std::move(status));
  }
  void mute() override {
    system_running::mute();
    muted_ = true;
  }

 private:
  const dmalab::script_request& request_;
  bool muted_ = false;
};

class repeatable_script final : public repeatable_run {
 public:
  explicit repeatable_script(dmalab::script_request request) : request_(std::move(request)) {
    dmalab::complete_script(request_.what, request_.machine);
  }

  absl::StatusOr<std::unique_ptr<running>> make(trace_sink& sink) const override {
    auto system = dmalab::system_for_script(request_);
    if (!system.ok()) return system.status();
    return std::make_unique<script_running>(*std::move(system), sink, request_);
  }
  std::string title() const override {
    return absl::StrFormat("%s on %s, Linux %s", request_.what.path, request_.machine.name,
                           release_of(request_.kernel));
  }
  std::vector<std::string> assumed() const override { return request_.machine.assumed; }

 private:
  dmalab::script_request request_;
};

}  // namespace

std::unique_ptr<repeatable_run> script_to_repeat(dmalab::script_request request) {
  return std::make_unique<repeatable_script>(std::move(request));
}

}  // namespace iommulab
