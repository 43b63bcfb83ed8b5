// SPDX-License-Identifier: GPL-2.0-only
//
// Where a measured unit departs from the specification. All off is the specification; a machine
// that was recorded on such a unit has them on, so that a run on it comes out alike.
#pragma once

namespace iommulab {

struct vtd_deviations {
  /// LGN.2 and LGN.3 are reported for what the tables say, but not when the IOTLB knew the page:
  /// the request is blocked without a record.
  bool silent_on_cached_permission = false;
  /// Pass-through requests are not held against any address width.
  bool pass_through_unchecked = false;

  bool operator==(const vtd_deviations&) const = default;
};

/// QEMU 7.2's unit.
inline constexpr vtd_deviations qemu_deviations = {.silent_on_cached_permission = true,
                                                   .pass_through_unchecked = true};

}  // namespace iommulab
