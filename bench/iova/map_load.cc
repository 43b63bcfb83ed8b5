// SPDX-License-Identifier: GPL-2.0-only
#include "bench/iova/map_load.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace iommulab {
namespace {

constexpr uint64_t page_size = 4096;
constexpr uint64_t last_32bit_page = 0xfffff;

double now_us() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct sums {
  double sum = 0;
  double of_squares = 0;
  void add(double us) {
    sum += us;
    of_squares += us * us;
  }
  [[nodiscard]] latency over(double loops) const {
    const double mean = sum / loops;
    return {mean, std::sqrt(std::max(0.0, of_squares / loops - mean * mean))};
  }
};

struct alignas(64) of_thread {
  sums map, unmap;
  double loops = 0;
  bool failed = false;
};

/// As the kernel's DMA layer asks for a PCI device: below 4 GiB first.
uint64_t map(iova_allocator& allocator, unsigned cpu, uint64_t pages, uint64_t limit_pfn) {
  if (limit_pfn > last_32bit_page) {
    const uint64_t pfn = allocator.alloc_fast(cpu, pages, last_32bit_page, false);
    if (pfn != no_iova) return pfn;
  }
  return allocator.alloc_fast(cpu, pages, limit_pfn, true);
}

void run_thread(iova_allocator& allocator, const map_load& load, unsigned cpu,
                const std::atomic<bool>& stop, of_thread& all) {
  if (!load.processors.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int processor : load.processors) CPU_SET(static_cast<size_t>(processor), &set);
    sched_setaffinity(0, sizeof(set), &set);
  }
  const uint64_t limit_pfn =
      (load.dma_bits == 64 ? ~uint64_t{0} : (uint64_t{1} << load.dma_bits) - 1) / page_size;
  std::vector<char> buffer(load.granule * page_size);
  of_thread mine;
  while (!stop.load(std::memory_order_relaxed)) {
    if (load.fills_buffer) {
      std::memset(buffer.data(), 0x66, buffer.size());
      asm volatile("" : : "r"(buffer.data()) : "memory");  // a device may read it
    }
    const double before_map = now_us();
    const uint64_t pfn = map(allocator, cpu, load.granule, limit_pfn);
    const double after_map = now_us();
    if (pfn == no_iova) {
      mine.failed = true;
      break;
    }
    if (load.transfer_ns > 0) {
      while (now_us() < after_map + load.transfer_ns / 1e3) {
      }
    }
    const double before_unmap = now_us();
    allocator.free_fast(cpu, pfn, load.granule);
    const double after_unmap = now_us();
    mine.map.add(after_map - before_map);
    mine.unmap.add(after_unmap - before_unmap);
    mine.loops += 1;
  }
  all = mine;
}

}  // namespace

std::optional<map_latency> run_map_load(const iova_catalogue_entry& entry, const map_load& load) {
  const lab_host_kind host = load.threads > 1 ? lab_host_kind::threaded : lab_host_kind::bare;
  const auto allocator = entry.make({.cpus = load.threads, .host = host});
  if (allocator == nullptr) return std::nullopt;

  std::atomic<bool> stop = false;
  std::vector<of_thread> results(load.threads);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < load.threads; ++i) {
    threads.emplace_back([&, i] { run_thread(*allocator, load, i, stop, results[i]); });
  }
  std::this_thread::sleep_for(std::chrono::seconds(load.seconds));
  stop = true;
  for (std::thread& thread : threads) thread.join();

  of_thread all;
  for (const of_thread& one : results) {
    if (one.failed || one.loops == 0) return std::nullopt;
    all.map.sum += one.map.sum;
    all.map.of_squares += one.map.of_squares;
    all.unmap.sum += one.unmap.sum;
    all.unmap.of_squares += one.unmap.of_squares;
    all.loops += one.loops;
  }
  return map_latency{all.map.over(all.loops), all.unmap.over(all.loops)};
}

std::vector<int> processors_of_node(int node) {
  std::ifstream list(absl::StrCat("/sys/devices/system/node/node", node, "/cpulist"));
  std::string text;
  std::vector<int> processors;
  if (!std::getline(list, text)) return processors;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    int first = 0, last = 0;
    if (!absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last)) break;
    for (int processor = first; processor <= last; ++processor) processors.push_back(processor);
  }
  return processors;
}

}  // namespace iommulab
