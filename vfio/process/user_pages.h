// SPDX-License-Identifier: GPL-2.0-only
//
// The pages of user processes: who refers to each. A process that maps a page refers to it once,
// every pin once more; a page that nobody refers to goes back to the allocator. So memory that a
// process has given up stays where it is for as long as a device may reach it.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "core/types.h"
#include "platform/memory/page_allocator.h"

namespace iommulab {

class user_pages {
 public:
  /// `pages` outlives this.
  explicit user_pages(page_allocator& pages) : pages_(pages) {}
  ~user_pages();
  user_pages(const user_pages&) = delete;
  user_pages& operator=(const user_pages&) = delete;

  /// A zeroed page, referred to once; nothing when there is none.
  std::optional<phys_addr> alloc();
  /// 2^order of them side by side, a huge page; they go back together, when all are unreferenced.
  std::optional<phys_addr> alloc_block(unsigned order);
  /// A page that the caller has from elsewhere, referred to once, and not freed at the end: the
  /// kernel's zero page, memory that a recording names. Adopting it again is one reference more.
  void adopt(phys_addr page);
  /// get_page(), put_page(). A page that is not known is passed over.
  void get(phys_addr page);
  void put(phys_addr page);

  /// pin_user_pages() and unpin_user_page(): references that are counted apart.
  void pin(phys_addr page);
  void unpin(phys_addr page);
  /// Pins of all pages; 0 when everybody has unpinned what they pinned.
  [[nodiscard]] uint64_t pins() const { return pins_; }
  [[nodiscard]] uint64_t pins_of(phys_addr page) const;
  /// Called when nobody refers to an adopted page any more; empty for nobody.
  std::function<void(phys_addr page)> adopted_page_gone;
  /// Pages that somebody refers to.
  [[nodiscard]] size_t live() const { return counts_.size(); }

  [[nodiscard]] physical_memory& memory() const { return pages_.memory(); }
  /// For pages of the kernel's own.
  [[nodiscard]] page_allocator& allocator() const { return pages_; }

 private:
  struct count {
    uint32_t references = 0;
    uint32_t pins = 0;
    bool adopted = false;
    uint64_t block = 0;  ///< its first frame, of a page that came in a block
  };
  struct block {
    unsigned order = 0;
    uint64_t live = 0;  ///< pages of it that somebody refers to
  };
  void free(uint64_t frame, const count& c);

  page_allocator& pages_;
  absl::flat_hash_map<uint64_t, count> counts_;  // by frame
  absl::flat_hash_map<uint64_t, block> blocks_;  // by first frame
  uint64_t pins_ = 0;
};

}  // namespace iommulab
