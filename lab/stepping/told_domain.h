// SPDX-License-Identifier: GPL-2.0-only
//
// A kernel's allocator whose calls are told to a trace, by the kernel's names: what iova/linux
// keeps silent about, for it is there to be measured.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/structure.h"
#include "core/trace.h"
#include "iova/linux/linux_domain.h"
#include "lab/stepping/known_ranges.h"
#include "lab/structures/structure_change.h"

namespace iommulab {

class told_domain final : public linux_iova_domain {
 public:
  /// `events` outlives it.
  told_domain(std::unique_ptr<linux_iova_domain> inner, tracer& events)
      : inner_(std::move(inner)), events_(events) {}

  /// struct iova_domain as far as every kernel has it: space, cached nodes, nodes with the gap
  /// below each.
  [[nodiscard]] structure as_structure(std::string name) const;
  /// The same, with those nodes alone that became others since this was called last.
  [[nodiscard]] structure_change take_change(std::string name);

  // iova_allocator
  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) override;
  void free(iova_grant grant, uint64_t size) override;
  uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) override;
  void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) override;
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) override;
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const override {
    return inner_->find(frame);
  }
  [[nodiscard]] std::vector<iova_range> ranges() const override { return inner_->ranges(); }
  [[nodiscard]] iova_counters counters() const override { return inner_->counters(); }

  // linux_iova_domain
  [[nodiscard]] bool supports(linux_iova_feature feature) const override {
    return inner_->supports(feature);
  }
  void init_iova_domain(const iova_space& space) override;
  bool init_rcaches(unsigned cpus) override;
  [[nodiscard]] iova_range range(iova_grant grant) const override { return inner_->range(grant); }
  std::optional<iova_range> reserve_iova(uint64_t pfn_lo, uint64_t pfn_hi) override;
  uint64_t rcache_get(unsigned cpu, uint64_t size, uint64_t limit_pfn) override;
  void free_iova(uint64_t frame) override;
  [[nodiscard]] iova_grant find_iova(uint64_t frame) override;
  std::optional<iova_range> split_and_remove_iova(iova_grant grant, uint64_t pfn_lo,
                                                  uint64_t pfn_hi) override;
  void copy_reserved_iova(linux_iova_domain& to) override;
  void free_cpu_cached_iovas(unsigned cpu) override;
  void free_global_cached_iovas() override;
  void cpu_dead(unsigned cpu) override;
  unsigned run_depot_work() override;
  [[nodiscard]] std::vector<uint64_t> depot_sizes() const override { return inner_->depot_sizes(); }
  [[nodiscard]] std::string state() const override { return inner_->state(); }

 private:
  void tell(events::range_action action, iova_range range);
  [[nodiscard]] structure without_nodes(std::string name) const;

  // How the nodes are known to have changed, behind what may have changed them. A function of the
  // kernel's inserts one node, or removes some; their number tells which of both.
  void may_have_inserted(const std::optional<iova_range>& node);
  void may_have_removed(const std::optional<iova_range>& node);
  void has_changed();

  std::unique_ptr<linux_iova_domain> inner_;
  tracer& events_;
  iova_space space_;
  known_ranges known_;
};

}  // namespace iommulab
