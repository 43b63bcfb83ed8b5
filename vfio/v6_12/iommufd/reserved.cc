// SPDX-License-Identifier: GPL-2.0-only
//
// Ranges that must not be mapped, and ranges that must not become such; life of a table.
// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c
#include <cerrno>
#include <vector>

#include "vfio/v6_12/iommufd/io_pagetable.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_set_allow_iova()
int iopt_set_allow_iova(io_pagetable& iopt, interval_tree& allowed_iova) {
  IOMMULAB_CALL(iopt.trace(), "iopt_set_allow_iova", {"iova_alignment", iopt.iova_alignment});
  allowed_iova.swap(iopt.allowed_itree);
  for (const interval_tree_node* allowed = iopt.allowed_itree.iter_first(0, UINT64_MAX);
       allowed != nullptr; allowed = interval_tree::iter_next(*allowed, 0, UINT64_MAX)) {
    if (iopt_reserved_iter_first(iopt, allowed->start, allowed->last) == nullptr) continue;
    allowed_iova.swap(iopt.allowed_itree);
    return this_call.result(-EADDRINUSE);
  }
  return this_call.result(0);
}

void iopt_free_allowed(io_pagetable& iopt, interval_tree& tree) {
  while (iopt_allowed* allowed = owner_of<iopt_allowed>(tree.iter_first(0, UINT64_MAX))) {
    tree.remove(allowed->node);
    kernel_delete(iopt.module.slab, allowed);
  }
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_reserve_iova()
int iopt_reserve_iova(io_pagetable& iopt, uint64_t start, uint64_t last, const void* owner) {
  IOMMULAB_CALL(iopt.trace(), "iopt_reserve_iova", {"start", start}, {"last", last});
  if (iopt_area_iter_first(iopt, start, last) != nullptr ||
      iopt_allowed_iter_first(iopt, start, last) != nullptr) {
    return this_call.result(-EADDRINUSE);
  }
  kernel_ptr<iopt_reserved> reserved = kernel_new<iopt_reserved>(iopt.module.slab);
  if (reserved == nullptr) return this_call.result(-ENOMEM);
  reserved->node.start = start;
  reserved->node.last = last;
  reserved->owner = owner;
  iopt.reserved_itree.insert(reserved.release()->node);
  return this_call.result(0);
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: __iopt_remove_reserved_iova()
void remove_reserved_iova_of(io_pagetable& iopt, const void* owner) {
  IOMMULAB_CALL(iopt.trace(), "__iopt_remove_reserved_iova",
                {"iova_alignment", iopt.iova_alignment});
  interval_tree_node* node = iopt.reserved_itree.iter_first(0, UINT64_MAX);
  while (node != nullptr) {
    interval_tree_node* const next = interval_tree::iter_next(*node, 0, UINT64_MAX);
    iopt_reserved* const reserved = owner_of<iopt_reserved>(node);
    if (reserved->owner == owner) {
      iopt.reserved_itree.remove(reserved->node);
      kernel_delete(iopt.module.slab, reserved);
    }
    node = next;
  }
}

/// Kinds of regions that a device has for the messages of its interrupts.
struct msi_regions {
  unsigned num_hw_msi = 0;
  unsigned num_sw_msi = 0;
};

/// Reserves one region, if it is not one that may be used all the same.
int reserve_region(io_pagetable& iopt, const device& dev, const iommu_resv_region& resv,
                   phys_addr* sw_msi_start, msi_regions& msi) {
  if (resv.type == iommu_resv_type::direct_relaxable) return 0;
  if (sw_msi_start != nullptr && resv.type == iommu_resv_type::msi) ++msi.num_hw_msi;
  if (sw_msi_start != nullptr && resv.type == iommu_resv_type::sw_msi) {
    *sw_msi_start = resv.start;
    ++msi.num_sw_msi;
  }
  return iopt_reserve_iova(iopt, resv.start.value(), resv.length - 1 + resv.start.value(), &dev);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_remove_reserved_iova()
void iopt_remove_reserved_iova(io_pagetable& iopt, const void* owner) {
  IOMMULAB_CALL(iopt.trace(), "iopt_remove_reserved_iova", {"iova_alignment", iopt.iova_alignment});
  remove_reserved_iova_of(iopt, owner);
}

void iopt_drop_reservations(io_pagetable& iopt, const void* owner) {
  remove_reserved_iova_of(iopt, owner);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_table_enforce_dev_resv_regions()
int iopt_table_enforce_dev_resv_regions(io_pagetable& iopt, device& dev, phys_addr* sw_msi_start) {
  IOMMULAB_CALL(iopt.trace(), "iopt_table_enforce_dev_resv_regions", {"dev", dev});
  if (iommufd_should_fail(iopt.module)) return this_call.result(-EINVAL);
  std::vector<iommu_resv_region> regions;
  iommu_get_resv_regions(dev, regions);
  msi_regions msi;
  int rc = 0;
  for (const iommu_resv_region& resv : regions) {
    rc = reserve_region(iopt, dev, resv, sw_msi_start, msi);
    if (rc != 0) break;
  }
  if (rc == 0 && ((msi.num_sw_msi != 0 && msi.num_hw_msi != 0) || msi.num_sw_msi > 1)) {
    iopt.module.env.log.warn_on("iopt_table_enforce_dev_resv_regions");
    rc = -EINVAL;
  }
  if (rc != 0) remove_reserved_iova_of(iopt, &dev);
  iommu_put_resv_regions(dev, regions);
  return this_call.result(rc);
}

// ---- Life

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_init_table()
void iopt_init_table(io_pagetable& iopt) {
  IOMMULAB_CALL(iopt.trace(), "iopt_init_table", {"iova_alignment", iopt.iova_alignment});
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_destroy_table()
void iopt_destroy_table(io_pagetable& iopt) {
  IOMMULAB_CALL(iopt.trace(), "iopt_destroy_table", {"iova_alignment", iopt.iova_alignment});
  if (iopt.module.has_selftest) iopt_remove_reserved_iova(iopt, nullptr);
  iopt_free_allowed(iopt, iopt.allowed_itree);
  const bool is_in_use = !iopt.reserved_itree.empty() || !iopt.domains.empty() ||
                         !iopt.access_list.empty() || !iopt.area_itree.empty();
  if (is_in_use) iopt.module.env.log.warn_on("iopt_destroy_table");
}

}  // namespace iommulab::v6_12
