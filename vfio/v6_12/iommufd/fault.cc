// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/fault.h"

#include <sys/epoll.h>

#include <cerrno>
#include <memory>

#include "core/pci/pci.h"
#include "vfio/v6_12/iommufd/device.h"
#include "vfio/v6_12/iommufd/ucmd.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/iommufd/fault.c: iommufd_fault_iopf_enable(). No driver of ours turns
// page requests on: iommu_dev_enable_feature().
int iommufd_fault_iopf_enable(iommufd_device& idev) {
  IOMMULAB_CALL(idev.ictx->trace(), "iommufd_fault_iopf_enable", {"idev", idev});
  if (dev_is_pci(*idev.dev) && idev.dev->pci->is_virtfn) return this_call.result(-EINVAL);
  if (idev.iopf_enabled == 0) return this_call.result(-ENODEV);
  ++idev.iopf_enabled;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/fault.c: iommufd_fault_iopf_disable()
void iommufd_fault_iopf_disable(iommufd_device& idev) {
  IOMMULAB_CALL(idev.ictx->trace(), "iommufd_fault_iopf_disable", {"idev", idev});
  if (idev.iopf_enabled == 0) {
    idev.ictx->module.env.log.warn_on("iommufd_fault_iopf_disable");
    return;
  }
  --idev.iopf_enabled;
}

namespace {

/// iommufd_fault_fops
class fault_queue_file final : public file {
 public:
  explicit fault_queue_file(iommufd_fault& fault) : fault_(fault) {}
  int64_t read(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  int64_t write(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  uint32_t poll() override;
  void release() override;

 private:
  iommufd_fault& fault_;
};

// Linux v6.12 drivers/iommu/iommufd/fault.c: iommufd_fault_fops_read()
int64_t fault_queue_file::read(task_struct& /*current*/, uint64_t /*buffer*/, uint64_t count,
                               uint64_t position) {
  IOMMULAB_CALL(fault_.ictx->trace(), "iommufd_fault_fops_read", {"count", count});
  if (position != 0 || count % sizeof(uapi::iommu_hwpt_pgfault) != 0) {
    return this_call.result(int64_t{-ESPIPE});
  }
  return this_call.result(int64_t{0});
}

// Linux v6.12 drivers/iommu/iommufd/fault.c: iommufd_fault_fops_write()
int64_t fault_queue_file::write(task_struct& current, uint64_t buffer, uint64_t count,
                                uint64_t position) {
  IOMMULAB_CALL(fault_.ictx->trace(), "iommufd_fault_fops_write", {"count", count});
  uapi::iommu_hwpt_page_response response;
  if (position != 0 || count % sizeof(response) != 0) return this_call.result(int64_t{-ESPIPE});
  if (count == 0) return this_call.result(int64_t{0});
  if (copy_from_user(current, response, buffer) != 0) return this_call.result(int64_t{-EFAULT});
  // A code that is none, or a cookie that nobody was given.
  return this_call.result(int64_t{-EINVAL});
}

// Linux v6.12 drivers/iommu/iommufd/fault.c: iommufd_fault_fops_poll()
uint32_t fault_queue_file::poll() {
  IOMMULAB_CALL(fault_.ictx->trace(), "iommufd_fault_fops_poll", {"fault", fault_});
  return this_call.result(uint32_t{EPOLLOUT});
}

// Linux v6.12 drivers/iommu/iommufd/fault.c: iommufd_fault_fops_release()
void fault_queue_file::release() {
  iommufd_ctx& ictx = *fault_.ictx;
  tracer& trace = ictx.trace();
  IOMMULAB_CALL(trace, "iommufd_fault_fops_release", {"fault", fault_});
  --fault_.users;
  iommufd_ctx_put(&ictx);
}

// Linux v6.12 drivers/iommu/iommufd/fault.c: iommufd_fault_destroy()
void iommufd_fault_destroy(iommufd_fault& fault) {
  IOMMULAB_CALL(fault.ictx->trace(), "iommufd_fault_destroy", {"fault", fault});
}

}  // namespace

void iommufd_fault::destroy() {
  iommufd_fault_destroy(*this);
}

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_get_fault()
iommufd_fault* iommufd_get_fault(iommufd_ctx& ictx, uint32_t id, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_get_fault", {"id", id});
  auto* const fault =
      static_cast<iommufd_fault*>(iommufd_get_object(ictx, id, iommufd_object_type::fault, error));
  if (fault == nullptr) return this_call.result(fault, error);
  return this_call.result(fault);
}

// Linux v6.12 drivers/iommu/iommufd/fault.c: iommufd_fault_alloc()
int iommufd_fault_alloc(iommufd_ucmd& ucmd) {
  iommufd_ctx& ictx = ucmd.ictx;
  IOMMULAB_CALL(ictx.trace(), "iommufd_fault_alloc", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_fault_alloc>();
  if (cmd.flags != 0) return this_call.result(-EOPNOTSUPP);
  int rc = 0;
  iommufd_fault* const fault =
      iommufd_object_alloc<iommufd_fault>(ictx, iommufd_object_type::fault, rc);
  if (fault == nullptr) return this_call.result(rc);
  fault->ictx = &ictx;
  if (ictx.module.slab.should_fail()) {
    iommufd_object_abort_and_destroy(ictx, *fault);
    return this_call.result(-ENOMEM);
  }
  ictx.module.slab.freed();  // a file's memory is the file's own
  fault->filep = new fault_queue_file(*fault);
  ++fault->users;
  iommufd_ctx_get(ictx);
  const int fdno = ucmd.current.files.install(*fault->filep);
  cmd.out_fault_id = fault->id;
  cmd.out_fault_fd = static_cast<uint32_t>(fdno);
  rc = iommufd_ucmd_respond(ucmd, cmd);
  if (rc != 0) {
    // The descriptor's close is what closes the file.
    fault->filep = nullptr;
    ucmd.current.files.close(fdno);
    iommufd_object_abort_and_destroy(ictx, *fault);
    return this_call.result(rc);
  }
  iommufd_object_finalize(ictx, *fault);
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
