// SPDX-License-Identifier: GPL-2.0-only
//
// What a command line of QEMU's says of the machine, in any spelling that QEMU takes: one dash or
// two, "-device driver,name=value" with the driver's name first or behind "driver=", a JSON object,
// "-global" and "-set" for what stands elsewhere, "-machine iommu=on" of QEMU 2.x. Arguments
// that say nothing of memory, remapping unit or edu devices are passed over.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"
#include "core/text_source.h"
#include "platform/machine/qemu_edu.h"
#include "platform/machine/qemu_unit.h"

namespace iommulab {

struct qemu_arguments {
  uint64_t memory = 0;  ///< bytes
  std::vector<remapping_unit_config> units;
  std::vector<qemu_edu> edus;
};

/// EINVAL, naming file, line, argument and value, for an argument that does not read, for a unit
/// that is not modelled, for a second unit, and when the memory's size is missing.
absl::StatusOr<qemu_arguments> parse_qemu_arguments(const text_source& source);

}  // namespace iommulab
