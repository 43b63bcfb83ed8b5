// SPDX-License-Identifier: GPL-2.0-only
//
// What a device got: a transfer that it ended, with each translated piece of it and the data that
// arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "core/types.h"
#include "platform/endpoints/edu.h"

namespace iommulab {

struct device_transfer {
  source_id device;
  edu::transfer what;
  /// What the unit answered, in order; none where no unit was asked.
  std::vector<events::answer> answers;
  std::vector<std::byte> data;  ///< the first bytes of the device's buffer afterwards, or that left

  [[nodiscard]] bool ok() const { return !what.refused && what.result.ok(); }
};

/// Of what happened in `events`, the answers that the transfer got.
device_transfer transfer_of(source_id device, const edu& endpoint,
                            absl::Span<const trace_event> events);

/// Two sentences: what the device did, and what came of it.
/// "0000:00:04.0 reads 0x100 bytes at 0xfffff000" and "0x100 bytes arrived, from memory at
/// 0x10000000 (by the IOTLB): 5a 5a …".
std::string transfer_words(const device_transfer& transfer);
std::string transfer_outcome(const device_transfer& transfer);
/// "5a 5a 5a …"
std::string data_words(absl::Span<const std::byte> data);

}  // namespace iommulab
