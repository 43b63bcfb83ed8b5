// SPDX-License-Identifier: GPL-2.0-only
//
// The value of a "-device" argument, and how QEMU reads the values of properties.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"

namespace iommulab {

/// Names and values in order; of those named twice the last counts.
using qemu_properties = std::vector<std::pair<std::string, std::string>>;

struct qemu_device {
  std::string driver;  ///< "intel-iommu"
  std::string id;      ///< empty for none
  qemu_properties properties;
};

/// "NAME,NAME=VALUE,…": what stands first without "=" is the value of `implied`; elsewhere it is a
/// switch that is on, or off when "no" stands before its name. Two commas are one of the value.
qemu_properties parse_qemu_options(std::string_view text, std::string_view implied);

/// That form, or a JSON object. EINVAL for what is neither, or names no driver.
absl::StatusOr<qemu_device> parse_qemu_device(std::string_view text);

/// "on", "yes", "true" and "y", or their opposites; nothing for another word.
std::optional<bool> parse_qemu_switch(std::string_view value);

}  // namespace iommulab
