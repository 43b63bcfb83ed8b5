// SPDX-License-Identifier: GPL-2.0-only
//
// The options and the output of the kernel's dma_map_benchmark, over an allocator of the lab: what
// of a map and an unmap is the allocator's.
#include <iostream>
#include <optional>

#include "absl/strings/str_format.h"
#include "bench/iova/map_load.h"
#include "bench/kernel/catalogue.h"
#include "bench/support/program.h"
#include "iova/allocators.h"

namespace iommulab {
namespace {

/// DMA_MAP_BIDIRECTIONAL, DMA_MAP_TO_DEVICE, DMA_MAP_FROM_DEVICE
constexpr const char* directions[] = {"BIDIRECTIONAL", "TO_DEVICE", "FROM_DEVICE"};

const iova_catalogue_entry* find_entry(const std::string& name) {
  const iova_catalogue_entry* entry = find_kernel_code(name);
  return entry != nullptr ? entry : find_iova_allocator(name);
}

int refuse(const std::string& sentence) {
  std::cerr << sentence << '\n';
  return bad_use;
}

int run(int argc, char** argv) {
  CLI::App app{"The kernel's dma_map_benchmark over an allocator of I/O virtual addresses.",
               "dma_map_benchmark"};
  map_load load;
  std::string allocator = "v6_12";
  int node = -1, direction = 0, digits = 1;
  app.add_option("-t", load.threads, "threads, each a processor of its own")
      ->check(CLI::Range(1, 1024));
  app.add_option("-s", load.seconds, "seconds to run")->check(CLI::Range(1, 300));
  app.add_option("-n", node, "NUMA node whose processors the threads run on; -1: any")
      ->check(CLI::Range(-1, 1023));
  app.add_option("-b", load.dma_bits, "bits of the device's DMA mask")->check(CLI::Range(20, 64));
  app.add_option("-d", direction, "0 both, 1 to the device (both fill the buffer), 2 from it")
      ->check(CLI::Range(0, 2));
  app.add_option("-x", load.transfer_ns, "nanoseconds between map and unmap")
      ->check(CLI::Range(0, 10'000'000));
  app.add_option("-g", load.granule, "pages of a mapping")->check(CLI::Range(1, 1024));
  app.add_option("--allocator", allocator, "name of the allocator");
  app.add_option("--digits", digits, "behind the point: the kernel prints one")
      ->check(CLI::Range(1, 6));
  if (const std::optional<int> status = parse(app, argc, argv); status.has_value()) return *status;
  const iova_catalogue_entry* entry = find_entry(allocator);
  if (entry == nullptr) return refuse("--allocator: there is no allocator \"" + allocator + "\"");
  if (load.threads > 1 && !entry->thread_safe) {
    return refuse("-t: " + allocator + " is for one thread");
  }
  load.fills_buffer = direction != 2;
  if (node >= 0) {
    load.processors = processors_of_node(node);
    if (load.processors.empty()) return refuse(absl::StrFormat("-n: no node %d", node));
  }

  const std::optional<map_latency> result = run_map_load(*entry, load);
  if (!result) return refuse(allocator + ": no room for the mapping, or no memory");
  std::cout << absl::StrFormat(
      "dma mapping benchmark: threads:%d seconds:%d node:%d dir:%s granule: %d\n", load.threads,
      load.seconds, node, directions[direction], load.granule);
  std::cout << absl::StrFormat("average map latency(us):%.*f standard deviation:%.*f\n", digits,
                               result->map.mean_us, digits, result->map.deviation_us);
  std::cout << absl::StrFormat("average unmap latency(us):%.*f standard deviation:%.*f\n", digits,
                               result->unmap.mean_us, digits, result->unmap.deviation_us);
  return 0;
}

}  // namespace
}  // namespace iommulab

int main(int argc, char** argv) {
  return iommulab::run_program("dma_map_benchmark", [&] { return iommulab::run(argc, argv); });
}
