// SPDX-License-Identifier: GPL-2.0-or-later
#include "iova/iova_v4_4.h"

#include "iova/iova.h"

namespace iommulab {
namespace {

class iova_allocator_v4_4 final : public iova_allocator {
 public:
  iova_allocator_v4_4(iova_cache& cache, const iova_space& space) : domain_(cache) {
    init_iova_domain(domain_, space.granule, space.start_pfn, space.last_32bit_pfn);
  }
  ~iova_allocator_v4_4() override {
    put_iova_domain(domain_);
    iova_cache_put(domain_.cache);
  }

  [[nodiscard]] std::string_view name() const override { return "linux-4.4"; }

  std::optional<iova_range> alloc(uint64_t size, uint64_t limit_pfn) override {
    return range_of(alloc_iova(domain_, size, limit_pfn, true));
  }
  void free(uint64_t pfn_lo, uint64_t /*size*/) override { free_iova(domain_, pfn_lo); }
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) override {
    return reserve_iova(domain_, pfn_lo, pfn_hi) != nullptr;
  }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const override {
    return range_of(find_iova(domain_, frame));
  }
  [[nodiscard]] std::vector<iova_range> ranges() const override {
    const absl::MutexLock guard(&domain_.iova_rbtree_lock);
    std::vector<iova_range> all;
    for (const iova& i : domain_.rbroot) all.push_back({i.pfn_lo, i.pfn_hi});
    return all;
  }

 private:
  static std::optional<iova_range> range_of(const iova* i) {
    if (i == nullptr) return std::nullopt;
    return iova_range{i->pfn_lo, i->pfn_hi};
  }

  mutable iova_domain domain_;  // looking something up takes its lock
};

}  // namespace

std::unique_ptr<iova_allocator> make_iova_allocator_v4_4(iova_cache& cache,
                                                         const iova_space& space) {
  if (iova_cache_get(cache) != 0) return nullptr;
  return std::make_unique<iova_allocator_v4_4>(cache, space);
}

}  // namespace iommulab
