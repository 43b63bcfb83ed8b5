// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/linux_player.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/text_source.h"
#include "iova/trace/operation_table.h"

namespace iommulab {
namespace {

using op = iova_trace_op;

std::string range_text(const std::optional<iova_range>& range, std::string_view none) {
  return range ? absl::StrFormat("0x%x 0x%x", range->lo, range->hi) : std::string(none);
}

/// What the version must have for an operation; none: every version has it.
std::optional<linux_iova_feature> feature_of(op what) {
  switch (what) {
    case op::split:
      return linux_iova_feature::split;
    case op::copy_reserved:
      return linux_iova_feature::copy_reserved;
    case op::rcache_init:
    case op::alloc_fast:
    case op::free_fast:
    case op::flush_cpu:
    case op::depot:
      return linux_iova_feature::range_caches;
    case op::flush_global:
      return linux_iova_feature::flush_global;
    case op::work:
      return linux_iova_feature::depot_work;
    default:
      return std::nullopt;
  }
}

class linux_player {
 public:
  linux_player(const iova_trace& trace, const iova_trace_version& version,
               linux_domain_factory make)
      : trace_(trace), version_(version), make_(make), slots_(trace.slots) {}

  absl::StatusOr<iova_replay> play(linux_domain_viewer at_end) && {
    const linux_iova_domain* last = nullptr;
    for (const iova_trace_step& step : trace_.steps) {
      ++replay_.operations;
      if (absl::Status status = play_step(step); !status.ok()) return status;
      last = domains_[step.domain].get();
      if (replay_.difference) break;
    }
    if (last != nullptr) at_end(*last);
    return std::move(replay_);
  }

 private:
  /// A live allocation: its node, or what alloc_fast() returned.
  struct held {
    iova_grant grant;
    uint64_t size = 0;
    bool live = false;
    uint8_t domain = 0;
  };

  linux_iova_domain& domain(const iova_trace_step& step) { return *domains_[step.domain]; }

  absl::Status refuse(const iova_trace_step& step, std::string_view why) const {
    return line_error(trace_.name, step.line, "operation", iova_trace_operation(step), why);
  }

  absl::Status play_step(const iova_trace_step& step) {
    if (step.what == op::init) return init(step);
    const std::optional<linux_iova_feature> needed = feature_of(step.what);
    if (needed && !domain(step).supports(*needed)) {
      return refuse(step, absl::StrFormat("%s has no such function", version_.name));
    }
    const auto& given = step.arguments;
    switch (step.what) {
      case op::reserve:
        expect(step, domain(step).reserve_iova(given[0], given[1]));
        break;
      case op::alloc:
        alloc(step);
        break;
      case op::alloc_fast:
        alloc_fast(step);
        break;
      case op::free:
      case op::free_fast:
        return free(step);
      case op::free_pfn:
        free_pfn(step);
        break;
      case op::find:
        expect(step, range_of(step, domain(step).find_iova(given[0])));
        break;
      case op::split:
        return split(step);
      case op::copy_reserved:
        domains_[given[0]]->copy_reserved_iova(*domains_[given[1]]);
        break;
      case op::rcache_init:
        if (!domain(step).init_rcaches(static_cast<unsigned>(given[0]))) return no_memory(step);
        break;
      case op::flush_cpu:
        domain(step).free_cpu_cached_iovas(static_cast<unsigned>(given[0]));
        break;
      case op::flush_global:
        domain(step).free_global_cached_iovas();
        break;
      case op::work:
        expect_text(step, absl::StrCat(domain(step).run_depot_work()));
        break;
      case op::depot:
        expect_text(step, absl::StrJoin(domain(step).depot_sizes(), " "));
        break;
      case op::state:
        expect_text(step, domain(step).state());
        break;
      case op::dump:
        dump(step);
        break;
      case op::init:
      case op::use:
      case op::cpu:
        break;
    }
    return absl::OkStatus();
  }

  absl::Status no_memory(const iova_trace_step& step) const {
    return errno_status(ENOMEM, absl::StrFormat("%s: line %d: no memory for %s", trace_.name,
                                                step.line, iova_trace_operation(step)));
  }

  absl::Status init(const iova_trace_step& step) {
    auto& made = domains_[step.domain];
    if (made == nullptr) made = make_();
    if (made == nullptr) return no_memory(step);
    made->init_iova_domain({step.arguments[0], step.arguments[1],
                            step.arguments[2] - (version_.dma32_is_behind ? 1 : 0)});
    return absl::OkStatus();
  }

  void alloc(const iova_trace_step& step) {
    const auto& given = step.arguments;
    const iova_grant grant = domain(step).alloc(given[1], given[2], given[3] != 0);
    expect(step, range_of(step, grant));
    if (step.answered) slots_[step.slot] = {grant, given[1], true, step.domain};
  }

  void alloc_fast(const iova_trace_step& step) {
    const auto& given = step.arguments;
    const uint64_t lo = domain(step).alloc_fast(step.cpu, given[1], given[2], given[3] != 0);
    std::optional<iova_range> node;
    if (lo != no_iova) node = domain(step).find(lo);
    expect(step, node);
    if (step.answered) slots_[step.slot] = {{lo, nullptr}, given[1], true, step.domain};
  }

  absl::Status free(const iova_trace_step& step) {
    held& slot = slots_[step.slot];
    if (!slot.live) return refuse(step, "a free_pfn before has freed it");
    slot.live = false;
    if (step.what == op::free) {
      domain(step).free(slot.grant, slot.size);
    } else {
      domain(step).free_fast(step.cpu, slot.grant.pfn_lo, slot.size);
    }
    return absl::OkStatus();
  }

  void free_pfn(const iova_trace_step& step) {
    const iova_grant hit = domain(step).find_iova(step.arguments[0]);
    if (!hit) return;
    for (held& slot : slots_) {
      if (slot.live && slot.domain == step.domain && is_node(slot.grant, hit)) slot.live = false;
    }
    domain(step).free_iova(step.arguments[0]);
  }
  static bool is_node(const iova_grant& held_grant, const iova_grant& found) {
    return held_grant.node == nullptr ? held_grant.pfn_lo == found.pfn_lo
                                      : held_grant.node == found.node;
  }

  absl::Status split(const iova_trace_step& step) {
    held& slot = slots_[step.slot];
    if (!slot.live) return refuse(step, "a free_pfn before has freed it");
    const iova_range whole = domain(step).range(slot.grant);
    const uint64_t lo = step.arguments[1];
    const uint64_t hi = step.arguments[2];
    if (lo < whole.lo || hi > whole.hi) {
      return refuse(step, absl::StrFormat("the range is 0x%x 0x%x", whole.lo, whole.hi));
    }
    slot.live = false;
    expect(step, domain(step).split_and_remove_iova(slot.grant, lo, hi));
    return absl::OkStatus();
  }

  std::optional<iova_range> range_of(const iova_trace_step& step, const iova_grant& grant) {
    if (!grant) return std::nullopt;
    return domain(step).range(grant);
  }

  void expect(const iova_trace_step& step, const std::optional<iova_range>& got) {
    if (got.has_value() == step.answered && (!got || *got == step.answer)) return;
    const bool find = iova_trace_row_of(step.what).result == iova_trace_result::range_or_none;
    const uint64_t frame = got ? got->lo : step.answered ? step.answer.lo : step.arguments[0];
    differ(step, iova_trace_answer(trace_, step), range_text(got, find ? "none" : "FAIL"), frame);
  }

  void expect_text(const iova_trace_step& step, std::string got) {
    std::string expected = iova_trace_answer(trace_, step);
    if (got == expected) return;
    const std::vector<iova_range> all = domain(step).ranges();
    differ(step, std::move(expected), std::move(got), all.empty() ? 0 : all.back().hi);
  }

  void dump(const iova_trace_step& step) {
    const std::vector<iova_range> got = domain(step).ranges();
    const auto expected = absl::MakeSpan(trace_.ranges).subspan(step.first, step.count);
    const auto [here, there] =
        std::mismatch(got.begin(), got.end(), expected.begin(), expected.end());
    if (here == got.end() && there == expected.end()) return;
    const auto range_at = [](auto at, auto end) {
      return at == end ? std::nullopt : std::optional<iova_range>(*at);
    };
    const auto wanted = range_at(there, expected.end());
    const auto had = range_at(here, got.end());
    const auto nth = here - got.begin() + 1;
    differ(step,
           absl::StrFormat("%d ranges, of which range %d: %s", expected.size(), nth,
                           range_text(wanted, "none")),
           absl::StrFormat("%d ranges, of which range %d: %s", got.size(), nth,
                           range_text(had, "none")),
           wanted ? wanted->lo : had->lo);
  }

  void differ(const iova_trace_step& step, std::string expected, std::string got, uint64_t frame) {
    iova_difference& d = replay_.difference.emplace();
    d.line = step.line;
    d.operation = iova_trace_operation(step);
    d.expected = std::move(expected);
    d.got = std::move(got);
    d.state = domain(step).state();
    d.frame = frame;
    d.neighbours = iova_neighbours(domain(step).ranges(), frame);
  }

  const iova_trace& trace_;
  const iova_trace_version& version_;
  linux_domain_factory make_;
  std::array<std::unique_ptr<linux_iova_domain>, iova_trace_domains> domains_;
  std::vector<held> slots_;
  iova_replay replay_;
};

}  // namespace

absl::StatusOr<iova_replay> play_on_linux(const iova_trace& trace,
                                          const iova_trace_version& version,
                                          linux_domain_factory make) {
  return play_on_linux(trace, version, make, [](const linux_iova_domain&) {});
}

absl::StatusOr<iova_replay> play_on_linux(const iova_trace& trace,
                                          const iova_trace_version& version,
                                          linux_domain_factory make, linux_domain_viewer at_end) {
  return linux_player(trace, version, make).play(at_end);
}

absl::StatusOr<iova_replay> play_on_linux(const iova_trace& trace,
                                          const iova_trace_version& version) {
  return play_on_linux(trace, version,
                       [&version] { return make_linux_iova_domain(version.name, {}); });
}

}  // namespace iommulab
