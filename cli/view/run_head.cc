// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/run_head.h"

#include <utility>
#include <variant>

#include "cli/dmar/dmar_members.h"
#include "cli/machines/machine_json.h"
#include "cli/machines/machine_report.h"
#include "core/trace_event.h"
#include "kernel/kernel.h"
#include "lab/sources/function_source.h"
#include "platform/machine/firmware_check.h"

namespace iommulab::view {

json system_head(kernel& system) {
  json head = {{"kernel", system.profile().name()},
               {"release", system.profile().release()},
               {"command_line", system.command_line()}};
  const auto report = report_machine(system.profile(), system.machine());
  head["machine"] = report.ok() ? machine_members(*report) : json(nullptr);
  const machine_config& machine = system.machine();
  const dmar_table table = decode_dmar_of(machine.dmar_table, machine);
  head["dmar"] = table.decodable ? dmar_members(table, "machine " + machine.name, system.profile())
                                 : json(nullptr);
  return head;
}

json kind_names() {
  json names = json::array();
  for (size_t kind = 0; kind < trace_kinds; ++kind) {
    names.push_back(name(static_cast<trace_kind>(kind)));
  }
  return names;
}

json sources_json(const std::vector<std::string>& functions, const std::string& profile) {
  json sources = json::object();
  for (const std::string& function : functions) {
    const function_source* source = source_of(function, profile);
    if (source == nullptr) continue;
    sources[function] = {{"file", source->file},
                         {"line", source->first_line},
                         {"text", source->text},
                         {"kernel_version", source->kernel_version},
                         {"kernel_file", source->kernel_file},
                         {"kernel_function", source->kernel_function}};
  }
  return sources;
}

}  // namespace iommulab::view
