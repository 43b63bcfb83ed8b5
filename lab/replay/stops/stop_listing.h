// SPDX-License-Identifier: GPL-2.0-only
//
// What a played recording of stops came to, in the words of its files: the events of a phase, and a
// device's DMA calls with what they did.
//
// Left out of the events on both sides: what interrupts need, marks, and the tracepoints of the DMA
// API itself, which say what dma-api says (omissions.h). A kernel address that an event prints is
// left out, too.
#pragma once

#include <string_view>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/diff/numbered_line.h"
#include "lab/replay/stops/dma_api_file.h"
#include "lab/replay/stops/run_effects.h"
#include "lab/replay/stops/stop_player.h"
#include "lab/replay/stops/tracepoint_file.h"

namespace iommulab::verify {

/// The recording's events of a phase. What `steps` say was missed by probes stands behind the call
/// that its interrupt came into: there it is played.
numbered_lines event_lines_of(absl::Span<const tracepoint> events,
                              absl::Span<const stop_step> steps, std::string_view phase);
/// Ours among the events [first, last) of the run: with the calls of `played`, or, while probes
/// were off, only what tracepoints show.
numbered_lines event_lines_of_run(absl::Span<const run_effect> effects,
                                  absl::Span<const played_step> played, size_t first, size_t last,
                                  bool with_probes);

/// Our side of a dma-api file. `head` is its first line.
numbered_lines dma_api_lines_of_run(const dma_api_file& file, size_t index, std::string head,
                                    absl::Span<const run_effect> effects,
                                    absl::Span<const played_step> played);

}  // namespace iommulab::verify
