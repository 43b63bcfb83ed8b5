// SPDX-License-Identifier: GPL-2.0-only
//
// A container's type1 IOMMU: its domains, its groups, and what is mapped.
// Linux v4.4 drivers/vfio/vfio_iommu_type1.c.
//
// Invariants: mappings do not overlap. A mapping is in every domain, and there is a domain as long
// as there is a mapping. Each page of a mapping is pinned once, and counted once in the memory of
// the process that mapped it, unless it is reserved. Where a page lies is known by the tables of
// the first domain alone. One thread at a time.
#pragma once

#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <list>

#include "core/iommu/v4_4/iommu_ops.h"
#include "core/trace.h"
#include "vfio/process/task_struct.h"
#include "vfio/v4_4/vfio/container.h"
#include "vfio/v4_4/vfio/vfio.h"

namespace iommulab::v4_4 {

/// The file's struct vfio_group, whose name vfio.c's has here.
struct vfio_type1_group {
  iommulab::iommu_group* iommu_group = nullptr;
};

struct vfio_domain {
  iommu_domain* domain = nullptr;
  std::list<vfio_type1_group*> group_list;  ///< the newest first
  int prot = 0;                             ///< iommu_cache, or nothing
  bool fgsp = false;                        ///< fine-grained superpages
};

/// One mapping. `size` grows while it is being mapped.
struct vfio_dma : boost::intrusive::set_base_hook<> {
  uint64_t iova = 0;
  uint64_t vaddr = 0;
  uint64_t size = 0;  ///< bytes
  int prot = 0;       ///< iommu_read, iommu_write
};
struct vfio_dma_iova {
  using type = uint64_t;
  uint64_t operator()(const vfio_dma& dma) const { return dma.iova; }
};
/// A red-black tree, whose shape decides which mapping of several is found first.
using vfio_dma_tree =
    boost::intrusive::set<vfio_dma, boost::intrusive::key_of_value<vfio_dma_iova>>;

struct vfio_iommu {
  explicit vfio_iommu(vfio_module& module_) : module(module_) {}

  vfio_module& module;
  std::list<vfio_domain*> domain_list;  ///< the newest first
  vfio_dma_tree dma_list;
  bool v2 = false;
  bool nesting = false;
};

inline tracer& trace_of(const vfio_iommu& iommu) {
  return iommu.module.env.trace;
}

/// One that [start, start + size) meets; of an empty range one that it lies inside of. Null for
/// none.
vfio_dma* vfio_find_dma(vfio_iommu& iommu, uint64_t start, uint64_t size);
void vfio_link_dma(vfio_iommu& iommu, vfio_dma& dma);
void vfio_unlink_dma(vfio_iommu& iommu, vfio_dma& dma);

/// The page sizes that all domains have, none below a page.
uint64_t vfio_pgsize_bitmap(vfio_iommu& iommu);
/// The bits that addresses and lengths must not have.
uint64_t pgsize_mask(vfio_iommu& iommu);

}  // namespace iommulab::v4_4
