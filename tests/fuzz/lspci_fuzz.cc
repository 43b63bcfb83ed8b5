// SPDX-License-Identifier: GPL-2.0-only
//
// Any bytes as a listing of lspci. What is taken is a machine that any release can put into groups:
// every function that is found has one, in which it is listed, and reasons end in a conclusion.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "lab/groups/group_reasons.h"
#include "lab/groups/machine_groups.h"
#include "platform/listing/listed_machine.h"

namespace {

using namespace iommulab;  // NOLINT(google-build-using-namespace)

void must(bool holds) {
  if (!holds) __builtin_trap();
}

void group(const listed_machine& machine, pci_release release) {
  const auto groups = machine_groups::create(
      {machine.roots, machine.functions, machine.virtual_functions, machine.volumes, {}}, release);
  if (!groups.ok()) return;
  size_t members = 0;
  for (const auto& g : (*groups)->groups()) {
    must(!g->devices.empty());
    for (const iommu_group::member& member : g->devices) {
      must((*groups)->group_of(pci_source_id(*member.dev->pci)) == g.get());
      ++members;
    }
  }
  must(members <= machine.functions.size() + machine.virtual_functions.size());
  for (const pci_function_config& f : machine.functions) {
    const bool found = (*groups)->pci().find(f.id) != nullptr;
    must(group_reasons(**groups, f.id).empty() == !found);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t enough = 8192;
  const std::string text(reinterpret_cast<const char*>(data), std::min(size, enough));
  const auto machine = machine_of_listing({"list", text});
  if (!machine.ok()) return 0;
  must(machine->functions.size() == machine->listed.size());
  group(*machine, in_every_release);
  group(*machine, newest_pci_release);
  return 0;
}
