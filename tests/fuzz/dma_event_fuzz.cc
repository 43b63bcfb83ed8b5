// SPDX-License-Identifier: GPL-2.0-only
//
// Any bytes as a printed kernel trace: read, made a workload, and run on an allocator.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "iova/allocators.h"
#include "iova/ftrace/event_reader.h"
#include "iova/ftrace/mapping_workload.h"
#include "iova/workload/runner.h"

namespace iommulab {
namespace {

void run(const traced_space& space) {
  const iova_workload& workload = space.workload;
  for (const iova_operation& each : workload.operations) {
    if (each.cpu >= workload.cpus || each.slot >= workload.slots) std::abort();
  }
  const auto allocator = find_iova_allocator("v6_12")->make({workload.space, workload.cpus});
  const iova_run_counts counts = run_workload(*allocator, workload);
  if (counts.live > space.never_ended) std::abort();
}

}  // namespace
}  // namespace iommulab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace iommulab;
  std::string text(reinterpret_cast<const char*>(data), size);
  text += '\n';  // else nearly all is refused for its last line
  const auto log = parse_dma_events("input", text);
  if (!log.ok()) return 0;
  for (const traced_space& space : workloads_of(*log, {}).spaces) run(space);
  return 0;
}
