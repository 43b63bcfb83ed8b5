// SPDX-License-Identifier: GPL-2.0-only
//
// The files /dev/iommu and, where it is iommufd's, /dev/vfio/vfio.
// Linux v6.12 drivers/iommu/iommufd/main.c
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "vfio/uapi/iommufd_test.h"
#include "vfio/v6_12/iommufd/device.h"
#include "vfio/v6_12/iommufd/fault.h"
#include "vfio/v6_12/iommufd/hw_pagetable.h"
#include "vfio/v6_12/iommufd/ioas.h"
#include "vfio/v6_12/iommufd/iommufd.h"
#include "vfio/v6_12/iommufd/test_hooks.h"
#include "vfio/v6_12/iommufd/ucmd.h"
#include "vfio/v6_12/iommufd/vfio_compat.h"

namespace iommulab::v6_12 {
namespace {

/// Linux include/linux/errno.h: ENOIOCTLCMD, which a user sees as ENOTTY.
constexpr int enoioctlcmd = 515;

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_destroy()
int iommufd_destroy(iommufd_ucmd& ucmd) {
  const auto cmd = ucmd.command<uapi::iommu_destroy>();
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_destroy", {"user_size", ucmd.user_size});
  return this_call.result(iommufd_object_remove(ucmd.ictx, nullptr, cmd.id, 0));
}

/// struct iommufd_ioctl_op
struct iommufd_ioctl_op {
  uint32_t ioctl_num = 0;
  uint32_t size = 0;
  uint32_t min_size = 0;  ///< up to the last member that every user has
  int (*execute)(iommufd_ucmd& ucmd) = nullptr;
};

/// IOCTL_OP()
#define IOMMULAB_IOCTL_OP(request_, function, type, last)                               \
  iommufd_ioctl_op {                                                                    \
    uapi::request_, sizeof(uapi::type),                                                 \
        offsetof(uapi::type, last) + sizeof(std::declval<uapi::type>().last), &function \
  }

/// By number, from IOMMUFD_CMD_BASE on.
constexpr std::array<iommufd_ioctl_op, 15> iommufd_ioctl_ops = {{
    IOMMULAB_IOCTL_OP(iommu_destroy_request, iommufd_destroy, iommu_destroy, id),
    IOMMULAB_IOCTL_OP(iommu_ioas_alloc_request, iommufd_ioas_alloc_ioctl, iommu_ioas_alloc,
                      out_ioas_id),
    IOMMULAB_IOCTL_OP(iommu_ioas_allow_iovas_request, iommufd_ioas_allow_iovas,
                      iommu_ioas_allow_iovas, allowed_iovas),
    IOMMULAB_IOCTL_OP(iommu_ioas_copy_request, iommufd_ioas_copy, iommu_ioas_copy, src_iova),
    IOMMULAB_IOCTL_OP(iommu_ioas_iova_ranges_request, iommufd_ioas_iova_ranges,
                      iommu_ioas_iova_ranges, out_iova_alignment),
    IOMMULAB_IOCTL_OP(iommu_ioas_map_request, iommufd_ioas_map, iommu_ioas_map, iova),
    IOMMULAB_IOCTL_OP(iommu_ioas_unmap_request, iommufd_ioas_unmap, iommu_ioas_unmap, length),
    IOMMULAB_IOCTL_OP(iommu_option_request, iommufd_option, iommu_option, val64),
    IOMMULAB_IOCTL_OP(iommu_vfio_ioas_request, iommufd_vfio_ioas, iommu_vfio_ioas, reserved),
    IOMMULAB_IOCTL_OP(iommu_hwpt_alloc_request, iommufd_hwpt_alloc, iommu_hwpt_alloc, reserved),
    IOMMULAB_IOCTL_OP(iommu_get_hw_info_request, iommufd_get_hw_info, iommu_hw_info, reserved),
    IOMMULAB_IOCTL_OP(iommu_hwpt_set_dirty_tracking_request, iommufd_hwpt_set_dirty_tracking,
                      iommu_hwpt_set_dirty_tracking, reserved),
    IOMMULAB_IOCTL_OP(iommu_hwpt_get_dirty_bitmap_request, iommufd_hwpt_get_dirty_bitmap,
                      iommu_hwpt_get_dirty_bitmap, data),
    IOMMULAB_IOCTL_OP(iommu_hwpt_invalidate_request, iommufd_hwpt_invalidate, iommu_hwpt_invalidate,
                      reserved),
    IOMMULAB_IOCTL_OP(iommu_fault_queue_alloc_request, iommufd_fault_alloc, iommu_fault_alloc,
                      out_fault_fd),
}};
constexpr iommufd_ioctl_op iommufd_test_op =
    IOMMULAB_IOCTL_OP(iommu_test_request, iommufd_test, iommu_test_cmd, last);
#undef IOMMULAB_IOCTL_OP

/// What may be a request of iommufd's own: up to the last one in its table. Null for VFIO's. A
/// number without a request has an empty entry.
const iommufd_ioctl_op* find_op(const iommufd_module& module, uint32_t nr) {
  static constexpr iommufd_ioctl_op none;
  if (nr < uapi::iommufd_base) return nullptr;
  if (nr - uapi::iommufd_base < iommufd_ioctl_ops.size()) {
    return &iommufd_ioctl_ops[nr - uapi::iommufd_base];
  }
  constexpr uint32_t test_nr = uapi::iommu_test_request & 0xff;
  if (!module.has_selftest || nr > test_nr) return nullptr;
  return nr == test_nr ? &iommufd_test_op : &none;
}

/// iommufd_fops
class iommufd_file final : public file {
 public:
  explicit iommufd_file(iommufd_module& module) : module_(module) {}
  int iommufd_fops_open(bool is_vfio_misc_dev);
  int64_t unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) override;
  void release() override;
  [[nodiscard]] iommufd_ctx* ictx() const { return ictx_; }

 private:
  int64_t iommufd_fops_ioctl(task_struct& current, uint32_t cmd, uint64_t arg);

  iommufd_module& module_;
  iommufd_ctx* ictx_ = nullptr;  ///< filp->private_data
};

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_fops_open()
int iommufd_file::iommufd_fops_open(bool is_vfio_misc_dev) {
  IOMMULAB_CALL(module_.env.trace, "iommufd_fops_open", {"is_vfio_misc_dev", is_vfio_misc_dev});
  ictx_ = kernel_new<iommufd_ctx>(module_.slab, module_, *this).release();
  if (ictx_ == nullptr) return this_call.result(-ENOMEM);
  if (is_vfio_misc_dev) {
    // VFIO's container charges the process.
    ictx_->account_mode = iopt_pages_account::mm;
    if (!std::exchange(module_.said_vfio_container, true)) {
      module_.env.log.print(log_level::info,
                            "iommufd: IOMMUFD is providing /dev/vfio/vfio, not VFIO.");
    }
  }
  return this_call.result(0);
}

/// Destroys objects that nobody but the table holds, in order of their numbers; whether there was
/// one.
bool destroy_leaves(iommufd_ctx& ictx) {
  bool destroyed = false;
  for (iommufd_object* obj = ictx.objects.next(0); obj != nullptr;) {
    const uint32_t id = obj->id;
    if (obj->users == 1) {
      obj->users = 0;
      destroyed = true;
      ictx.objects.erase(id);
      obj->destroy();
      kernel_delete(ictx.module.slab, obj);
    }
    obj = ictx.objects.next(id + 1);
  }
  return destroyed;
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_fops_release()
void iommufd_file::release() {
  if (ictx_ == nullptr) return;
  IOMMULAB_CALL(module_.env.trace, "iommufd_fops_release", {"no_iommu_mode", ictx_->no_iommu_mode});
  while (!ictx_->objects.empty()) {
    if (destroy_leaves(*ictx_)) continue;
    module_.env.log.warn_on("iommufd_fops_release");
    break;
  }
  if (!ictx_->groups.empty()) module_.env.log.warn_on("iommufd_fops_release");
  kernel_delete(module_.slab, std::exchange(ictx_, nullptr));
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_fops_ioctl()
int64_t iommufd_file::iommufd_fops_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  IOMMULAB_CALL(module_.env.trace, "iommufd_fops_ioctl", {"cmd", cmd}, {"arg", arg});
  const uint32_t nr = cmd & 0xff;  // _IOC_NR()
  const iommufd_ioctl_op* const found = find_op(module_, nr);
  if (found == nullptr) {
    return this_call.result(iommufd_vfio_ioctl(*ictx_, current, cmd, arg));
  }
  iommufd_ucmd ucmd{*ictx_, current, arg};
  if (const int ret = copy_from_user(current, ucmd.user_size, arg); ret != 0) {
    return this_call.result(int64_t{ret});
  }
  const iommufd_ioctl_op& op = *found;
  if (op.ioctl_num != cmd) return this_call.result(int64_t{-enoioctlcmd});
  if (ucmd.user_size < op.min_size) return this_call.result(int64_t{-EINVAL});
  const int ret = copy_struct_from_user(current, absl::MakeSpan(ucmd.cmd).subspan(0, op.size), arg,
                                        ucmd.user_size);
  if (ret != 0) return this_call.result(int64_t{ret});
  return this_call.result(int64_t{op.execute(ucmd)});
}

int64_t iommufd_file::unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  // A panic inside leaves by an exception.
  const absl::Cleanup restore = [this, before = std::exchange(module_.current, &current)] {
    module_.current = before;
  };
  const int64_t ret = iommufd_fops_ioctl(current, cmd, arg);
  return ret == -enoioctlcmd ? -ENOTTY : ret;
}

file* open_iommufd(iommufd_module& module, bool is_vfio_misc_dev, int& error) {
  auto opened = std::make_unique<iommufd_file>(module);
  error = opened->iommufd_fops_open(is_vfio_misc_dev);
  return error == 0 ? opened.release() : nullptr;
}

constexpr std::string_view iommu_node = "/dev/iommu";
constexpr std::string_view vfio_node = "/dev/vfio/vfio";

void remove_nodes(iommufd_module& module) {
  if (module.vfio_container) module.nodes.remove(vfio_node);
  module.nodes.remove(iommu_node);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_init()
int iommufd_init(iommufd_module& module) {
  module.nodes.add(std::string(iommu_node), [&module](task_struct& /*current*/, int& error) {
    return open_iommufd(module, false, error);
  });
  if (module.vfio_container) {
    module.nodes.add(std::string(vfio_node), [&module](task_struct& /*current*/, int& error) {
      return open_iommufd(module, true, error);
    });
  }
  const int ret = iommufd_test_init(module);
  if (ret != 0) remove_nodes(module);
  return ret;
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_exit()
void iommufd_exit(iommufd_module& module) {
  iommufd_test_exit(module);
  remove_nodes(module);
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_ctx_get()
iommufd_ctx& iommufd_ctx_get(iommufd_ctx& ictx) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_ctx_get", {"no_iommu_mode", ictx.no_iommu_mode});
  get_file(ictx.filp);
  IOMMULAB_RESULT(ictx.trace(), {"", "ictx"});
  return ictx;
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_ctx_from_file()
iommufd_ctx* iommufd_ctx_from_file(tracer& trace, file& f, int& error) {
  IOMMULAB_CALL(trace, "iommufd_ctx_from_file");
  auto* const filp = dynamic_cast<iommufd_file*>(&f);
  error = filp == nullptr ? -EBADFD : 0;
  if (filp == nullptr) return this_call.result(nullptr, error);
  return this_call.result(&iommufd_ctx_get(*filp->ictx()), "ictx");
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_ctx_from_fd()
iommufd_ctx* iommufd_ctx_from_fd(tracer& trace, task_struct& current, int fd, int& error) {
  IOMMULAB_CALL(trace, "iommufd_ctx_from_fd", {"fd", fd});
  file* const f = current.files.lookup(fd);
  auto* const filp = dynamic_cast<iommufd_file*>(f);
  error = 0;
  if (filp == nullptr) error = f == nullptr ? -EBADF : -EBADFD;
  if (filp == nullptr) return this_call.result(nullptr, error);
  get_file(*f);
  return this_call.result(filp->ictx(), "ictx");
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_ctx_put()
void iommufd_ctx_put(iommufd_ctx* ictx) {
  tracer& trace = ictx->trace();
  IOMMULAB_CALL(trace, "iommufd_ctx_put", {"no_iommu_mode", ictx->no_iommu_mode});
  fput(&ictx->filp);
}

}  // namespace iommulab::v6_12
