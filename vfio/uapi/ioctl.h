// SPDX-License-Identifier: GPL-2.0-only
//
// How VFIO and iommufd number their requests: type ';' and a number, no direction and no size.
#pragma once

#include <cstdint>

namespace iommulab::uapi {

inline constexpr uint32_t ioctl_type = ';';

/// Linux include/uapi/asm-generic/ioctl.h: _IO()
constexpr uint32_t request(uint32_t number) {
  return (ioctl_type << 8) | number;
}
inline constexpr uint32_t vfio_base = 100;
inline constexpr uint32_t iommufd_base = 0x80;

}  // namespace iommulab::uapi
