// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver, not the hardware, reads into a context entry: the mark of entries that were
// copied from another kernel's table (bit 67, which software may use), and PASID enable (bit 11 of
// extended entries).
// Linux v4.4 drivers/iommu/intel-iommu.c: context_present() and its neighbours
#pragma once

#include "platform/vtd/spec/entries.h"

namespace iommulab::v4_4 {

inline constexpr uint8_t context_copied_mark = 1;
inline constexpr vtd::field64 context_pasid_enable{11};

inline bool context_copied(const vtd::context_entry& c) {
  return (c.available() & context_copied_mark) != 0;
}
inline void context_set_copied(vtd::context_entry& c) {
  c.set_available(c.available() | context_copied_mark);
}
inline void context_clear_pasid_enable(vtd::context_entry& c) {
  c.lo &= ~context_pasid_enable.mask();
}
/// Present, and ours: a copied entry counts as absent, so that the first driver of this kernel
/// replaces it.
inline bool context_present(const vtd::context_entry& c) {
  return c.present() && (context_pasid_enable.test(c.lo) || !context_copied(c));
}

}  // namespace iommulab::v4_4
