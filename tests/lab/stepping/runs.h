// SPDX-License-Identifier: GPL-2.0-only
//
// Runs to go back and forth in: a boot, a script with a fault in it, and one that is made of given
// events.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/catalogue.h"
#include "lab/script/script.h"
#include "lab/stepping/run_sources.h"
#include "platform/machine/builtin.h"

namespace iommulab::stepping_test {

inline std::unique_ptr<repeatable_run> boot_of_q35() {
  boot_request request;
  request.machine = *builtin_machine("q35");
  request.command_line = "intel_iommu=on";
  return boot_to_repeat(std::move(request));
}

/// Without the ISA bridge, of whose 16 MiB 6.1 and 6.12 map each page.
inline machine_config q35_without_isa() {
  machine_config machine = *builtin_machine("q35");
  std::erase_if(machine.pci_functions, [](const pci_function_config& function) {
    return function.id == source_id{0, 0, 0x1f << 3};
  });
  return machine;
}

inline std::unique_ptr<repeatable_run> boot_without_isa(const kernel_profile& kernel) {
  boot_request request;
  request.kernel = &kernel;
  request.machine = q35_without_isa();
  request.command_line = "intel_iommu=on";
  return boot_to_repeat(std::move(request));
}

/// The text as a script of `name`, on the machine and with the command line; null if it is none.
inline std::unique_ptr<repeatable_run> run_of_script(const char* name, std::string_view text,
                                                     dmalab::script_request request) {
  auto script = dmalab::parse_script(text_source{name, std::string(text)});
  if (!script.ok()) return nullptr;
  request.what = *std::move(script);
  return script_to_repeat(std::move(request));
}

/// Maps a buffer and unmaps it lazily, so that it waits in the flush queue.
inline std::unique_ptr<repeatable_run> lazy_script(const kernel_profile& kernel) {
  dmalab::script_request request;
  request.kernel = &kernel;
  request.machine = q35_without_isa();
  request.command_line = "intel_iommu=on";
  return run_of_script("lazy.dma",
                       "map 1 0 0 0x123 0x100 1\n"
                       "unmap 1\n"
                       "map 2 0 0 0x123 0x100 1\n"
                       "unmap 2\n",
                       std::move(request));
}

/// Maps a buffer, lets the device write to it, unmaps it strictly and lets the device write again.
inline std::unique_ptr<repeatable_run> script_with_a_fault() {
  dmalab::script_request request;
  request.machine = *builtin_machine("q35");
  request.command_line = "intel_iommu=on,strict";
  return run_of_script("fault.dma",
                       "map 1 0 0 0x123 0x100 1\n"
                       "edu 0 1 h1+0 0x40000 0x80\n"
                       "unmap 1\n"
                       "edu 0 1 h1+0 0x40000 0x80\n",
                       std::move(request));
}

/// Tells these events: their payloads, calls as calls.
class told_run final : public repeatable_run {
 public:
  explicit told_run(std::vector<trace_payload> told) : told_(std::move(told)) {}

  absl::StatusOr<std::unique_ptr<running>> make(trace_sink& sink) const override {
    return std::make_unique<telling>(told_, sink);
  }
  std::string title() const override { return "told"; }

 private:
  class telling final : public running {
   public:
    telling(const std::vector<trace_payload>& told, trace_sink& sink)
        : told_(told), hearing_(events_.subscribe(sink)) {}
    void go() override {
      for (const trace_payload& what : told_) {
        if (const auto* enter = std::get_if<events::call_enter>(&what)) {
          events_.enter(enter->name, enter->arguments);
        } else if (std::holds_alternative<events::call_exit>(what)) {
          events_.leave();
        } else {
          events_.emit(what);
        }
      }
    }
    void mute() override { events_.mute(); }
    absl::Status status() const override { return absl::OkStatus(); }
    kernel* system() override { return nullptr; }
    std::vector<structure_section> structures(const structure_query& /*wanted*/) override {
      return {};
    }

   private:
    const std::vector<trace_payload>& told_;
    tracer events_;
    trace_subscription hearing_;
  };

  std::vector<trace_payload> told_;
};

}  // namespace iommulab::stepping_test
