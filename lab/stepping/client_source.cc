// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/events.h"
#include "core/panic.h"
#include "core/status.h"
#include "lab/clients/client.h"
#include "lab/clients/client_system.h"
#include "lab/stepping/run_sources.h"
#include "lab/stepping/system_running.h"

namespace iommulab {
namespace {

class client_running final : public system_running {
 public:
  client_running(std::unique_ptr<kernel> system, trace_sink& sink, const client_request& request)
      : system_running(std::move(system), sink), request_(request) {}

  void go() override {
    if (absl::Status status = boot_for_clients(here(), request_.modules); !status.ok()) {
      fail(std::move(status));
      return;
    }
    const std::string stopped = run_guarded([this] { play(); }).line();
    if (!stopped.empty()) fail(errno_status(EIO, stopped));
  }
  void mute() override {
    system_running::mute();
    muted_ = true;
  }

 private:
  void play() {
    vfio_client client(here(), {});
    const client_script& script = request_.script;
    for (size_t i = 0; i < script.operations.size() && !muted_; ++i) {
      const script_line& line = script.operations[i];
      here().env().trace.tell(
          [&] { return events::note{absl::StrFormat("OP %d %s", i + 1, line.text)}; });
      const absl::Status status = client.perform(line.words).status();
      if (!status.ok()) {
        fail(errno_status(EINVAL, absl::StrFormat("%s: line %d: %s", script.file, line.line,
                                                  std::string(status.message()))));
        return;
      }
    }
    end_hearing();
    client.finish();
  }

  const client_request& request_;
  bool muted_ = false;
};

class repeatable_client final : public repeatable_run {
 public:
  explicit repeatable_client(client_request request) : request_(std::move(request)) {}

  absl::StatusOr<std::unique_ptr<running>> make(trace_sink& sink) const override {
    auto system = system_for_clients(request_);
    if (!system.ok()) return system.status();
    return std::make_unique<client_running>(*std::move(system), sink, request_);
  }
  std::string title() const override {
    return absl::StrFormat("%s on %s, Linux %s", request_.script.file, request_.machine.name,
                           release_of(request_.kernel));
  }
  std::vector<std::string> assumed() const override { return request_.machine.assumed; }

 private:
  client_request request_;
};

}  // namespace

std::unique_ptr<repeatable_run> client_to_repeat(client_request request) {
  return std::make_unique<repeatable_client>(std::move(request));
}

}  // namespace iommulab
