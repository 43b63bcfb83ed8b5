// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/driver_domain.h"

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"
#include "core/environment.h"
#include "core/slab.h"
#include "iova/iova.h"

namespace iommulab {
namespace {

/// Every node that it made is freed at its end, or the test fails.
class driver_domain final : public linux_iova_domain {
 public:
  driver_domain() { EXPECT_EQ(iova_cache_get(cache_), 0); }
  ~driver_domain() override {
    put_iova_domain(domain_);
    iova_cache_put(cache_);
    EXPECT_EQ(slab_.live(), 0) << "nodes leaked, or were freed twice";
  }
  driver_domain(const driver_domain&) = delete;
  driver_domain& operator=(const driver_domain&) = delete;

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) override {
    return grant(alloc_iova(domain_, size, limit_pfn, size_aligned));
  }
  void free(iova_grant granted, uint64_t /*size*/) override {
    iommulab::free_iova(domain_, node(granted));
  }
  uint64_t alloc_fast(unsigned, uint64_t, uint64_t, bool) override { return absent(); }
  void free_fast(unsigned, uint64_t, uint64_t) override { absent(); }
  bool reserve(uint64_t lo, uint64_t hi) override { return reserve_iova(lo, hi).has_value(); }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const override {
    return bounds(iommulab::find_iova(domain_, frame));
  }
  [[nodiscard]] std::vector<iova_range> ranges() const override {
    const spin_guard guard(domain_.iova_rbtree_lock);
    std::vector<iova_range> all;
    for (const iova& i : domain_.ranges.tree) all.push_back({i.pfn_lo, i.pfn_hi});
    return all;
  }
  [[nodiscard]] iova_counters counters() const override { return {}; }

  [[nodiscard]] bool supports(linux_iova_feature feature) const override {
    return feature == linux_iova_feature::split || feature == linux_iova_feature::copy_reserved;
  }
  void init_iova_domain(const iova_space& space) override {
    put_iova_domain(domain_);
    iommulab::init_iova_domain(domain_, space.granule, space.start_pfn, space.last_32bit_pfn);
  }
  bool init_rcaches(unsigned) override { return absent() == 0; }
  [[nodiscard]] iova_range range(iova_grant granted) const override {
    return *bounds(node(granted));
  }
  std::optional<iova_range> reserve_iova(uint64_t lo, uint64_t hi) override {
    return bounds(iommulab::reserve_iova(domain_, lo, hi));
  }
  uint64_t rcache_get(unsigned, uint64_t, uint64_t) override { return absent(); }
  void free_iova(uint64_t frame) override { iommulab::free_iova(domain_, frame); }
  [[nodiscard]] iova_grant find_iova(uint64_t frame) override {
    return grant(iommulab::find_iova(domain_, frame));
  }
  std::optional<iova_range> split_and_remove_iova(iova_grant granted, uint64_t lo,
                                                  uint64_t hi) override {
    iova* removed = iommulab::split_and_remove_iova(domain_, node(granted), lo, hi);
    const std::optional<iova_range> gone = bounds(removed);
    if (removed != nullptr) free_iova_mem(cache_, removed);
    return gone;
  }
  void copy_reserved_iova(linux_iova_domain& to) override {
    iommulab::copy_reserved_iova(domain_, dynamic_cast<driver_domain&>(to).domain_);
  }
  void free_cpu_cached_iovas(unsigned) override { absent(); }
  void free_global_cached_iovas() override { absent(); }
  void cpu_dead(unsigned) override { absent(); }
  unsigned run_depot_work() override { return absent(); }
  [[nodiscard]] std::vector<uint64_t> depot_sizes() const override { return {absent()}; }
  [[nodiscard]] std::string state() const override {
    const spin_guard guard(domain_.iova_rbtree_lock);
    const iova* cached = domain_.ranges.search.cached32_node;
    return cached == nullptr ? "cached32=none" : absl::StrFormat("cached32=0x%x", cached->pfn_lo);
  }

 private:
  static unsigned absent() {
    ADD_FAILURE() << "Linux 4.4 has no range caches";
    return 0;
  }
  static iova* node(const iova_grant& granted) { return static_cast<iova*>(granted.node); }
  static iova_grant grant(iova* i) {
    return i == nullptr ? iova_grant() : iova_grant{i->pfn_lo, i};
  }
  static std::optional<iova_range> bounds(const iova* i) {
    if (i == nullptr) return std::nullopt;
    return iova_range{i->pfn_lo, i->pfn_hi};
  }

  environment env_;
  slab_failures slab_;
  iova_cache cache_{env_.trace, env_.log, slab_};
  mutable iova_domain domain_{cache_};  // looking something up takes its lock
};

}  // namespace

std::unique_ptr<linux_iova_domain> make_driver_domain() {
  return std::make_unique<driver_domain>();
}

}  // namespace iommulab
