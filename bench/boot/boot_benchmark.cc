// SPDX-License-Identifier: GPL-2.0-only
//
// What a boot and what grouping cost against the size of the machine.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "bench/boot/tree_machine.h"
#include "bench/support/kept_memory.h"
#include "kernel/catalogue.h"
#include "lab/events/boot_run.h"
#include "lab/groups/machine_groups.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

/// 16 root ports with 18 functions each, and the host bridge.
constexpr tree_shape wide{.functions = 289, .levels = 3, .root_ports = 16};

tree_shape wide_with_units(int64_t units) {
  tree_shape shape = wide;
  shape.units_of_segment = static_cast<unsigned>(units);
  return shape;
}

tree_shape deep(int64_t functions) {
  return {.functions = static_cast<size_t>(functions)};
}

void count_functions(benchmark::State& state, size_t functions) {
  state.counters["per function"] = benchmark::Counter(
      static_cast<double>(functions),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// From nothing to the late initcalls, nobody listening, and down again.
void boot(benchmark::State& state, const char* kernel_name, machine_config machine,
          const char* command_line = "intel_iommu=on") {
  boot_request request;
  request.kernel = find_kernel_profile(kernel_name);
  request.machine = std::move(machine);
  request.command_line = command_line;
  for ([[maybe_unused]] auto _ : state) {
    auto system = system_to_boot(request);
    must(system.ok());
    must(boot_to_the_end(**system).panic.empty());
    must(translation_on(**system));
  }
  count_functions(state, request.machine.pci_functions.size());
}

void group(benchmark::State& state, pci_release release, const machine_config& machine) {
  const grouped_machine grouped{
      machine.pci_roots, machine.pci_functions, {}, {}, machine.dmar_table};
  size_t groups = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto made = machine_groups::create(grouped, release);
    must(made.ok());
    groups = (*made)->groups().size();
  }
  state.counters["groups"] = static_cast<double>(groups);
  count_functions(state, machine.pci_functions.size());
}

constexpr std::array<int64_t, 5> units_of_machine = {1, 2, 4, 8, 16};
constexpr std::array<int64_t, 6> functions_of_machine = {16, 64, 256, 1024, 4096, 8192};

/// The benchmark of this name at each size, with the fit of how it grows; `run` takes the state and
/// the size.
template <typename F>
void grow(const std::string& name, absl::Span<const int64_t> sizes, benchmark::BigO growth, F run) {
  auto* const made = benchmark::RegisterBenchmark(name.c_str(), [run](benchmark::State& state) {
    run(state, state.range(0));
    state.SetComplexityN(state.range(0));
  });
  for (const int64_t size : sizes) made->Arg(size);
  made->Unit(benchmark::kMillisecond)->Complexity(growth);
}

void register_boots(const char* kernel_name) {
  const std::string name = std::string("boot/") + kernel_name;
  benchmark::RegisterBenchmark((name + "/q35").c_str(), [kernel_name](benchmark::State& state) {
    boot(state, kernel_name, q35_machine());
  })->Unit(benchmark::kMillisecond);
  grow(name + "/units", units_of_machine, benchmark::oAuto,
       [kernel_name](benchmark::State& state, int64_t units) {
         boot(state, kernel_name, tree_machine(wide_with_units(units)));
       });
  grow(name + "/functions", functions_of_machine, benchmark::oNLogN,
       [kernel_name](benchmark::State& state, int64_t functions) {
         boot(state, kernel_name, tree_machine(deep(functions)));
       });
  grow(name + "/passthrough", functions_of_machine, benchmark::oNLogN,
       [kernel_name](benchmark::State& state, int64_t functions) {
         boot(state, kernel_name, tree_machine(deep(functions)), "intel_iommu=on iommu=pt");
       });
}

void register_groups(const char* kernel_name, pci_release release) {
  const std::string name = std::string("groups/") + kernel_name;
  grow(name + "/units", units_of_machine, benchmark::oAuto,
       [release](benchmark::State& state, int64_t units) {
         group(state, release, tree_machine(wide_with_units(units)));
       });
  grow(name + "/functions", functions_of_machine, benchmark::oNLogN,
       [release](benchmark::State& state, int64_t functions) {
         group(state, release, tree_machine(deep(functions)));
       });
}

void register_all() {
  register_boots("v4_4_178");
  register_boots("v6_12");
  register_groups("4.4", {4, 4});
  register_groups("6.12", {6, 12});
}

}  // namespace
}  // namespace iommulab

int main(int argc, char** argv) {
  iommulab::keep_freed_memory();
  iommulab::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
