// SPDX-License-Identifier: GPL-2.0-only
//
// A device's interrupts, as signals of eventfds. Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c.
#include <bit>
#include <utility>

#include "vfio/pci/vectors.h"
#include "vfio/v4_4/pci/vfio_pci.h"
#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4 {
namespace {

/// What vfio_pci_set_irqs_ioctl() hands on.
struct irq_request {
  task_struct* current = nullptr;
  uint32_t flags = 0;
  unsigned index = 0;
  unsigned start = 0;
  unsigned count = 0;
  vfio_irq_data data;

  [[nodiscard]] bool has(uint32_t kind) const { return (flags & kind) != 0; }
  [[nodiscard]] bool is_none() const { return has(uapi::vfio_irq_set_data_none); }
  /// With no data at all the kernel would stop where it reads them.
  [[nodiscard]] bool lacks_data() const { return !is_none() && count != 0 && data.bytes.empty(); }
  /// Without data, or with a byte that is not zero.
  [[nodiscard]] bool is_asked(size_t i) const {
    return is_none() || (has(uapi::vfio_irq_set_data_bool) && data.flag(i));
  }
};

bool alloc_ctx(vfio_pci_device& vdev, unsigned count) {
  vdev.ctx_memory = slab_token(vdev.slab);
  if (!vdev.ctx_memory) return false;
  for (unsigned i = 0; i < count; ++i) vdev.ctx[i];
  return true;
}

void free_ctx(vfio_pci_device& vdev) {
  vdev.ctx.clear();
  vdev.num_ctx = 0;
  vdev.ctx_memory.reset();
}

// ---- INTx

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_intx_enable()
int vfio_intx_enable(vfio_pci_device& vdev) {
  if (!is_irq_none(vdev)) return -EINVAL;
  // pdev->irq, which a function with a pin has.
  if (vdev.pdev->config->read8(pci_interrupt_pin) == 0) return -ENODEV;
  if (!alloc_ctx(vdev, 1)) return -ENOMEM;
  vdev.num_ctx = 1;
  vdev.ctx[0].masked = vdev.virq_disabled;
  if (vdev.pci_2_3) pci_intx(*vdev.pdev, !vdev.ctx[0].masked);
  vdev.irq_type = uapi::vfio_pci_intx_irq_index;
  return 0;
}

/// What a vector signals from now on; `memory` is its name's.
int take_trigger(vfio_pci_device& vdev, task_struct& current, vfio_pci_irq_ctx& ctx, int fd) {
  slab_token name(vdev.slab);
  if (!name) return -ENOMEM;
  int error = 0;
  ctx.trigger = eventfd_ctx_fdget(current, fd, error);
  if (ctx.trigger == nullptr) return error;
  ctx.memory = std::move(name);
  return 0;
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_intx_set_signal()
int vfio_intx_set_signal(vfio_pci_device& vdev, task_struct* current, int fd) {
  vfio_pci_irq_ctx& ctx = vdev.ctx[0];
  ctx.trigger.reset();
  ctx.memory.reset();
  return fd < 0 ? 0 : take_trigger(vdev, *current, ctx, fd);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_intx_disable()
void vfio_intx_disable(vfio_pci_device& vdev) {
  vfio_intx_set_signal(vdev, nullptr, -1);
  vfio_virqfd_disable(vdev.services(), vdev.ctx[0].unmask);
  vdev.irq_type = uapi::vfio_pci_num_irqs;
  free_ctx(vdev);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_intx_unmask()
int vfio_pci_set_intx_unmask(vfio_pci_device& vdev, const irq_request& r) {
  if (!is_intx(vdev) || r.start != 0 || r.count != 1 || r.lacks_data()) return -EINVAL;
  if (r.is_none() || r.has(uapi::vfio_irq_set_data_bool)) {
    if (r.is_asked(0)) vfio_pci_intx_unmask(vdev);
    return 0;
  }
  if (!r.has(uapi::vfio_irq_set_data_eventfd)) return 0;
  vfio_virqfd& unmask = vdev.ctx[0].unmask;
  if (r.data.fd(0) >= 0) {
    return vfio_virqfd_enable(
        vdev.services(), *r.current, [&vdev] { vfio_pci_intx_unmask(vdev); }, unmask, r.data.fd(0));
  }
  vfio_virqfd_disable(vdev.services(), unmask);
  return 0;
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_intx_mask()
int vfio_pci_set_intx_mask(vfio_pci_device& vdev, const irq_request& r) {
  if (!is_intx(vdev) || r.start != 0 || r.count != 1 || r.lacks_data()) return -EINVAL;
  if (r.is_none() || r.has(uapi::vfio_irq_set_data_bool)) {
    if (r.is_asked(0)) vfio_pci_intx_mask(vdev);
    return 0;
  }
  return r.has(uapi::vfio_irq_set_data_eventfd) ? -ENOTTY : 0;
}

int set_intx_eventfd(vfio_pci_device& vdev, const irq_request& r) {
  if (r.data.bytes.size() < sizeof(int32_t)) return -EINVAL;
  const int fd = r.data.fd(0);
  if (is_intx(vdev)) return vfio_intx_set_signal(vdev, r.current, fd);
  int ret = vfio_intx_enable(vdev);
  if (ret != 0) return ret;
  ret = vfio_intx_set_signal(vdev, r.current, fd);
  if (ret != 0) vfio_intx_disable(vdev);
  return ret;
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_intx_trigger()
int vfio_pci_set_intx_trigger(vfio_pci_device& vdev, const irq_request& r) {
  if (is_intx(vdev) && r.count == 0 && r.is_none()) {
    vfio_intx_disable(vdev);
    return 0;
  }
  if (!(is_intx(vdev) || is_irq_none(vdev)) || r.start != 0 || r.count != 1) return -EINVAL;
  if (r.has(uapi::vfio_irq_set_data_eventfd)) return set_intx_eventfd(vdev, r);
  if (!is_intx(vdev) || r.lacks_data()) return -EINVAL;
  if (r.is_asked(0)) vfio_send_intx_eventfd(vdev);
  return 0;
}

// ---- Messages

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_msi_enable()
int vfio_msi_enable(vfio_pci_device& vdev, unsigned nvec, bool msix) {
  if (!is_irq_none(vdev)) return -EINVAL;
  if (!alloc_ctx(vdev, nvec)) return -ENOMEM;
  if (msix) vdev.msix_memory = slab_token(vdev.slab);
  int ret = -ENOMEM;
  if (!msix || vdev.msix_memory) ret = pci_alloc_irq_vectors(vdev, nvec, msix);
  if (ret < static_cast<int>(nvec)) {
    if (ret > 0) pci_free_irq_vectors(vdev);
    vdev.msix_memory.reset();
    free_ctx(vdev);
    return ret;
  }
  vdev.num_ctx = nvec;
  vdev.irq_type = msix ? uapi::vfio_pci_msix_irq_index : uapi::vfio_pci_msi_irq_index;
  if (!msix) vdev.msi_qmax = static_cast<uint8_t>(std::bit_width(nvec * 2 - 1) - 1);
  return 0;
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_msi_set_vector_signal()
int vfio_msi_set_vector_signal(vfio_pci_device& vdev, task_struct* current, unsigned vector,
                               int fd) {
  if (vector >= vdev.num_ctx) return -EINVAL;
  vfio_pci_irq_ctx& ctx = vdev.ctx[vector];
  if (ctx.trigger != nullptr) {
    free_vector(vdev, vector);
    ctx.trigger.reset();
    ctx.memory.reset();
  }
  if (fd < 0) return 0;
  const int ret = take_trigger(vdev, *current, ctx, fd);
  if (ret != 0) return ret;
  request_vector(vdev, vector, [trigger = ctx.trigger] { trigger->signal(); });
  return 0;
}

/// Those that were set are taken back when one cannot be, and it with them.
/// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_msi_set_block()
int vfio_msi_set_block(vfio_pci_device& vdev, const irq_request& r) {
  if (r.start + r.count > vdev.num_ctx) return -EINVAL;
  for (unsigned i = 0; i < r.count; ++i) {
    const int fd = r.data.bytes.empty() ? -1 : r.data.fd(i);
    const int ret = vfio_msi_set_vector_signal(vdev, r.current, r.start + i, fd);
    if (ret == 0) continue;
    for (unsigned j = 0; j <= i; ++j) {
      vfio_msi_set_vector_signal(vdev, nullptr, r.start + j, -1);
    }
    return ret;
  }
  return 0;
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_msi_disable()
void vfio_msi_disable(vfio_pci_device& vdev) {
  irq_request all;
  all.count = vdev.num_ctx;
  vfio_msi_set_block(vdev, all);
  pci_free_irq_vectors(vdev);
  vdev.msix_memory.reset();
  vdev.irq_type = uapi::vfio_pci_num_irqs;
  free_ctx(vdev);
}

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_msi_trigger()
int vfio_pci_set_msi_trigger(vfio_pci_device& vdev, const irq_request& r) {
  const bool msix = r.index == uapi::vfio_pci_msix_irq_index;
  if (irq_is(vdev, r.index) && r.count == 0 && r.is_none()) {
    vfio_msi_disable(vdev);
    return 0;
  }
  if (!irq_is(vdev, r.index) && !is_irq_none(vdev)) return -EINVAL;
  if (r.has(uapi::vfio_irq_set_data_eventfd)) {
    if (irq_is(vdev, r.index)) return vfio_msi_set_block(vdev, r);
    int ret = vfio_msi_enable(vdev, r.start + r.count, msix);
    if (ret != 0) return ret;
    ret = vfio_msi_set_block(vdev, r);
    if (ret != 0) vfio_msi_disable(vdev);
    return ret;
  }
  if (!irq_is(vdev, r.index) || r.start + r.count > vdev.num_ctx || r.lacks_data()) {
    return -EINVAL;
  }
  for (unsigned i = 0; i < r.count; ++i) {
    const vfio_pci_irq_ctx& ctx = vdev.ctx[r.start + i];
    if (ctx.trigger != nullptr && r.is_asked(i)) ctx.trigger->signal();
  }
  return 0;
}

int set_intx(vfio_pci_device& vdev, uint32_t action, const irq_request& r) {
  if (action == uapi::vfio_irq_set_action_mask) return vfio_pci_set_intx_mask(vdev, r);
  if (action == uapi::vfio_irq_set_action_unmask) return vfio_pci_set_intx_unmask(vdev, r);
  if (action == uapi::vfio_irq_set_action_trigger) return vfio_pci_set_intx_trigger(vdev, r);
  return -ENOTTY;
}

}  // namespace

// Linux v4.4 drivers/vfio/pci/vfio_pci_intrs.c: vfio_pci_set_irqs_ioctl()
int vfio_pci_set_irqs_ioctl(vfio_pci_device& vdev, task_struct* current, uint32_t flags,
                            unsigned index, unsigned start, unsigned count, vfio_irq_data data) {
  const irq_request r{current, flags, index, start, count, data};
  const uint32_t action = flags & uapi::vfio_irq_set_action_type_mask;
  if (index == uapi::vfio_pci_intx_irq_index) return set_intx(vdev, action, r);
  if (action != uapi::vfio_irq_set_action_trigger) return -ENOTTY;
  if (index <= uapi::vfio_pci_msix_irq_index) return vfio_pci_set_msi_trigger(vdev, r);
  const vfio_release& release = vdev.driver.vfio.release;
  const bool is_err = index == uapi::vfio_pci_err_irq_index && pci_is_pcie(*vdev.pdev);
  if (!is_err && index != uapi::vfio_pci_req_irq_index) return -ENOTTY;
  const int ret =
      is_err ? release.check_err_trigger(start, count) : release.check_req_trigger(start, count);
  if (ret != 0) return ret;
  return release.vfio_pci_set_ctx_trigger_single(
      current, is_err ? vdev.err_trigger : vdev.req_trigger, count, flags, data);
}

}  // namespace iommulab::v4_4
