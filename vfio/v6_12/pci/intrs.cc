// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/pci/intrs.h"

#include <bit>
#include <utility>

#include "core/pci/registers.h"
#include "vfio/pci/vectors.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_irq_ctx_alloc()
vfio_pci_irq_ctx* vfio_irq_ctx_alloc(vfio_pci_core_device& vdev, unsigned index) {
  slab_token memory(vdev.module->slab);
  if (!memory || vdev.ctx.contains(index)) return nullptr;
  vfio_pci_irq_ctx& made = vdev.ctx[index];
  made.memory = std::move(memory);
  return &made;
}

// ---- INTx

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_intx_enable()
int vfio_intx_enable(vfio_pci_core_device& vdev, std::shared_ptr<eventfd_ctx> trigger) {
  if (!is_irq_none(vdev)) return -EINVAL;
  // pdev->irq, which a function with a pin has.
  if (vdev.pdev->config->read8(pci_interrupt_pin) == 0) return -ENODEV;
  vfio_pci_irq_ctx* const ctx = vfio_irq_ctx_alloc(vdev, 0);
  if (ctx == nullptr) return -ENOMEM;
  ctx->trigger = std::move(trigger);
  ctx->masked = vdev.virq_disabled;
  if (vdev.pci_2_3) pci_intx(*vdev.pdev, !ctx->masked);
  vdev.irq_type = uapi::vfio_pci_intx_irq_index;
  return 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_intx_disable()
void vfio_intx_disable(vfio_pci_core_device& vdev) {
  if (vfio_pci_irq_ctx* ctx = vfio_irq_ctx_get(vdev, 0)) {
    vfio_virqfd_disable(vdev.services(), ctx->unmask);
    vdev.ctx.erase(0);
  }
  vdev.irq_type = uapi::vfio_pci_num_irqs;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_intx_unmask()
int vfio_pci_set_intx_unmask(vfio_pci_core_device& vdev, task_struct* current, unsigned start,
                             unsigned count, uint32_t flags, const vfio_irq_data& data) {
  if (!is_intx(vdev) || start != 0 || count != 1) return -EINVAL;
  if ((flags & uapi::vfio_irq_set_data_none) != 0) {
    vfio_pci_intx_unmask(vdev);
  } else if ((flags & uapi::vfio_irq_set_data_bool) != 0) {
    if (data.flag(0)) vfio_pci_intx_unmask(vdev);
  } else if ((flags & uapi::vfio_irq_set_data_eventfd) != 0) {
    vfio_pci_irq_ctx* const ctx = vfio_irq_ctx_get(vdev, 0);
    if (ctx == nullptr) return -EINVAL;
    if (data.fd(0) >= 0) {
      return vfio_virqfd_enable(
          vdev.services(), *current, [&vdev] { vfio_pci_intx_unmask(vdev); }, ctx->unmask,
          data.fd(0));
    }
    vfio_virqfd_disable(vdev.services(), ctx->unmask);
  }
  return 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_intx_mask()
int vfio_pci_set_intx_mask(vfio_pci_core_device& vdev, unsigned start, unsigned count,
                           uint32_t flags, const vfio_irq_data& data) {
  if (!is_intx(vdev) || start != 0 || count != 1) return -EINVAL;
  if ((flags & uapi::vfio_irq_set_data_eventfd) != 0) return -ENOTTY;
  const bool asked = (flags & uapi::vfio_irq_set_data_none) != 0 ||
                     ((flags & uapi::vfio_irq_set_data_bool) != 0 && data.flag(0));
  if (asked) vfio_pci_intx_mask(vdev);
  return 0;
}

int set_intx_eventfd(vfio_pci_core_device& vdev, task_struct& current, int fd) {
  std::shared_ptr<eventfd_ctx> trigger;
  if (fd >= 0) {
    int error = 0;
    trigger = eventfd_ctx_fdget(current, fd, error);
    if (trigger == nullptr) return error;
  }
  if (!is_intx(vdev)) return vfio_intx_enable(vdev, std::move(trigger));
  vfio_pci_irq_ctx* const ctx = vfio_irq_ctx_get(vdev, 0);
  if (ctx == nullptr) return -EINVAL;
  ctx->trigger = std::move(trigger);
  return 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_intx_trigger()
int vfio_pci_set_intx_trigger(vfio_pci_core_device& vdev, task_struct* current, unsigned start,
                              unsigned count, uint32_t flags, const vfio_irq_data& data) {
  const bool is_none = (flags & uapi::vfio_irq_set_data_none) != 0;
  if (is_intx(vdev) && count == 0 && is_none) {
    vfio_intx_disable(vdev);
    return 0;
  }
  if (!(is_intx(vdev) || is_irq_none(vdev)) || start != 0 || count != 1) return -EINVAL;
  if ((flags & uapi::vfio_irq_set_data_eventfd) != 0) {
    return set_intx_eventfd(vdev, *current, data.fd(0));
  }
  if (!is_intx(vdev)) return -EINVAL;
  const bool asked = is_none || ((flags & uapi::vfio_irq_set_data_bool) != 0 && data.flag(0));
  if (asked) vfio_send_intx_eventfd(vdev);
  return 0;
}

// ---- Messages

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_msi_enable()
int vfio_msi_enable(vfio_pci_core_device& vdev, unsigned nvec, bool msix) {
  if (!is_irq_none(vdev)) return -EINVAL;
  const int ret = pci_alloc_irq_vectors(vdev, nvec, msix);
  if (ret < static_cast<int>(nvec)) {
    if (ret > 0) pci_free_irq_vectors(vdev);
    return ret;
  }
  vdev.irq_type = msix ? uapi::vfio_pci_msix_irq_index : uapi::vfio_pci_msi_irq_index;
  if (!msix) vdev.msi_qmax = static_cast<uint8_t>(std::bit_width(nvec * 2 - 1) - 1);
  return 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_msi_set_vector_signal()
int vfio_msi_set_vector_signal(vfio_pci_core_device& vdev, task_struct* current, unsigned vector,
                               int fd) {
  if (vfio_irq_ctx_get(vdev, vector) != nullptr) {
    free_vector(vdev, vector);
    vdev.ctx.erase(vector);
  }
  if (fd < 0) return 0;
  if (vector >= vdev.vectors.size()) return -EINVAL;
  vfio_pci_irq_ctx* const ctx = vfio_irq_ctx_alloc(vdev, vector);
  if (ctx == nullptr) return -ENOMEM;
  int error = 0;
  ctx->trigger = eventfd_ctx_fdget(*current, fd, error);
  if (ctx->trigger == nullptr) {
    vdev.ctx.erase(vector);
    return error;
  }
  request_vector(vdev, vector, [trigger = ctx->trigger] { trigger->signal(); });
  return 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_msi_set_block()
int vfio_msi_set_block(vfio_pci_core_device& vdev, task_struct* current, unsigned start,
                       unsigned count, const vfio_irq_data& data) {
  for (unsigned i = 0; i < count; ++i) {
    const int ret = vfio_msi_set_vector_signal(vdev, current, start + i, data.fd(i));
    if (ret == 0) continue;
    for (unsigned j = 0; j <= i; ++j) vfio_msi_set_vector_signal(vdev, current, start + j, -1);
    return ret;
  }
  return 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_msi_disable()
void vfio_msi_disable(vfio_pci_core_device& vdev) {
  while (!vdev.ctx.empty()) {
    vfio_msi_set_vector_signal(vdev, nullptr, vdev.ctx.begin()->first, -1);
  }
  pci_free_irq_vectors(vdev);
  // Without messages the function would use its line.
  if (vdev.nointx) pci_intx(*vdev.pdev, false);
  vdev.irq_type = uapi::vfio_pci_num_irqs;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_msi_trigger()
int vfio_pci_set_msi_trigger(vfio_pci_core_device& vdev, task_struct* current, unsigned index,
                             unsigned start, unsigned count, uint32_t flags,
                             const vfio_irq_data& data) {
  const bool msix = index == uapi::vfio_pci_msix_irq_index;
  const bool is_none = (flags & uapi::vfio_irq_set_data_none) != 0;
  if (irq_is(vdev, index) && count == 0 && is_none) {
    vfio_msi_disable(vdev);
    return 0;
  }
  if (!irq_is(vdev, index) && !is_irq_none(vdev)) return -EINVAL;
  if ((flags & uapi::vfio_irq_set_data_eventfd) != 0) {
    if (irq_is(vdev, index)) return vfio_msi_set_block(vdev, current, start, count, data);
    int ret = vfio_msi_enable(vdev, start + count, msix);
    if (ret != 0) return ret;
    ret = vfio_msi_set_block(vdev, current, start, count, data);
    if (ret != 0) vfio_msi_disable(vdev);
    return ret;
  }
  if (!irq_is(vdev, index)) return -EINVAL;
  for (unsigned i = 0; i < count; ++i) {
    const vfio_pci_irq_ctx* ctx = vfio_irq_ctx_get(vdev, start + i);
    if (ctx != nullptr && (is_none || data.flag(i))) ctx->trigger->signal();
  }
  return 0;
}

// ---- Errors, and requests to give the device back

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c: vfio_pci_eventfd_replace_locked()
int vfio_pci_eventfd_replace_locked(vfio_pci_core_device& vdev,
                                    std::shared_ptr<eventfd_ctx>& eventfd,
                                    std::shared_ptr<eventfd_ctx> ctx) {
  IOMMULAB_CALL(trace_of(vdev), "vfio_pci_eventfd_replace_locked", {"vdev", vdev});
  if (ctx != nullptr && !slab_token(vdev.module->slab)) return this_call.result(-ENOMEM);
  eventfd = std::move(ctx);
  return this_call.result(0);
}

namespace {

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_ctx_trigger_single()
int vfio_pci_set_ctx_trigger_single(vfio_pci_core_device& vdev, task_struct* current,
                                    std::shared_ptr<eventfd_ctx>& eventfd, unsigned count,
                                    uint32_t flags, const vfio_irq_data& data) {
  if ((flags & uapi::vfio_irq_set_data_none) != 0) {
    if (eventfd == nullptr) return -EINVAL;
    if (count == 0) return vfio_pci_eventfd_replace_locked(vdev, eventfd, nullptr);
    eventfd->signal();
    return 0;
  }
  if (count == 0) return -EINVAL;
  if ((flags & uapi::vfio_irq_set_data_bool) != 0) {
    if (data.flag(0) && eventfd != nullptr) eventfd->signal();
    return 0;
  }
  if ((flags & uapi::vfio_irq_set_data_eventfd) == 0 || data.fd(0) < -1) return -EINVAL;
  if (data.fd(0) == -1) return vfio_pci_eventfd_replace_locked(vdev, eventfd, nullptr);
  int error = 0;
  std::shared_ptr<eventfd_ctx> ctx = eventfd_ctx_fdget(*current, data.fd(0), error);
  if (ctx == nullptr) return error;
  return vfio_pci_eventfd_replace_locked(vdev, eventfd, std::move(ctx));
}

int set_intx(vfio_pci_core_device& vdev, task_struct* current, uint32_t action, uint32_t flags,
             unsigned start, unsigned count, const vfio_irq_data& data) {
  if (action == uapi::vfio_irq_set_action_mask) {
    return vfio_pci_set_intx_mask(vdev, start, count, flags, data);
  }
  if (action == uapi::vfio_irq_set_action_unmask) {
    return vfio_pci_set_intx_unmask(vdev, current, start, count, flags, data);
  }
  if (action == uapi::vfio_irq_set_action_trigger) {
    return vfio_pci_set_intx_trigger(vdev, current, start, count, flags, data);
  }
  return -ENOTTY;
}

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_irqs_ioctl()
int vfio_pci_set_irqs_ioctl(vfio_pci_core_device& vdev, task_struct* current, uint32_t flags,
                            unsigned index, unsigned start, unsigned count, vfio_irq_data data) {
  const uint32_t action = flags & uapi::vfio_irq_set_action_type_mask;
  if (index == uapi::vfio_pci_intx_irq_index) {
    return set_intx(vdev, current, action, flags, start, count, data);
  }
  if (action != uapi::vfio_irq_set_action_trigger) return -ENOTTY;
  if (index <= uapi::vfio_pci_msix_irq_index) {
    return vfio_pci_set_msi_trigger(vdev, current, index, start, count, flags, data);
  }
  const bool is_err = index == uapi::vfio_pci_err_irq_index && pci_is_pcie(*vdev.pdev);
  if (!is_err && index != uapi::vfio_pci_req_irq_index) return -ENOTTY;
  if (start != 0 || count > 1) return -EINVAL;
  return vfio_pci_set_ctx_trigger_single(
      vdev, current, is_err ? vdev.err_trigger : vdev.req_trigger, count, flags, data);
}

}  // namespace iommulab::v6_12
