// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's tracepoints and probes of a recording of stops: events.txt, in order.
//
//   # phase work
//   - map_page: dev="0000:00:05.0" off=0x0 size=0x1000 dir=2 attrs=0x0
//   - map: iova=0x00000000ffffd000 - 0x00000000ffffe000 paddr=0x00000000067e7000 size=4096
//
// A line begins with its time in seconds, "/s" behind it for a softirq, or "-".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/hardware_trace.h"

namespace iommulab::verify {

inline constexpr const char* tracepoints_file = "events.txt";

struct tracepoint {
  size_t line = 0;
  std::string phase;  ///< "boot", "work", "unbind", "fault"
  std::string name;   ///< "map"
  std::string text;   ///< "map: iova=…": without its time
};

/// EINVAL for a line of another form, and for a phase that does not follow the one before it.
absl::StatusOr<std::vector<tracepoint>> read_tracepoints(const capture_folder& folder);

/// A descriptor that the driver handed to its queue: "qi_submit: iotlb_inv dmar0: 0xd2 0x0 0x0 0x0"
struct submitted_descriptor {
  size_t line = 0;
  std::string type;  ///< "iotlb_inv"
  uint64_t words[4] = {};
};
/// Those among the lines; nothing where one does not read.
std::optional<submitted_descriptor> parse_submission(std::string_view text);

/// QEMU prints no event for a descriptor of the PASID cache: of its submission the trace has the
/// wait alone. They are put in where the driver handed them in. EINVAL where a submission does not
/// read, or where more were handed in than waits stand alone.
absl::StatusOr<hardware_trace> with_unseen_descriptors(const capture_folder& folder,
                                                       const hardware_trace& trace,
                                                       absl::Span<const tracepoint> events);

/// Invalidations of interrupt entries.
inline constexpr std::string_view interrupt_submission = "iec_inv";

}  // namespace iommulab::verify
