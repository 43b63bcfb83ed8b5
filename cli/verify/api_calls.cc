// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify/api_calls.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

using kind = api_call::kind;

constexpr std::string_view coherent_call = "intel_alloc_coherent";
constexpr std::string_view timer_call = "flush_unmaps_timeout";

struct api_function {
  std::string_view name;
  kind what;
  std::string_view note;  ///< first word of the note that names device and arguments; may be none
};

constexpr std::array<api_function, 8> functions = {{
    {coherent_call, kind::alloc_coherent, "intel_alloc_coherent"},
    {"intel_free_coherent", kind::free_coherent, "intel_free_coherent"},
    {"intel_map_page", kind::map_page, "__intel_map_single"},
    {"intel_unmap_page", kind::unmap_page, "intel_unmap"},
    {"intel_map_sg", kind::map_sg, "intel_map_sg"},
    {"intel_unmap_sg", kind::unmap_sg, "intel_unmap"},
    {"intel_mapping_error", kind::mapping_error, ""},
    {timer_call, kind::unmap_timer, ""},
}};

const api_function* find_function(std::string_view name) {
  const auto* found = std::find_if(functions.begin(), functions.end(),
                                   [&](const api_function& f) { return f.name == name; });
  return found == functions.end() ? nullptr : found;
}

/// A note "WORD 0000:00:05.0 size=0x1000 flags=0x24000c0", taken apart.
class note_reader {
 public:
  explicit note_reader(std::string_view text) : words_(split_at(text, ' ')) {}

  [[nodiscard]] std::string_view name() const { return words_[0]; }
  [[nodiscard]] std::string_view device() const {
    return words_.size() > 1 ? words_[1] : std::string_view();
  }
  [[nodiscard]] std::optional<uint64_t> value(std::string_view key) const {
    for (std::string_view word : words_) {
      uint64_t number = 0;
      if (take_prefix(word, key) && take_prefix(word, "=") && parse_number(word, number)) {
        return number;
      }
    }
    return std::nullopt;
  }
  /// The number behind "-> ".
  [[nodiscard]] std::optional<uint64_t> result() const {
    uint64_t number = 0;
    if (words_.size() < 2 || words_[words_.size() - 2] != "->" ||
        !parse_number(words_.back(), number)) {
      return std::nullopt;
    }
    return number;
  }

 private:
  std::vector<std::string_view> words_;
};

/// Takes what one note says of the call; notes of the functions below it add to it.
void take_note(const api_function& function, const note_reader& note, api_call& call) {
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
    if (call.what == kind::map_sg) {
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
      const size_t end = end_of_call(i);
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
  /// One past the call that begins at `begin`; `begin` itself when none does.
  [[nodiscard]] size_t end_of_call(size_t begin) const {
    if (events_[begin].what != call_event::kind::enter) return begin;
    size_t depth = 0;
    for (size_t i = begin; i < events_.size(); ++i) {
      if (events_[i].what == call_event::kind::enter) ++depth;
      if (events_[i].what == call_event::kind::exit && --depth == 0) return i + 1;
    }
    return events_.size();
  }

  absl::Status take(size_t begin, size_t end) {
    const api_function* function = find_function(events_[begin].text);
    if (function == nullptr) return absl::OkStatus();
    api_call call;
    call.what = function->what;
    call.line = events_[begin].line;
    for (size_t i = begin; i < end;) {
      if (i != begin && events_[i].what == call_event::kind::enter &&
          events_[i].text == timer_call) {
        const size_t inner = end_of_call(i);
        if (absl::Status status = take(i, inner); !status.ok()) return status;
        i = inner;
        continue;
      }
      if (events_[i].what == call_event::kind::note)
        take_note(*function, note_reader(events_[i].text), call);
      call.events.push_back(events_[i++]);
    }
    if (!function->note.empty() && call.device.empty()) {
      return line_error(file_, call.line, "call", function->name, "nothing says of which device");
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
    const note_reader note(event.text);
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
  return call_reader(events, file).read();
}

}  // namespace iommulab::verify
