// SPDX-License-Identifier: GPL-2.0-only
//
// Reads the frames of a piece of user memory from where they are: what accesses keep, a domain that
// has them, or else the process itself, which pins them.
// Linux v6.12 drivers/iommu/iommufd/pages.c: struct pfn_reader, struct pfn_reader_user
#pragma once

#include <cstdint>
#include <vector>

#include "vfio/v6_12/iommufd/double_span.h"
#include "vfio/v6_12/iommufd/pages.h"
#include "vfio/v6_12/iommufd/pfn_batch.h"

namespace iommulab::v6_12 {

/// The part that pins.
struct pfn_reader_user {
  bool has_upages = false;  ///< user->upages is there
  temp_memory upages_memory;
  uint64_t upages_len = 0;        ///< room, in bytes of eight a page
  std::vector<phys_addr> upages;  ///< what was pinned last
  uint64_t upages_start = 0;      ///< indexes
  uint64_t upages_end = 0;
  unsigned gup_flags = 0;
  /// 1: another process's memory, and its lock is held; 0: only the memory; -1: neither.
  int locked = -1;
};

struct pfn_reader {
  iopt_pages* pages = nullptr;
  interval_tree_double_span_iter span;
  pfn_batch batch;
  uint64_t batch_start_index = 0;
  uint64_t batch_end_index = 0;
  uint64_t last_index = 0;
  pfn_reader_user user;
};

// Linux v6.12 drivers/iommu/iommufd/pages.c, by the kernel's names. Results are 0 or negative
// errnos.

void pfn_reader_user_init(pfn_reader_user& user, const iopt_pages& pages);
void pfn_reader_user_destroy(pfn_reader_user& user, const iopt_pages& pages);
/// Pins as many as there is room for, at least one.
int pfn_reader_user_pin(pfn_reader_user& user, iopt_pages& pages, uint64_t start_index,
                        uint64_t last_index);
/// The user is charged for what is pinned now: -ENOMEM beyond the limit.
int pfn_reader_user_update_pinned(pfn_reader_user& user, iopt_pages& pages);

/// The first batch is read.
int pfn_reader_first(pfn_reader& pfns, iopt_pages& pages, uint64_t start_index,
                     uint64_t last_index);
int pfn_reader_next(pfn_reader& pfns);
bool pfn_reader_done(const pfn_reader& pfns);
int pfn_reader_update_pinned(pfn_reader& pfns);
/// The batch's frames are unpinned, but those that somebody else has.
void pfn_reader_unpin(pfn_reader& pfns);
void pfn_reader_release_pins(pfn_reader& pfns);
void pfn_reader_destroy(pfn_reader& pfns);

/// The user gets back what is pinned no longer.
void update_unpinned(iopt_pages& pages);
void iopt_pages_add_npinned(iopt_pages& pages, uint64_t npages);
void iopt_pages_sub_npinned(iopt_pages& pages, uint64_t npages);
/// Unpins pages that were pinned for a range which failed.
void iopt_pages_err_unpin(iopt_pages& pages, uint64_t start_index, uint64_t last_index,
                          absl::Span<const phys_addr> page_list);

}  // namespace iommulab::v6_12
