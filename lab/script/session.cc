// SPDX-License-Identifier: GPL-2.0-only
#include "lab/script/session.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/status.h"
#include "dma/memory/pages.h"
#include "lab/script/lab.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {
namespace {

/// What a recorded result calls `key`: "phys=0x3baab000".
std::optional<uint64_t> result_value(const operation& op, std::string_view key) {
  if (!op.result) return std::nullopt;
  for (std::string_view word : split_at(*op.result, ' ')) {
    const auto value = take_prefix(word, key) ? parse_number(word) : std::nullopt;
    if (value) return value;
  }
  return std::nullopt;
}

/// The page of a coherent buffer that could not be mapped: the log names it, "request: 100@3bb00000
/// dir 0".
std::optional<uint64_t> refused_page(const operation& op) {
  for (const log_record& record : op.log) {
    const std::string_view text = record.text;
    const size_t at = text.find(" request: ");
    if (at == std::string_view::npos) continue;
    const std::string_view rest = text.substr(std::min(text.find('@', at), text.size() - 1) + 1);
    if (const auto value = parse_hex(rest.substr(0, rest.find(' ')))) return value;
  }
  return std::nullopt;
}

/// Recorded coherent memory stays out of the allocator's own choice for the whole session.
absl::Status hold_recorded_pages(kernel& system, const script& from) {
  const auto word = [](const operation& op, size_t index) {
    constexpr uint64_t largest = uint64_t{4} << 20;
    const auto value = index < op.words.size() ? parse_number(op.words[index]) : std::nullopt;
    return std::clamp(value.value_or(0), uint64_t{1}, largest);
  };
  std::set<uint64_t> pages;
  std::map<std::string, uint64_t> pool_sizes;
  for (const operation& op : from.operations) {
    if (op.words[0] == "pool" && op.words.size() > 3) pool_sizes[op.words[1]] = word(op, 3);
    const bool is_block = op.words[0] == "pget" && op.words.size() > 2;
    if (op.words[0] != "alloc" && !is_block) continue;
    auto phys = result_value(op, "phys=");
    if (!phys) phys = refused_page(op);
    if (!phys) continue;
    const uint64_t size = is_block ? pool_sizes[op.words[2]] : word(op, 3);
    const uint64_t block = page_size << get_order(std::max(size, page_size));
    const uint64_t first = *phys & ~(block - 1);
    for (uint64_t page = first; page < first + block; page += page_size) pages.insert(page);
  }
  for (const uint64_t page : pages) {
    if (absl::Status status = system.pages().hold_back(phys_addr(page), page_size); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool is_refused_by_system(const absl::Status& status) {
  const int error = status_errno(status);
  return error == EBUSY || error == ENOMEM || error == ENODEV;
}

std::vector<phys_addr> recorded_coherent_page(const operation& op, uint64_t coherent_bytes) {
  auto phys = result_value(op, "phys=");
  if (!phys) phys = refused_page(op);
  if (!phys || coherent_bytes == 0) return {};
  return {phys_addr(*phys & ~((page_size << get_order(coherent_bytes)) - 1))};
}

std::string outcome_line(const operation& op, const std::string& result, int list_size,
                         bool timer_on) {
  const std::string_view text = result;
  const size_t polls = text.rfind(" polls=");
  return absl::StrFormat("%d %s -> %s ; ls=%d tm=%d", op.number, op.text, text.substr(0, polls),
                         list_size, timer_on ? 1 : 0);
}

absl::StatusOr<std::vector<outcome>> run_session(kernel& system, const script& from,
                                                 const session_hooks& hooks) {
  auto made = lab::create(system, from);
  if (!made.ok()) return made.status();
  lab& bench = **made;
  if (!hooks.pages) {
    if (absl::Status status = hold_recorded_pages(system, from); !status.ok()) return status;
  }
  std::vector<outcome> outcomes;
  for (const operation& op : from.operations) {
    outcome o;
    o.op = &op;
    o.first_log = system.env().log.lines().size();
    system.pages().replay(
        hooks.pages ? hooks.pages(op) : recorded_coherent_page(op, bench.coherent_bytes(op)),
        after_replay::choose);
    if (hooks.begins) hooks.begins(op);
    o.time_ns = op.state ? op.state->time_ns : system.env().clock.now_ns();
    absl::StatusOr<std::string> result = std::string();
    o.bug = run_guarded([&] { result = bench.run(op); }).line();
    if (!result.ok()) return result.status();
    o.result = *std::move(result);
    o.spent_ns = system.env().clock.now_ns() - std::min(system.env().clock.now_ns(), o.time_ns);
    system.pages().replay({}, after_replay::choose);
    const waiting_unmaps waiting = system.generation().waiting();
    o.list_size = waiting.count;
    o.timer_on = waiting.timer_on;
    o.last_log = system.env().log.lines().size();
    outcomes.push_back(std::move(o));
    const bool more = !hooks.ends || hooks.ends(outcomes.back());
    if (!more || !outcomes.back().bug.empty()) return outcomes;
  }
  bench.leave_devices();
  return outcomes;
}

}  // namespace iommulab::dmalab
