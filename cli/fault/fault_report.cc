// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

bool same_group(const fault_line& a, const fault_line& b) {
  return a.kind == b.kind && a.device == b.device && a.write == b.write && a.pasid == b.pasid &&
         a.reason == b.reason && a.subject == b.subject;
}

}  // namespace

void fault_collector::add(std::string_view line, const std::string& source) {
  learn_from_log(line, facts_);
  const auto parsed = parse_fault_line(line);
  if (!parsed.ok()) {
    unreadable_.push_back({source, std::string(parsed.status().message())});
    return;
  }
  if (!*parsed) return;
  fault_line fault = **parsed;
  if (fault.kind == fault_kind::reason_only && waiting_) {
    waiting_->reason = fault.reason;
    file(*std::exchange(waiting_, std::nullopt), waiting_source_);
    return;
  }
  finish();
  const bool whole = fault.reason.has_value() ||
                     (fault.kind != fault_kind::dma && fault.kind != fault_kind::interrupt);
  if (whole) {
    file(std::move(fault), source);
  } else {
    waiting_ = std::move(fault);
    waiting_source_ = source;
  }
}

void fault_collector::finish() {
  if (waiting_) file(*std::exchange(waiting_, std::nullopt), waiting_source_);
}

void fault_collector::file(fault_line fault, const std::string& source) {
  switch (fault.kind) {
    case fault_kind::status:
      status_values_.insert(static_cast<uint32_t>(fault.number));
      return;
    case fault_kind::suppressed:
      suppressed_ += fault.number;
      return;
    case fault_kind::foreign:
      foreign_.insert(fault.subject);
      return;
    default:
      break;
  }
  auto group = std::find_if(groups_.begin(), groups_.end(),
                            [&](const fault_group& g) { return same_group(g.fault, fault); });
  if (group == groups_.end()) {
    groups_.push_back({fault, 0, source, {}, {}});
    group = std::prev(groups_.end());
  }
  ++group->count;
  if (fault.address) group->addresses.insert(*fault.address);
  if (fault.index) group->indices.insert(*fault.index);
}

std::string address_pattern(const std::set<uint64_t>& addresses) {
  if (addresses.empty()) return "no address";
  const uint64_t first = *addresses.begin();
  const uint64_t last = *addresses.rbegin();
  if (addresses.size() == 1) return absl::StrFormat("address 0x%x", first);
  uint64_t before = first;
  const bool in_sequence =
      std::all_of(std::next(addresses.begin()), addresses.end(),
                  [&](uint64_t at) { return at - std::exchange(before, at) == page_size; });
  if (in_sequence) {
    return absl::StrFormat("%d pages one behind the other, 0x%x to 0x%x", addresses.size(), first,
                           last);
  }
  return absl::StrFormat("%d addresses between 0x%x and 0x%x", addresses.size(), first, last);
}

}  // namespace iommulab
