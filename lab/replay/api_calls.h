// SPDX-License-Identifier: GPL-2.0-only
//
// The DMA API calls that device drivers made on a real kernel, read out of its call tree: what was
// asked, and which pages the kernel got meanwhile.
//
// The unmap timer can interrupt any function, and its moment is an input. timers_apart() makes it a
// call of its own: one that interrupted another is taken to have come just before that, or just
// after it where the other had already got its range, or queued it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/dma/dma_map_ops.h"
#include "core/types.h"
#include "lab/graph/unmap_timer.h"
#include "lab/replay/call_listing.h"

namespace iommulab::verify {

struct api_call {
  enum class kind : uint8_t {
    alloc_coherent,
    free_coherent,
    map_page,
    unmap_page,
    map_sg,
    unmap_sg,
    mapping_error,
    unmap_timer,
  };
  kind what = kind::map_page;
  size_t line = 0;     ///< of the tree
  std::string device;  ///< "0000:00:1f.2"; empty for mapping_error and unmap_timer
  phys_addr phys;      ///< of what was mapped; map_sg: unknown
  dma_addr address;    ///< unmap and free: what was given; map: where the range begins, 0 for none
  uint64_t size = 0;   ///< bytes; map_sg: of whole pages
  uint64_t mask = 0;   ///< the device's DMA mask at that moment (alloc: the coherent one)
  gfp_t flags = 0;
  dma_data_direction dir = dma_data_direction::bidirectional;
  unsigned pieces = 0;  ///< map_sg
  /// map_sg: where its pages lie, as far as that is known; nothing for one that is not.
  std::vector<std::optional<phys_addr>> list_pages;
  uint64_t prot = 0;  ///< map: R and W of the entries, 0 when nothing was mapped
  /// Pages asked for, in order: of a coherent buffer, then tables.
  std::vector<phys_addr> pages;
  std::vector<call_event> events;  ///< the call and all below it
};

/// The calls among `events`, in order; other top-level calls are passed over. EINVAL, naming `file`
/// and line, for a call whose notes do not say what it was.
absl::StatusOr<std::vector<api_call>> read_api_calls(absl::Span<const call_event> events,
                                                     std::string_view file);

/// The pages among `events`, in the order of the requests: those of coherent buffers and tables.
std::vector<phys_addr> requested_pages(absl::Span<const call_event> events);

}  // namespace iommulab::verify
