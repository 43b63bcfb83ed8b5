// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/trace_ids.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

using op = iova_trace_op;

}  // namespace

std::string trace_ids::take(iova_trace_step& step) {
  const auto& given = step.arguments;
  if (step.what == op::use) current_ = static_cast<uint8_t>(given[0]);
  if (step.what == op::cpu) cpu_ = static_cast<uint8_t>(given[0]);
  if (step.what == op::rcache_init) cpu_ = 0;
  step.domain = current_;
  step.cpu = cpu_;
  domain& here = domains_[current_];
  if (step.what == op::use || step.what == op::cpu) return "";
  if (step.what == op::init) return init(step);
  if (!here.initialised) return absl::StrFormat("domain %d has had no init", current_);
  switch (step.what) {
    case op::reserve:
      return given[0] <= given[1] ? "" : "HI is less than LO";
    case op::alloc:
    case op::alloc_fast:
      return give(step, step.what == op::alloc_fast);
    case op::free:
    case op::free_fast:
      return take_back(step, step.what == op::free_fast);
    case op::split:
      if (given[1] > given[2]) return "HI is less than LO";
      return take_back(step, false);
    case op::copy_reserved:
      if (given[0] == given[1]) return "a domain is not copied to itself";
      if (!domains_[given[0]].initialised || !domains_[given[1]].initialised) {
        return "one of the two domains has had no init";
      }
      return "";
    case op::rcache_init:
      if (here.cpus != 0) return "the domain has its caches already";
      here.cpus = static_cast<unsigned>(given[0]);
      return "";
    case op::flush_cpu:
      return fast_on(static_cast<unsigned>(given[0]));
    case op::flush_global:
    case op::work:
      return fast_on(0);
    default:
      return "";
  }
}

std::string trace_ids::init(const iova_trace_step& step) {
  if (!std::has_single_bit(step.arguments[0])) return "GRANULE is not a power of two";
  domain& here = domains_[current_];
  for (const auto& [id, gone] : here.live) free_slots_.push_back(gone.slot);
  here = {};
  here.initialised = true;
  return "";
}

std::string trace_ids::fast_on(unsigned cpu) const {
  const unsigned cpus = domains_[current_].cpus;
  if (cpus == 0) return "the domain has had no rcache_init";
  if (cpu >= cpus) return absl::StrFormat("the domain's caches have no cpu %d", cpu);
  return "";
}

std::string trace_ids::give(iova_trace_step& step, bool fast) {
  if (fast) {
    if (std::string why = fast_on(cpu_); !why.empty()) return why;
  }
  const uint64_t id = step.arguments[0];
  if (std::any_of(domains_.begin(), domains_.end(),
                  [id](const domain& d) { return d.live.contains(id); })) {
    return absl::StrFormat("id %d is in use already", id);
  }
  if (!step.answered) return "";
  if (free_slots_.empty()) free_slots_.push_back(slots_++);
  step.slot = free_slots_.back();
  free_slots_.pop_back();
  domains_[current_].live.emplace(id, allocation{step.slot, fast});
  return "";
}

std::string trace_ids::take_back(iova_trace_step& step, bool fast) {
  if (fast) {
    if (std::string why = fast_on(cpu_); !why.empty()) return why;
  }
  const uint64_t id = step.arguments[0];
  auto& live = domains_[current_].live;
  const auto found = live.find(id);
  if (found == live.end()) {
    return absl::StrFormat("id %d is no live allocation of domain %d", id, current_);
  }
  if (found->second.fast != fast) {
    return absl::StrFormat("id %d was given by %s", id, fast ? "alloc" : "alloc_fast");
  }
  step.slot = found->second.slot;
  free_slots_.push_back(step.slot);
  live.erase(found);
  return "";
}

}  // namespace iommulab
