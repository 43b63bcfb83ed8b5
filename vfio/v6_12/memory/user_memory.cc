// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/memory/user_memory.h"

#include <cerrno>

#include "core/trace.h"

namespace iommulab::v6_12 {

// Linux v6.12 mm/util.c: __account_locked_vm()
int account_locked_vm(environment& env, mm_struct& mm, uint64_t pages, bool inc,
                      const task_struct& task, bool bypass_rlim) {
  IOMMULAB_CALL(env.trace, "__account_locked_vm", {"pages", pages}, {"inc", inc},
                {"bypass_rlim", bypass_rlim});
  if (!inc) {
    if (pages > mm.locked_vm) env.log.warn_on("__account_locked_vm");
    mm.locked_vm -= pages;
    return this_call.result(0);
  }
  if (!bypass_rlim && mm.locked_vm + pages > memlock_limit(task)) return this_call.result(-ENOMEM);
  mm.locked_vm += pages;
  return this_call.result(0);
}

// Linux v6.12 mm/gup.c: pin_user_pages_remote()
int64_t pin_user_pages_remote(tracer& trace, mm_struct& mm, uint64_t start, uint64_t nr_pages,
                              unsigned gup_flags, std::vector<phys_addr>& pages) {
  IOMMULAB_CALL(trace, "pin_user_pages_remote", {"start", start}, {"nr_pages", nr_pages},
                {"gup_flags", gup_flags});
  return this_call.result(mm.pin_user_pages(start, nr_pages, gup_flags, pages));
}

// Linux v6.12 mm/gup.c: unpin_user_pages()
void unpin_user_pages(tracer& trace, user_pages& of, absl::Span<const phys_addr> pages) {
  IOMMULAB_CALL(trace, "unpin_user_pages", {"npages", pages.size()});
  for (const phys_addr page : pages) of.unpin(page);
}

}  // namespace iommulab::v6_12
