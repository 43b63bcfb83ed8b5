// SPDX-License-Identifier: GPL-2.0-only
//
// Keeps what a domain was asked and what it answered as a trace (iova/trace/trace.h).
#pragma once

#include <array>
#include <string>
#include <utility>

#include "iova/lockup/domain.h"
#include "iova/trace/trace.h"

namespace iommulab {

class storm_recorder final : public lockup_listener {
 public:
  /// `version`: of the trace's first comment. `dma32`: init's third number in that version.
  storm_recorder(std::string name, std::string version, const iova_space& space, uint64_t dma32) {
    trace_.name = std::move(name);
    trace_.version = std::move(version);
    add(iova_trace_op::init, {space.granule, space.start_pfn, dma32});
  }

  void reserved(const iova_range& range) override {
    answered(add(iova_trace_op::reserve, {range.lo, range.hi}), range);
  }
  void allocated(uint64_t id, uint64_t size, uint64_t limit_pfn, bool size_aligned,
                 const iova_range& got) override {
    iova_trace_step& step = add(iova_trace_op::alloc, {id, size, limit_pfn, size_aligned});
    if (got.lo != no_iova) answered(step, got);
  }
  void freed(uint64_t id) override { add(iova_trace_op::free, {id}); }

  [[nodiscard]] const iova_trace& trace() const { return trace_; }

 private:
  iova_trace_step& add(iova_trace_op what, std::array<uint64_t, 4> arguments) {
    iova_trace_step& step = trace_.steps.emplace_back();
    step.what = what;
    step.arguments = arguments;
    return step;
  }
  static void answered(iova_trace_step& step, const iova_range& range) {
    step.answered = true;
    step.answer = range;
  }

  iova_trace trace_;
};

}  // namespace iommulab
