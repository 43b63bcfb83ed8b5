// SPDX-License-Identifier: GPL-2.0-only
//
// What a driver's probe() answers: 0, or a negative errno.
#pragma once

#include <cerrno>

namespace iommulab {

/// Linux include/linux/errno.h: EPROBE_DEFER, which only the kernel has.
inline constexpr int eprobe_defer = 517;

/// Whether probe() failed, and the kernel says so in its log. A driver that does not want the
/// device, or not yet, goes without a word.
/// Linux v4.4 drivers/base/dd.c: really_probe(), v6.12: call_driver_probe()
constexpr bool is_probe_failure(int result) {
  return result != 0 && result != -eprobe_defer && result != -ENODEV && result != -ENXIO;
}

}  // namespace iommulab
