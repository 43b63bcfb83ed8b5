// SPDX-License-Identifier: GPL-2.0-only
//
// How the list of bench_cases() comes about: for each group of allocators a file of its own
// (…_cases.cc), for each allocator of it a call of add_cases().
#pragma once

#include <type_traits>

#include "bench/iova/pattern_list.h"
#include "bench/iova/pattern_on.h"
#include "bench/iova/workload_on.h"
#include "iova/lab/catalogue.h"

namespace iommulab {

void add_linux_cases(std::vector<bench_case>& cases);
void add_rival_cases(std::vector<bench_case>& cases);
void add_kernel_cases(std::vector<bench_case>& cases);

/// `Subject<Host>` is what the patterns run on, `CountingHost` that which counts.
template <template <class> class Subject, class CountingHost>
void add_cases(const iova_catalogue_entry& entry, std::vector<bench_case>& cases) {
  patterns::for_each_pattern([&](const patterns::pattern_kind& kind, const auto& steps) {
    if (kind.locks && !entry.thread_safe) return;
    if (kind.range_caches && !entry.range_caches) return;
    const auto on_host = [&]<class Host>(std::type_identity<Host>) {
      return [steps, kind] {
        return put_on(std::make_unique<Subject<Host>>(kind.space, kind.threads), steps);
      };
    };
    bench_case added{std::string(entry.name),
                     std::string(kind.name),
                     kind.threads,
                     kind.batch,
                     {},
                     on_host(std::type_identity<CountingHost>())};
    if (kind.locks) {
      added.make = on_host(std::type_identity<threaded_host>());
    } else {
      added.make = on_host(std::type_identity<bare_host>());
    }
    cases.push_back(std::move(added));
  });
  for (const auto& workload : named_workloads()) {
    const auto on_host = [&]<class Host>(std::type_identity<Host>) {
      return [workload]() -> absl::StatusOr<std::unique_ptr<pattern>> {
        return std::make_unique<workload_on<Subject<Host>>>(workload);
      };
    };
    cases.push_back({std::string(entry.name), "workload/" + workload->name, 1, steps_of(*workload),
                     on_host(std::type_identity<bare_host>()),
                     on_host(std::type_identity<CountingHost>())});
  }
}

/// One of the lab's engines.
template <template <class> class Engine>
void add_engine_cases(const iova_catalogue_entry& entry, std::vector<bench_case>& cases) {
  add_cases<on_engine<Engine>::template called, counting_host>(entry, cases);
}

}  // namespace iommulab
