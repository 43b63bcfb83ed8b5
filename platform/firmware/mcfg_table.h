// SPDX-License-Identifier: GPL-2.0-only
//
// MCFG (PCI Firmware specification 4.1.2): where the configuration spaces of PCI segments lie in
// physical memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/status.h"
#include "core/types.h"

namespace iommulab {

inline constexpr std::string_view mcfg_signature = "MCFG";

/// The window of some buses of a segment; each bus has 1 MiB of it.
struct mcfg_window {
  phys_addr base;  ///< of bus 0, whichever bus the window begins with
  uint16_t segment = 0;
  uint8_t first_bus = 0;
  uint8_t last_bus = 0;

  /// Where the first bus' space begins, and how many bytes all buses have.
  [[nodiscard]] phys_addr start() const;
  [[nodiscard]] uint64_t length() const;
};

/// `file` is for complaints. EINVAL, with the offset, for another table, one that is shorter than
/// it says or cut within a window, and a window that ends before it begins or beyond 64 bits.
absl::StatusOr<std::vector<mcfg_window>> decode_mcfg(const std::string& file,
                                                     absl::Span<const uint8_t> bytes);

}  // namespace iommulab
