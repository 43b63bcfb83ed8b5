// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/event_subject.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "core/number.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/descriptors.h"

namespace iommulab {
namespace {

template <size_t N>
bool is_in(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// --- devices ---

constexpr std::array<std::string_view, 4> requester_names = {"alias", "sid", "source_id", "source"};

bool is_hex(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c));
}

std::optional<uint64_t> number_in(const call_value& value) {
  if (const auto* bits = std::get_if<uint64_t>(&value.value)) return *bits;
  const auto* number = std::get_if<int64_t>(&value.value);
  return number == nullptr || *number < 0 ? std::nullopt
                                          : std::optional(static_cast<uint64_t>(*number));
}

bool have_requester(const call_values& values, source_id device) {
  std::optional<uint64_t> bus;
  std::optional<uint64_t> devfn;
  for (const call_value& value : values) {
    const auto number = number_in(value);
    if (value.name == "bus") bus = number;
    if (value.name == "devfn") devfn = number;
    if (is_in(requester_names, value.name) && number == device.requester_id()) return true;
  }
  return bus == device.bus && devfn == device.devfn;
}

const call_values* values_of(const trace_event& event) {
  if (const auto* enter = event.as<events::call_enter>()) return &enter->arguments;
  const auto* exit = event.as<events::call_exit>();
  return exit == nullptr ? nullptr : &exit->result;
}

bool descriptor_is_of(vtd::descriptor d, uint16_t requester) {
  if (d.type() == vtd::descriptor_type::device_tlb) {
    return vtd::device_tlb_descriptor::decode(d).source == requester;
  }
  if (d.type() != vtd::descriptor_type::context_cache) return false;
  const auto context = vtd::context_cache_descriptor::decode(d);
  return context.granularity == vtd::context_granularity::device && context.source == requester;
}

// --- addresses ---

constexpr std::array<std::string_view, 12> address_names = {
    "addr", "dev_addr", "dma_addr",  "iova",  "paddr", "phys",
    "dma",  "page",     "phys_addr", "vaddr", "ptr",   "tlb_addr"};
constexpr std::array<std::string_view, 9> frame_names = {
    "pfn", "iov_pfn", "phys_pfn", "lo", "pfn_lo", "start_pfn", "start", "hi", "last"};
/// Two that are the ends of one range.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> frame_ranges = {{
    {"lo", "hi"},
    {"pfn_lo", "pfn_hi"},
    {"start_pfn", "last_pfn"},
    {"start", "last"},
}};

address_range frames(uint64_t first, uint64_t last) {
  return {first << page_shift, (last << page_shift) | (page_size - 1)};
}

/// "NAME=0x1000" of a call or a note.
struct named_number {
  std::string_view name;
  uint64_t value = 0;
};

std::optional<uint64_t> value_named(const std::vector<named_number>& numbers,
                                    std::string_view name) {
  for (const named_number& number : numbers) {
    if (number.name == name) return number.value;
  }
  return std::nullopt;
}

std::vector<address_range> ranges_of(const std::vector<named_number>& numbers) {
  const uint64_t size = std::max<uint64_t>(value_named(numbers, "size").value_or(1), 1);
  std::vector<address_range> ranges;
  for (const named_number& number : numbers) {
    if (is_in(address_names, number.name)) {
      const uint64_t most = std::numeric_limits<uint64_t>::max() - number.value;
      ranges.push_back({number.value, number.value + std::min(size - 1, most)});
    }
    if (!is_in(frame_names, number.name)) continue;
    uint64_t last = number.value;
    for (const auto& [from, to] : frame_ranges) {
      if (from == number.name) last = std::max(last, value_named(numbers, to).value_or(last));
    }
    ranges.push_back(frames(number.value, last));
  }
  return ranges;
}

/// "0xfea00-0xfeaff", as an iova is told.
std::optional<address_range> frames_in(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  return frames(*first, *last);
}

struct range_finder {
  std::vector<address_range> operator()(const events::call_enter& e) const {
    return of_values(e.arguments);
  }
  std::vector<address_range> operator()(const events::call_exit& e) const {
    return of_values(e.result);
  }
  std::vector<address_range> operator()(const events::note& e) const {
    std::vector<named_number> numbers;
    for (const std::string_view word : split_at(e.text, ' ')) {
      const size_t equals = word.find('=');
      if (equals == std::string_view::npos) continue;
      if (const auto value = parse_number(word.substr(equals + 1))) {
        numbers.push_back({word.substr(0, equals), *value});
      }
    }
    return ranges_of(numbers);
  }
  std::vector<address_range> operator()(const events::table_write& e) const {
    return {{e.address, e.address}};
  }
  std::vector<address_range> operator()(const events::descriptor& e) const {
    const vtd::descriptor d{e.low, e.high};
    if (d.type() != vtd::descriptor_type::iotlb) return {};
    const auto flush = vtd::iotlb_descriptor::decode(d);
    if (flush.granularity != vtd::iotlb_granularity::page) return {};
    const uint64_t size = page_size << std::min<unsigned>(flush.address_mask, 52);
    const uint64_t first = flush.address & ~(size - 1);
    return {{first, first + (size - 1)}};
  }
  std::vector<address_range> operator()(const events::iova_range& e) const {
    return {frames(e.low_pfn, e.high_pfn)};
  }
  std::vector<address_range> operator()(const events::page& e) const {
    return {{e.address, e.address + ((page_size << e.order) - 1)}};
  }
  std::vector<address_range> operator()(const events::fault& e) const {
    return {{e.address, e.address}};
  }
  std::vector<address_range> operator()(const events::domain_change& e) const {
    if (e.table == 0) return {};
    return {{e.table, e.table | (page_size - 1)}};
  }
  std::vector<address_range> operator()(const events::cache_change& e) const {
    if (e.cache == "context-cache" || e.action == events::cache_action::invalidate) return {};
    return {{e.address, e.address | (page_size - 1)}};
  }
  std::vector<address_range> operator()(const events::answer& e) const {
    std::vector<address_range> ranges = {{e.address, e.address}};
    if (e.target != 0) ranges.push_back({e.target, e.target});
    return ranges;
  }
  template <typename Other>
  std::vector<address_range> operator()(const Other& /*e*/) const {
    return {};
  }

 private:
  static std::vector<address_range> of_values(const call_values& values) {
    std::vector<named_number> numbers;
    std::vector<address_range> told;
    for (const call_value& value : values) {
      if (const auto number = number_in(value)) numbers.push_back({value.name, *number});
      const auto* text = std::get_if<std::string>(&value.value);
      if (text == nullptr) continue;
      if (const auto range = frames_in(*text)) told.push_back(*range);
    }
    std::vector<address_range> ranges = ranges_of(numbers);
    ranges.insert(ranges.end(), told.begin(), told.end());
    return ranges;
  }
};

}  // namespace

bool names_device(std::string_view text, source_id device) {
  const std::string name = to_short_string(device);
  const std::string whole = to_string(device);
  const size_t segment_length = whole.size() - name.size();
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (end < text.size() && is_hex(text[end])) continue;
    if (at == 0 || (text[at - 1] != ':' && !is_hex(text[at - 1]))) return true;
    if (at < segment_length || text[at - 1] != ':') continue;
    if (text.substr(at - segment_length, whole.size()) == whole) return true;
  }
  return false;
}

bool is_about(const trace_event& event, std::string_view text, source_id device) {
  if (names_device(text, device)) return true;
  if (const call_values* values = values_of(event)) return have_requester(*values, device);
  const auto* descriptor = event.as<events::descriptor>();
  return descriptor != nullptr &&
         descriptor_is_of({descriptor->low, descriptor->high}, device.requester_id());
}

bool is_about(const trace_event& event, const address_range& range) {
  const std::vector<address_range> found = std::visit(range_finder(), event.what);
  return std::any_of(found.begin(), found.end(),
                     [&](const address_range& each) { return each.meets(range); });
}

}  // namespace iommulab
