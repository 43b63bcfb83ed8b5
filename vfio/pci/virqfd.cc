// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/pci/virqfd.h"

#include <cerrno>
#include <utility>

namespace iommulab {

// Linux v6.12 drivers/vfio/virqfd.c: vfio_virqfd_enable()
int vfio_virqfd_enable(virqfd_services services, task_struct& current, std::function<void()> inject,
                       vfio_virqfd& virqfd, int fd) {
  IOMMULAB_CALL(services.trace, "vfio_virqfd_enable", {"fd", fd});
  if (!slab_token(services.slab)) return this_call.result(-ENOMEM);
  int error = 0;
  std::shared_ptr<eventfd_ctx> ctx = eventfd_ctx_fdget(current, fd, error);
  if (ctx == nullptr) return this_call.result(error);
  if (virqfd.wait != nullptr) return this_call.result(-EBUSY);
  const bool is_waiting = ctx->count() != 0;
  eventfd_ctx& counter = *ctx;
  virqfd.wait = std::make_unique<eventfd_ctx::wait_entry>(std::move(ctx), [&counter, inject] {
    counter.take();
    inject();
  });
  if (is_waiting) inject();
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/virqfd.c: vfio_virqfd_disable()
void vfio_virqfd_disable(virqfd_services services, vfio_virqfd& virqfd) {
  IOMMULAB_CALL(services.trace, "vfio_virqfd_disable");
  virqfd.wait.reset();
}

}  // namespace iommulab
