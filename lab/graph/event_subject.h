// SPDX-License-Identifier: GPL-2.0-only
//
// What an event is about: which device, which addresses.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/trace_event.h"
#include "core/types.h"

namespace iommulab {

/// Addresses from `first` to `last`, which is one of them.
struct address_range {
  uint64_t first = 0;
  uint64_t last = 0;

  [[nodiscard]] constexpr bool meets(const address_range& other) const {
    return first <= other.last && other.first <= last;
  }
};

/// Whether the text names the device: "00:05.0", which is of any segment, or "0000:00:05.0" of its
/// own.
bool names_device(std::string_view text, source_id device);

/// Whether the event is about the device: `text`, the event in words, names it, or one of its
/// numbers is the device's requester id.
bool is_about(const trace_event& event, std::string_view text, source_id device);

/// Whether one of the event's addresses is in the range, I/O address or physical alike: of a call
/// and a note what its values of that name say, page frame numbers among them; of a table's entry
/// the place where it lies; a page, an I/O address range, what is invalidated, asked for, blocked.
bool is_about(const trace_event& event, const address_range& range);

}  // namespace iommulab
