// SPDX-License-Identifier: GPL-2.0-only
//
// QEMU's intel-iommu device by its options: what its capability registers say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// The options of "-device intel-iommu", with the defaults of a q35 machine of QEMU 7.2 whose
/// interrupt controller is split between kernel and QEMU.
struct qemu_unit_options {
  unsigned aw_bits = 39;  ///< 39 or 48
  bool interrupt_remapping = true;
  bool caching_mode = false;
  bool pass_through = true;
  bool device_iotlb = false;
  bool snoop_control = false;
  bool dma_drain = true;
  bool dma_translation = true;
  bool extended_interrupts = false;  ///< eim; "auto" is off in emulation
  /// Not an option of QEMU's: whether the unit departs from the specification where QEMU's does.
  bool deviations = false;
};

/// Reads "intel-iommu,caching-mode=on,intremap=off". EINVAL, naming the option, for one that is not
/// known or a value that is not on, off, or a width. The unit is QEMU's own, deviations included.
absl::StatusOr<qemu_unit_options> parse_qemu_unit(std::string_view device);

/// The unit at QEMU's address.
remapping_unit_config qemu_unit(const qemu_unit_options& options);

}  // namespace iommulab
