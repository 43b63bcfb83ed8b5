// SPDX-License-Identifier: GPL-2.0-only
//
// An eventfd that does something in the kernel when it is signalled: Linux drivers/vfio/virqfd.c.
#pragma once

#include <functional>
#include <memory>

#include "core/slab.h"
#include "core/trace.h"
#include "vfio/process/eventfd.h"

namespace iommulab {

/// struct virqfd
struct vfio_virqfd {
  std::unique_ptr<eventfd_ctx::wait_entry> wait;
};

/// What the two functions need of the system.
struct virqfd_services {
  slab_failures& slab;
  tracer& trace;
};

/// `inject` is called for each signal of the eventfd, and now if one is waiting. 0, -EBUSY when
/// `virqfd` is in use, or a negative errno.
int vfio_virqfd_enable(virqfd_services services, task_struct& current, std::function<void()> inject,
                       vfio_virqfd& virqfd, int fd);
void vfio_virqfd_disable(virqfd_services services, vfio_virqfd& virqfd);

}  // namespace iommulab
