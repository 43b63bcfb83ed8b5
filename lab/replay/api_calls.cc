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
constexpr std::string_view timer_call = "flush_unmaps_timeout";
/// Who calls it without waiting for the timer.
constexpr std::string_view timer_caller = "domain_exit";

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
    {timer_call, call_kind::unmap_timer, ""},
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

/// One past the call that begins at `begin`; `begin` itself when none does.
size_t end_of_call(absl::Span<const call_event> events, size_t begin) {
  if (events[begin].what != call_event::kind::enter) return begin;
  size_t depth = 0;
  for (size_t i = begin; i < events.size(); ++i) {
    if (events[i].what == call_event::kind::enter) ++depth;
    if (events[i].what == call_event::kind::exit && --depth == 0) return i + 1;
  }
  return events.size();
}

/// Whether a call that said so has changed what the timer would find.
bool has_taken_effect(const call_event& event) {
  return event.what == call_event::kind::note &&
         (event.text.starts_with("alloc_iova ") || event.text.starts_with("add_unmap "));
}

/// One top-level call, taken apart into what goes before it, itself, and what goes after it.
void take_apart(absl::Span<const call_event> call, std::vector<call_event>& tree) {
  std::vector<call_event> rest;
  std::vector<call_event> after;
  std::vector<std::string_view> open;
  bool effective = false;
  for (size_t i = 0; i < call.size();) {
    const call_event& event = call[i];
    const bool is_timer = event.what == call_event::kind::enter && event.text == timer_call;
    if (is_timer && !open.empty() && open.back() != timer_caller) {
      const size_t end = end_of_call(call, i);
      std::vector<call_event>& to = effective ? after : tree;
      to.insert(to.end(), call.begin() + static_cast<std::ptrdiff_t>(i),
                call.begin() + static_cast<std::ptrdiff_t>(end));
      i = end;
      continue;
    }
    if (event.what == call_event::kind::enter) open.push_back(event.text);
    if (event.what == call_event::kind::exit && !open.empty()) open.pop_back();
    effective = effective || has_taken_effect(event);
    rest.push_back(event);
    ++i;
  }
  tree.insert(tree.end(), rest.begin(), rest.end());
  tree.insert(tree.end(), after.begin(), after.end());
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

std::vector<call_event> timers_apart(absl::Span<const call_event> events) {
  std::vector<call_event> tree;
  for (size_t i = 0; i < events.size();) {
    const size_t end = std::max(end_of_call(events, i), i + 1);
    take_apart(events.subspan(i, end - i), tree);
    i = end;
  }
  return tree;
}

absl::StatusOr<std::vector<api_call>> read_api_calls(absl::Span<const call_event> events,
                                                     std::string_view file) {
  const std::vector<call_event> tree = timers_apart(events);
  return call_reader(tree, file).read();
}

}  // namespace iommulab::verify
