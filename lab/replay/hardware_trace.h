// SPDX-License-Identifier: GPL-2.0-only
//
// Register accesses and queue descriptors: out of a capture's vtd-trace.txt, and out of the
// events of a run of the port.
//
// Reads print no value in a recording of phases: it follows from the state of the register. The
// model that recorded it saw an unaligned 8-byte read as two aligned ones, so ours is split the
// same way. Recordings of stops have the values in vtd-reads.txt, those of a client in the line.
//
// The start-up part of a capture. With translation on, intel_iommu_init() ends at the read,
// write, read of PMEN (64h): iommu_disable_protect_mem_regions() is the last thing that touches
// hardware. What follows belongs to drivers that probed and to reading `version` in sysfs. A
// capture that never touches PMEN has no translation, hence no driver that causes an access and
// no sysfs file to read: all of it is start-up, up to the boot mark (which a run that hung lacks).
// Later kernels never touch PMEN where the unit has no protected regions, and switch translation on
// last: their start-up ends at the read of the status behind the command that does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/trace.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/page_names.h"

namespace iommulab::verify {

struct register_access {
  size_t line = 0;
  bool is_write = false;
  uint64_t offset = 0;             ///< bytes
  unsigned size = 0;               ///< bytes
  uint64_t value = 0;              ///< of a write
  std::optional<uint64_t> read{};  ///< what a read gave, where that is known
};

struct queue_descriptor {
  size_t line = 0;
  uint64_t low = 0;
  uint64_t high = 0;
};

struct hardware_trace {
  std::vector<register_access> accesses;
  std::vector<queue_descriptor> descriptors;
  size_t last_line = 0;  ///< last line of the capture that was looked at
};

/// Whether the values that reads gave are of interest.
enum class read_values : uint8_t { left_out, kept };

/// One mark of vtd-marks.txt: the dump or step `name` was taken after `line` of the trace.
struct trace_mark {
  std::string name;
  size_t line = 0;
};

/// The start-up part of vtd-trace.txt, by the rule above.
absl::StatusOr<hardware_trace> read_start_up_trace(const capture_folder& folder);
/// Lines `first` to `last` of vtd-trace.txt, both included; what a step between two marks did.
absl::StatusOr<hardware_trace> read_trace_lines(const capture_folder& folder, size_t first,
                                                size_t last);
/// What of a trace lies on lines `first` to `last`, both included.
hardware_trace part_of(const hardware_trace& trace, size_t first, size_t last);
/// vtd-marks.txt, in order.
absl::StatusOr<std::vector<trace_mark>> read_marks(const capture_folder& folder);

/// The accesses and descriptors among `events`, without those of the units in `other_units`
/// (units of the run that the capture's trace did not watch).
hardware_trace trace_of_run(absl::Span<const trace_event> events,
                            absl::Span<const std::string> other_units,
                            read_values reads = read_values::left_out);

/// Queue page and root table from the first writes of 90h and 20h; the status words from the
/// first wait descriptor, whose word is the one with the descriptor's own index.
page_roles roles_of(const hardware_trace& trace);

/// "vtd_reg_write addr 0x88 size 0x4 value 0x20", as the capture spells it; of a read the value
/// where it is known.
numbered_lines register_lines(const hardware_trace& trace, page_names names);
/// "vtd_inv_desc type iotlb high 0x0 low 0xd2".
numbered_lines queue_lines(const hardware_trace& trace, page_names names);

}  // namespace iommulab::verify
