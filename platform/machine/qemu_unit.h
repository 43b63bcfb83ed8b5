// SPDX-License-Identifier: GPL-2.0-only
//
// QEMU's intel-iommu device by its options: what its capability registers say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"
#include "platform/machine/machine.h"
#include "platform/machine/qemu_device.h"

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
  bool extended_interrupts = false;  ///< eim
  bool scalable_mode = false;        ///< x-scalable-mode: second level and pass-through only
  bool pasids = false;               ///< x-pasid-mode, with scalable mode
  /// Not an option of QEMU's: whether the unit departs from the specification where QEMU's does.
  bool deviations = false;
};

/// Where the interrupt controllers are; on that depends what "auto" means.
enum class qemu_irqchip : uint8_t {
  emulated,   ///< no KVM, or with kernel-irqchip=off
  split,      ///< the local APICs in the kernel: interrupts can be remapped
  in_kernel,  ///< KVM's default: no remapping
};

/// Reads the properties of an intel-iommu. EINVAL, naming the property, for one that is not known,
/// for a value that does not read, and for a mode that the unit does not have, unless it is off.
/// The unit is QEMU's own, deviations included.
absl::StatusOr<qemu_unit_options> parse_qemu_unit(const qemu_properties& properties,
                                                  qemu_irqchip irqchip = qemu_irqchip::emulated);

/// The unit at QEMU's address.
remapping_unit_config qemu_unit(const qemu_unit_options& options);

}  // namespace iommulab
