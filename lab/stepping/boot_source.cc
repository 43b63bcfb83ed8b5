// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/status.h"
#include "kernel/kernel.h"
#include "lab/stepping/run_sources.h"
#include "lab/stepping/system_running.h"

namespace iommulab {
namespace {

class boot_running final : public system_running {
 public:
  using system_running::system_running;

  void go() override {
    const std::string panic = boot_to_the_end(here()).panic;
    if (!panic.empty()) fail(errno_status(EIO, panic));
  }
};

class repeatable_boot final : public repeatable_run {
 public:
  explicit repeatable_boot(boot_request request) : request_(std::move(request)) {}

  absl::StatusOr<std::unique_ptr<running>> make(trace_sink& sink) const override {
    auto system = system_to_boot(request_);
    if (!system.ok()) return system.status();
    return std::make_unique<boot_running>(*std::move(system), sink);
  }
  std::string title() const override {
    return absl::StrFormat("boot of %s, Linux %s", request_.machine.name,
                           release_of(request_.kernel));
  }
  std::vector<std::string> assumed() const override { return request_.machine.assumed; }

 private:
  boot_request request_;
};

}  // namespace

std::unique_ptr<repeatable_run> boot_to_repeat(boot_request request) {
  return std::make_unique<repeatable_boot>(std::move(request));
}

}  // namespace iommulab
