// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver says in the kernel's log: lines that begin with "DMAR: ", "DMAR:[fault reason" or
// "iommu: ", or say "Adding to iommu group", without their time stamps, and the sentences of a
// warning (between its WARNING line and the register and backtrace lines, which name code
// addresses).
//
// The start-up part of a capture's log. After "DMAR: Intel(R) Virtualization Technology for
// Directed I/O" the driver is registered with the bus, and each device's entry into its group
// prints one "iommu: Adding device" line, one after another in one go. Start-up ends behind the
// last of that run: whatever the driver says later is caused by a device driver or by hot
// plugging. In a log without the registration line translation is off, nothing calls the driver,
// and all lines are the start-up's.
//
// The long command line of a tracing kernel overflows a log record, so that the next one is glued
// to it, with its level in dmesg and without it on a console:
//   …hardwa<6>[    0.000000] DMAR: IOMMU enabled
// Such lines are cut apart.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

/// The capture's log file: dmesg.txt, or dmesg-key.txt where the run hung and left only its
/// console; empty when there is neither.
std::string log_file(const capture_folder& folder);

/// The driver's lines of the start-up.
absl::StatusOr<numbered_lines> read_start_up_log(const capture_folder& folder);

/// The driver's lines among lines that bear time stamps: a whole log, without a cut.
numbered_lines driver_lines(absl::Span<const numbered_line> log);

/// The start-up part of driver_lines(), by the rule above.
numbered_lines keep_start_up(absl::Span<const numbered_line> driver_log);

/// The driver's lines of a run; `log` bears no time stamps and ends where the start-up ends.
numbered_lines log_of_run(absl::Span<const std::string> log);

}  // namespace iommulab::verify
