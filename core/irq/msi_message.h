// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

namespace iommulab {

/// A message-signalled interrupt: a 32-bit write to FEEx_xxxxh.
struct msi_message {
  uint64_t address = 0;
  uint32_t data = 0;
  bool operator==(const msi_message&) const = default;
};

}  // namespace iommulab
