// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/fault_assembler.h"

#include <algorithm>
#include <utility>

#include "cli/fault/lines/other_dialects.h"
#include "cli/fault/lines/queue_messages.h"

namespace iommulab {
namespace {

/// More processors' messages than are ever mixed.
constexpr size_t most_held = 8;

/// Reasons from 20h to 2fh are an interrupt's, and the two-line wordings know no others of those.
bool goes_with(const fault_line& request, const fault_line& reason) {
  const bool interrupt = *reason.reason >= 0x20 && *reason.reason <= 0x2f;
  return (request.kind == fault_kind::interrupt) == interrupt;
}

void complete(fault_line& request, const fault_line& reason) {
  request.reason = reason.reason;
  request.words = reason.words;
  request.count = std::max(request.count, reason.count);
  if (reason.dialect == log_dialect::xen) request.dialect = log_dialect::xen;
}

}  // namespace

/// Of the same caller, where both say who they are; else it waits for the others.
bool fault_assembler::add_reason(fault_line& line, const std::string& caller,
                                 const std::string& source) {
  if (requests_.empty()) return false;
  if (!caller.empty()) {
    const auto own = std::find_if(requests_.begin(), requests_.end(), [&](const waiting& w) {
      return w.caller == caller && goes_with(w.line, line);
    });
    if (own != requests_.end()) {
      complete(own->line, line);
      next_(std::move(own->line), own->source);
      requests_.erase(own);
      return true;
    }
  }
  reasons_.push_back({std::move(line), caller, source});
  if (reasons_.size() == requests_.size()) settle();
  return true;
}

/// As many reasons as requests: in order. Fewer: they are the last requests', because what a log
/// lost it lost in front.
void fault_assembler::settle() {
  auto requests = std::exchange(requests_, {});
  auto reasons = std::exchange(reasons_, {});
  size_t without = requests.size() - std::min(requests.size(), reasons.size());
  for (waiting& request : requests) {
    const auto reason = std::find_if(reasons.begin(), reasons.end(), [&](const waiting& r) {
      return goes_with(request.line, r.line);
    });
    if (without > 0) {
      --without;
    } else if (reason != reasons.end()) {
      complete(request.line, reason->line);
      reasons.erase(reason);
    }
    next_(std::move(request.line), request.source);
  }
  for (waiting& reason : reasons) next_(std::move(reason.line), reason.source);
}

void fault_assembler::finish_queue() {
  for (waiting& message : std::exchange(queue_, {})) {
    next_(std::move(message.line), message.source);
  }
}

/// QEMU says the reason first, and the device in the next line.
bool fault_assembler::add_device(const fault_line& line) {
  const auto reason = std::find_if(requests_.begin(), requests_.end(),
                                   [&](const waiting& w) { return completes(w.line, line); });
  if (reason == requests_.end()) return false;
  reason->line.device = line.device;
  reason->line.segment = line.segment;
  next_(std::move(reason->line), reason->source);
  requests_.erase(reason);
  return true;
}

void fault_assembler::add(fault_line line, const std::string& caller, const std::string& source) {
  if (line.kind == fault_kind::queue_entry) {
    for (waiting& message : queue_) add_descriptor(line, message.line);
    if (queue_.empty()) next_(std::move(line), source);
    return;
  }
  if (takes_descriptors(line)) {
    // One look at the registers may find several errors, and prints the descriptors once for all.
    const bool served =
        !queue_.empty() && (queue_.front().line.queue->head || queue_.front().line.queue->prior);
    if (served || queue_.size() == most_held) finish_queue();
    queue_.push_back({std::move(line), caller, source});
    return;
  }
  if (line.kind == fault_kind::queue) finish_queue();
  if (line.kind == fault_kind::reason_only && add_reason(line, caller, source)) return;
  if (add_device(line)) return;
  const bool half =
      is_request(line) && (!line.reason || (line.dialect == log_dialect::qemu && !line.device));
  const bool waits = half && !(line.dialect == log_dialect::qemu && line.device);
  if (waits) {
    if (requests_.size() == most_held) settle();
    requests_.push_back({std::move(line), caller, source});
    return;
  }
  if (is_request(line) && !requests_.empty()) settle();
  next_(std::move(line), source);
}

void fault_assembler::finish() {
  settle();
  finish_queue();
}

}  // namespace iommulab
