// SPDX-License-Identifier: GPL-2.0-only
#include "lab/transfers/translation_cost.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_format.h"
#include "lab/transfers/translated_device.h"
#include "platform/vtd/unit_observer.h"

namespace iommulab {
namespace {

/// Counts what the unit does.
class translation_counts final : public unit_observer {
 public:
  void paging_word_read(uint64_t, domain_id, uint64_t) override { ++entries_; }
  void table_used(const context&, uint64_t, const cached_table& table) override {
    first_ = table.level - 1;
  }
  void answered(const dma_request&, const dma_translation& answer) override {
    ++pages_;
    if (answer.from.decided == answer_source::tables) {
      ++misses_;
      ++walks_from_[first_];
    }
    first_ = translation_cost::levels;
  }

  void clear() { *this = {}; }
  void add_to(translation_cost& cost) const {
    cost.pages = pages_;
    cost.iotlb_misses = misses_;
    cost.entries_read = entries_;
    cost.walks_from = walks_from_;
  }

 private:
  unsigned first_ = translation_cost::levels;  // of this walk
  uint64_t pages_ = 0;
  uint64_t misses_ = 0;
  uint64_t entries_ = 0;
  std::array<uint64_t, translation_cost::levels + 1> walks_from_ = {};
};

/// An allocator whose grants are mapped and read by a device, and whose frees are unmaps: what
/// iova_runner runs a workload on.
class mapping_allocator {
 public:
  mapping_allocator(iova_allocator& allocator, translated_device& device, unmap_policy policy)
      : allocator_(allocator), device_(device), policy_(policy) {
    waiting_.reserve(policy.unmaps_a_flush);
  }

  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) { return allocator_.reserve(pfn_lo, pfn_hi); }

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    const iova_grant grant = allocator_.alloc(size, limit_pfn, size_aligned);
    if (grant) use(grant.pfn_lo, size);
    return grant;
  }
  uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) {
    const uint64_t pfn = allocator_.alloc_fast(cpu, size, limit_pfn, flush);
    if (pfn != no_iova) use(pfn, size);
    return pfn;
  }

  void free(iova_grant grant, uint64_t size) { unmap({grant, size, 0, false}); }
  void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) {
    unmap({{pfn_lo, nullptr}, size, cpu, true});
  }

  [[nodiscard]] const absl::Status& status() const { return status_; }
  void count_from_here() { transfers_ = flushes_ = 0; }
  void add_to(translation_cost& cost) const {
    cost.transfers = transfers_;
    cost.flushes = flushes_;
  }

 private:
  struct unmapped {
    iova_grant grant;
    uint64_t size;
    unsigned cpu;
    bool fast;
  };

  void use(uint64_t frame, uint64_t count) {
    if (!status_.ok()) return;
    if (!device_.holds(frame + count - 1)) {
      status_ = errno_status(EINVAL, absl::StrFormat("frame 0x%x: beyond tables of %d levels",
                                                     frame + count - 1, translation_cost::levels));
      return;
    }
    if (!device_.map(frame, count)) {
      status_ = errno_status(ENOMEM, absl::StrFormat("frame 0x%x: no memory for its table", frame));
      return;
    }
    ++transfers_;
    for (uint64_t page = frame; page < frame + count; ++page) {
      if (!device_.read(page).ok()) {
        status_ = errno_status(EIO, absl::StrFormat("frame 0x%x: mapped, and blocked", page));
      }
    }
  }

  void unmap(const unmapped& range) {
    if (!status_.ok()) return give_back(range);
    const bool tables_went = device_.unmap(range.grant.pfn_lo, range.size);
    if (policy_.unmaps_a_flush == 0) {
      ++flushes_;
      device_.invalidate(range.grant.pfn_lo, range.size, !tables_went);
      return give_back(range);
    }
    waiting_.push_back(range);
    if (waiting_.size() < policy_.unmaps_a_flush) return;
    ++flushes_;
    device_.invalidate_domain();
    for (const unmapped& freed : waiting_) give_back(freed);
    waiting_.clear();
  }

  void give_back(const unmapped& range) {
    if (range.fast) {
      allocator_.free_fast(range.cpu, range.grant.pfn_lo, range.size);
    } else {
      allocator_.free(range.grant, range.size);
    }
  }

  iova_allocator& allocator_;
  translated_device& device_;
  unmap_policy policy_;
  std::vector<unmapped> waiting_;
  absl::Status status_;
  uint64_t transfers_ = 0;
  uint64_t flushes_ = 0;
};

}  // namespace

absl::StatusOr<translation_cost> cost_of_transfers(const kernel_profile& kernel,
                                                   const iova_catalogue_entry& allocator,
                                                   const iova_workload& workload,
                                                   unmap_policy policy) {
  if (workload.space.granule != page_size) {
    return errno_status(EINVAL, absl::StrFormat("workload %s: its pages have %d bytes, not 4096",
                                                workload.name, workload.space.granule));
  }
  iova_setup setup;
  setup.space = workload.space;
  setup.cpus = workload.cpus;
  const std::unique_ptr<iova_allocator> made = allocator.make(setup);
  if (made == nullptr) return errno_status(ENOMEM, "no memory for the allocator");
  auto device = translated_device::create(kernel);
  if (!device.ok()) return device.status();

  translation_counts counts;
  const unit_observation watching = (*device)->unit().observe(counts);
  mapping_allocator mapping(*made, **device, policy);
  no_observer nobody;
  iova_runner<mapping_allocator> runner(mapping, workload, nobody);
  if (!runner.reserve(workload.reserved)) {
    return errno_status(ENOMEM, "no memory for the reserved ranges");
  }
  runner.run(workload.setup);
  counts.clear();
  mapping.count_from_here();
  runner.run(workload.operations);
  if (!mapping.status().ok()) return mapping.status();
  translation_cost cost;
  counts.add_to(cost);
  mapping.add_to(cost);
  cost.run = runner.counts();
  return cost;
}

}  // namespace iommulab
