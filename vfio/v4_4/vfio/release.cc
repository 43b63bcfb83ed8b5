// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/vfio/release.h"

#include "vfio/v4_4/vfio/group.h"

namespace iommulab::v4_4 {

void vfio_release::put_notified_group(vfio_group& group) const {
  vfio_group_put(group);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_lock_acct(). Who holds mmap_sem and so makes it
// count later, there is none here.
int vfio_release::vfio_lock_acct(vfio_module& module, const task_struct* /*current*/, int64_t npage,
                                 const bool* /*lock_cap*/) const {
  IOMMULAB_CALL(module.env.trace, "vfio_lock_acct", {"npage", npage});
  const std::shared_ptr<mm_struct> mm = current_mm(module);
  if (mm == nullptr || npage == 0) return this_call.result(0);
  mm->locked_vm += static_cast<uint64_t>(npage);
  return this_call.result(0);
}

vfio_pci_rules vfio_release::pci_rules() const {
  return {.has_dvsec = false,
          .has_virtual_pme = false,
          .has_virtual_flr = false,
          .has_second_link = false,
          .restores_changed_bars = false,
          .registers_follow_command = false,
          .widest_access = 4};
}

// Linux v4.4 drivers/vfio/pci/vfio_pci.c: vfio_pci_ioctl()
int vfio_release::check_irq_set(const uapi::vfio_irq_set& hdr, int max, uint64_t& data_size) const {
  data_size = 0;
  if ((hdr.flags & uapi::vfio_irq_set_data_none) != 0) return 0;
  uint64_t size = 0;
  if ((hdr.flags & uapi::vfio_irq_set_data_bool) != 0) {
    size = sizeof(uint8_t);
  } else if ((hdr.flags & uapi::vfio_irq_set_data_eventfd) != 0) {
    size = sizeof(int32_t);
  } else {
    return -EINVAL;
  }
  const auto irqs = static_cast<uint32_t>(max);
  // The sum wraps, as there.
  if (hdr.argsz - sizeof(hdr) < hdr.count * size || hdr.start >= irqs ||
      hdr.start + hdr.count > irqs) {
    return -EINVAL;
  }
  data_size = hdr.count * size;
  return 0;
}

int vfio_release::check_err_trigger(unsigned /*start*/, unsigned /*count*/) const {
  return 0;
}

int vfio_release::check_req_trigger(unsigned start, unsigned count) const {
  return start == 0 && count == 1 ? 0 : -EINVAL;
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_ctx_trigger_single(). The kernel reads
// a descriptor first, also where there are no data, and stops; here there is none then.
int vfio_release::vfio_pci_set_ctx_trigger_single(task_struct* current,
                                                  std::shared_ptr<eventfd_ctx>& ctx,
                                                  unsigned /*count*/, uint32_t flags,
                                                  const vfio_irq_data& data) const {
  if ((flags & uapi::vfio_irq_set_data_type_mask) == 0) return -EINVAL;
  if ((flags & uapi::vfio_irq_set_data_none) != 0) {
    if (ctx != nullptr) ctx->signal();
    return 0;
  }
  const bool is_bool = (flags & uapi::vfio_irq_set_data_bool) != 0;
  if (data.bytes.size() < (is_bool ? sizeof(uint8_t) : sizeof(int32_t))) return -EINVAL;
  if (is_bool) {
    if (data.flag(0) && ctx != nullptr) ctx->signal();
    return 0;
  }
  const int32_t fd = data.fd(0);
  if (fd < -1) return -EINVAL;
  if (fd == -1) {
    ctx.reset();
    return 0;
  }
  int error = 0;
  std::shared_ptr<eventfd_ctx> made = eventfd_ctx_fdget(*current, fd, error);
  if (made == nullptr) return error;
  ctx = std::move(made);
  return 0;
}

const vfio_release& vfio_4_4_1() {
  static const vfio_release the_release;
  return the_release;
}

}  // namespace iommulab::v4_4
