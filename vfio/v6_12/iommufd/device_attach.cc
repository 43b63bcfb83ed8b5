// SPDX-License-Identifier: GPL-2.0-only
//
// Attaching devices to page tables. Linux v6.12 drivers/iommu/iommufd/device.c
#include <algorithm>
#include <cerrno>

#include "core/iommu/v6_12/group.h"
#include "vfio/v6_12/iommufd/device.h"
#include "vfio/v6_12/iommufd/fault.h"

namespace iommulab::v6_12 {
namespace {

tracer& trace_of(const iommufd_device& idev) {
  return idev.ictx->trace();
}

// ---- Reserved regions

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_group_setup_msi()
int iommufd_group_setup_msi(iommufd_group& igroup, iommufd_hwpt_paging& hwpt_paging) {
  iommufd_module& module = igroup.ictx->module;
  IOMMULAB_CALL(module.env.trace, "iommufd_group_setup_msi", {"group", *igroup.group},
                {"hwpt_paging", hwpt_paging});
  if (igroup.sw_msi_start == phys_addr_max || hwpt_paging.msi_cookie) return this_call.result(0);
  const int rc = module.iommu.dma == nullptr
                     ? -ENODEV
                     : module.iommu.dma->get_msi_cookie(*hwpt_paging.domain, igroup.sw_msi_start);
  if (rc == 0) hwpt_paging.msi_cookie = true;
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_attach_reserved_iova()
int iommufd_device_attach_reserved_iova(iommufd_device& idev, iommufd_hwpt_paging& hwpt_paging) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_device_attach_reserved_iova", {"idev", idev},
                {"hwpt_paging", hwpt_paging});
  iommufd_group& igroup = *idev.igroup;
  io_pagetable& iopt = hwpt_paging.ioas->iopt;
  int rc = iopt_table_enforce_dev_resv_regions(iopt, *idev.dev, &igroup.sw_msi_start);
  if (rc != 0 || !igroup.device_list.empty()) return this_call.result(rc);
  rc = iommufd_group_setup_msi(igroup, hwpt_paging);
  if (rc != 0) iopt_remove_reserved_iova(iopt, idev.dev);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_group_remove_reserved_iova()
void iommufd_group_remove_reserved_iova(iommufd_group& igroup, iommufd_hwpt_paging& hwpt_paging) {
  IOMMULAB_CALL(igroup.ictx->trace(), "iommufd_group_remove_reserved_iova",
                {"group", *igroup.group}, {"hwpt_paging", hwpt_paging});
  for (const iommufd_device* cur : igroup.device_list) {
    iopt_remove_reserved_iova(hwpt_paging.ioas->iopt, cur->dev);
  }
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_group_do_replace_reserved_iova()
int iommufd_group_do_replace_reserved_iova(iommufd_group& igroup,
                                           iommufd_hwpt_paging& hwpt_paging) {
  tracer& trace = igroup.ictx->trace();
  IOMMULAB_CALL(trace, "iommufd_group_do_replace_reserved_iova", {"group", *igroup.group},
                {"hwpt_paging", hwpt_paging});
  const iommufd_hwpt_paging* const old = find_hwpt_paging(trace, *igroup.hwpt);
  int rc = 0;
  if (old == nullptr || hwpt_paging.ioas != old->ioas) {
    for (const iommufd_device* cur : igroup.device_list) {
      rc = iopt_table_enforce_dev_resv_regions(hwpt_paging.ioas->iopt, *cur->dev, nullptr);
      if (rc != 0) break;
    }
  }
  if (rc == 0) rc = iommufd_group_setup_msi(igroup, hwpt_paging);
  if (rc != 0) iommufd_group_remove_reserved_iova(igroup, hwpt_paging);
  return this_call.result(rc);
}

// ---- The group's domain

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_is_attached()
bool iommufd_device_is_attached(const iommufd_device& idev) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_device_is_attached", {"idev", idev});
  const auto& list = idev.igroup->device_list;
  return this_call.result(std::find(list.begin(), list.end(), &idev) != list.end());
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_hwpt_attach_device()
int iommufd_hwpt_attach_device(iommufd_hw_pagetable& hwpt, iommufd_device& idev, ioasid pasid) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_hwpt_attach_device", {"hwpt", hwpt}, {"idev", idev},
                {"pasid", pasid});
  kernel_ptr<iommufd_attach_handle> handle =
      kernel_new<iommufd_attach_handle>(idev.ictx->module.slab);
  if (handle == nullptr) return this_call.result(-ENOMEM);
  if (hwpt.fault != nullptr) {
    const int rc = iommufd_fault_iopf_enable(idev);
    if (rc != 0) return this_call.result(rc);
  }
  handle->idev = &idev;
  const int rc = iommu_attach_group_handle(*hwpt.domain, *idev.igroup->group, handle.get());
  if (rc == 0) {
    handle.release();
  } else if (hwpt.fault != nullptr) {
    iommufd_fault_iopf_disable(idev);
  }
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_get_attach_handle()
iommufd_attach_handle* iommufd_device_get_attach_handle(iommufd_device& idev, ioasid pasid) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_device_get_attach_handle", {"idev", idev});
  int error = 0;
  iommu_attach_handle* const handle =
      iommu_attach_handle_get(*idev.igroup->group, pasid, iommu_domain_type::blocked, error);
  return this_call.result(static_cast<iommufd_attach_handle*>(handle), handle != nullptr);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_hwpt_detach_device()
void iommufd_hwpt_detach_device(iommufd_hw_pagetable& hwpt, iommufd_device& idev, ioasid pasid) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_hwpt_detach_device", {"hwpt", hwpt}, {"idev", idev},
                {"pasid", pasid});
  iommufd_attach_handle* const handle = iommufd_device_get_attach_handle(idev, pasid);
  iommu_detach_group_handle(*hwpt.domain, *idev.igroup->group);
  if (hwpt.fault != nullptr) iommufd_fault_iopf_disable(idev);
  kernel_delete(idev.ictx->module.slab, handle);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_hwpt_replace_device()
int iommufd_hwpt_replace_device(iommufd_device& idev, ioasid pasid, iommufd_hw_pagetable& hwpt,
                                iommufd_hw_pagetable& old) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_hwpt_replace_device", {"idev", idev}, {"pasid", pasid},
                {"hwpt", hwpt}, {"old", old});
  slab_failures& slab = idev.ictx->module.slab;
  iommufd_attach_handle* const old_handle = iommufd_device_get_attach_handle(idev, pasid);
  kernel_ptr<iommufd_attach_handle> handle = kernel_new<iommufd_attach_handle>(slab);
  if (handle == nullptr) return this_call.result(-ENOMEM);
  const bool turns_iopf_on = hwpt.fault != nullptr && old.fault == nullptr;
  if (turns_iopf_on) {
    const int rc = iommufd_fault_iopf_enable(idev);
    if (rc != 0) return this_call.result(rc);
  }
  handle->idev = &idev;
  const int rc = iommu_replace_group_handle(*idev.igroup->group, hwpt.domain, handle.get());
  if (rc != 0) {
    if (turns_iopf_on) iommufd_fault_iopf_disable(idev);
    return this_call.result(rc);
  }
  handle.release();
  if (old.fault != nullptr && hwpt.fault == nullptr) iommufd_fault_iopf_disable(idev);
  kernel_delete(slab, old_handle);
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_hw_pagetable_attach()
int iommufd_hw_pagetable_attach(iommufd_hw_pagetable& hwpt, iommufd_device& idev, ioasid pasid) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_hw_pagetable_attach", {"hwpt", hwpt}, {"idev", idev},
                {"pasid", pasid});
  iommufd_hwpt_paging* const hwpt_paging = find_hwpt_paging(trace_of(idev), hwpt);
  iommufd_group& igroup = *idev.igroup;
  if (igroup.hwpt != nullptr && igroup.hwpt != &hwpt) return this_call.result(-EINVAL);
  if (hwpt_paging != nullptr) {
    const int rc = iommufd_device_attach_reserved_iova(idev, *hwpt_paging);
    if (rc != 0) return this_call.result(rc);
  }
  if (igroup.device_list.empty()) {
    const int rc = iommufd_hwpt_attach_device(hwpt, idev, pasid);
    if (rc != 0) {
      if (hwpt_paging != nullptr) iopt_remove_reserved_iova(hwpt_paging->ioas->iopt, idev.dev);
      return this_call.result(rc);
    }
    igroup.hwpt = &hwpt;
  }
  ++hwpt.users;
  igroup.device_list.push_back(&idev);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_hw_pagetable_detach()
iommufd_hw_pagetable& iommufd_hw_pagetable_detach(iommufd_device& idev, ioasid pasid) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_hw_pagetable_detach", {"idev", idev}, {"pasid", pasid});
  iommufd_group& igroup = *idev.igroup;
  iommufd_hw_pagetable& hwpt = *igroup.hwpt;
  iommufd_hwpt_paging* const hwpt_paging = find_hwpt_paging(trace_of(idev), hwpt);
  std::erase(igroup.device_list, &idev);
  if (igroup.device_list.empty()) {
    iommufd_hwpt_detach_device(hwpt, idev, pasid);
    igroup.hwpt = nullptr;
  }
  if (hwpt_paging != nullptr) iopt_remove_reserved_iova(hwpt_paging->ioas->iopt, idev.dev);
  return *this_call.result(&hwpt);
}

// ---- What a user attaches to

namespace {

/// What an attach leaves to be let go: a page table, or nothing; `error` is 0 or a negative errno.
using attach_fn = iommufd_hw_pagetable* (*)(iommufd_device& idev, ioasid pasid,
                                            iommufd_hw_pagetable& hwpt, int& error);

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_do_attach()
iommufd_hw_pagetable* iommufd_device_do_attach(iommufd_device& idev, ioasid pasid,
                                               iommufd_hw_pagetable& hwpt, int& error) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_device_do_attach", {"idev", idev}, {"pasid", pasid},
                {"hwpt", hwpt});
  error = iommufd_hw_pagetable_attach(hwpt, idev, pasid);
  return this_call.result(static_cast<iommufd_hw_pagetable*>(nullptr), error);
}

/// The group goes from `old` to the new page table, and with it who holds them: one hold of the old
/// one is the caller's.
void move_holds(iommufd_group& igroup, iommufd_hw_pagetable& hwpt, iommufd_hw_pagetable& old) {
  const auto num_devices = static_cast<unsigned>(igroup.device_list.size());
  igroup.hwpt = &hwpt;
  hwpt.users += num_devices;
  old.users -= num_devices - 1;
}

int replace_in_group(iommufd_device& idev, ioasid pasid, iommufd_hw_pagetable& hwpt,
                     iommufd_hwpt_paging* hwpt_paging) {
  iommufd_group& igroup = *idev.igroup;
  iommufd_hw_pagetable& old_hwpt = *igroup.hwpt;
  if (hwpt_paging != nullptr) {
    const int rc = iommufd_group_do_replace_reserved_iova(igroup, *hwpt_paging);
    if (rc != 0) return rc;
  }
  const int rc = iommufd_hwpt_replace_device(idev, pasid, hwpt, old_hwpt);
  if (rc != 0) {
    if (hwpt_paging != nullptr) iommufd_group_remove_reserved_iova(igroup, *hwpt_paging);
    return rc;
  }
  iommufd_hwpt_paging* const old_paging = find_hwpt_paging(trace_of(idev), old_hwpt);
  if (old_paging != nullptr && (hwpt_paging == nullptr || hwpt_paging->ioas != old_paging->ioas)) {
    iommufd_group_remove_reserved_iova(igroup, *old_paging);
  }
  move_holds(igroup, hwpt, old_hwpt);
  return 0;
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_do_replace()
iommufd_hw_pagetable* iommufd_device_do_replace(iommufd_device& idev, ioasid pasid,
                                                iommufd_hw_pagetable& hwpt, int& error) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_device_do_replace", {"idev", idev}, {"pasid", pasid},
                {"hwpt", hwpt});
  iommufd_hwpt_paging* const hwpt_paging = find_hwpt_paging(trace_of(idev), hwpt);
  iommufd_hw_pagetable* const old_hwpt = idev.igroup->hwpt;
  iommufd_hw_pagetable* const none = nullptr;
  error = -EINVAL;
  if (old_hwpt == nullptr || !iommufd_device_is_attached(idev)) {
    return this_call.result(none, error);
  }
  error = 0;
  if (&hwpt == old_hwpt) return this_call.result(none);
  error = replace_in_group(idev, pasid, hwpt, hwpt_paging);
  if (error != 0) return this_call.result(none, error);
  return this_call.result(old_hwpt);
}

/// A page table of the IOAS's own that takes the device; whether there is one, or the search ends
/// with an error.
bool attach_to_known(iommufd_device& idev, ioasid pasid, iommufd_ioas& ioas, uint32_t& pt_id,
                     attach_fn do_attach, iommufd_hw_pagetable*& destroy_hwpt, int& error) {
  for (iommufd_hwpt_paging* hwpt : ioas.hwpt_list) {
    if (!hwpt->auto_domain || !iommufd_lock_obj(*hwpt)) continue;
    destroy_hwpt = do_attach(idev, pasid, *hwpt, error);
    if (error == 0) pt_id = hwpt->id;
    iommufd_put_object(*hwpt);
    // One that cannot take the device says so: the next is asked.
    if (error != -EINVAL) return true;
  }
  return false;
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_auto_get_domain()
iommufd_hw_pagetable* iommufd_device_auto_get_domain(iommufd_device& idev, ioasid pasid,
                                                     iommufd_ioas& ioas, uint32_t& pt_id,
                                                     attach_fn do_attach, int& error) {
  iommufd_ctx& ictx = *idev.ictx;
  IOMMULAB_CALL(ictx.trace(), "iommufd_device_auto_get_domain", {"idev", idev}, {"pasid", pasid},
                {"ioas", ioas});
  const bool immediate_attach = do_attach == &iommufd_device_do_attach;
  iommufd_hw_pagetable* destroy_hwpt = nullptr;
  if (attach_to_known(idev, pasid, ioas, pt_id, do_attach, destroy_hwpt, error)) {
    if (error != 0) return this_call.result(destroy_hwpt, error);
    return this_call.result(destroy_hwpt);
  }
  iommufd_hwpt_paging* const hwpt =
      iommufd_hwpt_paging_alloc(ictx, ioas, idev, pasid, 0, immediate_attach, nullptr, error);
  if (hwpt == nullptr) return this_call.result(destroy_hwpt, error);
  if (!immediate_attach) {
    destroy_hwpt = do_attach(idev, pasid, *hwpt, error);
    if (error != 0) {
      iommufd_object_abort_and_destroy(ictx, *hwpt);
      return this_call.result(destroy_hwpt, error);
    }
  }
  hwpt->auto_domain = true;
  pt_id = hwpt->id;
  iommufd_object_finalize(ictx, *hwpt);
  return this_call.result(destroy_hwpt);
}

/// By what the number names.
iommufd_hw_pagetable* attach_to(iommufd_device& idev, ioasid pasid, iommufd_object& pt_obj,
                                uint32_t& pt_id, attach_fn do_attach, int& error) {
  switch (pt_obj.type) {
    case iommufd_object_type::hwpt_nested:
    case iommufd_object_type::hwpt_paging:
      return do_attach(idev, pasid, static_cast<iommufd_hw_pagetable&>(pt_obj), error);
    case iommufd_object_type::ioas:
      return iommufd_device_auto_get_domain(idev, pasid, static_cast<iommufd_ioas&>(pt_obj), pt_id,
                                            do_attach, error);
    default:
      error = -EINVAL;
      return nullptr;
  }
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_change_pt()
int iommufd_device_change_pt(iommufd_device& idev, ioasid pasid, uint32_t& pt_id,
                             attach_fn do_attach) {
  iommufd_ctx& ictx = *idev.ictx;
  IOMMULAB_CALL(ictx.trace(), "iommufd_device_change_pt", {"idev", idev}, {"pasid", pasid});
  int error = 0;
  iommufd_object* const pt_obj = iommufd_get_object(ictx, pt_id, iommufd_object_type::any, error);
  if (pt_obj == nullptr) return this_call.result(error);
  iommufd_hw_pagetable* const destroy_hwpt =
      attach_to(idev, pasid, *pt_obj, pt_id, do_attach, error);
  iommufd_put_object(*pt_obj);
  if (error != 0) return this_call.result(error);
  if (destroy_hwpt != nullptr) iommufd_hw_pagetable_put(ictx, *destroy_hwpt);
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_attach()
int iommufd_device_attach(iommufd_device& idev, uint32_t& pt_id) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_device_attach", {"idev", idev});
  const int rc = iommufd_device_change_pt(idev, iommu_no_pasid, pt_id, &iommufd_device_do_attach);
  if (rc == 0) ++idev.users;
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_replace()
int iommufd_device_replace(iommufd_device& idev, uint32_t& pt_id) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_device_replace", {"idev", idev});
  return this_call.result(
      iommufd_device_change_pt(idev, iommu_no_pasid, pt_id, &iommufd_device_do_replace));
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_detach()
void iommufd_device_detach(iommufd_device& idev) {
  IOMMULAB_CALL(trace_of(idev), "iommufd_device_detach", {"idev", idev});
  iommufd_hw_pagetable& hwpt = iommufd_hw_pagetable_detach(idev, iommu_no_pasid);
  iommufd_hw_pagetable_put(*idev.ictx, hwpt);
  --idev.users;
}

}  // namespace iommulab::v6_12
