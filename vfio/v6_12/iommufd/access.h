// SPDX-License-Identifier: GPL-2.0-only
//
// Use of an I/O address space by the kernel itself: pages are pinned for it, or bytes copied.
// Linux v6.12 include/linux/iommufd.h, drivers/iommu/iommufd/device.c
//
// One thread at a time: ioas_lock has no counterpart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/types/span.h"
#include "vfio/v6_12/iommufd/ioas.h"
#include "vfio/v6_12/iommufd/objects.h"
#include "vfio/v6_12/iommufd/pages.h"

namespace iommulab::v6_12 {

/// Linux v6.12 include/linux/iommufd.h: struct iommufd_access_ops, with the data that it is given.
struct iommufd_access_ops {
  bool needs_pin_pages = false;
  /// Whoever pinned pages of the range has to unpin them before this returns; may be empty when no
  /// pages are pinned.
  std::function<void(uint64_t iova, uint64_t length)> unmap;
};

struct iommufd_access final : iommufd_object {
  iommufd_access() : iommufd_object(iommufd_object_type::access) {}
  void destroy() override;

  iommufd_ctx* ictx = nullptr;
  iommufd_ioas* ioas = nullptr;
  iommufd_ioas* ioas_unpin = nullptr;
  iommufd_access_ops ops;
  uint64_t iova_alignment = 1;
  uint32_t iopt_access_list_id = 0;
};

/// Null with `error` set.
iommufd_access* iommufd_access_create(iommufd_ctx& ictx, iommufd_access_ops ops, uint32_t& id,
                                      int& error);
void iommufd_access_destroy(iommufd_access& access);
int iommufd_access_attach(iommufd_access& access, uint32_t ioas_id);
int iommufd_access_replace(iommufd_access& access, uint32_t ioas_id);
void iommufd_access_detach(iommufd_access& access);

/// `out_pages` has room for a page for each page of the range. 0, -EINVAL, -ENOENT where nothing is
/// mapped, -EPERM, or what pinning says.
int iommufd_access_pin_pages(iommufd_access& access, uint64_t iova, uint64_t length,
                             absl::Span<phys_addr> out_pages, unsigned flags);
/// Of the same range as it was pinned.
void iommufd_access_unpin_pages(iommufd_access& access, uint64_t iova, uint64_t length);
int iommufd_access_rw(iommufd_access& access, uint64_t iova, absl::Span<std::byte> data,
                      unsigned flags);

/// Whoever has pages of the range pinned is asked to let go.
void iommufd_access_notify_unmap(io_pagetable& iopt, uint64_t iova, uint64_t length);

}  // namespace iommulab::v6_12
