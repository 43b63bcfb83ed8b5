// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/selftest/mock_domain.h"

#include <cerrno>

#include "vfio/process/uaccess.h"
#include "vfio/v6_12/iommufd/selftest/mock_device.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {
namespace {

mock_iommu_domain& mock_of(iommu_domain& domain) {
  return static_cast<mock_iommu_domain&>(domain);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_nop_attach()
int mock_domain_nop_attach(const iommu_domain& domain, const device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "mock_domain_nop_attach", {"domain", domain}, {"dev", dev});
  const uint32_t flags = static_cast<const mock_dev&>(dev).flags;
  const bool cannot =
      domain.dirty_ops != nullptr && (flags & uapi::mock_flags_device_no_dirty) != 0;
  return this_call.result(cannot ? -EINVAL : 0);
}

}  // namespace

int mock_blocking_ops::attach_dev(iommu_domain& domain, device& dev) {
  return mock_domain_nop_attach(domain, dev);
}
int mock_nested_ops::attach_dev(iommu_domain& domain, device& dev) {
  return mock_domain_nop_attach(domain, dev);
}
int mock_domain_ops::attach_dev(iommu_domain& domain, device& dev) {
  return mock_domain_nop_attach(domain, dev);
}

// ---- Coming and going

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_alloc_paging()
mock_iommu_domain* mock_domain_alloc_paging(iommufd_module& module, iommu_domain_ops& ops,
                                            const device* dev) {
  IOMMULAB_CALL(module.env.trace, "mock_domain_alloc_paging", {"dev", dev});
  kernel_ptr<mock_iommu_domain> mock = kernel_new<mock_iommu_domain>(module.slab);
  if (mock == nullptr) return this_call.result(mock.release(), -ENOMEM);
  mock->geometry = {dma_addr(uapi::mock_aperture_start), dma_addr(uapi::mock_aperture_last), false};
  mock->pgsize_bitmap = mock_io_page_size;
  const bool has_huge = dev != nullptr && (static_cast<const mock_dev*>(dev)->flags &
                                           uapi::mock_flags_device_huge_iova) != 0;
  if (has_huge) mock->pgsize_bitmap |= mock_huge_page_size;
  mock->ops = &ops;
  mock->type = iommu_domain_type::unmanaged;
  mock->env = &module.env;
  mock->iommu = &module.iommu;
  return this_call.result(mock.release(), 0);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: __mock_domain_alloc_nested()
mock_iommu_domain_nested* mock_domain_alloc_nested(iommufd_module& module, iommu_domain_ops& ops,
                                                   mock_iommu_domain& parent,
                                                   const uapi::iommu_hwpt_selftest& user_cfg,
                                                   int& error) {
  IOMMULAB_CALL(module.env.trace, "__mock_domain_alloc_nested", {"iotlb", user_cfg.iotlb});
  kernel_ptr<mock_iommu_domain_nested> nested = kernel_new<mock_iommu_domain_nested>(module.slab);
  error = nested == nullptr ? -ENOMEM : 0;
  if (nested == nullptr) return this_call.result(nested.release(), error);
  nested->parent = &parent;
  nested->ops = &ops;
  nested->type = nested_domain_type;
  nested->env = &module.env;
  nested->iommu = &module.iommu;
  nested->iotlb.fill(user_cfg.iotlb);
  return this_call.result(nested.release(), error);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_free()
void mock_domain_ops::free(iommu_domain& domain) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_free", {"domain", domain});
  mock_iommu_domain& mock = mock_of(domain);
  if (!mock.pfns.empty()) module_.env.log.warn_on("mock_domain_free");
  kernel_delete(module_.slab, &mock);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_free_nested()
void mock_nested_ops::free(iommu_domain& domain) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_free_nested", {"domain", domain});
  kernel_delete(module_.slab, &static_cast<mock_iommu_domain_nested&>(domain));
}

// ---- Mapping

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_map_pages()
int mock_domain_ops::map_pages(iommu_domain& domain, dma_addr iova, phys_addr paddr,
                               uint64_t pgsize, uint64_t pgcount, int /*prot*/, uint64_t& mapped) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_map_pages", {"iova", iova}, {"paddr", paddr},
                {"pgsize", pgsize}, {"pgcount", pgcount});
  if (iommufd_should_fail(module_)) return this_call.result(-ENOENT);
  if (iova.value() % mock_io_page_size != 0 || pgsize % mock_io_page_size != 0) {
    module_.env.log.warn_on("mock_domain_map_pages");
  }
  auto& pfns = mock_of(domain).pfns;
  const uint64_t count = pgsize / mock_io_page_size * pgcount;
  const uint64_t first = iova.value() / mock_io_page_size;
  const uint64_t pfn = paddr.value() / mock_io_page_size;
  for (uint64_t i = 0; i < count; ++i) {
    const mock_page page{.pfn = pfn + i,
                         .is_run_end = i == 0 || i == count - 1,
                         .is_dirty = false,
                         .is_huge = pgsize != mock_io_page_size};
    if (!pfns.insert_or_assign(first + i, page).second) {
      module_.env.log.warn_on("mock_domain_map_pages");
    }
  }
  mapped += count * mock_io_page_size;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_unmap_pages(). With huge pages the core
// cuts a run by their boundaries, and where it ends is not looked at.
uint64_t mock_domain_ops::unmap_pages(iommu_domain& domain, dma_addr iova, uint64_t pgsize,
                                      uint64_t pgcount, iommu_iotlb_gather& /*gather*/) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_unmap_pages", {"iova", iova}, {"pgsize", pgsize},
                {"pgcount", pgcount});
  if (iova.value() % mock_io_page_size != 0 || pgsize % mock_io_page_size != 0) {
    module_.env.log.warn_on("mock_domain_unmap_pages");
  }
  auto& pfns = mock_of(domain).pfns;
  const bool looks_at_ends = (domain.pgsize_bitmap & mock_huge_page_size) == 0;
  const uint64_t count = pgsize / mock_io_page_size * pgcount;
  const uint64_t first = iova.value() / mock_io_page_size;
  for (uint64_t i = 0; i < count; ++i) {
    const auto at = pfns.find(first + i);
    if (at == pfns.end()) continue;
    const bool is_end = i == 0 || i == count - 1;
    if (looks_at_ends && is_end && !at->second.is_run_end) {
      module_.env.log.warn_on("mock_domain_unmap_pages");
    }
    pfns.erase(at);
  }
  return this_call.result(count * mock_io_page_size);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_iova_to_phys()
phys_addr mock_domain_ops::iova_to_phys(iommu_domain& domain, dma_addr iova) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_iova_to_phys", {"iova", iova});
  const auto& pfns = mock_of(domain).pfns;
  const auto at = pfns.find(iova.value() / mock_io_page_size);
  if (iova.value() % mock_io_page_size != 0 || at == pfns.end()) {
    module_.env.log.warn_on("mock_domain_iova_to_phys");
  }
  return this_call.result(at == pfns.end() ? phys_addr()
                                           : phys_addr(at->second.pfn * mock_io_page_size));
}

// ---- Pages that were written

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_set_dirty_tracking()
int mock_domain_ops::set_dirty_tracking(iommu_domain& domain, bool enable) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_set_dirty_tracking", {"enable", enable});
  if (enable && domain.dirty_ops == nullptr) return this_call.result(-EINVAL);
  mock_of(domain).tracks_dirty = enable;
  return this_call.result(0);
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_test_and_clear_dirty()
bool mock_test_and_clear_dirty(mock_iommu_domain& mock, uint64_t iova, uint64_t size,
                               unsigned flags) {
  IOMMULAB_CALL(mock.env->trace, "mock_test_and_clear_dirty", {"iova", iova}, {"page_size", size});
  bool dirty = false;
  for (uint64_t cur = iova; cur < iova + size; cur += mock_io_page_size) {
    const auto at = mock.pfns.find(cur / mock_io_page_size);
    if (at == mock.pfns.end() || !at->second.is_dirty) continue;
    dirty = true;
    if ((flags & iommu_dirty_no_clear) == 0) at->second.is_dirty = false;
  }
  return this_call.result(dirty);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_read_and_clear_dirty()
int mock_domain_ops::read_and_clear_dirty(iommu_domain& domain, dma_addr iova, uint64_t size,
                                          unsigned flags, iommu_dirty_bitmap& dirty) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_read_and_clear_dirty", {"iova", iova},
                {"size", size}, {"flags", flags});
  mock_iommu_domain& mock = mock_of(domain);
  if (!mock.tracks_dirty && dirty.bitmap != nullptr) return this_call.result(-EINVAL);
  const uint64_t end = iova.value() + size;
  for (uint64_t at = iova.value(); at < end;) {
    const auto page = mock.pfns.find(at / mock_io_page_size);
    if (page == mock.pfns.end()) {
      at += mock_io_page_size;
      continue;
    }
    const uint64_t pgsize = page->second.is_huge ? mock_huge_page_size : mock_io_page_size;
    if (mock_test_and_clear_dirty(mock, at & ~(pgsize - 1), pgsize, flags)) {
      if (dirty.bitmap != nullptr) dirty.bitmap->set(dma_addr(at), pgsize);
      if (dirty.gather != nullptr) {
        iommu_iotlb_gather_add_range(*dirty.gather, dma_addr(at), pgsize);
      }
    }
    at += pgsize;
  }
  return this_call.result(0);
}

// ---- Nested tables

namespace {

/// One request: 0 or a negative errno.
int invalidate_one(mock_iommu_domain_nested& nested, const iommu_user_data_array& array,
                   uint32_t index) {
  uapi::iommu_hwpt_invalidate_selftest inv;
  // iommu_copy_struct_from_user_array(): there is one size.
  if (array.entry_len != sizeof(inv)) return -EINVAL;
  if (const int rc = array.copy(bytes_of(inv), index); rc != 0) return rc;
  if ((inv.flags & ~uapi::iommu_test_invalidate_flag_all) != 0) return -EOPNOTSUPP;
  if (inv.iotlb_id > uapi::mock_nested_domain_iotlb_id_max) return -EINVAL;
  if ((inv.flags & uapi::iommu_test_invalidate_flag_all) != 0) {
    nested.iotlb.fill(0);
  } else {
    nested.iotlb[inv.iotlb_id] = 0;
  }
  return 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_cache_invalidate_user()
int mock_nested_ops::cache_invalidate_user(iommu_domain& domain, iommu_user_data_array& array) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_cache_invalidate_user", {"type", array.type},
                {"entry_num", array.entry_num});
  auto& nested = static_cast<mock_iommu_domain_nested&>(domain);
  const uint32_t wanted = std::exchange(array.entry_num, 0);
  if (array.type != uapi::iommu_hwpt_invalidate_data_selftest) return this_call.result(-EINVAL);
  for (uint32_t i = 0; i < wanted; ++i) {
    if (const int rc = invalidate_one(nested, array, i); rc != 0) return this_call.result(rc);
    ++array.entry_num;
  }
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
