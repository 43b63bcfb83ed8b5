// SPDX-License-Identifier: GPL-2.0-only
//
// Areas: their addresses, walks over them, and how they come and go.
// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h, io_pagetable.c
#include <cerrno>

#include "vfio/v6_12/iommufd/io_pagetable.h"
#include "vfio/v6_12/iommufd/pages.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h: iopt_area_iova()
uint64_t iopt_area_iova(const iopt_area& area) {
  IOMMULAB_CALL(area.trace(), "iopt_area_iova", {"area", area});
  return this_call.result(area.node.start);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h: iopt_area_last_iova()
uint64_t iopt_area_last_iova(const iopt_area& area) {
  IOMMULAB_CALL(area.trace(), "iopt_area_last_iova", {"area", area});
  return this_call.result(area.node.last);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h: iopt_area_length()
uint64_t iopt_area_length(const iopt_area& area) {
  IOMMULAB_CALL(area.trace(), "iopt_area_length", {"area", area});
  return this_call.result(area.node.last - area.node.start + 1);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h: iopt_area_start_byte()
uint64_t iopt_area_start_byte(const iopt_area& area, uint64_t iova) {
  IOMMULAB_CALL(area.trace(), "iopt_area_start_byte", {"area", area}, {"iova", iova});
  iommufd_test_warn_on(area.module, iova < area.node.start || iova > area.node.last,
                       "iopt_area_start_byte");
  return this_call.result(iova - iopt_area_iova(area) + area.page_offset +
                          iopt_area_index(area) * page_size);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h: iopt_area_iova_to_index()
uint64_t iopt_area_iova_to_index(const iopt_area& area, uint64_t iova) {
  IOMMULAB_CALL(area.trace(), "iopt_area_iova_to_index", {"area", area}, {"iova", iova});
  return this_call.result(iopt_area_start_byte(area, iova) / page_size);
}

// ---- Walks

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_area_contig_init()
iopt_area* iopt_area_contig_init(iopt_area_contig_iter& iter, const io_pagetable& iopt,
                                 uint64_t iova, uint64_t last_iova) {
  IOMMULAB_CALL(iopt.trace(), "iopt_area_contig_init", {"iova", iova}, {"last_iova", last_iova});
  iter.iopt = &iopt;
  iter.cur_iova = iova;
  iter.last_iova = last_iova;
  iter.area = iopt_area_iter_first(iopt, iova, iova);
  if (iter.area != nullptr && iter.area->pages == nullptr) iter.area = nullptr;
  return this_call.result(iter.area);
}

namespace {

/// The area behind the current one, if it begins where that ends.
iopt_area* next_without_hole(iopt_area_contig_iter& iter) {
  if (iter.area == nullptr) return nullptr;
  const uint64_t last_iova = iopt_area_last_iova(*iter.area);
  if (iter.last_iova <= last_iova) return nullptr;
  iter.cur_iova = last_iova + 1;
  iter.area = iopt_area_iter_next(*iter.area, iter.cur_iova, iter.last_iova);
  if (iter.area == nullptr) return nullptr;
  if (iter.cur_iova != iopt_area_iova(*iter.area) || iter.area->pages == nullptr) {
    iter.area = nullptr;
  }
  return iter.area;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_area_contig_next()
iopt_area* iopt_area_contig_next(iopt_area_contig_iter& iter) {
  IOMMULAB_CALL(iter.iopt->trace(), "iopt_area_contig_next", {"cur_iova", iter.cur_iova});
  return this_call.result(next_without_hole(iter));
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.h: iopt_area_contig_done()
bool iopt_area_contig_done(const iopt_area_contig_iter& iter) {
  IOMMULAB_CALL(iter.iopt->trace(), "iopt_area_contig_done", {"cur_iova", iter.cur_iova});
  return this_call.result(iter.area != nullptr &&
                          iter.last_iova <= iopt_area_last_iova(*iter.area));
}

// ---- Life

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_area_alloc()
iopt_area* iopt_area_alloc(iommufd_module& module) {
  IOMMULAB_CALL(module.env.trace, "iopt_area_alloc");
  return this_call.result(kernel_new<iopt_area>(module.slab, module).release());
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_insert_area()
int iopt_insert_area(io_pagetable& iopt, iopt_area& area, const iopt_pages& pages, uint64_t iova,
                     uint64_t start_byte, uint64_t length, int iommu_prot) {
  IOMMULAB_CALL(iopt.trace(), "iopt_insert_area", {"pages", pages}, {"iova", iova},
                {"start_byte", start_byte}, {"length", length}, {"iommu_prot", iommu_prot});
  if ((iommu_prot & iommu_write) != 0 && !pages.writable) return this_call.result(-EPERM);
  area.iommu_prot = iommu_prot;
  area.page_offset = static_cast<uint32_t>(start_byte % page_size);
  if ((area.page_offset & (iopt.iova_alignment - 1)) != 0) return this_call.result(-EINVAL);
  area.node.start = iova;
  if (add_overflows(iova, length - 1, area.node.last)) return this_call.result(-EOVERFLOW);
  area.pages_node.start = start_byte / page_size;
  if (add_overflows(start_byte, length - 1, area.pages_node.last)) {
    return this_call.result(-EOVERFLOW);
  }
  area.pages_node.last /= page_size;
  if (area.pages_node.last >= pages.npages) {
    iopt.module.env.log.warn_on("iopt_insert_area");
    return this_call.result(-EOVERFLOW);
  }
  area.iopt = &iopt;
  iopt.area_itree.insert(area.node);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_abort_area()
void iopt_abort_area(iopt_area& area) {
  iommufd_module& module = area.module;
  IOMMULAB_CALL(module.env.trace, "iopt_abort_area", {"area", area});
  iommufd_test_warn_on(module, area.pages != nullptr, "iopt_abort_area");
  if (area.iopt != nullptr) area.iopt->area_itree.remove(area.node);
  kernel_delete(module.slab, &area);
}

// ---- Cutting

namespace {

/// Two areas that show what `area` showed; they take its places.
/// iopt_area_split(), from where nothing else can refuse.
int put_halves(iopt_area& area, iopt_area& lhs, iopt_area& rhs, uint64_t new_start) {
  io_pagetable& iopt = *area.iopt;
  iopt_pages& pages = *area.pages;
  const uint64_t start_iova = area.node.start;
  const uint64_t last_iova = area.node.last;
  iopt.area_itree.remove(area.node);
  int rc = iopt_insert_area(iopt, lhs, pages, start_iova, iopt_area_start_byte(area, start_iova),
                            new_start - start_iova, area.iommu_prot);
  if (rc == 0) {
    rc = iopt_insert_area(iopt, rhs, pages, new_start, iopt_area_start_byte(area, new_start),
                          last_iova - new_start + 1, area.iommu_prot);
    if (rc != 0) iopt.area_itree.remove(lhs.node);
  }
  if (rc != 0) {
    iopt.module.env.log.warn_on("iopt_area_split");
    iopt.area_itree.insert(area.node);
    return rc;
  }
  if (area.storage_domain != nullptr) {
    pages.domains_itree.remove(area.pages_node);
    pages.domains_itree.insert(lhs.pages_node);
    pages.domains_itree.insert(rhs.pages_node);
  }
  for (iopt_area* half : {&lhs, &rhs}) {
    half->storage_domain = area.storage_domain;
    half->pages = &pages;
  }
  ++pages.kref;
  return 0;
}

/// Whether a domain may have the area in superpages, or an access knows it as one.
bool cannot_be_cut(const iopt_area& area) {
  return area.num_accesses != 0 ||
         (area.storage_domain != nullptr && !area.iopt->disable_large_pages);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_area_split()
int iopt_area_split(iopt_area& area, uint64_t iova) {
  iommufd_module& module = area.module;
  IOMMULAB_CALL(module.env.trace, "iopt_area_split", {"area", area}, {"iova", iova});
  const uint64_t alignment = area.iopt->iova_alignment;
  const uint64_t last_iova = iopt_area_last_iova(area);
  const uint64_t start_iova = iopt_area_iova(area);
  const uint64_t new_start = iova + 1;
  if (iova == start_iova || iova == last_iova) return this_call.result(0);
  if (area.pages == nullptr || area.prevent_access) return this_call.result(-EBUSY);
  if ((new_start & (alignment - 1)) != 0 ||
      (iopt_area_start_byte(area, new_start) & (alignment - 1)) != 0) {
    return this_call.result(-EINVAL);
  }
  iopt_area* const lhs = iopt_area_alloc(module);
  if (lhs == nullptr) return this_call.result(-ENOMEM);
  iopt_area* const rhs = iopt_area_alloc(module);
  if (rhs == nullptr) {
    kernel_delete(module.slab, lhs);
    return this_call.result(-ENOMEM);
  }
  const int rc = cannot_be_cut(area) ? -EINVAL : put_halves(area, *lhs, *rhs, new_start);
  if (rc != 0) {
    kernel_delete(module.slab, rhs);
    kernel_delete(module.slab, lhs);
    return this_call.result(rc);
  }
  kernel_delete(module.slab, &area);
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_cut_iova()
int iopt_cut_iova(io_pagetable& iopt, absl::Span<const uint64_t> iovas) {
  IOMMULAB_CALL(iopt.trace(), "iopt_cut_iova", {"num_iovas", iovas.size()});
  for (const uint64_t iova : iovas) {
    iopt_area* const area = iopt_area_iter_first(iopt, iova, iova);
    if (area == nullptr) continue;
    if (const int rc = iopt_area_split(*area, iova); rc != 0) return this_call.result(rc);
  }
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
