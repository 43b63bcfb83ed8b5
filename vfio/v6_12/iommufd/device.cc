// SPDX-License-Identifier: GPL-2.0-only
//
// Binding, and what a device's unit is. Linux v6.12 drivers/iommu/iommufd/device.c
#include "vfio/v6_12/iommufd/device.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "core/dev_printk.h"
#include "core/iommu/v6_12/group.h"
#include "core/pci/pci.h"
#include "vfio/v6_12/iommufd/ucmd.h"

namespace iommulab::v6_12 {

// ---- Groups

namespace {

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_group_release()
void iommufd_group_release(iommufd_group& igroup) {
  iommufd_ctx& ictx = *igroup.ictx;
  iommufd_module& module = ictx.module;
  IOMMULAB_CALL(module.env.trace, "iommufd_group_release", {"group", *igroup.group});
  if (igroup.hwpt != nullptr || !igroup.device_list.empty()) {
    module.env.log.warn_on("iommufd_group_release");
  }
  const auto at = ictx.groups.find(iommu_group_id(*igroup.group));
  if (at != ictx.groups.end() && at->second.group == &igroup) ictx.groups.erase(at);
  iommu_group_put(igroup.group);
  kernel_delete(module.slab, &igroup);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_put_group()
void iommufd_put_group(iommufd_group& group) {
  tracer& trace = group.ictx->trace();
  IOMMULAB_CALL(trace, "iommufd_put_group", {"group", *group.group});
  if (--group.ref == 0) iommufd_group_release(group);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_group_try_get()
bool iommufd_group_try_get(iommufd_ctx& ictx, iommufd_group* igroup, const iommu_group& group) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_group_try_get", {"group", group});
  if (igroup == nullptr) return this_call.result(false);
  if (igroup->group != &group) {
    ictx.module.env.log.warn_on("iommufd_group_try_get");
    return this_call.result(false);
  }
  if (igroup->ref == 0) return this_call.result(false);
  ++igroup->ref;
  return this_call.result(true);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_get_group()
iommufd_group* iommufd_get_group(iommufd_ctx& ictx, device& dev, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_get_group", {"dev", dev});
  iommufd_group* igroup = nullptr;
  const auto fail = [&](int errno_) {
    error = errno_;
    return this_call.result(static_cast<iommufd_group*>(nullptr), errno_);
  };
  iommu_group* const group = iommu_group_get(dev);
  if (group == nullptr) return fail(-ENODEV);
  const int id = iommu_group_id(*group);
  if (const auto at = ictx.groups.find(id); at != ictx.groups.end()) igroup = at->second.group;
  if (iommufd_group_try_get(ictx, igroup, *group)) {
    iommu_group_put(group);
    return this_call.result(igroup, id);
  }
  kernel_ptr<iommufd_group> new_igroup = kernel_new<iommufd_group>(ictx.module.slab);
  if (new_igroup == nullptr) {
    iommu_group_put(group);
    return fail(-ENOMEM);
  }
  new_igroup->group = group;
  new_igroup->ictx = &ictx;
  slab_token node(ictx.module.slab);
  if (!node) {
    iommufd_put_group(*new_igroup.release());
    return fail(-ENOMEM);
  }
  ictx.groups[id] = {new_igroup.get(), std::move(node)};
  return this_call.result(new_igroup.release(), id);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_destroy()
void iommufd_device_destroy(iommufd_device& idev) {
  iommufd_ctx& ictx = *idev.ictx;
  tracer& trace = ictx.trace();
  IOMMULAB_CALL(trace, "iommufd_device_destroy", {"idev", idev});
  device& dev = *idev.dev;
  iommu_device_release_dma_owner(dev);
  iommufd_put_group(*idev.igroup);
  if (!iommufd_selftest_is_mock_dev(dev)) iommufd_ctx_put(&ictx);
}

}  // namespace

void iommufd_device::destroy() {
  iommufd_device_destroy(*this);
}

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_get_device()
iommufd_device* iommufd_get_device(iommufd_ctx& ictx, uint32_t id, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_get_device", {"id", id});
  auto* const idev = static_cast<iommufd_device*>(
      iommufd_get_object(ictx, id, iommufd_object_type::device, error));
  if (idev == nullptr) return this_call.result(idev, error);
  return this_call.result(idev);
}

// ---- Binding

namespace {

/// Whether the device's interrupts are its own, or nobody minds: 0 or -EPERM.
int check_interrupts(const iommufd_ctx& ictx, const device& dev, const iommufd_group& igroup) {
  if (iommufd_selftest_is_mock_dev(dev) || iommu_group_has_isolated_msi(*igroup.group)) return 0;
  if (!ictx.module.allow_unsafe_interrupts) return -EPERM;
  dev_printk(dev, log_level::warning,
             "MSI interrupts are not secure, they cannot be isolated by the platform. Check that "
             "platform features like interrupt remapping are enabled. Use the "
             "\"allow_unsafe_interrupts\" module parameter to override");
  return 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_bind()
iommufd_device* iommufd_device_bind(iommufd_ctx& ictx, device& dev, uint32_t& id, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_device_bind", {"dev", dev});
  iommufd_device* idev = nullptr;
  error = -EINVAL;
  if (!device_iommu_capable(dev, iommu_cap::cache_coherency)) {
    return this_call.result(idev, error);
  }
  iommufd_group* const igroup = iommufd_get_group(ictx, dev, error);
  if (igroup == nullptr) return this_call.result(idev, error);
  error = check_interrupts(ictx, dev, *igroup);
  if (error == 0) error = iommu_device_claim_dma_owner(dev, &ictx);
  if (error != 0) {
    iommufd_put_group(*igroup);
    return this_call.result(idev, error);
  }
  idev = iommufd_object_alloc<iommufd_device>(ictx, iommufd_object_type::device, error);
  if (idev == nullptr) {
    iommu_device_release_dma_owner(dev);
    iommufd_put_group(*igroup);
    return this_call.result(idev, error);
  }
  idev->ictx = &ictx;
  // A mock device is an object of the context's own, and goes with it.
  if (!iommufd_selftest_is_mock_dev(dev)) iommufd_ctx_get(ictx);
  idev->dev = &dev;
  idev->enforce_cache_coherency = device_iommu_capable(dev, iommu_cap::enforce_cache_coherency);
  ++idev->users;
  idev->igroup = igroup;
  iommufd_object_finalize(ictx, *idev);
  id = idev->id;
  return this_call.result(idev);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_unbind()
void iommufd_device_unbind(iommufd_device& idev) {
  iommufd_ctx& ictx = *idev.ictx;
  tracer& trace = ictx.trace();
  IOMMULAB_CALL(trace, "iommufd_device_unbind", {"idev", idev});
  iommufd_object_destroy_user(ictx, idev);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_ctx_has_group()
bool iommufd_ctx_has_group(iommufd_ctx* ictx, iommu_group& group) {
  if (ictx == nullptr) return false;
  IOMMULAB_CALL(ictx->trace(), "iommufd_ctx_has_group", {"group", group});
  for (const iommufd_object* obj = ictx->objects.next(0); obj != nullptr;
       obj = ictx->objects.next(obj->id + 1)) {
    if (obj->type != iommufd_object_type::device) continue;
    if (static_cast<const iommufd_device*>(obj)->igroup->group == &group) {
      return this_call.result(true);
    }
  }
  return this_call.result(false);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_to_ictx()
iommufd_ctx& iommufd_device_to_ictx(iommufd_device& idev) {
  return *idev.ictx;
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_device_to_id()
uint32_t iommufd_device_to_id(const iommufd_device& idev) {
  return idev.id;
}

// ---- Hardware information

namespace {

/// The driver's answer goes to the user's buffer, cut or filled with zeroes. 0 or -EFAULT.
int tell_hw_info(const iommufd_ucmd& ucmd, const uapi::iommu_hw_info& cmd,
                 absl::Span<const std::byte> data) {
  const uint64_t copy_len = std::min<uint64_t>(cmd.data_len, data.size());
  if (ucmd.current.mm->copy_to_user(cmd.data_uptr, data.subspan(0, copy_len)) != 0) return -EFAULT;
  if (copy_len == cmd.data_len) return 0;
  return clear_user(ucmd.current, cmd.data_uptr + copy_len, cmd.data_len - copy_len);
}

int hw_info_of(const iommufd_ucmd& ucmd, uapi::iommu_hw_info& cmd, device& dev) {
  iommu_ops& ops = dev_iommu_ops(dev);
  iommu_hw_info_data info;
  if (ops.has_hw_info()) {
    if (const int rc = ops.hw_info(dev, info); rc != 0) return rc;
  }
  cmd.out_data_type = info.type;
  if (const int rc = tell_hw_info(ucmd, cmd, info.bytes); rc != 0) return rc;
  cmd.data_len = static_cast<uint32_t>(info.bytes.size());
  cmd.out_capabilities = 0;
  if (device_iommu_capable(dev, iommu_cap::dirty_tracking)) {
    cmd.out_capabilities |= uapi::iommu_hw_cap_dirty_tracking;
  }
  cmd.out_max_pasid_log2 = 0;
  if (dev.iommu->max_pasids != 0) {
    cmd.out_max_pasid_log2 = static_cast<uint8_t>(std::bit_width(dev.iommu->max_pasids) - 1);
  }
  return iommufd_ucmd_respond(ucmd, cmd);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_get_hw_info()
int iommufd_get_hw_info(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_get_hw_info", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_hw_info>();
  const bool is_reserved_set =
      std::any_of(cmd.reserved.begin(), cmd.reserved.end(), [](uint8_t b) { return b != 0; });
  if (cmd.flags != 0 || is_reserved_set) return this_call.result(-EOPNOTSUPP);
  int rc = 0;
  iommufd_device* const idev = iommufd_get_device(ucmd.ictx, cmd.dev_id, rc);
  if (idev == nullptr) return this_call.result(rc);
  rc = hw_info_of(ucmd, cmd, *idev->dev);
  iommufd_put_object(*idev);
  return this_call.result(rc);
}

}  // namespace iommulab::v6_12
