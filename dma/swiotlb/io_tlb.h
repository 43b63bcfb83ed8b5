// SPDX-License-Identifier: GPL-2.0-only
//
// Bounce buffers: memory that every device reaches, cut into slots, and copies between it and the
// buffers that a device cannot reach. Linux v4.4 lib/swiotlb.c (the functions up to
// swiotlb_tbl_sync_single()), by name.
//
// A mapping takes slots that follow one another within one segment of 128. io_tlb_list[i] is the
// number of free slots from i on to the end of the free run in its segment, 0 for a slot in use;
// io_tlb_index is where the next search begins.
//
// Any thread may call the swiotlb_tbl_ functions; the lock guards list and index. The original
// address of a slot belongs to who has mapped it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/device.h"
#include "core/dma/dma_map_ops.h"
#include "core/environment.h"
#include "core/ratelimit.h"
#include "core/spin_lock.h"
#include "core/types.h"
#include "dma/swiotlb/release.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"

namespace iommulab {

inline constexpr unsigned io_tlb_shift = 11;  ///< a slot is 2 KiB
inline constexpr uint64_t io_tlb_segsize = 128;
/// The largest mapping that gets an address when there is no room: that of the overflow buffer.
inline constexpr uint64_t io_tlb_overflow = uint64_t{32} << 10;

enum class dma_sync_target : uint8_t { cpu, device };

class io_tlb {
 public:
  /// `nslabs` slots, 0 for 64 MiB of them. Nothing is reserved before swiotlb_init().
  io_tlb(const swiotlb_release& release, environment& env, physical_memory& memory,
         page_allocator& pages, uint64_t nslabs)
      : release_(release), env_(env), memory_(memory), pages_(pages), nslabs_(nslabs) {}
  io_tlb(const io_tlb&) = delete;
  io_tlb& operator=(const io_tlb&) = delete;

  /// Reserves slots and overflow buffer below 4 GiB. Where there is no room the log says so, and
  /// the first mapping that needs a slot is a kernel_panic.
  void swiotlb_init();
  /// Gives the memory back.
  void swiotlb_free();
  void swiotlb_print_info() const;

  [[nodiscard]] bool is_swiotlb_buffer(phys_addr address) const {
    return address >= start_ && address < end_;
  }
  [[nodiscard]] phys_addr start() const { return start_; }
  [[nodiscard]] phys_addr end() const { return end_; }  ///< one past the last byte
  [[nodiscard]] phys_addr overflow_buffer() const { return overflow_buffer_; }

  /// Slots for `size` bytes (not 0), filled from `orig` when the device is going to read; nothing
  /// when no run is long enough. With `alloc_align`, a power of two and at most a page, the slots
  /// begin at a multiple of it and nobody else's share the last one (later kernels).
  std::optional<phys_addr> swiotlb_tbl_map_single(device& dev, phys_addr orig, uint64_t size,
                                                  dma_data_direction dir, uint64_t alloc_align = 1);
  /// Gives the slots back, after copying to the original when the device may have written. Slots
  /// beyond the end are a kernel_bug. `alloc_align` is the mapping's.
  void swiotlb_tbl_unmap_single(device& dev, phys_addr tlb_addr, uint64_t size,
                                dma_data_direction dir, uint64_t alloc_align = 1);
  /// Copies a part of a mapping in the direction that `target` asks for. A direction that does not
  /// go with it is passed over, as in the kernel; `none` is a kernel_bug.
  void swiotlb_tbl_sync_single(device& dev, phys_addr tlb_addr, uint64_t size,
                               dma_data_direction dir, dma_sync_target target);

  [[nodiscard]] const swiotlb_release& release() const { return release_; }
  /// Slots in use.
  [[nodiscard]] uint64_t used_slots() const;

 private:
  bool init_with_tbl(phys_addr start);
  std::optional<uint64_t> find_slots(uint64_t nslots, uint64_t stride)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void take(uint64_t index, uint64_t nslots) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void give_back(uint64_t index, uint64_t nslots);
  void count_back(uint64_t index, uint32_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void bounce(phys_addr orig, phys_addr tlb_addr, uint64_t size, dma_data_direction dir) const;
  [[nodiscard]] uint64_t slot_of(phys_addr tlb_addr) const {
    return (tlb_addr - start_) >> io_tlb_shift;
  }

  const swiotlb_release& release_;
  environment& env_;
  physical_memory& memory_;
  page_allocator& pages_;
  uint64_t nslabs_;
  bool no_iotlb_memory_ = false;
  phys_addr start_;
  phys_addr end_;
  phys_addr overflow_buffer_;
  std::vector<phys_addr> orig_addr_;
  mutable spin_lock lock_;
  std::vector<uint32_t> list_ ABSL_GUARDED_BY(lock_);
  uint64_t index_ ABSL_GUARDED_BY(lock_) = 0;
  ratelimit_state ratelimit_ ABSL_GUARDED_BY(lock_);
};

}  // namespace iommulab
