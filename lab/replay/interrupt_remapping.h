// SPDX-License-Identifier: GPL-2.0-only
//
// What interrupt remapping adds to a start-up, taken out: the port starts without it, and the rest
// is to be compared all the same. Both sides go through the same code; where a run has nothing of
// interrupt remapping, only what it moves elsewhere is left out.
//
// Hardware, VT-d specification 5.1 and 10.4. Left out are
//   - setting IRTA, and commands that concern interrupts alone (SIRTP, IRE, CFI) with the reads of
//     status around them; these bits in the other commands;
//   - interrupt entry cache descriptors with the wait behind each, and the tail write that submits
//     them. The positions of the other descriptors and of their status words close up;
//   - fault status and the fault event registers: with interrupt remapping the fault interrupt is
//     set up before intel_iommu_init(), and pending faults are cleared then.
// Where translation is not switched on, the queue itself is there for interrupts alone: what
// follows the 8-byte read of the status, with which its set-up begins, is left out. After start-up
// only the descriptors are left out: commands are compared, and what a fault makes the driver read
// and clear.
//
// Recordings of stops (interrupt_style::later()) differ: the status is read in 4 bytes. From 6.12
// on, not in 6.1, the fault event is set up in intel_iommu_init(), so that it is compared; where
// translation is not switched on, the driver says so once more with the command of before, which is
// kept, without what is there for interrupts alone, the queue among it.
//
// Calls. With interrupt remapping the queue and the fault interrupt are there when init_dmars()
// comes to them, so that their functions return at once: what is below dmar_enable_qi and
// dmar_set_interrupt is left out, and so are dmar_fault and dmar_disable_qi, which come before.
// What the rest of the kernel asks of interrupt remapping when a driver sets up its interrupts, or
// when one moves to another CPU, are functions of their own (intel_ir_set_affinity, …).
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/hardware_trace.h"

namespace iommulab::verify {

/// How a kernel goes about interrupt remapping.
struct interrupt_style {
  bool faults_early = true;        ///< the fault event is set up with it
  bool ends_with_command = false;  ///< without translation the driver repeats the last command
  uint64_t descriptor_bytes = 16;  ///< of the queue

  /// Linux 6.1's and 6.12's; `scalable` is a unit in scalable mode.
  static interrupt_style later(bool scalable, bool faults_early) {
    constexpr uint64_t narrow = 16;
    constexpr uint64_t wide = 32;
    return {faults_early, true, scalable ? wide : narrow};
  }
};

/// `start_up_end` is the last line of the trace that belongs to the start-up.
hardware_trace without_interrupt_remapping(const hardware_trace& trace, size_t start_up_end,
                                           const interrupt_style& style = {});
/// The calls of a start-up.
std::vector<call_event> without_interrupt_remapping(absl::Span<const call_event> events);
/// The calls of what comes later.
std::vector<call_event> without_interrupt_functions(absl::Span<const call_event> events);

}  // namespace iommulab::verify
