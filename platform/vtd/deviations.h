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
  /// Conditions of scalable mode that legacy mode has too are reported under the numbers of legacy
  /// mode; all of the PASID directory and table under SPT.1's.
  bool legacy_reasons = false;
  /// A fault of a request without PASID is recorded with the RID_PASID of its context entry.
  bool request_pasid_recorded = false;

  bool operator==(const vtd_deviations&) const = default;
};

/// QEMU 7.2's unit.
inline constexpr vtd_deviations qemu_deviations = {.silent_on_cached_permission = true,
                                                   .pass_through_unchecked = true,
                                                   .legacy_reasons = true,
                                                   .request_pasid_recorded = true};

}  // namespace iommulab
