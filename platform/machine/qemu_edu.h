// SPDX-License-Identifier: GPL-2.0-only
//
// QEMU's "edu" device by its options.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/status.h"
#include "platform/machine/machine.h"
#include "platform/machine/qemu_device.h"

namespace iommulab {

/// "-device edu,bus=pcie.0,addr=4.0,dma_mask=0xffffffff"
struct qemu_edu {
  bool on_root_bus = true;
  std::optional<uint8_t> devfn;      ///< none: QEMU chooses a free place
  std::optional<uint64_t> dma_mask;  ///< none: QEMU's default
};

/// EINVAL, naming the option, for a value that does not read. Other options say nothing that counts
/// here.
absl::StatusOr<qemu_edu> parse_qemu_edu(const qemu_properties& properties);

/// The masks that the arguments give to the machine's "edu" functions. Arguments name the buses
/// behind bridges by ids of their own, so a device there is known by its place on its bus: it is
/// the first such function that no earlier argument took.
std::vector<edu_property> edu_properties(const std::vector<qemu_edu>& arguments,
                                         const std::vector<pci_function_config>& functions);

}  // namespace iommulab
