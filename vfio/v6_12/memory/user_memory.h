// SPDX-License-Identifier: GPL-2.0-only
//
// What type1 and iommufd ask of memory management alike: a program's pages pinned and unpinned, and
// counted against its limit. Linux v6.12 mm/gup.c, mm/util.c
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/environment.h"
#include "core/types.h"
#include "vfio/process/task_struct.h"
#include "vfio/process/user_pages.h"

namespace iommulab::v6_12 {

/// task_rlimit(RLIMIT_MEMLOCK), in pages
inline uint64_t memlock_limit(const task_struct& task) {
  return task.rlimit_memlock >> page_shift;
}

/// `pages` more (`inc`) or fewer are locked: 0, or -ENOMEM above the limit of `task`.
int account_locked_vm(environment& env, mm_struct& mm, uint64_t pages, bool inc,
                      const task_struct& task, bool bypass_rlim);
/// mm_struct::pin_user_pages()
int64_t pin_user_pages_remote(tracer& trace, mm_struct& mm, uint64_t start, uint64_t nr_pages,
                              unsigned gup_flags, std::vector<phys_addr>& pages);
void unpin_user_pages(tracer& trace, user_pages& of, absl::Span<const phys_addr> pages);

}  // namespace iommulab::v6_12
