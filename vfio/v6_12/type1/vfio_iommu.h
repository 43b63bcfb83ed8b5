// SPDX-License-Identifier: GPL-2.0-only
//
// A container's type1 IOMMU: its domains, its groups, what is mapped and which addresses may be.
// Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
//
// Invariants: mappings do not overlap. A mapping is in every domain (iommu_mapped), or there is no
// domain and nothing of it is pinned. Each page of a mapping in a domain is pinned once, and
// counted in its mm's locked_vm; pages that a driver pinned are counted once more only as long as
// there is no domain. One thread at a time.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/iommu/v6_12/iommu.h"
#include "core/slab.h"
#include "vfio/process/task_struct.h"
#include "vfio/v6_12/vfio/iommu_driver.h"
#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {

struct vfio_iommu_group {
  iommu_group* group = nullptr;
  bool pinned_page_dirty_scope = false;  ///< it writes only to pages that were pinned for it
};

struct vfio_domain {
  iommu_domain* domain = nullptr;
  std::list<vfio_iommu_group*> group_list;  ///< the newest first
  bool fgsp = false;                        ///< fine-grained superpages
  bool enforce_cache_coherency = false;
};

/// A page that a driver pinned.
struct vfio_pfn {
  uint64_t iova = 0;
  uint64_t pfn = 0;
  unsigned ref_count = 0;
};

/// One mapping. `size` grows while it is being mapped.
struct vfio_dma {
  uint64_t iova = 0;
  uint64_t vaddr = 0;
  uint64_t size = 0;  ///< bytes
  int prot = 0;       ///< iommu_read, iommu_write
  bool iommu_mapped = false;
  bool lock_cap = false;  ///< who mapped had CAP_IPC_LOCK
  bool vaddr_invalid = false;
  task_struct* task = nullptr;  ///< who is asked for its limit
  std::shared_ptr<mm_struct> mm;
  std::map<uint64_t, vfio_pfn*> pfn_list;  ///< by iova
  std::vector<uint64_t> bitmap;            ///< dirty pages; empty while nothing is logged
  slab_token bitmap_memory;
  uint64_t locked_vm = 0;  ///< pages
};

/// Addresses that may be mapped; `end` is inclusive.
struct vfio_iova {
  uint64_t start = 0;
  uint64_t end = 0;
  slab_token memory;
};
using vfio_iova_list = std::list<vfio_iova>;  // ascending

struct vfio_iommu {
  explicit vfio_iommu(vfio_module& module_) : module(module_) {}

  vfio_module& module;
  std::list<vfio_domain*> domain_list;  ///< the newest first
  vfio_iova_list iova_list;
  std::map<uint64_t, vfio_dma*> dma_list;  ///< by iova
  std::list<vfio_device*> device_list;     ///< those that pin pages
  unsigned dma_avail = 0;
  unsigned vaddr_invalid_count = 0;
  uint64_t pgsize_bitmap = 0;
  uint64_t num_non_pinned_groups = 0;
  bool v2 = false;
  bool nesting = false;
  bool dirty_page_tracking = false;
  std::list<vfio_iommu_group*> emulated_iommu_groups;  ///< the newest first
};

inline tracer& trace_of(const vfio_iommu& iommu) {
  return iommu.module.env.trace;
}

/// __ffs(): of 0 it is what the processor's instruction gives, the width.
constexpr unsigned ffs_of(uint64_t word) {
  return word == 0 ? 64 : static_cast<unsigned>(__builtin_ctzll(word));
}
/// The smallest page that all domains have.
inline uint64_t pgsize_of(const vfio_iommu& iommu) {
  return uint64_t{1} << ffs_of(iommu.pgsize_bitmap);
}

/// The page sizes that all domains have.
void vfio_update_pgsize_bitmap(vfio_iommu& iommu);

// Mappings by address

/// One that [start, start + size) meets; of an empty range one that it lies in. Null for none.
vfio_dma* vfio_find_dma(vfio_iommu& iommu, uint64_t start, uint64_t size);
using vfio_dma_position = std::map<uint64_t, vfio_dma*>::iterator;
/// The first that ends behind `start` and begins before `start + size`; 0 for no upper bound.
vfio_dma_position vfio_find_dma_first_node(vfio_iommu& iommu, uint64_t start, uint64_t size);
void vfio_link_dma(vfio_iommu& iommu, vfio_dma& dma);
void vfio_unlink_dma(vfio_iommu& iommu, vfio_dma& dma);

// Pages that drivers pinned

vfio_pfn* vfio_find_vpfn(vfio_iommu& iommu, const vfio_dma& dma, uint64_t iova);
int vfio_add_to_pfn_list(vfio_iommu& iommu, vfio_dma& dma, uint64_t iova, uint64_t pfn);
/// The page with one reference more; null when it is not pinned.
vfio_pfn* vfio_iova_get_vfio_pfn(vfio_iommu& iommu, vfio_dma& dma, uint64_t iova);
/// Pages that were unpinned: 1 with the last reference.
int vfio_iova_put_vfio_pfn(vfio_iommu& iommu, vfio_dma& dma, vfio_pfn& vpfn);

}  // namespace iommulab::v6_12
