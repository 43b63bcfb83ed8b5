// SPDX-License-Identifier: GPL-2.0-only
//
// dev_err() and its siblings: a log line about a device, begun with who speaks and of which.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/device.h"

namespace iommulab {

/// The bound driver's name, else the bus's. Linux v4.4 drivers/base/core.c: dev_driver_string()
inline const std::string& dev_driver_string(const device& dev) {
  return dev.driver.empty() ? dev.bus->name : dev.driver;
}

/// "e1000e 0000:00:03.0: …". Linux v4.4 drivers/base/core.c: dev_printk()
template <typename... Args>
void dev_printk(const device& dev, log_level level, const absl::FormatSpec<Args...>& format,
                const Args&... args) {
  dev.bus->env.log.print(level, absl::StrCat(dev_driver_string(dev), " ", dev.name, ": ",
                                             absl::StrFormat(format, args...)));
}

}  // namespace iommulab
