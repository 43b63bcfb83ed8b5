// SPDX-License-Identifier: GPL-2.0-only
//
// A trace's requests as a workload.
#include <algorithm>

#include "core/text_source.h"
#include "iova/trace/trace_reader.h"
#include "iova/trace/versions.h"
#include "iova/workload/patterns.h"

namespace iommulab {
namespace {

using op = iova_trace_op;

absl::Status refuse(const iova_trace& trace, const iova_trace_step& step, std::string_view why) {
  return line_error(trace.name, step.line, "operation", iova_trace_operation(step), why);
}

iova_operation request(const iova_trace_step& step, uint32_t slot) {
  iova_operation operation;
  operation.what =
      step.what == op::alloc ? iova_operation::action::alloc : iova_operation::action::alloc_fast;
  operation.cpu = step.cpu;
  operation.size_aligned = step.what == op::alloc_fast || step.arguments[3] != 0;
  operation.slot = slot;
  operation.size = step.arguments[1];
  operation.limit_pfn = step.arguments[2];
  return operation;
}

iova_operation release(iova_operation::action what, uint8_t cpu, uint32_t slot) {
  iova_operation operation;
  operation.what = what;
  operation.cpu = cpu;
  operation.slot = slot;
  return operation;
}

/// Requests that the kernel refused get a slot of their own, and are given back at once by an
/// allocator that can serve them.
void add(iova_workload& workload, const iova_trace_step& step, uint32_t spare_slot) {
  workload.operations.push_back(request(step, step.answered ? step.slot : spare_slot));
  if (step.answered) return;
  workload.operations.push_back(release(
      step.what == op::alloc ? iova_operation::action::free : iova_operation::action::free_fast,
      step.cpu, spare_slot));
}

}  // namespace

absl::StatusOr<iova_workload> replay_workload(const std::string& path) {
  const absl::StatusOr<iova_trace> trace = read_iova_trace(path);
  if (!trace.ok()) return trace.status();
  const iova_trace_version* version = find_iova_trace_version(trace->version);
  iova_workload workload;
  workload.slots = trace->slots + 1;
  bool initialised = false;
  for (const iova_trace_step& step : trace->steps) {
    const auto& given = step.arguments;
    switch (step.what) {
      case op::init:
        if (initialised) return refuse(*trace, step, "a workload stays in one space");
        initialised = true;
        workload.space = {given[0], given[1],
                          version != nullptr && version->dma32_is_behind ? given[2] - 1 : given[2]};
        break;
      case op::reserve:
        if (!workload.operations.empty()) {
          return refuse(*trace, step, "a workload reserves before it allocates");
        }
        workload.reserved.push_back({given[0], given[1]});
        break;
      case op::rcache_init:
        workload.cpus = static_cast<unsigned>(given[0]);
        break;
      case op::alloc:
      case op::alloc_fast:
        add(workload, step, trace->slots);
        break;
      case op::free:
        workload.operations.push_back(release(iova_operation::action::free, step.cpu, step.slot));
        break;
      case op::free_fast:
        workload.operations.push_back(
            release(iova_operation::action::free_fast, step.cpu, step.slot));
        break;
      case op::free_pfn:
      case op::split:
      case op::copy_reserved:
        return refuse(*trace, step, "a workload has no such operation");
      default:
        break;
    }
  }
  return workload;
}

}  // namespace iommulab
