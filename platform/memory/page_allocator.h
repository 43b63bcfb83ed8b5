// SPDX-License-Identifier: GPL-2.0-only
//
// The page allocator over the `ram` ranges of a physical memory: zones, a buddy system in each,
// small objects with a physical address, counters for leak checks, injected failures, and the
// replay of a recorded sequence of addresses.
//
// Invariants: a page is free in the buddy of its zone, or live in one block, or outside the
// allocator's reach (partial pages of a range, page 0, reserve()d). A misuse never corrupts this
// state: it is recorded as a diagnosis and otherwise has no effect.
//
// Any thread may call any function; one mutex stands where the kernel has its zone locks.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "core/diagnosis.h"
#include "core/dma/gfp.h"
#include "core/slab.h"
#include "core/spin_lock.h"
#include "core/status.h"
#include "core/trace.h"
#include "core/types.h"
#include "platform/memory/buddy.h"
#include "platform/memory/physical_memory.h"

namespace iommulab {

/// ZONE_DMA below 16 MiB, ZONE_DMA32 below 4 GiB, ZONE_NORMAL above. An allocation falls back to
/// lower zones, never to higher ones.
enum class zone : uint8_t { dma, dma32, normal };
inline constexpr unsigned zone_count = 3;

/// The highest zone that the flags allow. Linux v4.4 include/linux/gfp.h: gfp_zone()
constexpr zone gfp_zone(gfp_t flags) {
  if ((flags & gfp_dma) != 0) return zone::dma;
  return (flags & gfp_dma32) != 0 ? zone::dma32 : zone::normal;
}

/// What can be wrong with a call, or with a replay.
enum class page_diagnosis_kind : uint8_t {
  double_free,       ///< the block is free already
  foreign_free,      ///< the address is none that was given out
  wrong_order_free,  ///< freed with another order or size than it was allocated with
  replay_exhausted,  ///< more allocations than recorded addresses
  replay_misplaced,  ///< the recorded address does not suit the request, or is no RAM
  replay_in_use,     ///< the recorded address is live
};
/// Whether it is about who frees pages, not about a replay's recorded addresses.
constexpr bool is_about_freeing(page_diagnosis_kind kind) {
  return kind <= page_diagnosis_kind::wrong_order_free;
}
/// The stable name, the enumerator's own.
std::string_view name(page_diagnosis_kind kind);

/// What requests get when all recorded addresses are used.
enum class after_replay : uint8_t { fail, choose };

/// `where` is a physical address. Each is an error.
using page_diagnosis = diagnosis_record<page_diagnosis_kind>;

/// Pages that were given out together.
struct live_block {
  phys_addr address;
  unsigned order = 0;
  uint64_t object_size = 0;  ///< bytes of the small objects that it is cut into; 0: whole pages
  uint64_t objects = 0;      ///< how many of them are live
};

/// What a page allocator has given out, and what it has left.
struct page_accounts {
  uint64_t live_pages = 0;
  uint64_t peak_pages = 0;
  uint64_t live_objects = 0;
  std::array<uint64_t, zone_count> free_pages{};
  std::vector<live_block> blocks;  ///< in ascending order
};

class page_allocator {
 public:
  /// Takes the whole pages of every `ram` range; page 0 is never given out.
  page_allocator(physical_memory& memory, tracer& trace);
  page_allocator(const page_allocator&) = delete;
  page_allocator& operator=(const page_allocator&) = delete;

  /// alloc_pages_node(): 2^order pages, aligned to their size, from the zone that `flags` name or a
  /// lower one; gfp_zero counts too, the other flags do not. The machine has one memory node: any
  /// `node` is served from it. Nothing when memory has run out, a failure was injected,
  /// order > buddy::max_order, or the replay refuses.
  std::optional<phys_addr> alloc_pages(unsigned order, gfp_t flags = gfp_kernel, int node = -1);
  /// free_pages(). Misuse is a diagnosis.
  void free_pages(phys_addr address, unsigned order);

  /// kmalloc() of `size` bytes (1 up to 4 MiB), aligned to the next power of two (at least 8).
  /// Up to half a page, objects of one size share pages; from there on it is whole pages.
  std::optional<phys_addr> kmalloc_phys(uint64_t size, gfp_t flags = gfp_kernel, int node = -1);
  /// kfree(). Misuse is a diagnosis.
  void kfree_phys(phys_addr address);

  /// Takes the pages that [start, start + length) touches out of reach: the kernel's image,
  /// tables of the firmware in RAM. EBUSY when one of them is live; pages that are no free RAM
  /// are passed over.
  absl::Status reserve(phys_addr start, uint64_t length);
  /// The same for a place that is not given: whole pages for `length` bytes within [base, limit),
  /// aligned to `alignment` (a power of two, at least a page), as high as they fit; nothing when no
  /// run of free pages is long enough. Linux v4.4 mm/memblock.c: memblock_alloc_range()
  std::optional<phys_addr> reserve_range(uint64_t length, uint64_t alignment, phys_addr base,
                                         phys_addr limit);
  /// Gives reserved pages to the allocator. One that is free is a diagnosis, and nothing is given.
  /// Linux v4.4 mm/memblock.c: __memblock_free_late()
  void free_reserved(phys_addr start, uint64_t length);

  /// Keeps pages for a replay: the allocator's own choice leaves them alone, also after they were
  /// given out and freed. EBUSY and what is passed over as in reserve().
  absl::Status hold_back(phys_addr start, uint64_t length);

  /// From now on the n-th successful request (pages and small objects alike) gets the n-th of
  /// `addresses`; past the last one every request fails with a diagnosis, or gets what the
  /// allocator chooses.
  void replay(std::vector<phys_addr> addresses, after_replay then = after_replay::fail);
  /// Recorded addresses not yet used.
  [[nodiscard]] size_t replay_left() const;

  /// Injected failures; a request counts once, whatever it needs inside.
  [[nodiscard]] slab_failures& failures() { return failures_; }
  void fail_at(uint64_t n) { failures_.fail_at(n); }
  void fail_from(uint64_t n) { failures_.fail_from(n); }

  /// Fills what is given out unzeroed, and what is freed, with the kernel's slab poison 6Bh, so
  /// that nothing relies on fresh memory being zero. Off at first.
  void set_poison(bool on);

  // Pages in live blocks, those that hold small objects included.
  [[nodiscard]] uint64_t live_pages() const;
  [[nodiscard]] uint64_t peak_pages() const;
  /// Live small objects.
  [[nodiscard]] uint64_t live_objects() const;
  [[nodiscard]] uint64_t free_pages_in(zone z) const;
  /// Free blocks of one order, /proc/buddyinfo's number.
  [[nodiscard]] uint64_t free_blocks_in(zone z, unsigned order) const;
  /// The zone that a page belongs to.
  static zone zone_of(uint64_t frame);
  /// Whether `address` lies in a live block.
  [[nodiscard]] bool is_live(phys_addr address) const;
  /// All of it at once. Whoever asks sees to it that nobody allocates meanwhile: no lock is taken,
  /// since events are told under it.
  [[nodiscard]] page_accounts accounts() const;
  /// All that was diagnosed, oldest first.
  [[nodiscard]] std::vector<page_diagnosis> diagnoses() const;

  [[nodiscard]] physical_memory& memory() const { return memory_; }

 private:
  /// A page cut into objects of one size.
  struct slab_page {
    uint64_t object_size = 0;
    zone highest = zone::normal;
    std::vector<bool> used;
    size_t used_count = 0;
  };
  using slab_key = std::pair<uint64_t, zone>;

  std::optional<phys_addr> take_block(unsigned order, zone highest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  std::optional<phys_addr> take_object(uint64_t size, zone highest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  std::optional<phys_addr> next_recorded(uint64_t alignment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  std::optional<phys_addr> replay_block(unsigned order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  std::optional<phys_addr> replay_object(uint64_t size, zone highest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void open_slab(uint64_t page, uint64_t size, zone highest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void use_object(uint64_t page, slab_page& slab, size_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void free_object(phys_addr address, uint64_t page) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void mark_live(uint64_t frame, unsigned order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void release(uint64_t frame, unsigned order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void diagnose_free(phys_addr address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void diagnose(page_diagnosis_kind kind, phys_addr address, std::string sentence)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void fill(phys_addr address, uint64_t length, gfp_t flags) const;
  void trace_page(events::page_action action, uint64_t frame, unsigned order) const;
  [[nodiscard]] bool replaying() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  absl::Status take_out(phys_addr start, uint64_t length, bool held_back)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  /// Takes the pages out of those that are held back, or out of the zone; false when they are not
  /// all free there.
  bool take_recorded(uint64_t frame, unsigned order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  buddy& zone_at(uint64_t frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  physical_memory& memory_;
  tracer& trace_;
  slab_failures failures_;

  mutable spin_lock lock_;
  std::array<buddy, zone_count> zones_ ABSL_GUARDED_BY(lock_);
  absl::flat_hash_map<uint64_t, unsigned> live_ ABSL_GUARDED_BY(lock_);  // first frame -> order
  absl::flat_hash_map<uint64_t, slab_page> slabs_ ABSL_GUARDED_BY(lock_);
  std::map<slab_key, std::vector<uint64_t>> partial_ ABSL_GUARDED_BY(lock_);  // with free objects
  std::optional<std::vector<phys_addr>> recorded_ ABSL_GUARDED_BY(lock_);
  size_t next_recorded_ ABSL_GUARDED_BY(lock_) = 0;
  after_replay after_replay_ ABSL_GUARDED_BY(lock_) = after_replay::fail;
  absl::flat_hash_map<uint64_t, bool> held_back_ ABSL_GUARDED_BY(lock_);  // frame -> is free
  std::vector<page_diagnosis> diagnoses_ ABSL_GUARDED_BY(lock_);
  uint64_t live_pages_ ABSL_GUARDED_BY(lock_) = 0;
  uint64_t peak_pages_ ABSL_GUARDED_BY(lock_) = 0;
  uint64_t live_objects_ ABSL_GUARDED_BY(lock_) = 0;
  bool poison_ ABSL_GUARDED_BY(lock_) = false;
};

}  // namespace iommulab
