// SPDX-License-Identifier: GPL-2.0-only
//
// The naive model as an allocator that can be picked by name.
#pragma once

#include "iova/lab/allocator.h"
#include "iova/rivals/naive_model.h"

namespace iommulab {

class naive_allocator : public iova_allocator {
 public:
  explicit naive_allocator(const iova_space& space) : model_(space.start_pfn) {}

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) override {
    const auto lo = model_.highest_place(size, limit_pfn, size_aligned);
    if (!lo) return {};
    model_.add(*lo, *lo + size - 1);
    return {*lo, nullptr};
  }
  void free(iova_grant grant, uint64_t /*size*/) override { model_.remove(grant.pfn_lo); }
  uint64_t alloc_fast(unsigned, uint64_t size, uint64_t limit_pfn, bool) override {
    return alloc(size, limit_pfn, true).pfn_lo;
  }
  void free_fast(unsigned, uint64_t pfn_lo, uint64_t /*size*/) override { model_.remove(pfn_lo); }
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) override {
    model_.fill(pfn_lo, pfn_hi);
    return true;
  }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const override {
    return model_.find(frame);
  }
  [[nodiscard]] std::vector<iova_range> ranges() const override { return model_.ranges(); }
  [[nodiscard]] iova_counters counters() const override { return {}; }

 private:
  naive_model model_;
};

}  // namespace iommulab
