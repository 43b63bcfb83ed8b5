// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/hw_pagetable.h"

#include <algorithm>
#include <cerrno>

#include "core/iommu/v6_12/group.h"
#include "vfio/v6_12/iommufd/device.h"
#include "vfio/v6_12/iommufd/fault.h"
#include "vfio/v6_12/iommufd/ucmd.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: to_hwpt_paging()
iommufd_hwpt_paging* to_hwpt_paging(tracer& trace, iommufd_hw_pagetable& hwpt) {
  IOMMULAB_CALL(trace, "to_hwpt_paging", {"hwpt", hwpt});
  return this_call.result(static_cast<iommufd_hwpt_paging*>(&hwpt));
}

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: to_hwpt_nested()
iommufd_hwpt_nested* to_hwpt_nested(tracer& trace, iommufd_hw_pagetable& hwpt) {
  IOMMULAB_CALL(trace, "to_hwpt_nested", {"hwpt", hwpt});
  return this_call.result(static_cast<iommufd_hwpt_nested*>(&hwpt));
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: find_hwpt_paging()
iommufd_hwpt_paging* find_hwpt_paging(tracer& trace, iommufd_hw_pagetable& hwpt) {
  IOMMULAB_CALL(trace, "find_hwpt_paging", {"hwpt", hwpt});
  if (hwpt.type == iommufd_object_type::hwpt_paging) {
    return this_call.result(to_hwpt_paging(trace, hwpt));
  }
  if (hwpt.type == iommufd_object_type::hwpt_nested) {
    return this_call.result(to_hwpt_nested(trace, hwpt)->parent);
  }
  return this_call.result(static_cast<iommufd_hwpt_paging*>(nullptr));
}

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_hw_pagetable_put()
void iommufd_hw_pagetable_put(iommufd_ctx& ictx, iommufd_hw_pagetable& hwpt) {
  tracer& trace = ictx.trace();
  IOMMULAB_CALL(trace, "iommufd_hw_pagetable_put", {"hwpt", hwpt});
  if (hwpt.type == iommufd_object_type::hwpt_paging && to_hwpt_paging(trace, hwpt)->auto_domain) {
    iommufd_object_put_and_try_destroy(ictx, hwpt);
    return;
  }
  --hwpt.users;
}

// ---- Going

namespace {

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: __iommufd_hwpt_destroy()
void hwpt_destroy_parts(tracer& trace, iommufd_hw_pagetable& hwpt) {
  IOMMULAB_CALL(trace, "__iommufd_hwpt_destroy", {"hwpt", hwpt});
  if (hwpt.domain != nullptr) iommu_domain_free(*hwpt.domain);
  if (hwpt.fault != nullptr) --hwpt.fault->users;
}

void leave_hwpt_list(iommufd_hwpt_paging& hwpt) {
  hwpt.in_hwpt_list = false;
  std::erase(hwpt.ioas->hwpt_list, &hwpt);
  iopt_table_remove_domain(hwpt.ioas->iopt, *hwpt.domain);
}

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_paging_destroy()
void iommufd_hwpt_paging_destroy(iommufd_hwpt_paging& hwpt) {
  tracer& trace = hwpt.ioas->iopt.trace();
  IOMMULAB_CALL(trace, "iommufd_hwpt_paging_destroy", {"hwpt", hwpt});
  if (hwpt.in_hwpt_list) leave_hwpt_list(hwpt);
  hwpt_destroy_parts(trace, hwpt);
  --hwpt.ioas->users;
}

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_paging_abort()
void iommufd_hwpt_paging_abort(iommufd_hwpt_paging& hwpt) {
  IOMMULAB_CALL(hwpt.ioas->iopt.trace(), "iommufd_hwpt_paging_abort", {"hwpt", hwpt});
  if (hwpt.in_hwpt_list) leave_hwpt_list(hwpt);
  iommufd_hwpt_paging_destroy(hwpt);
}

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_nested_destroy()
void iommufd_hwpt_nested_destroy(iommufd_hwpt_nested& hwpt) {
  tracer& trace = hwpt.parent->ioas->iopt.trace();
  IOMMULAB_CALL(trace, "iommufd_hwpt_nested_destroy", {"hwpt", hwpt});
  hwpt_destroy_parts(trace, hwpt);
  --hwpt.parent->users;
}

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_nested_abort()
void iommufd_hwpt_nested_abort(iommufd_hwpt_nested& hwpt) {
  IOMMULAB_CALL(hwpt.parent->ioas->iopt.trace(), "iommufd_hwpt_nested_abort", {"hwpt", hwpt});
  iommufd_hwpt_nested_destroy(hwpt);
}

}  // namespace

void iommufd_hwpt_paging::destroy() {
  iommufd_hwpt_paging_destroy(*this);
}
void iommufd_hwpt_paging::abort() {
  iommufd_hwpt_paging_abort(*this);
}
void iommufd_hwpt_nested::destroy() {
  iommufd_hwpt_nested_destroy(*this);
}
void iommufd_hwpt_nested::abort() {
  iommufd_hwpt_nested_abort(*this);
}

// ---- Coming

namespace {

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_paging_enforce_cc()
int iommufd_hwpt_paging_enforce_cc(tracer& trace, iommufd_hwpt_paging& hwpt) {
  IOMMULAB_CALL(trace, "iommufd_hwpt_paging_enforce_cc", {"hwpt", hwpt});
  if (!hwpt.enforce_cache_coherency) {
    hwpt.enforce_cache_coherency = hwpt.domain->ops->enforce_cache_coherency(*hwpt.domain);
  }
  return this_call.result(hwpt.enforce_cache_coherency ? 0 : -EINVAL);
}

/// What the user asks for, before anything is made.
int check_paging_flags(iommufd_device& idev, uint32_t flags, const iommu_user_data* user_data) {
  constexpr uint32_t valid_flags =
      uapi::iommu_hwpt_alloc_nest_parent | uapi::iommu_hwpt_alloc_dirty_tracking;
  if ((flags != 0 || user_data != nullptr) && !dev_iommu_ops(*idev.dev).allocates_for_users()) {
    return -EOPNOTSUPP;
  }
  if ((flags & ~valid_flags) != 0) return -EOPNOTSUPP;
  if ((flags & uapi::iommu_hwpt_alloc_dirty_tracking) != 0 &&
      !device_iommu_capable(*idev.dev, iommu_cap::dirty_tracking)) {
    return -EOPNOTSUPP;
  }
  return 0;
}

/// hwpt->domain: 0 or a negative errno.
int alloc_domain_of(iommufd_hw_pagetable& hwpt, iommufd_device& idev, uint32_t flags,
                    iommu_domain* parent, const iommu_user_data* user_data) {
  iommu_ops& ops = dev_iommu_ops(*idev.dev);
  int error = 0;
  if (!ops.allocates_for_users()) {
    hwpt.domain = iommu_paging_domain_alloc(*idev.dev, error);
    return error;
  }
  hwpt.domain = ops.domain_alloc_user(*idev.dev, flags, parent, user_data, error);
  if (hwpt.domain != nullptr) hwpt.domain->owner = &ops;
  return error;
}

/// The domain is coherent where it has to be, the device in it where it is to be, and the IOAS
/// shown by it.
int make_ready(iommufd_ctx& ictx, iommufd_hwpt_paging& hwpt, iommufd_device& idev, ioasid pasid,
               bool immediate_attach) {
  if (idev.enforce_cache_coherency) {
    const int rc = iommufd_hwpt_paging_enforce_cc(ictx.trace(), hwpt);
    if (rc != 0) {
      ictx.module.env.log.warn_on("iommufd_hwpt_paging_alloc");
      return rc;
    }
  }
  if (immediate_attach) {
    if (const int rc = iommufd_hw_pagetable_attach(hwpt, idev, pasid); rc != 0) return rc;
  }
  const int rc = iopt_table_add_domain(hwpt.ioas->iopt, *hwpt.domain);
  if (rc != 0) {
    if (immediate_attach) iommufd_hw_pagetable_detach(idev, pasid);
    return rc;
  }
  hwpt.ioas->hwpt_list.push_back(&hwpt);
  hwpt.in_hwpt_list = true;
  return 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_paging_alloc()
iommufd_hwpt_paging* iommufd_hwpt_paging_alloc(iommufd_ctx& ictx, iommufd_ioas& ioas,
                                               iommufd_device& idev, ioasid pasid, uint32_t flags,
                                               bool immediate_attach,
                                               const iommu_user_data* user_data, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_hwpt_paging_alloc", {"ioas", ioas}, {"idev", idev},
                {"pasid", pasid}, {"flags", flags}, {"immediate_attach", immediate_attach});
  iommufd_hwpt_paging* hwpt = nullptr;
  error = check_paging_flags(idev, flags, user_data);
  if (error != 0) return this_call.result(hwpt, error);
  hwpt = iommufd_object_alloc<iommufd_hwpt_paging>(ictx, iommufd_object_type::hwpt_paging, error);
  if (hwpt == nullptr) return this_call.result(hwpt, error);
  ++ioas.users;
  hwpt->ioas = &ioas;
  hwpt->nest_parent = (flags & uapi::iommu_hwpt_alloc_nest_parent) != 0;
  error = alloc_domain_of(*hwpt, idev, flags, nullptr, user_data);
  if (error == 0) error = make_ready(ictx, *hwpt, idev, pasid, immediate_attach);
  if (error == 0) return this_call.result(hwpt);
  iommufd_object_abort_and_destroy(ictx, *hwpt);
  return this_call.result(static_cast<iommufd_hwpt_paging*>(nullptr), error);
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_nested_alloc()
iommufd_hwpt_nested* iommufd_hwpt_nested_alloc(iommufd_ctx& ictx, iommufd_hwpt_paging& parent,
                                               iommufd_device& idev, uint32_t flags,
                                               const iommu_user_data& user_data, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_hwpt_nested_alloc", {"parent", parent}, {"idev", idev},
                {"flags", flags});
  iommufd_hwpt_nested* hwpt = nullptr;
  const iommu_ops& ops = dev_iommu_ops(*idev.dev);
  const bool is_known = (flags & ~uapi::iommu_hwpt_fault_id_valid) == 0;
  error = -EOPNOTSUPP;
  if (!is_known || user_data.len == 0 || !ops.allocates_for_users()) {
    return this_call.result(hwpt, error);
  }
  error = -EINVAL;
  if (parent.auto_domain || !parent.nest_parent || parent.domain->owner != &ops) {
    return this_call.result(hwpt, error);
  }
  hwpt = iommufd_object_alloc<iommufd_hwpt_nested>(ictx, iommufd_object_type::hwpt_nested, error);
  if (hwpt == nullptr) return this_call.result(hwpt, error);
  ++parent.users;
  hwpt->parent = &parent;
  error = alloc_domain_of(*hwpt, idev, flags & ~uapi::iommu_hwpt_fault_id_valid, parent.domain,
                          &user_data);
  if (error == 0 && !hwpt->domain->ops->invalidates_for_users()) {
    ictx.module.env.log.warn_on("iommufd_hwpt_nested_alloc");
    error = -EINVAL;
  }
  if (error == 0) return this_call.result(hwpt);
  iommufd_object_abort_and_destroy(ictx, *hwpt);
  return this_call.result(static_cast<iommufd_hwpt_nested*>(nullptr), error);
}

/// The page table for the object that `pt_id` named. Null with `error` set.
iommufd_hw_pagetable* alloc_on(iommufd_ctx& ictx, iommufd_object& pt_obj, iommufd_device& idev,
                               uint32_t flags, const iommu_user_data& user_data, int& error) {
  if (pt_obj.type == iommufd_object_type::ioas) {
    return iommufd_hwpt_paging_alloc(ictx, static_cast<iommufd_ioas&>(pt_obj), idev, iommu_no_pasid,
                                     flags, /*immediate_attach=*/false,
                                     user_data.len != 0 ? &user_data : nullptr, error);
  }
  if (pt_obj.type == iommufd_object_type::hwpt_paging) {
    return iommufd_hwpt_nested_alloc(ictx, static_cast<iommufd_hwpt_paging&>(pt_obj), idev, flags,
                                     user_data, error);
  }
  error = -EINVAL;
  return nullptr;
}

/// Faults of the page table go to the queue from now on.
int connect_fault_queue(iommufd_ctx& ictx, iommufd_hw_pagetable& hwpt, uint32_t fault_id) {
  int error = 0;
  iommufd_fault* const fault = iommufd_get_fault(ictx, fault_id, error);
  if (fault == nullptr) return error;
  hwpt.fault = fault;
  ++fault->users;
  iommufd_put_object(*fault);
  return 0;
}

/// Makes the page table, and tells the user its number.
int alloc_for_user(iommufd_ucmd& ucmd, uapi::iommu_hwpt_alloc& cmd, iommufd_object& pt_obj,
                   iommufd_device& idev) {
  iommufd_ctx& ictx = ucmd.ictx;
  iommu_user_data user_data;
  user_data.type = cmd.data_type;
  user_data.len = cmd.data_len;
  user_data.copy = [&](absl::Span<std::byte> to) {
    return copy_struct_from_user(ucmd.current, to, cmd.data_uptr, cmd.data_len);
  };
  int rc = 0;
  iommufd_hw_pagetable* const hwpt = alloc_on(ictx, pt_obj, idev, cmd.flags, user_data, rc);
  if (hwpt == nullptr) return rc;
  if ((cmd.flags & uapi::iommu_hwpt_fault_id_valid) != 0) {
    rc = connect_fault_queue(ictx, *hwpt, cmd.fault_id);
  }
  if (rc == 0) {
    cmd.out_hwpt_id = hwpt->id;
    rc = iommufd_ucmd_respond(ucmd, cmd);
  }
  if (rc == 0) {
    iommufd_object_finalize(ictx, *hwpt);
  } else {
    iommufd_object_abort_and_destroy(ictx, *hwpt);
  }
  return rc;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_alloc()
int iommufd_hwpt_alloc(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_hwpt_alloc", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_hwpt_alloc>();
  if (cmd.reserved != 0) return this_call.result(-EOPNOTSUPP);
  if ((cmd.data_type == uapi::iommu_hwpt_data_none) != (cmd.data_len == 0)) {
    return this_call.result(-EINVAL);
  }
  int rc = 0;
  iommufd_device* const idev = iommufd_get_device(ucmd.ictx, cmd.dev_id, rc);
  if (idev == nullptr) return this_call.result(rc);
  iommufd_object* const pt_obj =
      iommufd_get_object(ucmd.ictx, cmd.pt_id, iommufd_object_type::any, rc);
  if (pt_obj == nullptr) {
    rc = -EINVAL;
  } else {
    rc = alloc_for_user(ucmd, cmd, *pt_obj, *idev);
    iommufd_put_object(*pt_obj);
  }
  iommufd_put_object(*idev);
  return this_call.result(rc);
}

// ---- Using

namespace {

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_get_hwpt_paging()
iommufd_hwpt_paging* iommufd_get_hwpt_paging(iommufd_ctx& ictx, uint32_t id, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_get_hwpt_paging", {"id", id});
  auto* const hwpt = static_cast<iommufd_hwpt_paging*>(
      iommufd_get_object(ictx, id, iommufd_object_type::hwpt_paging, error));
  if (hwpt == nullptr) return this_call.result(hwpt, error);
  return this_call.result(hwpt);
}

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_get_hwpt_nested()
iommufd_hwpt_nested* iommufd_get_hwpt_nested(iommufd_ctx& ictx, uint32_t id, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_get_hwpt_nested", {"id", id});
  auto* const hwpt = static_cast<iommufd_hwpt_nested*>(
      iommufd_get_object(ictx, id, iommufd_object_type::hwpt_nested, error));
  if (hwpt == nullptr) return this_call.result(hwpt, error);
  return this_call.result(hwpt);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_set_dirty_tracking()
int iommufd_hwpt_set_dirty_tracking(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_hwpt_set_dirty_tracking",
                {"user_size", ucmd.user_size});
  const auto cmd = ucmd.command<uapi::iommu_hwpt_set_dirty_tracking>();
  if ((cmd.flags & ~uapi::iommu_hwpt_dirty_tracking_enable) != 0) {
    return this_call.result(-EOPNOTSUPP);
  }
  int rc = 0;
  iommufd_hwpt_paging* const hwpt = iommufd_get_hwpt_paging(ucmd.ictx, cmd.hwpt_id, rc);
  if (hwpt == nullptr) return this_call.result(rc);
  const bool enable = (cmd.flags & uapi::iommu_hwpt_dirty_tracking_enable) != 0;
  rc = iopt_set_dirty_tracking(hwpt->ioas->iopt, *hwpt->domain, enable);
  iommufd_put_object(*hwpt);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_get_dirty_bitmap()
int iommufd_hwpt_get_dirty_bitmap(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_hwpt_get_dirty_bitmap", {"user_size", ucmd.user_size});
  const auto cmd = ucmd.command<uapi::iommu_hwpt_get_dirty_bitmap>();
  if ((cmd.flags & ~uapi::iommu_hwpt_get_dirty_bitmap_no_clear) != 0 || cmd.reserved != 0) {
    return this_call.result(-EOPNOTSUPP);
  }
  int rc = 0;
  iommufd_hwpt_paging* const hwpt = iommufd_get_hwpt_paging(ucmd.ictx, cmd.hwpt_id, rc);
  if (hwpt == nullptr) return this_call.result(rc);
  rc =
      iopt_read_and_clear_dirty_data(hwpt->ioas->iopt, ucmd.current, *hwpt->domain, cmd.flags, cmd);
  iommufd_put_object(*hwpt);
  return this_call.result(rc);
}

namespace {

/// Hands the user's entries to the driver; `done` becomes how many it did.
int invalidate_entries(const iommufd_ucmd& ucmd, const uapi::iommu_hwpt_invalidate& cmd,
                       uint32_t& done) {
  constexpr uint32_t most_entries = 1u << 19;
  if (cmd.reserved != 0) return -EOPNOTSUPP;
  if (cmd.entry_num != 0 && (cmd.data_uptr == 0 || cmd.entry_len == 0 ||
                             cmd.entry_len > page_size || cmd.entry_num > most_entries)) {
    return -EINVAL;
  }
  int rc = 0;
  iommufd_hwpt_nested* const hwpt = iommufd_get_hwpt_nested(ucmd.ictx, cmd.hwpt_id, rc);
  if (hwpt == nullptr) return rc;
  iommu_user_data_array array;
  array.type = cmd.data_type;
  array.entry_len = cmd.entry_len;
  array.entry_num = cmd.entry_num;
  array.copy = [&](absl::Span<std::byte> to, uint32_t index) {
    return copy_struct_from_user(ucmd.current, to, cmd.data_uptr + uint64_t{index} * cmd.entry_len,
                                 cmd.entry_len);
  };
  rc = hwpt->domain->ops->cache_invalidate_user(*hwpt->domain, array);
  done = array.entry_num;
  iommufd_put_object(*hwpt);
  return rc;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/hw_pagetable.c: iommufd_hwpt_invalidate()
int iommufd_hwpt_invalidate(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_hwpt_invalidate", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_hwpt_invalidate>();
  uint32_t done_num = 0;
  const int rc = invalidate_entries(ucmd, cmd, done_num);
  cmd.entry_num = done_num;
  if (iommufd_ucmd_respond(ucmd, cmd) != 0) return this_call.result(-EFAULT);
  return this_call.result(rc);
}

}  // namespace iommulab::v6_12
