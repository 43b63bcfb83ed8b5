// SPDX-License-Identifier: GPL-2.0-only
//
// The report of `iova replay --ftrace` for people and for programs.
#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/iova/ftrace_replay.h"
#include "cli/output/json.h"

namespace iommulab {
namespace {

/// "0-3, 7": ascending numbers.
std::string spans(const std::vector<uint32_t>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    absl::StrAppend(&text, text.empty() ? "" : ", ", numbers[i]);
    if (end - i > 1) absl::StrAppend(&text, "-", numbers[end - 1]);
    i = end;
  }
  return text;
}

/// The CPU of most operations, and its share of them.
struct busiest_cpu {
  uint32_t number = 0;
  double share = 0;
};
busiest_cpu busiest(const traced_space& space) {
  std::vector<uint64_t> operations(space.cpus.size());
  for (const iova_operation& each : space.workload.operations) ++operations[each.cpu];
  const auto most = std::max_element(operations.begin(), operations.end());
  if (most == operations.end() || *most == 0) return {};
  return {space.cpus[static_cast<size_t>(most - operations.begin())],
          static_cast<double>(*most) / static_cast<double>(space.workload.operations.size())};
}

/// A sentence for each thing that was there and not run, or is not as it should be.
std::vector<std::string> remarks(const ftrace_report& report) {
  std::vector<std::string> all;
  const auto say = [&all](uint64_t count, std::string_view sentence) {
    if (count != 0) all.push_back(absl::StrFormat("%d %s", count, sentence));
  };
  traced_space sum;
  for (const traced_space& space : report.mappings.spaces) {
    sum.begun_before += space.begun_before;
    sum.never_ended += space.never_ended;
    sum.failed += space.failed;
    sum.given_twice += space.given_twice;
    sum.truncated += space.truncated;
    sum.physical += space.physical;
  }
  const dma_event_log& log = report.log;
  say(sum.begun_before, "unmaps of what was mapped before the trace began: not run");
  say(sum.never_ended, "maps without an unmap: live to the end");
  say(sum.failed, "maps that the traced kernel refused: asked, and given back at once");
  say(log.failed_lists, "lists that it refused, of unknown size (dma_map_sg_err): not run");
  say(sum.given_twice, "maps to an address that was still mapped: their unmaps are missing");
  say(sum.truncated, "lists cut off by the kernel: run as large as is known");
  say(sum.physical, "maps whose DMA address is the physical one: no IOMMU translated them");
  say(report.mappings.iommu_events, "events of iommu:, which tell again what dma: tells: not run");
  say(log.syncs, "dma_sync events: no mapping changes");
  say(log.other_events, "events of other tracepoints: passed over");
  if (log.gaps != 0) {
    all.push_back(absl::StrFormat("events are lost in %d places%s", log.gaps,
                                  log.lost == 0 ? "" : absl::StrFormat(": %d or more", log.lost)));
  }
  say(log.overwritten, "events were overwritten before the first line");
  return all;
}

std::string assumption(const ftrace_report& report) {
  const std::string limit = report.question.limit
                                ? absl::StrFormat("up to 0x%x (--limit)", *report.question.limit)
                                : "below 4 GiB, and when that is full below 2^48 (see --limit)";
  return absl::StrFormat(
      "Assumed, for the trace does not say it: each device has an address space of its own and is\n"
      "given addresses %s;\n"
      "pages have 4096 bytes; 0xfee00000 to 0xfeefffff is reserved.\n",
      limit);
}

/// One run has none.
std::string spread(const iova_cost& cost) {
  return cost.samples.size() < 2 ? "-"
                                 : absl::StrFormat("%.1f..%.1f", cost.ns.lower, cost.ns.upper);
}

std::string or_dash(double share) {
  return share < 0 ? "-" : absl::StrFormat("%.0f%%", share * 100);
}

}  // namespace

std::string ftrace_to_text(const ftrace_report& report) {
  const dma_event_log& log = report.log;
  std::string text =
      absl::StrFormat("%s: %d lines, %d events of %s\n\n", log.name, log.lines, log.events.size(),
                      report.mappings.from_iommu_events ? "iommu:" : "dma:");
  absl::StrAppendFormat(&text, "  %-20s %9s %9s %8s %8s  %s\n", "device", "maps", "unmaps",
                        "before", "unended", "CPUs");
  for (const traced_space& space : report.mappings.spaces) {
    const busiest_cpu most = busiest(space);
    absl::StrAppendFormat(&text, "  %-20s %9d %9d %8d %8d  %s",
                          absl::Utf8SafeCEscape(space.workload.name), space.maps, space.unmaps,
                          space.begun_before, space.never_ended, spans(space.cpus));
    if (space.cpus.size() > 1) {
      absl::StrAppendFormat(&text, "; %d has %.0f %%", most.number, most.share * 100);
    }
    text += '\n';
  }
  text += '\n';
  for (const std::string& remark : remarks(report)) absl::StrAppend(&text, remark, ".\n");
  absl::StrAppend(&text, assumption(report), "\n");
  absl::StrAppendFormat(&text, "  %-12s %10s %8s %9s %10s %9s %10s %17s %6s %8s\n", "allocator",
                        "operations", "failed", "live peak", "nodes/op", "longest", "ns/op",
                        "quartiles", "hits", "fellback");
  for (const auto& [allocator, c] : report.rows) {
    absl::StrAppendFormat(&text, "  %-12s %10d %8d %9d %10.2f %9d %10.1f %17s %6s %8d\n", allocator,
                          c.operations, c.failures, c.live_peak, c.nodes, c.longest_search,
                          c.ns.median, spread(c), or_dash(c.hits), c.fallbacks);
  }
  absl::StrAppendFormat(
      &text,
      "\nAn operation is an allocation or a free; ns/op: median of %d; longest: nodes that one\n"
      "search visited; hits: share of requests that a range cache of the recorded CPU served.\n",
      report.question.repeat);
  return text;
}

std::string ftrace_to_json(const ftrace_report& report) {
  const dma_event_log& log = report.log;
  json document = json_document("iova_ftrace");
  document["file"] = log.name;
  document["lines"] = log.lines;
  document["events"] = log.events.size();
  document["from_iommu_events"] = report.mappings.from_iommu_events;
  document["repeated_iommu_events"] = report.mappings.iommu_events;
  document["sync_events"] = log.syncs;
  document["failed_lists"] = log.failed_lists;
  document["other_events"] = log.other_events;
  document["other_lines"] = log.other_lines;
  document["gaps"] = log.gaps;
  document["lost_events"] = log.lost;
  document["overwritten_events"] = log.overwritten;
  document["limit"] = report.question.limit ? json(hex(*report.question.limit)) : json(nullptr);
  document["devices"] = json::array();
  for (const traced_space& space : report.mappings.spaces) {
    const busiest_cpu most = busiest(space);
    document["devices"].push_back({{"device", space.workload.name},
                                   {"maps", space.maps},
                                   {"unmaps", space.unmaps},
                                   {"begun_before", space.begun_before},
                                   {"never_ended", space.never_ended},
                                   {"failed", space.failed},
                                   {"given_twice", space.given_twice},
                                   {"truncated_lists", space.truncated},
                                   {"physical", space.physical},
                                   {"cpus", space.cpus},
                                   {"busiest_cpu", most.number},
                                   {"busiest_cpu_share", most.share}});
  }
  document["repeat"] = report.question.repeat;
  document["results"] = json::array();
  for (const auto& [allocator, c] : report.rows) {
    document["results"].push_back({{"allocator", std::string(allocator)},
                                   {"operations", c.operations},
                                   {"failures", c.failures},
                                   {"fallbacks", c.fallbacks},
                                   {"live", c.live},
                                   {"live_peak", c.live_peak},
                                   {"nodes_per_operation", c.nodes},
                                   {"longest_search", c.longest_search},
                                   {"locks_per_operation", c.locks},
                                   {"cache_hit_share", c.hits < 0 ? json(nullptr) : json(c.hits)},
                                   {"table_pages", c.table_pages},
                                   {"table_pages_peak", c.table_pages_peak},
                                   {"ns_per_operation", c.ns.median},
                                   {"ns_lower_quartile", c.ns.lower},
                                   {"ns_upper_quartile", c.ns.upper},
                                   {"samples_ns", c.samples}});
  }
  return json_text(document);
}

}  // namespace iommulab
