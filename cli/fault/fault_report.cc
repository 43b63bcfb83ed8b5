// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_report.h"

#include <algorithm>
#include <utility>

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
  fault.no_pasid = fault.no_pasid || line.find("NO_PASID") != std::string_view::npos;
  if (fault.kind == fault_kind::reason_only && waiting_) {
    waiting_->reason = fault.reason;
    waiting_->words = fault.words;
    finish();
    return;
  }
  finish();
  const bool whole = fault.reason.has_value() ||
                     (fault.kind != fault_kind::dma && fault.kind != fault_kind::interrupt);
  if (whole) {
    file(std::move(fault), source, time_stamp(line));
  } else {
    waiting_ = std::move(fault);
    waiting_source_ = source;
    waiting_time_ = time_stamp(line);
  }
}

void fault_collector::finish() {
  if (waiting_) file(*std::exchange(waiting_, std::nullopt), waiting_source_, waiting_time_);
}

void fault_collector::file(fault_line fault, const std::string& source,
                           std::optional<double> when) {
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
    groups_.push_back({fault, 0, source, {}, {}, {}, {}});
    group = std::prev(groups_.end());
  }
  group->count += fault.count;
  // Of an interrupt request the kernel's "fault addr" is none.
  const auto address = fault.kind == fault_kind::dma ? fault.address : std::nullopt;
  group->trail.add(address, when, fault.count);
  if (address) group->addresses.insert(*address);
  if (fault.index) group->indices.insert(*fault.index);
  if (fault.reason && group->words_remark.empty()) {
    group->words_remark = words_remark(*fault.reason, fault.words);
  }
}

std::vector<std::string> pattern_hints(const fault_group& group, const fault_collector& faults) {
  const auto is_request = [](const fault_group& g) { return g.fault.reason.has_value(); };
  const auto requests = std::count_if(faults.groups().begin(), faults.groups().end(), is_request);
  const bool alone = requests == 1 && is_request(group);
  return flood_words(group.trail, group.addresses, alone ? faults.suppressed() : 0);
}

}  // namespace iommulab
