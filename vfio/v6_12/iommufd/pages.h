// SPDX-License-Identifier: GPL-2.0-only
//
// A piece of a user's memory whose pages are pinned as long as somebody needs them: a domain that
// an area is mapped in, or an access of the kernel's own. Areas of several tables may share it, and
// its pages are pinned and charged once.
// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h: struct iopt_pages
//
// Invariants: indexes are pages from `uptr` on. A page is pinned when an interval of `access_itree`
// or `domains_itree` has it: its frame is then in `pinned_pfns` or in a domain. Between calls
// npinned is what the user was charged for.
//
// One thread at a time. The task whose memory it is outlives the users of that memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "absl/types/span.h"
#include "vfio/v6_12/iommufd/interval_tree.h"
#include "vfio/v6_12/iommufd/io_pagetable.h"

namespace iommulab::v6_12 {

struct iopt_pages {
  explicit iopt_pages(iommufd_module& module_) : module(module_) {}
  [[nodiscard]] tracer& trace() const { return module.env.trace; }

  iommufd_module& module;
  unsigned kref = 1;
  uint64_t npages = 0;
  uint64_t npinned = 0;
  uint64_t last_npinned = 0;  ///< what the user was charged for
  task_struct* source_task = nullptr;
  std::shared_ptr<mm_struct> source_mm;
  std::shared_ptr<user_struct> source_user;
  uint64_t uptr = 0;
  bool writable = false;
  iopt_pages_account account_mode = iopt_pages_account::none;

  std::map<uint64_t, uint64_t> pinned_pfns;  ///< frames by index, of accesses
  slab_token pinned_pfns_nodes;
  interval_tree access_itree;   ///< of iopt_pages_access::node
  interval_tree domains_itree;  ///< of iopt_area::pages_node
};
inline uint64_t trace_word(const iopt_pages& pages) {
  return pages.uptr;
}

/// Keeps the frames of an interval in pinned_pfns: struct iopt_pages_access.
struct iopt_pages_access {
  interval_node_of<iopt_pages_access> node{*this};
  unsigned users = 0;
};

/// What an access is for; as flags. Linux v6.12 include/linux/iommufd.h
inline constexpr unsigned iommufd_access_rw_read = 0;
inline constexpr unsigned iommufd_access_rw_write = 1u << 0;
inline constexpr unsigned iommufd_access_rw_kthread = 1u << 1;
/// Of tests: never by way of the process.
inline constexpr unsigned iommufd_access_rw_slow_path = 1u << 2;

// Linux v6.12 drivers/iommu/iommufd/pages.c, by the kernel's names. Results are 0 or negative
// errnos.

/// Null with `error` set.
iopt_pages* iopt_alloc_pages(iommufd_module& module, task_struct& current, uint64_t uptr,
                             uint64_t length, bool writable, int& error);
void iopt_put_pages(iopt_pages& pages);

/// Into all domains of the table, or none.
int iopt_area_fill_domains(iopt_area& area, iopt_pages& pages);
void iopt_area_unfill_domains(iopt_area& area, iopt_pages& pages);
int iopt_area_fill_domain(iopt_area& area, iommu_domain& domain);
void iopt_area_unfill_domain(iopt_area& area, iopt_pages& pages, iommu_domain& domain);
/// The pages stay pinned: other domains have them.
void iopt_area_unmap_domain(iopt_area& area, iommu_domain& domain);

/// The pages from index `start` to `last` are pinned, and their addresses in `out_pages`.
int iopt_area_add_access(iopt_area& area, uint64_t start, uint64_t last,
                         absl::Span<phys_addr> out_pages, unsigned flags);
void iopt_area_remove_access(iopt_area& area, uint64_t start, uint64_t last);
/// Copies to the pages or from them.
int iopt_pages_rw_access(iopt_pages& pages, uint64_t start_byte, absl::Span<std::byte> data,
                         unsigned flags);

/// The pages of these indexes that neither domain nor access has are unpinned; an access has just
/// gone.
void iopt_pages_unfill_xarray(iopt_pages& pages, uint64_t start_index, uint64_t last_index);

// Addresses of an index's page in an area.
uint64_t iopt_area_index_to_iova(const iopt_area& area, uint64_t index);
uint64_t iopt_area_index_to_iova_last(const iopt_area& area, uint64_t index);
/// An area of a domain that has the page.
iopt_area* iopt_pages_find_domain_area(iopt_pages& pages, uint64_t index);

/// iommu_unmap() of exactly that.
void iommu_unmap_nofail(iommu_domain& domain, uint64_t iova, uint64_t size);

}  // namespace iommulab::v6_12
