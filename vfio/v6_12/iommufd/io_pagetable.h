// SPDX-License-Identifier: GPL-2.0-only
//
// The table from I/O virtual addresses to a user's pages: areas, each of which shows a part of one
// set of pages, and the domains that all areas are mapped in.
// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h
//
// Invariants: areas do not overlap, and lie in no reserved range. With a domain there every area is
// mapped in all domains, and its pages are pinned; `storage_domain` is the one that the addresses
// of its pages are read back from. An area without pages is being made or taken down.
//
// One thread at a time: domains_rwsem and iova_rwsem have no counterpart.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <vector>

#include "absl/types/span.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/slab.h"
#include "vfio/uapi/iommufd.h"
#include "vfio/v6_12/iommufd/interval_tree.h"
#include "vfio/v6_12/iommufd/objects.h"

namespace iommulab::v6_12 {

struct iopt_area;
struct iopt_pages;
struct iommufd_access;

/// struct io_pagetable
struct io_pagetable {
  explicit io_pagetable(iommufd_module& module_) : module(module_) {}
  [[nodiscard]] tracer& trace() const { return module.env.trace; }

  iommufd_module& module;
  struct domain_slot {
    iommu_domain* domain = nullptr;
    slab_token node;
  };
  std::vector<domain_slot> domains;  ///< its size is next_domain_id
  struct access_slot {
    iommufd_access* access = nullptr;
    slab_token node;
  };
  std::map<uint32_t, access_slot> access_list;
  interval_tree area_itree;
  interval_tree allowed_itree;   ///< what cannot become reserved, and free maps are confined to
  interval_tree reserved_itree;  ///< what cannot be mapped
  bool disable_large_pages = false;
  uint64_t iova_alignment = 1;  ///< bytes, a power of two
};

/// struct iopt_area
struct iopt_area {
  explicit iopt_area(iommufd_module& module_) : module(module_), node(*this), pages_node(*this) {}
  [[nodiscard]] tracer& trace() const { return module.env.trace; }

  iommufd_module& module;
  interval_node_of<iopt_area> node;        ///< addresses, in the table's area_itree
  interval_node_of<iopt_area> pages_node;  ///< indexes, in the pages' domains_itree
  io_pagetable* iopt = nullptr;
  iopt_pages* pages = nullptr;
  iommu_domain* storage_domain = nullptr;
  uint32_t page_offset = 0;  ///< bytes of the first page before the area
  int iommu_prot = 0;
  bool prevent_access = false;
  unsigned num_accesses = 0;
};
inline uint64_t trace_word(const iopt_area& area) {
  return area.node.start;
}

struct iopt_allowed {
  interval_node_of<iopt_allowed> node{*this};
};
struct iopt_reserved {
  interval_node_of<iopt_reserved> node{*this};
  const void* owner = nullptr;
};

inline uint64_t iopt_area_index(const iopt_area& area) {
  return area.pages_node.start;
}
inline uint64_t iopt_area_last_index(const iopt_area& area) {
  return area.pages_node.last;
}
uint64_t iopt_area_iova(const iopt_area& area);
uint64_t iopt_area_last_iova(const iopt_area& area);
uint64_t iopt_area_length(const iopt_area& area);
/// From the start of the area's pages, in bytes.
uint64_t iopt_area_start_byte(const iopt_area& area, uint64_t iova);
uint64_t iopt_area_iova_to_index(const iopt_area& area, uint64_t iova);

inline iopt_area* iopt_area_iter_first(const io_pagetable& iopt, uint64_t start, uint64_t last) {
  return owner_of<iopt_area>(iopt.area_itree.iter_first(start, last));
}
inline iopt_area* iopt_area_iter_next(const iopt_area& area, uint64_t start, uint64_t last) {
  return owner_of<iopt_area>(interval_tree::iter_next(area.node, start, last));
}
inline iopt_allowed* iopt_allowed_iter_first(const io_pagetable& iopt, uint64_t start,
                                             uint64_t last) {
  return owner_of<iopt_allowed>(iopt.allowed_itree.iter_first(start, last));
}
inline iopt_reserved* iopt_reserved_iter_first(const io_pagetable& iopt, uint64_t start,
                                               uint64_t last) {
  return owner_of<iopt_reserved>(iopt.reserved_itree.iter_first(start, last));
}

/// Walks areas that lie side by side: struct iopt_area_contig_iter.
struct iopt_area_contig_iter {
  uint64_t cur_iova = 0;
  uint64_t last_iova = 0;
  iopt_area* area = nullptr;
  const io_pagetable* iopt = nullptr;
};
iopt_area* iopt_area_contig_init(iopt_area_contig_iter& iter, const io_pagetable& iopt,
                                 uint64_t iova, uint64_t last_iova);
iopt_area* iopt_area_contig_next(iopt_area_contig_iter& iter);
/// The walk came to its end: no hole was on the way.
bool iopt_area_contig_done(const iopt_area_contig_iter& iter);

/// Pages on their way into a table: struct iopt_pages_list.
struct iopt_pages_list {
  iopt_pages* pages = nullptr;
  iopt_area* area = nullptr;
  uint64_t start_byte = 0;
  uint64_t length = 0;
  slab_token memory;  ///< none of one that is on the stack
};
using iopt_pages_lists = std::list<iopt_pages_list>;

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c, by the kernel's names. Results are 0 or
// negative errnos.

void iopt_init_table(io_pagetable& iopt);
void iopt_destroy_table(io_pagetable& iopt);

inline constexpr unsigned iopt_alloc_iova_flag = 1;  ///< IOPT_ALLOC_IOVA: `iova` is an answer
int iopt_map_user_pages(iommufd_ctx& ictx, task_struct& current, io_pagetable& iopt, uint64_t& iova,
                        uint64_t uptr, uint64_t length, int iommu_prot, unsigned flags);
/// The list's elements lose what they gave to the table.
int iopt_map_pages(io_pagetable& iopt, iopt_pages_lists& pages_list, uint64_t length,
                   uint64_t& dst_iova, int iommu_prot, unsigned flags);
/// References to the pages of a range without holes.
int iopt_get_pages(io_pagetable& iopt, uint64_t iova, uint64_t length,
                   iopt_pages_lists& pages_list);
void iopt_free_pages_list(io_pagetable& iopt, iopt_pages_lists& pages_list);
/// Whole areas only: -ENOENT when one is cut. `unmapped`, in bytes, may be null; what lay before
/// the one that failed is gone.
int iopt_unmap_iova(io_pagetable& iopt, uint64_t iova, uint64_t length, uint64_t* unmapped);
int iopt_unmap_all(io_pagetable& iopt, uint64_t* unmapped);
/// Areas are cut so that each of `iovas` is the last address of one.
int iopt_cut_iova(io_pagetable& iopt, absl::Span<const uint64_t> iovas);

int iopt_table_add_domain(io_pagetable& iopt, iommu_domain& domain);
void iopt_table_remove_domain(io_pagetable& iopt, iommu_domain& domain);
/// `sw_msi_start` may be null.
int iopt_table_enforce_dev_resv_regions(io_pagetable& iopt, device& dev, phys_addr* sw_msi_start);
int iopt_reserve_iova(io_pagetable& iopt, uint64_t start, uint64_t last, const void* owner);
void iopt_remove_reserved_iova(io_pagetable& iopt, const void* owner);
/// The same, for who holds the table's lock: __iopt_remove_reserved_iova().
void iopt_drop_reservations(io_pagetable& iopt, const void* owner);
/// Takes over the tree; the one that there was, or a refused one, is left in its place.
int iopt_set_allow_iova(io_pagetable& iopt, interval_tree& allowed_iova);
void iopt_free_allowed(io_pagetable& iopt, interval_tree& tree);
void iopt_enable_large_pages(io_pagetable& iopt);
int iopt_disable_large_pages(io_pagetable& iopt);
int iopt_add_access(io_pagetable& iopt, iommufd_access& access);
void iopt_remove_access(io_pagetable& iopt, iommufd_access& access, uint32_t iopt_access_list_id);

int iommufd_check_iova_range(const io_pagetable& iopt,
                             const uapi::iommu_hwpt_get_dirty_bitmap& bitmap);
int iopt_read_and_clear_dirty_data(io_pagetable& iopt, task_struct& current, iommu_domain& domain,
                                   unsigned flags, const uapi::iommu_hwpt_get_dirty_bitmap& bitmap);
int iopt_set_dirty_tracking(io_pagetable& iopt, iommu_domain& domain, bool enable);

/// An area that is in no table, or not yet complete there.
iopt_area* iopt_area_alloc(iommufd_module& module);
void iopt_abort_area(iopt_area& area);
int iopt_insert_area(io_pagetable& iopt, iopt_area& area, const iopt_pages& pages, uint64_t iova,
                     uint64_t start_byte, uint64_t length, int iommu_prot);
/// Lowest address from 4096 on where `length` bytes fit, aligned as their user address allows.
int iopt_alloc_iova(io_pagetable& iopt, uint64_t& iova, uint64_t uptr, uint64_t length);
/// -EADDRINUSE when an area is not aligned so.
int iopt_check_iova_alignment(io_pagetable& iopt, uint64_t new_iova_alignment);
int iopt_calculate_iova_alignment(io_pagetable& iopt);

/// check_add_overflow(): whether the sum does not fit.
inline bool add_overflows(uint64_t a, uint64_t b, uint64_t& sum) {
  return __builtin_add_overflow(a, b, &sum);
}

}  // namespace iommulab::v6_12
