// SPDX-License-Identifier: GPL-2.0-only
//
// Requests by name. VFIO gives the numbers from 12 on twice: to devices, and to containers.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "cli/serve/inside/call_report.h"
#include "vfio/uapi/iommufd.h"
#include "vfio/uapi/iommufd_test.h"
#include "vfio/uapi/vfio.h"

namespace iommulab {
namespace {

constexpr std::array<std::string_view, 21> of_devices = {
    "VFIO_GET_API_VERSION",
    "VFIO_CHECK_EXTENSION",
    "VFIO_SET_IOMMU",
    "VFIO_GROUP_GET_STATUS",
    "VFIO_GROUP_SET_CONTAINER",
    "VFIO_GROUP_UNSET_CONTAINER",
    "VFIO_GROUP_GET_DEVICE_FD",
    "VFIO_DEVICE_GET_INFO",
    "VFIO_DEVICE_GET_REGION_INFO",
    "VFIO_DEVICE_GET_IRQ_INFO",
    "VFIO_DEVICE_SET_IRQS",
    "VFIO_DEVICE_RESET",
    "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO",
    "VFIO_DEVICE_PCI_HOT_RESET",
    "VFIO_DEVICE_QUERY_GFX_PLANE",
    "VFIO_DEVICE_GET_GFX_DMABUF",
    "VFIO_DEVICE_IOEVENTFD",
    "VFIO_DEVICE_FEATURE",
    "VFIO_DEVICE_BIND_IOMMUFD",
    "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
    "VFIO_DEVICE_DETACH_IOMMUFD_PT",
};
static_assert(uapi::vfio_device_detach_iommufd_pt_request ==
              uapi::request(uapi::vfio_base + of_devices.size() - 1));

constexpr std::array<std::string_view, 6> of_containers = {
    "VFIO_IOMMU_GET_INFO", "VFIO_IOMMU_MAP_DMA", "VFIO_IOMMU_UNMAP_DMA",
    "VFIO_IOMMU_ENABLE",   "VFIO_IOMMU_DISABLE", "VFIO_IOMMU_DIRTY_PAGES",
};
constexpr uint32_t first_of_containers = uapi::vfio_iommu_get_info;

constexpr std::array<std::string_view, 15> of_iommufd = {
    "IOMMU_DESTROY",
    "IOMMU_IOAS_ALLOC",
    "IOMMU_IOAS_ALLOW_IOVAS",
    "IOMMU_IOAS_COPY",
    "IOMMU_IOAS_IOVA_RANGES",
    "IOMMU_IOAS_MAP",
    "IOMMU_IOAS_UNMAP",
    "IOMMU_OPTION",
    "IOMMU_VFIO_IOAS",
    "IOMMU_HWPT_ALLOC",
    "IOMMU_GET_HW_INFO",
    "IOMMU_HWPT_SET_DIRTY_TRACKING",
    "IOMMU_HWPT_GET_DIRTY_BITMAP",
    "IOMMU_HWPT_INVALIDATE",
    "IOMMU_FAULT_QUEUE_ALLOC",
};
constexpr uint32_t first_of_iommufd = uapi::iommu_destroy_request;

bool serves_containers(std::string_view path) {
  return path == "/dev/vfio/vfio" || path == "/dev/iommu";
}

}  // namespace

std::string request_name(const std::string& path, uint32_t request) {
  if (request == uapi::iommu_test_request) return "IOMMU_TEST_CMD";
  const uint32_t in_iommufd = request - first_of_iommufd;  // huge when it lies below
  if (in_iommufd < of_iommufd.size()) return std::string(of_iommufd[in_iommufd]);
  const uint32_t in_containers = request - first_of_containers;
  if (serves_containers(path) && in_containers < of_containers.size()) {
    return std::string(of_containers[in_containers]);
  }
  const uint32_t in_devices = request - uapi::vfio_get_api_version;
  if (in_devices < of_devices.size()) return std::string(of_devices[in_devices]);
  return absl::StrFormat("0x%x", request);
}

}  // namespace iommulab
