// SPDX-License-Identifier: GPL-2.0-only
//
// What iommufd is to VFIO: Linux v6.12 include/linux/iommufd.h. Results are 0 or negative errnos.
#pragma once

#include <cstdint>
#include <memory>

#include "core/device.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/slab.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/user_pages.h"

namespace iommulab::v6_12 {

class iommufd_ctx;
struct iommufd_device;
struct iommufd_selftest;  // selftest/mock_device.h

/// The module: what is global in drivers/iommu/iommufd, for one running system.
struct iommufd_module {
  environment& env;
  iommu_subsystem& iommu;
  slab_failures& slab;
  user_pages& pages;
  device_nodes& nodes;
  bool allow_unsafe_interrupts = false;  ///< parameter of the module
  bool vfio_container = false;           ///< CONFIG_IOMMUFD_VFIO_CONTAINER: /dev/vfio/vfio is its
  bool has_selftest = false;             ///< CONFIG_IOMMUFD_TEST

  /// Whose system call is running; null where that is not known: then pages are taken to be the
  /// caller's own.
  task_struct* current = nullptr;
  bool said_vfio_container = false;  ///< pr_info_once() of the first open
  /// TEMP_MEMORY_LIMIT: bytes that a batch has at most. Tests make it smaller.
  uint64_t temp_memory_limit = 65536;
  std::shared_ptr<iommufd_selftest> test{};  ///< null: without
};

/// Makes /dev/iommu, and /dev/vfio/vfio where it is iommufd's. The module outlives its files.
int iommufd_init(iommufd_module& module);
void iommufd_exit(iommufd_module& module);

iommufd_ctx& iommufd_ctx_get(iommufd_ctx& ictx);
void iommufd_ctx_put(iommufd_ctx* ictx);
/// With a reference. Null with `error` set: -EBADFD when it is another kind of file.
iommufd_ctx* iommufd_ctx_from_file(tracer& trace, file& f, int& error);
/// -EBADF when the descriptor is not open.
iommufd_ctx* iommufd_ctx_from_fd(tracer& trace, task_struct& current, int fd, int& error);
bool iommufd_ctx_has_group(iommufd_ctx* ictx, iommu_group& group);

/// Null with `error` set.
iommufd_device* iommufd_device_bind(iommufd_ctx& ictx, device& dev, uint32_t& id, int& error);
void iommufd_device_unbind(iommufd_device& idev);
/// `pt_id` names an IOAS or a HWPT, and becomes the HWPT's.
int iommufd_device_attach(iommufd_device& idev, uint32_t& pt_id);
int iommufd_device_replace(iommufd_device& idev, uint32_t& pt_id);
void iommufd_device_detach(iommufd_device& idev);
iommufd_ctx& iommufd_device_to_ictx(iommufd_device& idev);
uint32_t iommufd_device_to_id(const iommufd_device& idev);

// VFIO's container in an iommufd

int iommufd_vfio_compat_ioas_get_id(iommufd_ctx& ictx, uint32_t& out_ioas_id);
int iommufd_vfio_compat_ioas_create(iommufd_ctx& ictx);
int iommufd_vfio_compat_set_no_iommu(iommufd_ctx& ictx);

}  // namespace iommulab::v6_12
