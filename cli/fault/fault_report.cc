// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/fault/reading/framing.h"
#include "cli/fault/reading/line_filter.h"

namespace iommulab {
namespace {

bool same_group(const fault_line& a, const fault_line& b) {
  return a.kind == b.kind && a.device == b.device && a.write == b.write && a.pasid == b.pasid &&
         a.reason == b.reason && a.subject == b.subject && a.segment == b.segment &&
         a.dialect == b.dialect && a.queue == b.queue && a.region == b.region;
}

/// Of lines that do not read or are not explained: the rest is counted. A log may be larger than
/// memory, so nothing that is kept of it grows without end.
constexpr size_t most_listed = 100;
constexpr size_t most_groups = 1000;

}  // namespace

fault_collector::fault_collector()
    : joiner_([this](const framed_line& line, parsed_fault_line parsed, const std::string& source) {
        take(line, std::move(parsed), source);
      }),
      assembler_([this](fault_line fault, const std::string& source) {
        file(std::move(fault), source);
      }) {}

bool fault_collector::wants(std::string_view line) const {
  return joiner_.holds() || may_say_something(line);
}

void fault_collector::add(std::string_view line, const std::string& source) {
  constexpr size_t longest = size_t{64} << 10;
  joiner_.add(unframe(line.substr(0, longest)), source);
}

void fault_collector::take(const framed_line& line, parsed_fault_line parsed,
                           const std::string& source) {
  if (line.repeats_before != 0) {
    repeat(line.repeats_before);
    return;
  }
  repeatable_ = nowhere;
  learn_from_log(line.text, facts_);
  if (!parsed.ok()) {
    if (unreadable_.size() < most_listed) {
      unreadable_.push_back({source, std::string(parsed.status().message())});
    }
    return;
  }
  if (!*parsed) return;
  (*parsed)->count = line.count;
  (*parsed)->when = time_stamp(line.text);
  learn_complaint(**parsed, facts_);
  assembler_.add(**std::move(parsed), line.caller, source);
}

void fault_collector::repeat(uint64_t times) {
  assembler_.finish();
  if (repeatable_ == nowhere) return;
  fault_group& group = groups_[repeatable_];
  group.count += times;
  group.trail.add(std::nullopt, std::nullopt, times);
}

void fault_collector::settle() {
  joiner_.finish();
  assembler_.finish();
}

void fault_collector::finish() {
  settle();
  repeatable_ = nowhere;
}

void fault_collector::file(fault_line fault, const std::string& source) {
  switch (fault.kind) {
    case fault_kind::status:
      status_values_.insert(static_cast<uint32_t>(fault.number));
      return;
    case fault_kind::suppressed:
      (fault.subject.empty() ? suppressed_ : lost_) += fault.number;
      return;
    case fault_kind::unexplained:
      ++unexplained_count_;
      if (unexplained_.size() < most_listed) unexplained_.push_back({source, fault.subject});
      return;
    case fault_kind::foreign:
      foreign_.insert(fault.subject);
      return;
    default:
      break;
  }
  auto group = std::find_if(groups_.begin(), groups_.end(),
                            [&](const fault_group& g) { return same_group(g.fault, fault); });
  if (group == groups_.end() && groups_.size() == most_groups) {
    further_ += fault.count;
    repeatable_ = nowhere;
    return;
  }
  if (group == groups_.end()) {
    groups_.push_back({fault, 0, source, {}, {}, {}, {}});
    group = std::prev(groups_.end());
  }
  group->count += fault.count;
  repeatable_ = static_cast<size_t>(group - groups_.begin());
  // Of an interrupt request the kernel's "fault addr" is none.
  const auto address = fault.kind == fault_kind::dma ? fault.address : std::nullopt;
  group->trail.add(address, fault.when, fault.count);
  if (address && group->addresses.size() < fault_group::most_addresses)
    group->addresses.insert(*address);
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
