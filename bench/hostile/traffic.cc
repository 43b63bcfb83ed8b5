// SPDX-License-Identifier: GPL-2.0-only
#include "bench/hostile/traffic.h"

#include "bench/hostile/setting.h"
#include "core/dma/dma_mapping.h"
#include "kernel/v6_12/generation.h"

namespace iommulab::hostile {
namespace {

constexpr uint64_t most_pages = 16;
constexpr uint64_t superpage = 512;
constexpr size_t fewest_live = 8;
constexpr size_t most_live = 64;
constexpr size_t most_stale = 64;

class dma_traffic final : public traffic {
 public:
  dma_traffic(kernel& system, device& dev, uint64_t seed, bool large)
      : traffic(seed, large), system_(system), dev_(dev) {}

 private:
  bool map(buffer& b) override {
    const dma_addr address =
        dma_map_single(dev_, phys_addr(b.first.phys), b.pages * page_size, b.first.direction);
    b.address = address.value();
    return !dma_mapping_error(dev_, address);
  }
  bool unmap(const buffer& b) override {
    const int before = system_.generation().waiting().count;
    dma_unmap_single(dev_, dma_addr(b.address), b.pages * page_size, b.first.direction);
    const int after = system_.generation().waiting().count;
    // One more waits, unless all of them were flushed meanwhile.
    if (after <= before) allowed().flushed();
    return after > 0;
  }

  kernel& system_;
  device& dev_;
};

class pasid_traffic final : public traffic {
 public:
  pasid_traffic(v6_12::iommu_domain& domain, device& dev, uint32_t pasid, uint64_t seed, bool large)
      : traffic(seed, large), domain_(domain), dev_(dev), pasid_(pasid) {}
  pasid_traffic(const pasid_traffic&) = delete;
  pasid_traffic& operator=(const pasid_traffic&) = delete;
  ~pasid_traffic() override {
    v6_12::iommu_detach_device_pasid(domain_, dev_, pasid_);
    v6_12::iommu_domain_free(domain_);
  }

 private:
  static constexpr uint64_t slots = 4096;
  static constexpr uint64_t slot_bytes = superpage * page_size;
  static constexpr uint64_t first_slot = uint64_t{1} << 30;

  // A slot of 512 pages for each buffer, from 1 GiB on.
  bool map(buffer& b) override {
    if (taken_.empty()) taken_.resize(slots);
    uint64_t slot = next(slots);
    while (taken_[slot]) slot = (slot + 1) % slots;
    taken_[slot] = true;
    b.address = first_slot + slot * slot_bytes;
    int prot = 0;
    if (b.first.direction != dma_data_direction::from_device) prot |= iommu_read;
    if (b.first.direction != dma_data_direction::to_device) prot |= iommu_write;
    return v6_12::iommu_map(domain_, dma_addr(b.address), phys_addr(b.first.phys),
                            b.pages * page_size, prot) == 0;
  }
  bool unmap(const buffer& b) override {
    v6_12::iommu_unmap(domain_, dma_addr(b.address), b.pages * page_size);
    taken_[(b.address - first_slot) / slot_bytes] = false;
    return false;
  }

  v6_12::iommu_domain& domain_;
  device& dev_;
  uint32_t pasid_;
  std::vector<bool> taken_;
};

}  // namespace

uint64_t traffic::next(uint64_t below) {
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  return (random_ >> 33) % below;
}

void traffic::step() {
  if (live_.size() < fewest_live || (live_.size() < most_live && next(2) == 0)) {
    map_one();
  } else {
    unmap_one();
  }
}

void traffic::map_one() {
  buffer b;
  // Now and then one that fits a large page.
  const bool large = large_ && next(32) == 0;
  b.pages = large ? superpage : 1 + next(most_pages);
  const uint64_t page =
      large ? next(buffer_pages / superpage) * superpage : next(buffer_pages - most_pages);
  b.first.phys = first_buffer + page * page_size;
  b.first.direction = static_cast<dma_data_direction>(next(3));
  if (!map(b)) return;
  allowed().map(b.address >> page_shift, b.pages, b.first);
  live_.push_back(b);
}

void traffic::unmap_one() {
  const size_t which = next(live_.size());
  const buffer b = live_[which];
  live_[which] = live_.back();
  live_.pop_back();
  const bool waits = unmap(b);
  allowed().unmap(b.address >> page_shift, b.pages, waits);
  if (stale_.size() < most_stale) {
    stale_.push_back(b.address);
  } else {
    stale_[oldest_stale_++ % most_stale] = b.address;
  }
}

std::unique_ptr<traffic> make_dma_traffic(kernel& system, device& dev, uint64_t seed, bool large) {
  return std::make_unique<dma_traffic>(system, dev, seed, large);
}

std::unique_ptr<traffic> make_pasid_traffic(kernel& system, device& dev, uint32_t pasid,
                                            uint64_t seed, bool large) {
  if (dynamic_cast<v6_12::generation*>(&system.generation()) == nullptr) return nullptr;
  int error = 0;
  v6_12::iommu_domain* domain = v6_12::iommu_paging_domain_alloc(dev, error);
  if (domain == nullptr) return nullptr;
  if (v6_12::iommu_attach_device_pasid(*domain, dev, pasid, nullptr) != 0) {
    v6_12::iommu_domain_free(*domain);
    return nullptr;
  }
  return std::make_unique<pasid_traffic>(*domain, dev, pasid, seed, large);
}

}  // namespace iommulab::hostile
