// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4_178/release.h"

#include <utility>

#include "vfio/v4_4/vfio/group.h"

namespace iommulab::v4_4_178 {

int64_t vfio_release::answered(uint64_t not_copied) const {
  return not_copied != 0 ? -EFAULT : 0;
}

namespace {

// Linux v4.4.178 drivers/vfio/vfio.c: vfio_group_put_bg()
void vfio_group_put_bg(v4_4::vfio_group& group) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_put_bg", {"group", group.minor});
  v4_4::vfio_group_put(group);
}

}  // namespace

// Linux v4.4.178 drivers/vfio/vfio.c: vfio_group_schedule_put(). The worker runs at once. Without
// memory for the work item the reference stays for good, as there.
void vfio_release::put_notified_group(v4_4::vfio_group& group) const {
  v4_4::vfio_module& module = group.module;
  IOMMULAB_CALL(module.env.trace, "vfio_group_schedule_put", {"group", group});
  const slab_token do_work(module.slab);
  if (!do_work) {
    module.env.log.warn_on("vfio_group_schedule_put");
    return;
  }
  vfio_group_put_bg(group);
}

// Linux v4.4.178 drivers/vfio/vfio_iommu_type1.c: vfio_lock_acct()
int vfio_release::vfio_lock_acct(v4_4::vfio_module& module, const task_struct* current,
                                 int64_t npage, const bool* lock_cap) const {
  IOMMULAB_CALL(module.env.trace, "vfio_lock_acct", {"npage", npage});
  if (npage == 0) return this_call.result(0);
  const std::shared_ptr<mm_struct> mm = v4_4::current_mm(module);
  if (mm == nullptr) return this_call.result(-ESRCH);
  if (npage > 0) {
    const bool has_cap = lock_cap != nullptr ? *lock_cap : current->capable(capability::ipc_lock);
    const uint64_t limit = current->rlimit_memlock >> page_shift;
    if (!has_cap && mm->locked_vm + static_cast<uint64_t>(npage) > limit) {
      return this_call.result(-ENOMEM);
    }
  }
  mm->locked_vm += static_cast<uint64_t>(npage);
  return this_call.result(0);
}

int vfio_release::run_at_limit() const {
  return -ENOMEM;
}

vfio_pci_rules vfio_release::pci_rules() const {
  vfio_pci_rules rules = v4_4::vfio_release::pci_rules();
  rules.has_virtual_flr = true;
  return rules;
}

// Linux v4.4.178 drivers/vfio/pci/vfio_pci.c: vfio_pci_ioctl()
int vfio_release::check_irq_set(const uapi::vfio_irq_set& hdr, int max, uint64_t& data_size) const {
  data_size = 0;
  const auto irqs = static_cast<uint32_t>(max);
  if (hdr.count >= UINT32_MAX - hdr.start || hdr.start >= irqs || hdr.start + hdr.count > irqs) {
    return -EINVAL;
  }
  const uint32_t kind = hdr.flags & uapi::vfio_irq_set_data_type_mask;
  if (kind == uapi::vfio_irq_set_data_none) return 0;
  uint64_t size = 0;
  if (kind == uapi::vfio_irq_set_data_bool) {
    size = sizeof(uint8_t);
  } else if (kind == uapi::vfio_irq_set_data_eventfd) {
    size = sizeof(int32_t);
  } else {
    return -EINVAL;
  }
  if (hdr.argsz - sizeof(hdr) < hdr.count * size) return -EINVAL;
  data_size = hdr.count * size;
  return 0;
}

int vfio_release::check_err_trigger(unsigned start, unsigned count) const {
  return start != 0 || count > 1 ? -EINVAL : 0;
}

int vfio_release::check_req_trigger(unsigned start, unsigned count) const {
  return check_err_trigger(start, count);
}

// Linux v4.4.178 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_ctx_trigger_single()
int vfio_release::vfio_pci_set_ctx_trigger_single(task_struct* current,
                                                  std::shared_ptr<eventfd_ctx>& ctx, unsigned count,
                                                  uint32_t flags, const vfio_irq_data& data) const {
  if ((flags & uapi::vfio_irq_set_data_none) != 0) {
    if (ctx == nullptr) return -EINVAL;
    if (count != 0) {
      ctx->signal();
    } else {
      ctx.reset();
    }
    return 0;
  }
  if (count == 0) return -EINVAL;
  if ((flags & uapi::vfio_irq_set_data_bool) != 0) {
    if (data.flag(0) && ctx != nullptr) ctx->signal();
    return 0;
  }
  if ((flags & uapi::vfio_irq_set_data_eventfd) == 0) return -EINVAL;
  const int32_t fd = data.fd(0);
  if (fd == -1) ctx.reset();
  if (fd < 0) return 0;
  int error = 0;
  std::shared_ptr<eventfd_ctx> made = eventfd_ctx_fdget(*current, fd, error);
  if (made == nullptr) return error;
  ctx = std::move(made);
  return 0;
}

const v4_4::vfio_release& vfio_4_4_178() {
  static const vfio_release the_release;
  return the_release;
}

}  // namespace iommulab::v4_4_178
