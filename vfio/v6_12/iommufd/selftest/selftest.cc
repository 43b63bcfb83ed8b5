// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/selftest/selftest.h"

#include <cerrno>
#include <vector>

namespace iommulab::v6_12 {

int iommufd_test_user_page(task_struct& current, uint64_t uptr, phys_addr& page) {
  std::vector<phys_addr> pages;
  const int64_t npages = current.mm->pin_user_pages(uptr & page_mask, 1, 0, pages);
  if (npages < 0) return static_cast<int>(npages);
  if (npages != 1) return -EFAULT;
  current.mm->unpin_user_page(pages.front());
  page = pages.front();
  return 0;
}

// ---- Addresses for those who do not know them

// Linux v6.12 drivers/iommu/iommufd/selftest.c: __iommufd_test_syz_conv_iova()
uint64_t iommufd_test_nth_area(const io_pagetable& iopt, uint64_t iova) {
  IOMMULAB_CALL(iopt.trace(), "__iommufd_test_syz_conv_iova", {"iova", iova});
  uint64_t nth = iova & UINT32_MAX;
  for (const iopt_area* area = iopt_area_iter_first(iopt, 0, UINT64_MAX); area != nullptr;
       area = iopt_area_iter_next(*area, 0, UINT64_MAX)) {
    if (nth-- == 0) return this_call.result(iopt_area_iova(*area) + (iova >> 32));
  }
  return this_call.result(uint64_t{0});
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_syz_conv_iova_id()
void iommufd_test_syz_conv_iova_id(iommufd_ucmd& ucmd, uint32_t ioas_id, uint64_t& iova,
                                   uint32_t& flags) {
  if (!ucmd.ictx.module.has_selftest) return;
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_syz_conv_iova_id", {"ioas_id", ioas_id},
                {"flags", flags});
  if ((flags & uapi::mock_flags_access_syz) == 0) return;
  flags &= ~uapi::mock_flags_access_syz;
  int error = 0;
  iommufd_ioas* const ioas = iommufd_get_ioas(ucmd.ictx, ioas_id, error);
  if (ioas == nullptr) return;
  iova = iommufd_test_nth_area(ioas->iopt, iova);
  iommufd_put_object(*ioas);
}

// ---- Mock devices

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_selftest_destroy()
void iommufd_selftest_obj::destroy() {
  iommufd_module& module = ictx->module;
  IOMMULAB_CALL(module.env.trace, "iommufd_selftest_destroy", {"dev", *mdev});
  iommufd_device_detach(*idev);
  iommufd_device_unbind(*idev);
  mock_dev_destroy(module, *mdev);
}

namespace {

/// The device is attached, and the user told so; or nothing of that.
int attach_and_tell(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd, iommufd_selftest_obj& sobj,
                    uint32_t idev_id) {
  uint32_t pt_id = cmd.id;
  if (const int rc = iommufd_device_attach(*sobj.idev, pt_id); rc != 0) return rc;
  cmd.mock_domain.out_hwpt_id = pt_id;
  cmd.mock_domain.out_stdev_id = sobj.id;
  cmd.mock_domain.out_idev_id = idev_id;
  const int rc = iommufd_ucmd_respond(ucmd, cmd);
  if (rc != 0) iommufd_device_detach(*sobj.idev);
  return rc;
}

/// All of the object but itself: 0 or a negative errno, with nothing left.
int make_mock_device(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd, iommufd_selftest_obj& sobj) {
  iommufd_ctx& ictx = ucmd.ictx;
  const bool has_flags = cmd.op == uapi::iommu_test_op::mock_domain_flags;
  int rc = 0;
  sobj.mdev = mock_dev_create(ictx.module, has_flags ? cmd.mock_domain.dev_flags : 0, rc);
  if (sobj.mdev == nullptr) return rc;
  uint32_t idev_id = 0;
  sobj.idev = iommufd_device_bind(ictx, *sobj.mdev, idev_id, rc);
  if (sobj.idev != nullptr) {
    rc = attach_and_tell(ucmd, cmd, sobj, idev_id);
    if (rc == 0) return 0;
    iommufd_device_unbind(*sobj.idev);
  }
  mock_dev_destroy(ictx.module, *sobj.mdev);
  return rc;
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_mock_domain()
int iommufd_test_mock_domain(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd) {
  iommufd_ctx& ictx = ucmd.ictx;
  IOMMULAB_CALL(ictx.trace(), "iommufd_test_mock_domain", {"id", cmd.id});
  int rc = 0;
  auto* const sobj =
      iommufd_object_alloc<iommufd_selftest_obj>(ictx, iommufd_object_type::selftest, rc);
  if (sobj == nullptr) return this_call.result(rc);
  sobj->ictx = &ictx;
  rc = make_mock_device(ucmd, cmd, *sobj);
  if (rc != 0) {
    iommufd_object_abort(ictx, *sobj);
    return this_call.result(rc);
  }
  iommufd_object_finalize(ictx, *sobj);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_mock_domain_replace()
int iommufd_test_mock_domain_replace(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd) {
  iommufd_ctx& ictx = ucmd.ictx;
  uint32_t pt_id = cmd.mock_domain_replace.pt_id;
  IOMMULAB_CALL(ictx.trace(), "iommufd_test_mock_domain_replace", {"device_id", cmd.id},
                {"pt_id", pt_id});
  int rc = 0;
  auto* const sobj = static_cast<iommufd_selftest_obj*>(
      iommufd_get_object(ictx, cmd.id, iommufd_object_type::selftest, rc));
  if (sobj == nullptr) return this_call.result(rc);
  rc = iommufd_device_replace(*sobj->idev, pt_id);
  if (rc == 0) {
    cmd.mock_domain_replace.pt_id = pt_id;
    rc = iommufd_ucmd_respond(ucmd, cmd);
  }
  iommufd_put_object(*sobj);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_add_reserved()
int iommufd_test_add_reserved(const iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd) {
  const uint64_t start = cmd.add_reserved.start;
  const uint64_t length = cmd.add_reserved.length;
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_add_reserved", {"start", start},
                {"length", length});
  uint64_t last = 0;
  if (length == 0) return this_call.result(-EINVAL);
  if (add_overflows(start, length - 1, last)) return this_call.result(-EOVERFLOW);
  int rc = 0;
  iommufd_ioas* const ioas = iommufd_get_ioas(ucmd.ictx, cmd.id, rc);
  if (ioas == nullptr) return this_call.result(rc);
  rc = iopt_reserve_iova(ioas->iopt, start, last, nullptr);
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

// ---- Looking into a mock domain

/// The page table of that number, held. Null with `error` set: -ENOENT, -EINVAL when it is no mock
/// domain's. Linux v6.12 drivers/iommu/iommufd/selftest.c: __get_md_pagetable()
iommufd_hw_pagetable* get_md_pagetable(iommufd_ctx& ictx, uint32_t id, iommufd_object_type type,
                                       const iommu_domain_ops& ops, int& error) {
  IOMMULAB_CALL(ictx.trace(), "__get_md_pagetable", {"mockpt_id", id});
  auto* const hwpt = static_cast<iommufd_hw_pagetable*>(iommufd_get_object(ictx, id, type, error));
  if (hwpt == nullptr || hwpt->domain->ops == &ops) return this_call.result(hwpt, error);
  iommufd_put_object(*hwpt);
  error = -EINVAL;
  return this_call.result(static_cast<iommufd_hw_pagetable*>(nullptr), error);
}

iommufd_hw_pagetable* get_mock_pagetable(iommufd_ctx& ictx, uint32_t id, int& error) {
  return get_md_pagetable(ictx, id, iommufd_object_type::hwpt_paging,
                          ictx.module.test->ops.domain_ops, error);
}

/// Whether the mock's page is the user's.
int check_mock_page(const mock_iommu_domain& mock, task_struct& current, uint64_t iova,
                    uint64_t uptr) {
  phys_addr page;
  if (const int rc = iommufd_test_user_page(current, uptr, page); rc != 0) return rc;
  const auto at = mock.pfns.find(iova / mock_io_page_size);
  const uint64_t wanted = (page + uptr % page_size).value() / mock_io_page_size;
  return at != mock.pfns.end() && at->second.pfn == wanted ? 0 : -EINVAL;
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_md_check_pa()
int iommufd_test_md_check_pa(const iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd) {
  const uint64_t iova = cmd.check_map.iova;
  const uint64_t length = cmd.check_map.length;
  const uint64_t uptr = cmd.check_map.uptr;
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_md_check_pa", {"iova", iova}, {"length", length},
                {"uptr", uptr});
  uint64_t end = 0;
  if ((iova | length | uptr) % mock_io_page_size != 0 || add_overflows(uptr, length, end)) {
    return this_call.result(-EINVAL);
  }
  int rc = 0;
  iommufd_hw_pagetable* const hwpt = get_mock_pagetable(ucmd.ictx, cmd.id, rc);
  if (hwpt == nullptr) return this_call.result(rc);
  const auto& mock = static_cast<const mock_iommu_domain&>(*hwpt->domain);
  for (uint64_t at = 0; at < length && rc == 0; at += mock_io_page_size) {
    rc = check_mock_page(mock, ucmd.current, iova + at, uptr + at);
  }
  iommufd_put_object(*hwpt);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_md_check_refs()
int iommufd_test_md_check_refs(const iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd) {
  const uint64_t length = cmd.check_refs.length;
  const uint64_t uptr = cmd.check_refs.uptr;
  const uint32_t refs = cmd.check_refs.refs;
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_md_check_refs", {"uptr", uptr}, {"length", length},
                {"refs", refs});
  uint64_t end = 0;
  if ((length | uptr) % page_size != 0 || add_overflows(uptr, length, end)) {
    return this_call.result(-EINVAL);
  }
  for (uint64_t at = 0; at < length; at += page_size) {
    phys_addr page;
    const int rc = iommufd_test_user_page(ucmd.current, uptr + at, page);
    if (rc != 0) return this_call.result(rc);
    if (ucmd.ictx.module.pages.pins_of(page) != refs) return this_call.result(-EIO);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_md_check_iotlb()
int iommufd_test_md_check_iotlb(const iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd) {
  const uint32_t iotlb_id = cmd.check_iotlb.id;
  const uint32_t iotlb = cmd.check_iotlb.iotlb;
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_md_check_iotlb", {"iotlb_id", iotlb_id},
                {"iotlb", iotlb});
  int rc = 0;
  iommufd_hw_pagetable* const hwpt =
      get_md_pagetable(ucmd.ictx, cmd.id, iommufd_object_type::hwpt_nested,
                       ucmd.ictx.module.test->ops.nested_ops, rc);
  if (hwpt == nullptr) return this_call.result(rc);
  const auto& nested = static_cast<const mock_iommu_domain_nested&>(*hwpt->domain);
  if (iotlb_id > uapi::mock_nested_domain_iotlb_id_max || nested.iotlb[iotlb_id] != iotlb) {
    rc = -EINVAL;
  }
  iommufd_put_object(*hwpt);
  return this_call.result(rc);
}

/// Bits of the user's bitmap become marks of the domain's pages. How many, or a negative errno.
int64_t mark_dirty(const iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd,
                   mock_iommu_domain& mock) {
  const auto& dirty = cmd.dirty;
  const uint64_t max = dirty.length / dirty.page_size;
  if (!mock.tracks_dirty) return -EINVAL;
  const slab_token memory(ucmd.ictx.module.slab);
  if (!memory) return -ENOMEM;
  std::vector<std::byte> bits((max + 7) / 8);
  if (ucmd.current.mm->copy_from_user(absl::MakeSpan(bits), dirty.uptr) != 0) return -EFAULT;
  int64_t count = 0;
  for (uint64_t i = 0; i < max; ++i) {
    if ((bits[i / 8] >> (i % 8) & std::byte{1}) == std::byte{0}) continue;
    // By the user's pages, as the kernel counts here.
    const auto at = mock.pfns.find(dirty.iova / dirty.page_size + i);
    if (at == mock.pfns.end()) continue;
    at->second.is_dirty = true;
    ++count;
  }
  return count;
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_dirty()
int iommufd_test_dirty(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd) {
  const uint64_t size = cmd.dirty.page_size;
  const uint64_t length = cmd.dirty.length;
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_dirty", {"iova", cmd.dirty.iova},
                {"length", length}, {"page_size", size});
  constexpr uint64_t most_bits = uint64_t{16} << 20 << 3;
  if (size == 0 || length == 0 || cmd.dirty.iova % size != 0 || length % size != 0 ||
      cmd.dirty.uptr == 0) {
    return this_call.result(-EINVAL);
  }
  if (length / size > most_bits) return this_call.result(-EOVERFLOW);
  int rc = 0;
  iommufd_hw_pagetable* const hwpt = get_mock_pagetable(ucmd.ictx, cmd.id, rc);
  if (hwpt == nullptr) return this_call.result(rc);
  const int64_t count = mark_dirty(ucmd, cmd, static_cast<mock_iommu_domain&>(*hwpt->domain));
  rc = static_cast<int>(count);
  if (count >= 0) {
    cmd.dirty.out_nr_dirty = static_cast<uint64_t>(count);
    rc = iommufd_ucmd_respond(ucmd, cmd);
  }
  iommufd_put_object(*hwpt);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_trigger_iopf(). The page request
// reaches nobody: faults that a user answers are not here.
int iommufd_test_trigger_iopf(const iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_trigger_iopf",
                {"dev_id", cmd.trigger_iopf.dev_id});
  int rc = 0;
  iommufd_device* const idev = iommufd_get_device(ucmd.ictx, cmd.trigger_iopf.dev_id, rc);
  if (idev == nullptr) return this_call.result(rc);
  if (!iommufd_selftest_is_mock_dev(*idev->dev)) rc = -EINVAL;
  iommufd_put_object(*idev);
  return this_call.result(rc);
}

int set_temp_memory_limit(iommufd_module& module, uint32_t limit) {
  if (limit < sizeof(uint64_t) + sizeof(uint32_t)) return -EINVAL;  // one entry of a batch
  module.temp_memory_limit = limit;
  return 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test()
int iommufd_test(iommufd_ucmd& ucmd) {
  auto cmd = ucmd.command<uapi::iommu_test_cmd>();
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test", {"op", static_cast<uint32_t>(cmd.op)});
  switch (cmd.op) {
    using enum uapi::iommu_test_op;
    case add_reserved:
      return this_call.result(iommufd_test_add_reserved(ucmd, cmd));
    case mock_domain:
    case mock_domain_flags:
      return this_call.result(iommufd_test_mock_domain(ucmd, cmd));
    case mock_domain_replace:
      return this_call.result(iommufd_test_mock_domain_replace(ucmd, cmd));
    case md_check_map:
      return this_call.result(iommufd_test_md_check_pa(ucmd, cmd));
    case md_check_refs:
      return this_call.result(iommufd_test_md_check_refs(ucmd, cmd));
    case md_check_iotlb:
      return this_call.result(iommufd_test_md_check_iotlb(ucmd, cmd));
    case create_access:
      return this_call.result(iommufd_test_create_access(ucmd, cmd));
    case access_replace_ioas:
      return this_call.result(iommufd_test_access_replace_ioas(ucmd, cmd));
    case access_pages:
      return this_call.result(iommufd_test_access_pages(ucmd, cmd));
    case access_rw:
      return this_call.result(iommufd_test_access_rw(ucmd, cmd));
    case destroy_access_pages:
      return this_call.result(iommufd_test_access_item_destroy(ucmd, cmd));
    case set_temp_memory_limit:
      return this_call.result(
          v6_12::set_temp_memory_limit(ucmd.ictx.module, cmd.memory_limit.limit));
    case dirty:
      return this_call.result(iommufd_test_dirty(ucmd, cmd));
    case trigger_iopf:
      return this_call.result(iommufd_test_trigger_iopf(ucmd, cmd));
  }
  return this_call.result(-EOPNOTSUPP);
}

}  // namespace iommulab::v6_12
