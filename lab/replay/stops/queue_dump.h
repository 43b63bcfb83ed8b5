// SPDX-License-Identifier: GPL-2.0-only
//
// The invalidation queue in memory at a stop: queue-STOP.txt, and the same of descriptors that were
// handed in.
//
//   # invalidation queue 0x5232000, 16 bytes a descriptor; first page (256 descriptors), …
//   Q 0x5232000 0 lo=0000000000000004 hi=0000000000000000
//   Q 0x523c000 12 q0=0000000000000037 q1=… q2=… q3=…       32 bytes a descriptor
//
// Each descriptor is followed by a wait for it, whose status word is the one with the wait's own
// index. The ring begins again behind 256 descriptors; of those of 32 bytes the dump has 128.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

struct ring_descriptor {
  size_t line = 0;
  unsigned index = 0;
  std::array<uint64_t, 4> words{};
};

struct queue_dump {
  uint64_t address = 0;           ///< of the ring
  unsigned descriptor_bytes = 0;  ///< 16 or 32
  unsigned listed = 0;            ///< descriptors that the dump covers
  std::vector<ring_descriptor> descriptors;

  /// Where the status words begin, by the first wait; 0 without one.
  [[nodiscard]] uint64_t status_words() const;
};

/// "queue-boot.txt". Nothing descriptors but the head where there is no queue.
absl::StatusOr<queue_dump> read_queue_dump(const capture_folder& folder, std::string_view file);

/// The dump's lines, addresses as they are.
numbered_lines ring_lines(const queue_dump& dump);
/// What the ring of `like` holds after these have been handed in, each with a wait behind it.
queue_dump ring_of(absl::Span<const std::array<uint64_t, 4>> submitted, const queue_dump& like);

}  // namespace iommulab::verify
