// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/mapping_flows.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "core/types.h"
#include "lab/graph/event_subject.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/descriptors.h"

namespace iommulab {
namespace {

struct mapping {
  source_id device;
  address_range range;
  std::vector<size_t> steps;  ///< events
};

/// The id that a unit knows a device's domain by.
struct domain_on_unit {
  std::string unit;
  uint16_t id = 0;
};

/// The device that a call is given.
std::optional<source_id> device_of(const events::call_enter& call) {
  for (const call_value& value : call.arguments) {
    const auto* text = std::get_if<std::string>(&value.value);
    if (text == nullptr) continue;
    if (const auto device = parse_pci_address(*text)) return device;
  }
  return std::nullopt;
}

bool takes_away(std::string_view function) {
  return function.find("unmap") != std::string_view::npos ||
         function.find("free_coherent") != std::string_view::npos;
}

class flow_finder {
 public:
  explicit flow_finder(absl::Span<const trace_event> events) : events_(events) {}

  std::vector<mapping> find() && {
    for (size_t i = 0; i < events_.size(); ++i) {
      const trace_event& event = events_[i];
      if (const auto* call = event.as<events::call_enter>()) enter(i, *call);
      if (event.kind() == trace_kind::call_exit && !open_.empty()) open_.pop_back();
      if (const auto* range = event.as<events::iova_range>()) map(*range);
      if (const auto* change = event.as<events::domain_change>()) attach(*change);
      if (const auto* answer = event.as<events::answer>()) take_answer(i, *answer);
      if (const auto* fault = event.as<events::fault>()) take_fault(i, *fault);
      if (const auto* flush = event.as<events::descriptor>()) invalidate(i, *flush);
    }
    return std::move(mappings_);
  }

 private:
  struct open_call {
    size_t event = 0;
    std::optional<source_id> device;
  };

  void enter(size_t i, const events::call_enter& call) {
    open_.push_back({i, device_of(call)});
    if (!takes_away(call.name)) return;
    const std::optional<source_id> device = caller_device();
    move(mapped_, unmapped_, i, [&](const mapping& each) {
      return device && each.device == *device && is_about(events_[i], each.range);
    });
  }
  /// Those that event `i` is a step of.
  template <typename Predicate>
  void move(std::vector<size_t>& from, std::vector<size_t>& to, size_t i, Predicate is_step) {
    const auto stays = [&](size_t each) { return !is_step(mappings_[each]); };
    const auto first = std::stable_partition(from.begin(), from.end(), stays);
    for (auto each = first; each != from.end(); ++each) mappings_[*each].steps.push_back(i);
    to.insert(to.end(), first, from.end());
    from.erase(first, from.end());
  }
  [[nodiscard]] std::optional<source_id> caller_device() const {
    for (const open_call& call : open_) {
      if (call.device) return call.device;
    }
    return std::nullopt;
  }

  void map(const events::iova_range& range) {
    if (range.action != events::range_action::alloc) return;
    const auto caller = std::find_if(open_.begin(), open_.end(),
                                     [](const open_call& call) { return call.device.has_value(); });
    if (caller == open_.end()) return;
    mapping made;
    made.device = *caller->device;
    made.range = {range.low_pfn << page_shift, (range.high_pfn << page_shift) | (page_size - 1)};
    made.steps.push_back(caller->event);
    mapped_.push_back(mappings_.size());
    mappings_.push_back(std::move(made));
  }

  void attach(const events::domain_change& change) {
    if (change.unit.empty()) return;
    if (change.action == events::domain_action::attach) {
      domains_[change.source] = {change.unit, change.id};
    }
  }

  /// The newest mapping is the one that the address is of.
  mapping* mapping_of(uint16_t source, uint64_t address) {
    const auto each = std::find_if(mappings_.rbegin(), mappings_.rend(), [&](const mapping& m) {
      return m.device.requester_id() == source && m.range.meets({address, address});
    });
    return each == mappings_.rend() ? nullptr : &*each;
  }
  void take_fault(size_t i, const events::fault& fault) {
    mapping* reached = mapping_of(fault.source, fault.address);
    if (reached != nullptr) reached->steps.push_back(i);
  }
  /// That a request is blocked, its fault has said.
  void take_answer(size_t i, const events::answer& answer) {
    mapping* reached = mapping_of(answer.source, answer.address);
    if (reached == nullptr) return;
    const auto* fault = events_[reached->steps.back()].as<events::fault>();
    const bool is_said = answer.target == 0 && fault != nullptr && fault->address == answer.address;
    if (!is_said) reached->steps.push_back(i);
  }

  void invalidate(size_t i, const events::descriptor& told) {
    const vtd::descriptor d{told.low, told.high};
    if (d.type() != vtd::descriptor_type::iotlb) return;
    const auto flush = vtd::iotlb_descriptor::decode(d);
    move(unmapped_, flushed_, i, [&](const mapping& each) { return covers(told, flush, each); });
  }
  [[nodiscard]] bool covers(const events::descriptor& told, const vtd::iotlb_descriptor& flush,
                            const mapping& each) const {
    const auto domain = domains_.find(each.device.requester_id());
    if (domain != domains_.end() && domain->second.unit != told.unit) return false;
    if (flush.granularity == vtd::iotlb_granularity::global) return true;
    if (domain == domains_.end() || domain->second.id != flush.domain.value()) return false;
    if (flush.granularity == vtd::iotlb_granularity::domain) return true;
    const uint64_t size = page_size << std::min<unsigned>(flush.address_mask, 52);
    const uint64_t first = flush.address & ~(size - 1);
    return first <= each.range.first && each.range.last <= first + (size - 1);
  }

  absl::Span<const trace_event> events_;
  std::vector<open_call> open_;
  std::vector<mapping> mappings_;
  // Which of them are in which state.
  std::vector<size_t> mapped_;
  std::vector<size_t> unmapped_;
  std::vector<size_t> flushed_;
  std::map<uint16_t, domain_on_unit> domains_;  ///< by requester id
};

}  // namespace

std::vector<timeline_flow> mapping_flows(absl::Span<const trace_event> events,
                                         absl::Span<const size_t> slice_of) {
  std::vector<timeline_flow> flows;
  for (const mapping& each : flow_finder(events).find()) {
    timeline_flow flow;
    flow.name = absl::StrFormat("%s 0x%x-0x%x", to_short_string(each.device), each.range.first,
                                each.range.last);
    for (const size_t event : each.steps) {
      if (slice_of[event] != no_slice) flow.slices.push_back(slice_of[event]);
    }
    if (flow.slices.size() > 1) flows.push_back(std::move(flow));
  }
  return flows;
}

}  // namespace iommulab
