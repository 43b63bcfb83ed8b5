// SPDX-License-Identifier: GPL-2.0-only
//
// Our declarations of iommufd's interface against the kernel's, where its header is installed.
#include <gtest/gtest.h>

#include "vfio/uapi/iommufd.h"

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>

namespace iommulab {
namespace {

#define IOMMULAB_SAME(ours, theirs, request_)           \
  EXPECT_EQ(sizeof(uapi::ours), sizeof(struct theirs)); \
  EXPECT_EQ(uapi::ours##_request, uint32_t{request_})

TEST(uapi_iommufd, is_as_the_installed_header_has_it) {
  IOMMULAB_SAME(iommu_destroy, iommu_destroy, IOMMU_DESTROY);
  IOMMULAB_SAME(iommu_ioas_alloc, iommu_ioas_alloc, IOMMU_IOAS_ALLOC);
  IOMMULAB_SAME(iommu_ioas_allow_iovas, iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS);
  IOMMULAB_SAME(iommu_ioas_copy, iommu_ioas_copy, IOMMU_IOAS_COPY);
  IOMMULAB_SAME(iommu_ioas_iova_ranges, iommu_ioas_iova_ranges, IOMMU_IOAS_IOVA_RANGES);
  IOMMULAB_SAME(iommu_ioas_map, iommu_ioas_map, IOMMU_IOAS_MAP);
  IOMMULAB_SAME(iommu_ioas_unmap, iommu_ioas_unmap, IOMMU_IOAS_UNMAP);
  IOMMULAB_SAME(iommu_option, iommu_option, IOMMU_OPTION);
  IOMMULAB_SAME(iommu_vfio_ioas, iommu_vfio_ioas, IOMMU_VFIO_IOAS);
  EXPECT_EQ(offsetof(uapi::iommu_ioas_map, iova), offsetof(struct iommu_ioas_map, iova));
  EXPECT_EQ(offsetof(uapi::iommu_option, val64), offsetof(struct iommu_option, val64));
}

#undef IOMMULAB_SAME

}  // namespace
}  // namespace iommulab
#endif
