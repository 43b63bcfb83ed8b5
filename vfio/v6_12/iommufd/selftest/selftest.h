// SPDX-License-Identifier: GPL-2.0-only
//
// Objects of tests in an iommufd, and the parts of its one request.
// Linux v6.12 drivers/iommu/iommufd/selftest.c
#pragma once

#include "vfio/uapi/iommufd_test.h"
#include "vfio/v6_12/iommufd/access.h"
#include "vfio/v6_12/iommufd/device.h"
#include "vfio/v6_12/iommufd/selftest/mock_device.h"
#include "vfio/v6_12/iommufd/test_hooks.h"
#include "vfio/v6_12/iommufd/ucmd.h"

namespace iommulab::v6_12 {

/// A mock device that is bound and attached: struct selftest_obj, TYPE_IDEV.
struct iommufd_selftest_obj final : iommufd_object {
  iommufd_selftest_obj() : iommufd_object(iommufd_object_type::selftest) {}
  void destroy() override;

  iommufd_ctx* ictx = nullptr;
  iommufd_device* idev = nullptr;
  mock_dev* mdev = nullptr;
};

/// The page that the user has there now: get_user_pages_fast() of one. 0 or a negative errno.
int iommufd_test_user_page(task_struct& current, uint64_t uptr, phys_addr& page);

// Parts of IOMMU_TEST_CMD: 0 or negative errnos. What has an answer, answers.

int iommufd_test_create_access(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd);
int iommufd_test_access_replace_ioas(iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd);
int iommufd_test_access_pages(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd);
int iommufd_test_access_item_destroy(iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd);
int iommufd_test_access_rw(iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd);

/// The n-th area's address and an offset, both of them halves of `iova`; 0 when there are not so
/// many.
uint64_t iommufd_test_nth_area(const io_pagetable& iopt, uint64_t iova);

}  // namespace iommulab::v6_12
