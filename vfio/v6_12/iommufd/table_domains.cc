// SPDX-License-Identifier: GPL-2.0-only
//
// Domains of a table: how they come and go, and what alignment all its users ask for.
// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c
#include <algorithm>
#include <cerrno>

#include "vfio/v6_12/iommufd/access.h"
#include "vfio/v6_12/iommufd/io_pagetable.h"
#include "vfio/v6_12/iommufd/pages.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {
namespace {

/// Each area with pages, in order, until `each` returns an errno.
template <typename Each>
int each_complete_area(io_pagetable& iopt, Each each) {
  for (iopt_area* area = iopt_area_iter_first(iopt, 0, UINT64_MAX); area != nullptr;
       area = iopt_area_iter_next(*area, 0, UINT64_MAX)) {
    if (area->pages == nullptr) continue;
    if (const int ret = each(*area); ret != 0) return ret;
  }
  return 0;
}

/// The area's pages are in no domain any more but `domain`, which it leaves.
void leave_last_domain(iopt_area& area, iommu_domain& domain) {
  area.pages->domains_itree.remove(area.pages_node);
  area.storage_domain = nullptr;
  iopt_area_unfill_domain(area, *area.pages, domain);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_unfill_domain()
void iopt_unfill_domain(io_pagetable& iopt, iommu_domain& domain) {
  IOMMULAB_CALL(iopt.trace(), "iopt_unfill_domain", {"domain", domain});
  if (!iopt.domains.empty()) {
    // The others have the pages.
    iommu_domain* const storage_domain = iopt.domains.front().domain;
    each_complete_area(iopt, [&](iopt_area& area) {
      iommufd_test_warn_on(iopt.module, area.storage_domain == nullptr, "iopt_unfill_domain");
      if (area.storage_domain == &domain) area.storage_domain = storage_domain;
      iopt_area_unmap_domain(area, domain);
      return 0;
    });
    return;
  }
  each_complete_area(iopt, [&](iopt_area& area) {
    if (area.storage_domain != &domain) iopt.module.env.log.warn_on("iopt_unfill_domain");
    leave_last_domain(area, domain);
    return 0;
  });
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_fill_domain()
int iopt_fill_domain(io_pagetable& iopt, iommu_domain& domain) {
  IOMMULAB_CALL(iopt.trace(), "iopt_fill_domain", {"domain", domain});
  const iopt_area* end_area = nullptr;
  const int rc = each_complete_area(iopt, [&](iopt_area& area) {
    end_area = &area;
    const int ret = iopt_area_fill_domain(area, domain);
    if (ret != 0 || area.storage_domain != nullptr) return ret;
    area.storage_domain = &domain;
    area.pages->domains_itree.insert(area.pages_node);
    return 0;
  });
  if (rc == 0) return this_call.result(0);
  each_complete_area(iopt, [&](iopt_area& area) {
    if (&area == end_area) return 1;
    if (iopt.domains.empty()) {
      leave_last_domain(area, domain);
    } else {
      iopt_area_unfill_domain(area, *area.pages, domain);
    }
    return 0;
  });
  return this_call.result(rc);
}

uint64_t smallest_page_of(const iommu_domain& domain) {
  return domain.pgsize_bitmap & (~domain.pgsize_bitmap + 1);
}

/// What is beyond the domain's addresses cannot be mapped.
int reserve_outside(io_pagetable& iopt, const iommu_domain& domain) {
  const uint64_t first = domain.geometry.aperture_start.value();
  const uint64_t last = domain.geometry.aperture_end.value();
  if (first != 0) {
    if (const int rc = iopt_reserve_iova(iopt, 0, first - 1, &domain); rc != 0) return rc;
  }
  if (last != UINT64_MAX) return iopt_reserve_iova(iopt, last + 1, UINT64_MAX, &domain);
  return 0;
}

/// The domain is in the table from now on, filled with its areas.
int join_table(io_pagetable& iopt, iommu_domain& domain) {
  if (const int rc = reserve_outside(iopt, domain); rc != 0) return rc;
  slab_token node(iopt.module.slab);
  if (!node) return -ENOMEM;
  if (const int rc = iopt_fill_domain(iopt, domain); rc != 0) return rc;
  iopt.domains.push_back({&domain, std::move(node)});
  return 0;
}

auto find_domain(io_pagetable& iopt, const iommu_domain& domain) {
  return std::find_if(iopt.domains.begin(), iopt.domains.end(),
                      [&](const io_pagetable::domain_slot& s) { return s.domain == &domain; });
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_check_iova_alignment()
int iopt_check_iova_alignment(io_pagetable& iopt, uint64_t new_iova_alignment) {
  IOMMULAB_CALL(iopt.trace(), "iopt_check_iova_alignment",
                {"new_iova_alignment", new_iova_alignment});
  const uint64_t align_mask = new_iova_alignment - 1;
  for (const iopt_area* area = iopt_area_iter_first(iopt, 0, UINT64_MAX); area != nullptr;
       area = iopt_area_iter_next(*area, 0, UINT64_MAX)) {
    if ((iopt_area_iova(*area) & align_mask) != 0 || (iopt_area_length(*area) & align_mask) != 0 ||
        (area->page_offset & align_mask) != 0) {
      return this_call.result(-EADDRINUSE);
    }
  }
  for (const auto& [id, slot] : iopt.access_list) {
    if (iommufd_test_warn_on(iopt.module, slot.access->iova_alignment > new_iova_alignment,
                             "iopt_check_iova_alignment")) {
      return this_call.result(-EADDRINUSE);
    }
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_table_add_domain()
int iopt_table_add_domain(io_pagetable& iopt, iommu_domain& domain) {
  IOMMULAB_CALL(iopt.trace(), "iopt_table_add_domain", {"domain", domain});
  if (find_domain(iopt, domain) != iopt.domains.end()) {
    iopt.module.env.log.warn_on("iopt_table_add_domain");
    return this_call.result(-EEXIST);
  }
  const uint64_t new_iova_alignment = std::max(smallest_page_of(domain), iopt.iova_alignment);
  if (new_iova_alignment > page_size) return this_call.result(-EINVAL);
  if (new_iova_alignment != iopt.iova_alignment) {
    const int rc = iopt_check_iova_alignment(iopt, new_iova_alignment);
    if (rc != 0) return this_call.result(rc);
  }
  const int rc = join_table(iopt, domain);
  if (rc != 0) {
    iopt_drop_reservations(iopt, &domain);
    return this_call.result(rc);
  }
  iopt.iova_alignment = new_iova_alignment;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_calculate_iova_alignment()
int iopt_calculate_iova_alignment(io_pagetable& iopt) {
  IOMMULAB_CALL(iopt.trace(), "iopt_calculate_iova_alignment",
                {"iova_alignment", iopt.iova_alignment});
  uint64_t new_iova_alignment = iopt.disable_large_pages ? page_size : 1;
  for (const io_pagetable::domain_slot& slot : iopt.domains) {
    new_iova_alignment = std::max(new_iova_alignment, smallest_page_of(*slot.domain));
  }
  for (const auto& [id, slot] : iopt.access_list) {
    new_iova_alignment = std::max(new_iova_alignment, slot.access->iova_alignment);
  }
  if (new_iova_alignment > iopt.iova_alignment) {
    const int rc = iopt_check_iova_alignment(iopt, new_iova_alignment);
    if (rc != 0) return this_call.result(rc);
  }
  iopt.iova_alignment = new_iova_alignment;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_table_remove_domain()
void iopt_table_remove_domain(io_pagetable& iopt, iommu_domain& domain) {
  IOMMULAB_CALL(iopt.trace(), "iopt_table_remove_domain", {"domain", domain});
  const auto at = find_domain(iopt, domain);
  if (at == iopt.domains.end()) {
    iopt.module.env.log.warn_on("iopt_table_remove_domain");
    return;
  }
  // The last one takes its place.
  at->domain = iopt.domains.back().domain;
  iopt.domains.pop_back();
  iopt_unfill_domain(iopt, domain);
  iopt_drop_reservations(iopt, &domain);
  if (iopt_calculate_iova_alignment(iopt) != 0) {
    iopt.module.env.log.warn_on("iopt_table_remove_domain");
  }
}

// ---- Superpages

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_enable_large_pages()
void iopt_enable_large_pages(io_pagetable& iopt) {
  IOMMULAB_CALL(iopt.trace(), "iopt_enable_large_pages", {"iova_alignment", iopt.iova_alignment});
  iopt.disable_large_pages = false;
  if (iopt_calculate_iova_alignment(iopt) != 0) {
    iopt.module.env.log.warn_on("iopt_enable_large_pages");
  }
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_disable_large_pages()
int iopt_disable_large_pages(io_pagetable& iopt) {
  IOMMULAB_CALL(iopt.trace(), "iopt_disable_large_pages", {"iova_alignment", iopt.iova_alignment});
  if (iopt.disable_large_pages) return this_call.result(0);
  if (!iopt.domains.empty() && !iopt.area_itree.empty()) return this_call.result(-EINVAL);
  iopt.disable_large_pages = true;
  const int rc = iopt_calculate_iova_alignment(iopt);
  if (rc != 0) iopt.disable_large_pages = false;
  return this_call.result(rc);
}

// ---- Accesses

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_add_access()
int iopt_add_access(io_pagetable& iopt, iommufd_access& access) {
  IOMMULAB_CALL(iopt.trace(), "iopt_add_access", {"access", access});
  constexpr uint32_t limit_16b = UINT16_MAX;
  uint32_t new_id = 0;
  while (iopt.access_list.contains(new_id)) ++new_id;
  if (new_id > limit_16b) return this_call.result(-EBUSY);
  slab_token node(iopt.module.slab);
  if (!node) return this_call.result(-ENOMEM);
  iopt.access_list[new_id] = {&access, std::move(node)};
  const int rc = iopt_calculate_iova_alignment(iopt);
  if (rc != 0) {
    iopt.access_list.erase(new_id);
    return this_call.result(rc);
  }
  access.iopt_access_list_id = new_id;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_remove_access()
void iopt_remove_access(io_pagetable& iopt, iommufd_access& access, uint32_t iopt_access_list_id) {
  IOMMULAB_CALL(iopt.trace(), "iopt_remove_access", {"access", access},
                {"iopt_access_list_id", iopt_access_list_id});
  const auto at = iopt.access_list.find(iopt_access_list_id);
  if (at == iopt.access_list.end() || at->second.access != &access) {
    iopt.module.env.log.warn_on("iopt_remove_access");
  }
  if (at != iopt.access_list.end()) iopt.access_list.erase(at);
  if (iopt_calculate_iova_alignment(iopt) != 0) {
    iopt.module.env.log.warn_on("iopt_remove_access");
  }
}

}  // namespace iommulab::v6_12
