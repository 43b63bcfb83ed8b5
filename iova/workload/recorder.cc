// SPDX-License-Identifier: GPL-2.0-only
#include "iova/workload/recorder.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "iova/trace/trace_ids.h"

namespace iommulab {
namespace {

using op = iova_trace_op;
using action = iova_operation::action;

/// Requests and frees between two looks at the cached nodes, and at the whole tree.
constexpr uint64_t state_every = 256;
constexpr uint64_t dump_every = 16384;

bool uses_caches(const iova_workload& workload) {
  const auto fast = [](const iova_operation& operation) {
    return operation.what == action::alloc_fast;
  };
  return std::any_of(workload.setup.begin(), workload.setup.end(), fast) ||
         std::any_of(workload.operations.begin(), workload.operations.end(), fast);
}

class recorder {
 public:
  recorder(const iova_workload& workload, const iova_trace_version& version,
           linux_iova_domain& domain)
      : workload_(workload), version_(version), domain_(domain), slots_(workload.slots) {
    trace_.name = workload.name;
    trace_.version = std::string(version.recorded);
    caches_ = uses_caches(workload) && domain.supports(linux_iova_feature::range_caches);
  }

  absl::StatusOr<iova_trace> record() && {
    if (!begin()) {
      return errno_status(ENOMEM, absl::StrFormat("%s: no memory to record", workload_.name));
    }
    for (const auto* part : {&workload_.setup, &workload_.operations}) {
      for (const iova_operation& operation : *part) {
        if (operation.what == action::alloc || operation.what == action::alloc_fast) {
          alloc(operation);
        } else {
          free(operation);
        }
      }
    }
    look();
    dump();
    number();
    return std::move(trace_);
  }

 private:
  struct held {
    iova_grant grant;
    uint64_t size = 0;
    uint64_t id = 0;
  };

  iova_trace_step& add(op what, std::array<uint64_t, 4> arguments = {}) {
    iova_trace_step& step = trace_.steps.emplace_back();
    step.what = what;
    step.arguments = arguments;
    return step;
  }
  static void answer(iova_trace_step& step, const std::optional<iova_range>& range) {
    step.answered = range.has_value();
    if (range) step.answer = *range;
  }

  bool begin() {
    const iova_space& space = workload_.space;
    add(op::init, {space.granule, space.start_pfn,
                   space.last_32bit_pfn + (version_.dma32_is_behind ? 1 : 0)});
    domain_.init_iova_domain(space);
    if (caches_) {
      add(op::rcache_init, {workload_.cpus});
      if (!domain_.init_rcaches(workload_.cpus)) return false;
    }
    for (const iova_range& range : workload_.reserved) {
      answer(add(op::reserve, {range.lo, range.hi}), domain_.reserve_iova(range.lo, range.hi));
    }
    return true;
  }

  void on_cpu(unsigned cpu) {
    if (cpu == cpu_) return;
    cpu_ = cpu;
    add(op::cpu, {cpu});
  }

  bool fast(const iova_operation& operation) const {
    return caches_ && (operation.what == action::alloc_fast || operation.what == action::free_fast);
  }

  bool ask(const iova_operation& operation, uint64_t limit_pfn, bool last) {
    const uint64_t id = next_id_++;
    held& slot = slots_[operation.slot];
    if (fast(operation)) {
      on_cpu(operation.cpu);
      const uint64_t lo = domain_.alloc_fast(cpu_, operation.size, limit_pfn, last);
      slot = {{lo, nullptr}, operation.size, id};
      answer(add(op::alloc_fast, {id, operation.size, limit_pfn, last}),
             lo == no_iova ? std::nullopt : domain_.find(lo));
    } else {
      const bool aligned = operation.size_aligned || operation.what == action::alloc_fast;
      slot = {domain_.alloc(operation.size, limit_pfn, aligned), operation.size, id};
      answer(add(op::alloc, {id, operation.size, limit_pfn, aligned}),
             slot.grant ? std::optional(domain_.range(slot.grant)) : std::nullopt);
    }
    done();
    return static_cast<bool>(slot.grant);
  }

  void alloc(const iova_operation& operation) {
    const bool has_fallback = operation.fallback_limit_pfn != no_iova;
    if (ask(operation, operation.limit_pfn, !has_fallback)) return;
    if (has_fallback) ask(operation, operation.fallback_limit_pfn, true);
  }

  void free(const iova_operation& operation) {
    held& slot = slots_[operation.slot];
    if (!slot.grant) return;
    if (fast(operation)) {
      on_cpu(operation.cpu);
      add(op::free_fast, {slot.id});
      domain_.free_fast(cpu_, slot.grant.pfn_lo, slot.size);
    } else {
      add(op::free, {slot.id});
      domain_.free(slot.grant, slot.size);
    }
    slot.grant = {};
    done();
  }

  void done() {
    ++done_;
    if (done_ % state_every == 0) look();
    if (done_ % dump_every == 0) dump();
  }

  void look() {
    iova_trace_step& step = add(op::state);
    step.first = static_cast<uint32_t>(trace_.states.size());
    step.count = 1;
    trace_.states.push_back(domain_.state());
    if (!caches_) return;
    const std::vector<uint64_t> depot = domain_.depot_sizes();
    iova_trace_step& sizes = add(op::depot);
    sizes.first = static_cast<uint32_t>(trace_.numbers.size());
    sizes.count = static_cast<uint32_t>(depot.size());
    trace_.numbers.insert(trace_.numbers.end(), depot.begin(), depot.end());
  }

  void dump() {
    if (caches_ && domain_.supports(linux_iova_feature::depot_work)) {
      add(op::work).answer.lo = domain_.run_depot_work();
    }
    const std::vector<iova_range> all = domain_.ranges();
    iova_trace_step& step = add(op::dump, {all.size()});
    step.first = static_cast<uint32_t>(trace_.ranges.size());
    step.count = static_cast<uint32_t>(all.size());
    trace_.ranges.insert(trace_.ranges.end(), all.begin(), all.end());
  }

  /// Lines as iova_trace_text() writes them, below its comment; and the rest of what a reader of
  /// the text fills in.
  void number() {
    trace_ids ids;
    uint32_t line = 1;
    for (iova_trace_step& step : trace_.steps) {
      step.line = ++line;
      if (step.what == op::dump) line += step.count + 1;
      ids.take(step);
    }
    trace_.slots = ids.slots();
  }

  const iova_workload& workload_;
  const iova_trace_version& version_;
  linux_iova_domain& domain_;
  bool caches_ = false;
  unsigned cpu_ = 0;
  uint64_t next_id_ = 0;
  uint64_t done_ = 0;
  std::vector<held> slots_;
  iova_trace trace_;
};

}  // namespace

absl::StatusOr<iova_trace> record_workload(const iova_workload& workload,
                                           const iova_trace_version& version,
                                           linux_domain_factory make) {
  const std::unique_ptr<linux_iova_domain> domain = make();
  if (domain == nullptr) {
    return errno_status(ENOMEM, absl::StrFormat("no memory for %s", version.name));
  }
  return recorder(workload, version, *domain).record();
}

}  // namespace iommulab
