// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/api_calls.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "core/text_source.h"
#include "lab/replay/call_note.h"

namespace iommulab::verify {
namespace {

using call_kind = api_call::kind;

constexpr std::string_view coherent_call = "intel_alloc_coherent";

struct api_function {
  std::string_view name;
  call_kind what;
  std::string_view note;  ///< first word of the note that names device and arguments; may be none
};

constexpr std::array<api_function, 8> known_functions = {{
    {coherent_call, call_kind::alloc_coherent, "intel_alloc_coherent"},
    {"intel_free_coherent", call_kind::free_coherent, "intel_free_coherent"},
    {"intel_map_page", call_kind::map_page, "__intel_map_single"},
    {"intel_unmap_page", call_kind::unmap_page, "intel_unmap"},
    {"intel_map_sg", call_kind::map_sg, "intel_map_sg"},
    {"intel_unmap_sg", call_kind::unmap_sg, "intel_unmap"},
    {"intel_mapping_error", call_kind::mapping_error, ""},
    {unmap_timer_call, call_kind::unmap_timer, ""},
}};

const api_function* find_function(std::string_view name) {
  const auto* found = std::find_if(known_functions.begin(), known_functions.end(),
                                   [&](const api_function& f) { return f.name == name; });
  return found == known_functions.end() ? nullptr : found;
}

/// Takes what one note says of the call; notes of the functions below it add to it.
void take_note(const api_function& function, const call_note& note, api_call& call) {
  const auto take = [&](std::string_view key, auto& field) {
    if (const auto v = note.value(key)) field = static_cast<std::decay_t<decltype(field)>>(*v);
  };
  const auto take_address = [&](std::string_view key, auto& field) {
    if (const auto v = note.value(key)) field = std::decay_t<decltype(field)>(*v);
  };
  if (note.name() == function.note) {
    call.device = note.device();
    take("size", call.size);
    take("flags", call.flags);
    take("dir", call.dir);
    take("nelems", call.pieces);
    take_address("addr", call.address);
    take_address("handle", call.address);
  }
  if (note.name() == "__intel_map_single") {
    take_address("paddr", call.phys);
    take("mask", call.mask);
  } else if (note.name() == "__domain_mapping") {
    take("prot", call.prot);
    if (call.what == call_kind::map_sg) {
      take("nr", call.size);
      call.size *= page_size;
    }
    uint64_t pfn = 0;
    take("iov_pfn", pfn);
    call.address = dma_addr(pfn << page_shift);
  }
}

class call_reader {
 public:
  call_reader(absl::Span<const call_event> events, std::string_view file)
      : events_(events), file_(file) {}

  absl::StatusOr<std::vector<api_call>> read() {
    for (size_t i = 0; i < events_.size();) {
      const size_t end = end_of_call(events_, i);
      if (end == i) {
        ++i;  // a note between calls
        continue;
      }
      if (absl::Status status = take(i, end); !status.ok()) return status;
      i = end;
    }
    return std::move(calls_);
  }

 private:
  absl::Status take(size_t begin, size_t end) {
    const api_function* function = find_function(events_[begin].text);
    if (function == nullptr) return absl::OkStatus();
    api_call call;
    call.what = function->what;
    call.line = events_[begin].line;
    for (const call_event& event : events_.subspan(begin, end - begin)) {
      if (event.what == call_event::kind::note) take_note(*function, call_note(event.text), call);
      call.events.push_back(event);
    }
    if (!function->note.empty() && call.device.empty()) {
      return line_error(file_, call.line, "call", function->name, "nothing says of which device");
    }
    constexpr uint64_t largest = uint64_t{1} << 32;
    constexpr unsigned most_pieces = 1u << 20;
    if (call.size > largest || call.pieces > most_pieces) {
      return line_error(file_, call.line, "call", function->name, "it is of more than 4 GiB");
    }
    call.pages = requested_pages(call.events);
    calls_.push_back(std::move(call));
    return absl::OkStatus();
  }

  absl::Span<const call_event> events_;
  std::string_view file_;
  std::vector<api_call> calls_;
};

}  // namespace

std::vector<phys_addr> requested_pages(absl::Span<const call_event> events) {
  std::vector<phys_addr> pages;
  bool in_coherent = false;
  for (const call_event& event : events) {
    if (event.what == call_event::kind::enter) {
      in_coherent = in_coherent || event.text == coherent_call;
    }
    if (event.what != call_event::kind::note) continue;
    const call_note note(event.text);
    if (note.name() == "alloc_pgtable_page") {
      if (const auto page = note.result()) pages.emplace_back(*page);
    } else if (note.name() == "__intel_map_single" && in_coherent) {
      if (const auto page = note.value("paddr")) pages.emplace_back(*page);
      in_coherent = false;
    }
  }
  return pages;
}

absl::StatusOr<std::vector<api_call>> read_api_calls(absl::Span<const call_event> events,
                                                     std::string_view file) {
  const std::vector<call_event> tree = timers_apart(events);
  return call_reader(tree, file).read();
}

}  // namespace iommulab::verify
