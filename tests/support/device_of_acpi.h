// SPDX-License-Identifier: GPL-2.0-only
//
// A device of the ACPI namespace that says, by _DSM, which structures of the DMAR table come or go
// with it (VT-d specification 8.8).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "intel/dmar/hotplug.h"
#include "platform/firmware/dmar_builder.h"

namespace iommulab::test {

/// The structures of a table, without its header.
inline std::vector<uint8_t> structures(const dmar_builder& builder) {
  std::vector<uint8_t> bytes = builder.finish();
  bytes.erase(bytes.begin(), bytes.begin() + 48);
  return bytes;
}

struct device_of_acpi {
  std::map<dmar_dsm_function, std::vector<uint8_t>> functions;

  [[nodiscard]] dmar_dsm dsm() const {
    return [this](dmar_dsm_function f) -> std::optional<std::vector<uint8_t>> {
      const auto it = functions.find(f);
      if (it == functions.end()) return std::nullopt;
      return it->second;
    };
  }
};

}  // namespace iommulab::test
