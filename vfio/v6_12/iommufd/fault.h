// SPDX-License-Identifier: GPL-2.0-only
//
// Queues of page faults that a user answers: an object, and a file to read faults from and write
// answers to. Faults come from devices with page requests, which no device of ours sends: a queue
// stays empty, and there is nothing to answer.
// Linux v6.12 drivers/iommu/iommufd/fault.c
#pragma once

#include "vfio/v6_12/iommufd/objects.h"

namespace iommulab::v6_12 {

struct iommufd_ucmd;

struct iommufd_fault final : iommufd_object {
  iommufd_fault() : iommufd_object(iommufd_object_type::fault) {}
  void destroy() override;
  [[nodiscard]] file* aborted_file() override { return filep; }

  iommufd_ctx* ictx = nullptr;
  file* filep = nullptr;
};

/// Held, until iommufd_put_object(). Null with `error` set.
iommufd_fault* iommufd_get_fault(iommufd_ctx& ictx, uint32_t id, int& error);
/// IOMMU_FAULT_QUEUE_ALLOC
int iommufd_fault_alloc(iommufd_ucmd& ucmd);

/// Page requests of the device are on while somebody wants them: 0, -EINVAL for a virtual function,
/// or what the driver says.
int iommufd_fault_iopf_enable(iommufd_device& idev);
void iommufd_fault_iopf_disable(iommufd_device& idev);

}  // namespace iommulab::v6_12
