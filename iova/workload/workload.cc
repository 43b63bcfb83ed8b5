// SPDX-License-Identifier: GPL-2.0-only
#include "iova/workload/workload.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/number.h"
#include "iova/workload/builder.h"
#include "iova/workload/patterns.h"

namespace iommulab {
namespace {

using make_sized = iova_workload (*)(uint64_t n);
using make_fixed = iova_workload (*)();

/// A family whose name ends in a number, or one of a single workload.
struct family {
  std::string_view prefix;  // all of the name when there is no number
  std::string_view suffix;
  make_sized sized;
  make_fixed fixed;
  uint64_t least;
  uint64_t most;
  iova_workload_entry entry;
};

constexpr std::array<family, 12> families = {{
    {"steady-",
     "",
     [](uint64_t n) { return steady_workload(n, limit_32bit); },
     nullptr,
     0,
     1000000,
     {"steady-N", "steady-4096", "alloc and free of 1 frame below 4 GiB, N mappings live"}},
    {"steady64-",
     "",
     [](uint64_t n) { return steady_workload(n, limit_48bit); },
     nullptr,
     0,
     1000000,
     {"steady64-N", "steady64-4096", "the same with a limit of 48 bits"}},
    {"nic-ring-",
     "",
     [](uint64_t n) { return nic_ring_workload(n, false); },
     nullptr,
     1,
     1000000,
     {"nic-ring-N", "nic-ring-1024", "a receive ring of N buffers, given back in order"}},
    {"nic-ring-",
     "-shuffled",
     [](uint64_t n) { return nic_ring_workload(n, true); },
     nullptr,
     1,
     1000000,
     {"nic-ring-N-shuffled", "nic-ring-1024-shuffled", "the same, given back out of order"}},
    {"random-",
     "",
     random_workload,
     nullptr,
     1,
     65536,
     {"random-N", "random-4096", "N mappings of mixed size, a random one replaced each time"}},
    {"nvme-mix",
     "",
     nullptr,
     nvme_workload,
     0,
     0,
     {"nvme-mix", "nvme-mix",
      "256 requests in flight on 4 CPUs, also above the caches' 32 frames"}},
    {"fallback-64",
     "",
     nullptr,
     fallback_workload,
     0,
     0,
     {"fallback-64", "fallback-64", "32 bits first, 48 when full: twice what fits below 4 GiB"}},
    {"exhaustion",
     "",
     nullptr,
     exhaustion_workload,
     0,
     0,
     {"exhaustion", "exhaustion", "a small space filled, asked in vain, emptied and filled again"}},
    {"ageing",
     "",
     nullptr,
     ageing_workload,
     0,
     0,
     {"ageing", "ageing", "allocated on one CPU, freed on the next, sizes that shift over time"}},
    {"dominated-64-",
     "",
     dominated_workload,
     nullptr,
     1,
     1000000,
     {"dominated-64-N", "dominated-64-4096", "requests below 4 GiB, N mappings above it"}},
    {"linear-",
     "",
     linear_workload,
     nullptr,
     2,
     1000000,
     {"linear-N", "linear-4096", "2 frames asked of N mappings side by side: all are passed"}},
    {"replay:",
     "",
     nullptr,
     nullptr,
     0,
     0,
     {"replay:FILE", "replay:FILE", "the requests of a trace file"}},
}};

absl::Status refuse(std::string_view name, std::string_view why) {
  return errno_status(EINVAL, absl::StrFormat("workload is \"%s\": %s", name, why));
}

/// "4096", "4k" or "1M", as bench/ names its patterns: k is 1024, M a million. Too large: the
/// largest number.
std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t factor = 1;
  if (text.ends_with('k')) factor = 1024;
  if (text.ends_with('M')) factor = 1000000;
  if (factor != 1) text.remove_suffix(1);
  const number_reading n = read_number(text);
  if (n.fault == number_fault::not_a_number) return std::nullopt;
  constexpr uint64_t most = ~uint64_t{0};
  return n.fault == number_fault::too_large || n.value > most / factor ? most : n.value * factor;
}

std::optional<uint64_t> number_between(std::string_view name, const family& f) {
  if (f.sized == nullptr || !name.starts_with(f.prefix) || !name.ends_with(f.suffix) ||
      name.size() <= f.prefix.size() + f.suffix.size()) {
    return std::nullopt;
  }
  name.remove_prefix(f.prefix.size());
  name.remove_suffix(f.suffix.size());
  return number_of(name);
}

absl::StatusOr<iova_workload> make_named(std::string_view given) {
  std::string name(given);
  std::replace(name.begin(), name.end(), '/', '-');
  for (const family& f : families) {
    if (f.fixed != nullptr && name == f.prefix) {
      iova_workload workload = f.fixed();
      workload.name = name;
      return workload;
    }
    const std::optional<uint64_t> n = number_between(name, f);
    if (!n) continue;
    if (*n < f.least || *n > f.most) {
      return refuse(given, absl::StrFormat("N must be %d to %d", f.least, f.most));
    }
    iova_workload workload = f.sized(*n);
    workload.name = absl::StrFormat("%s%d%s", f.prefix, *n, f.suffix);
    return workload;
  }
  for (const family& f : families) {
    if (f.sized != nullptr && f.suffix.empty() && name.starts_with(f.prefix)) {
      return refuse(given, absl::StrFormat("%s wants a number in place of N", f.entry.pattern));
    }
  }
  return refuse(given, "unknown; `iommulab iova list` names them");
}

/// Sends every request past the range caches, or through them.
void redirect(std::vector<iova_operation>& operations, bool fast) {
  using kind = iova_operation::action;
  for (iova_operation& operation : operations) {
    const bool gives = operation.what == kind::alloc || operation.what == kind::alloc_fast;
    operation.what =
        gives ? (fast ? kind::alloc_fast : kind::alloc) : (fast ? kind::free_fast : kind::free);
  }
}

}  // namespace

absl::Span<const iova_workload_entry> iova_workloads() {
  static constexpr auto entries = [] {
    std::array<iova_workload_entry, families.size()> all;
    for (size_t i = 0; i < families.size(); ++i) all[i] = families[i].entry;
    return all;
  }();
  return entries;
}

absl::StatusOr<iova_workload> make_iova_workload(std::string_view name) {
  constexpr std::string_view replay = "replay:";
  std::string_view base = name;
  absl::StatusOr<iova_workload> workload;
  if (name.starts_with(replay)) {
    workload = replay_workload(std::string(name.substr(replay.size())));
    if (workload.ok()) workload->name = std::string(name);
  } else {
    const size_t colon = name.find(':');
    base = name.substr(0, colon);
    const std::string_view path = colon == std::string_view::npos ? "" : name.substr(colon);
    if (colon != std::string_view::npos && path != ":tree" && path != ":fast") {
      return refuse(name, "only \":tree\" or \":fast\" may stand behind the name");
    }
    workload = make_named(base);
    if (workload.ok() && !path.empty()) {
      redirect(workload->setup, path == ":fast");
      redirect(workload->operations, path == ":fast");
      workload->name += path;
    }
  }
  return workload;
}

}  // namespace iommulab
