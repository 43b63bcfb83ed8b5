// SPDX-License-Identifier: GPL-2.0-only
#include "dma/swiotlb/io_tlb.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/panic.h"
#include "core/trace.h"

namespace iommulab {
namespace {

constexpr uint64_t slot_size = uint64_t{1} << io_tlb_shift;
constexpr uint64_t default_slabs = (uint64_t{64} << 20) >> io_tlb_shift;
constexpr phys_addr invalid_phys_addr(UINT64_MAX);
constexpr phys_addr end_of_low_memory(uint64_t{1} << 32);

constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}
constexpr uint64_t slots_for(uint64_t size) {
  return (size >> io_tlb_shift) + (size % slot_size != 0 ? 1 : 0);
}
constexpr uint64_t in_segment(uint64_t index) {
  return index & (io_tlb_segsize - 1);
}
constexpr bool device_reads(dma_data_direction dir) {
  return dir == dma_data_direction::to_device || dir == dma_data_direction::bidirectional;
}
constexpr bool device_writes(dma_data_direction dir) {
  return dir == dma_data_direction::from_device || dir == dma_data_direction::bidirectional;
}

}  // namespace

// Linux v4.4 lib/swiotlb.c: swiotlb_init_with_tbl(). The two tables take no simulated memory here.
bool io_tlb::init_with_tbl(phys_addr start) {
  const auto overflow =
      pages_.reserve_range(io_tlb_overflow, page_size, phys_addr(0), end_of_low_memory);
  if (!overflow) return false;
  overflow_buffer_ = *overflow;
  start_ = start;
  end_ = start + (nslabs_ << io_tlb_shift);
  const spin_guard guard(lock_);
  list_.resize(nslabs_);
  for (uint64_t i = 0; i < nslabs_; ++i) {
    list_[i] = static_cast<uint32_t>(io_tlb_segsize - in_segment(i));
  }
  orig_addr_.assign(nslabs_, invalid_phys_addr);
  index_ = 0;
  return true;
}

// Linux v4.4 lib/swiotlb.c: swiotlb_init(0)
void io_tlb::swiotlb_init() {
  IOMMULAB_CALL(env_.trace, "swiotlb_init");
  if (nslabs_ == 0) nslabs_ = default_slabs;
  const bool imaginable = nslabs_ <= end_of_low_memory.value() >> io_tlb_shift;
  const auto start = imaginable ? pages_.reserve_range(nslabs_ << io_tlb_shift, page_size,
                                                       phys_addr(0), end_of_low_memory)
                                : std::nullopt;
  if (start && init_with_tbl(*start)) return;
  if (start) pages_.free_reserved(*start, nslabs_ << io_tlb_shift);
  env_.log.print(log_level::warning, std::string(release_.no_room()));
  no_iotlb_memory_ = true;
}

// Linux v4.4 lib/swiotlb.c: swiotlb_free()
void io_tlb::swiotlb_free() {
  IOMMULAB_CALL(env_.trace, "swiotlb_free");
  if (orig_addr_.empty()) return;
  pages_.free_reserved(overflow_buffer_, io_tlb_overflow);
  pages_.free_reserved(start_, nslabs_ << io_tlb_shift);
  const spin_guard guard(lock_);
  list_.clear();
  orig_addr_.clear();
  start_ = end_ = overflow_buffer_ = phys_addr(0);
  nslabs_ = 0;
}

// Linux v4.4 lib/swiotlb.c: swiotlb_print_info()
void io_tlb::swiotlb_print_info() const {
  if (no_iotlb_memory_) {
    env_.log.print(log_level::warning, "software IO TLB: No low mem");
    return;
  }
  env_.log.print(log_level::info, release_.mapped(start_, end_));
}

// Linux v4.4 lib/swiotlb.c: swiotlb_bounce(). All of memory is mapped, there is no high memory.
void io_tlb::bounce(phys_addr orig, phys_addr tlb_addr, uint64_t size,
                    dma_data_direction dir) const {
  std::byte* original = memory_.at(orig, size);
  std::byte* slots = memory_.at(tlb_addr, size);
  bug_on(original == nullptr || slots == nullptr,
         "swiotlb_bounce: a buffer lies outside of memory");
  if (dir == dma_data_direction::to_device) {
    std::memcpy(slots, original, size);
  } else {
    std::memcpy(original, slots, size);
  }
}

// The loop of swiotlb_tbl_map_single(): from the index on, once around. The kernel steps over runs
// that cross a PCI function's segment boundary, a multiple of 4 GiB: below 4 GiB none does.
std::optional<uint64_t> io_tlb::find_slots(uint64_t nslots, uint64_t stride) {
  uint64_t index = align_up(index_, stride);
  if (index >= nslabs_) index = 0;
  const uint64_t wrap = index;
  do {
    if (list_[index] >= nslots) return index;
    index += stride;
    if (index >= nslabs_) index = 0;
  } while (index != wrap);
  return std::nullopt;
}

// The free slots below `index` in its segment reach `count` further than `index`.
void io_tlb::count_back(uint64_t index, uint32_t count) {
  while (in_segment(index) != 0 && list_[index - 1] != 0) list_[--index] = ++count;
}

void io_tlb::take(uint64_t index, uint64_t nslots) {
  for (uint64_t i = index; i < index + nslots; ++i) list_[i] = 0;
  count_back(index, 0);
  index_ = index + nslots < nslabs_ ? index + nslots : 0;
}

// The free run of a segment is counted from its end: each slot says how many are free from it on.
void io_tlb::give_back(uint64_t index, uint64_t nslots) {
  const spin_guard guard(lock_);
  const uint64_t behind = index + nslots;
  const bool is_in_segment = behind < align_up(index + 1, io_tlb_segsize);
  const uint32_t free_behind = is_in_segment ? list_[behind] : 0;
  for (uint64_t i = index; i < behind; ++i) {
    list_[i] = free_behind + static_cast<uint32_t>(behind - i);
    orig_addr_[i] = invalid_phys_addr;
  }
  count_back(index, list_[index]);
}

// Linux v4.4 lib/swiotlb.c: swiotlb_tbl_map_single()
std::optional<phys_addr> io_tlb::swiotlb_tbl_map_single(device& dev, phys_addr orig, uint64_t size,
                                                        dma_data_direction dir,
                                                        uint64_t alloc_align) {
  IOMMULAB_CALL(env_.trace, "swiotlb_tbl_map_single", {"hwdev", dev}, {"orig_addr", orig},
                {"size", size}, {"dir", dir});
  if (no_iotlb_memory_) {
    throw kernel_panic(
        "Can not allocate SWIOTLB buffer earlier and can't now provide you with the DMA bounce "
        "buffer");
  }
  const uint64_t alloc_size = align_up(size, alloc_align);
  const uint64_t nslots = slots_for(alloc_size);
  const uint64_t begins_at = release_.begins_with_a_page(alloc_size) ? page_size : slot_size;
  const uint64_t stride = std::max(begins_at, alloc_align) >> io_tlb_shift;
  bug_on(nslots == 0, "swiotlb_tbl_map_single: a buffer of no bytes");
  std::optional<uint64_t> index;
  bool tell = false;
  {
    const spin_guard guard(lock_);
    index = find_slots(nslots, stride);
    if (index) {
      take(*index, nslots);
    } else {
      tell = ratelimit_.allows(env_, "swiotlb_tbl_map_single");
    }
  }
  if (!index) {
    if (tell) {
      dev_printk(dev, log_level::warning, "%s", release_.full(alloc_size, nslabs_, used_slots()));
    }
    return this_call.result(std::nullopt);
  }
  for (uint64_t i = 0; i < nslots; ++i) orig_addr_[*index + i] = orig + (i << io_tlb_shift);
  const phys_addr tlb_addr = start_ + (*index << io_tlb_shift);
  if (release_.is_filled(dir)) bounce(orig, tlb_addr, size, dma_data_direction::to_device);
  return this_call.result(tlb_addr);
}

// Linux v4.4 lib/swiotlb.c: swiotlb_tbl_unmap_single()
void io_tlb::swiotlb_tbl_unmap_single(device& dev, phys_addr tlb_addr, uint64_t size,
                                      dma_data_direction dir, uint64_t alloc_align) {
  IOMMULAB_CALL(env_.trace, "swiotlb_tbl_unmap_single", {"hwdev", dev}, {"tlb_addr", tlb_addr},
                {"size", size}, {"dir", dir});
  const uint64_t nslots = slots_for(align_up(size, alloc_align));
  const uint64_t index = slot_of(tlb_addr);
  bug_on(index >= nslabs_ || nslots > nslabs_ - index,
         "swiotlb_tbl_unmap_single: slots beyond the end");
  const phys_addr orig = orig_addr_[index];
  if (orig != invalid_phys_addr && device_writes(dir)) {
    bounce(orig, tlb_addr, size, dma_data_direction::from_device);
  }
  give_back(index, nslots);
}

// Linux v4.4 lib/swiotlb.c: swiotlb_tbl_sync_single()
void io_tlb::swiotlb_tbl_sync_single(device& dev, phys_addr tlb_addr, uint64_t size,
                                     dma_data_direction dir, dma_sync_target target) {
  IOMMULAB_CALL(env_.trace, "swiotlb_tbl_sync_single", {"hwdev", dev}, {"tlb_addr", tlb_addr},
                {"size", size}, {"dir", dir}, {"target", target});
  const uint64_t index = slot_of(tlb_addr);
  if (orig_addr_[index] == invalid_phys_addr) return;
  const phys_addr orig = orig_addr_[index] + (tlb_addr.value() & (slot_size - 1));
  bug_on(dir > dma_data_direction::from_device, "swiotlb_tbl_sync_single: invalid direction");
  if (target == dma_sync_target::cpu && device_writes(dir)) {
    bounce(orig, tlb_addr, size, dma_data_direction::from_device);
  }
  if (target == dma_sync_target::device && device_reads(dir)) {
    bounce(orig, tlb_addr, size, dma_data_direction::to_device);
  }
}

uint64_t io_tlb::used_slots() const {
  const spin_guard guard(lock_);
  return static_cast<uint64_t>(std::count(list_.begin(), list_.end(), 0u));
}

}  // namespace iommulab
