// SPDX-License-Identifier: GPL-2.0-only
//
// Second-level page tables: what mapping, unmapping and looking up cost.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "intel/v4_4/page_table.h"
#include "kernel/v4_4/generation.h"
#include "kernel/v4_4/page_table.h"
#include "kernel/v4_4/profile.h"
#include "lab/pagetable/table_ground.h"

namespace iommulab {
namespace {

constexpr int width = 48;
constexpr uint64_t pages_2m = 512;
constexpr uint64_t pages_1g = 512 * pages_2m;
constexpr uint64_t read_write = v4_4::dma_pte_read | v4_4::dma_pte_write;
constexpr uint64_t memory = uint64_t{1} << 30;

// Where the measured mapping goes; a neighbour keeps the tables above level 1 in place.
constexpr uint64_t measured_pfn = uint64_t{1} << 22;
constexpr uint64_t neighbour_pfn = measured_pfn + 2 * pages_1g - 1;
constexpr uint64_t physical_pfn = 1;  // fits no superpage

struct subject {
  explicit subject(int superpages) {
    auto made = table_ground::create(v4_4::profile(), memory);
    if (!made.ok()) std::abort();
    ground = *std::move(made);
    driver = &static_cast<v4_4::generation&>(ground->system().generation()).driver();
    domain = std::make_unique<v4_4::own_page_table>(drv(), width, superpages);
  }
  v4_4::intel_driver& drv() { return *driver; }
  void map(uint64_t pfn, uint64_t phys, uint64_t pages) {
    if (domain_pfn_mapping(drv(), domain->domain(), pfn, phys, pages, read_write) != 0)
      std::abort();
  }
  void unmap(uint64_t pfn, uint64_t pages) {
    v4_4::page_freelist freelist = domain_unmap(drv(), domain->domain(), pfn, pfn + pages - 1);
    dma_free_pagelist(drv(), freelist);
  }

  std::unique_ptr<table_ground> ground;
  v4_4::intel_driver* driver = nullptr;
  std::unique_ptr<v4_4::own_page_table> domain;
};

void map_and_unmap(benchmark::State& state, subject& s, uint64_t phys, uint64_t pages) {
  for ([[maybe_unused]] auto _ : state) {
    s.map(measured_pfn, phys, pages);
    s.unmap(measured_pfn, pages);
  }
}

void map_unmap(benchmark::State& state) {
  subject s(0);
  const auto pages = static_cast<uint64_t>(state.range(0));
  // Others in its level-1 table, unless it takes the whole; and in the one of level 2.
  if (pages < pages_2m) s.map(measured_pfn + pages_2m - 1, 1, 1);
  s.map(measured_pfn + pages_1g - 1, 1, 1);
  map_and_unmap(state, s, physical_pfn, pages);
}
BENCHMARK(map_unmap)->Arg(1)->Arg(8)->Arg(64)->Arg(512);

void map_unmap_superpage(benchmark::State& state) {
  subject s(1);
  s.map(measured_pfn + pages_1g - 1, 1, 1);
  map_and_unmap(state, s, pages_2m, pages_2m);
}
BENCHMARK(map_unmap_superpage);

void map_unmap_1g_of_4k(benchmark::State& state) {
  subject s(0);
  s.map(neighbour_pfn, 1, 1);
  map_and_unmap(state, s, physical_pfn, pages_1g);
}
BENCHMARK(map_unmap_1g_of_4k)->Unit(benchmark::kMicrosecond);

void look_up(benchmark::State& state) {
  subject s(0);
  const auto pages = static_cast<uint64_t>(state.range(0));
  s.map(measured_pfn, physical_pfn, pages);
  std::mt19937_64 random(1);
  constexpr size_t probes = 4096;
  std::vector<uint64_t> pfns(probes);
  for (uint64_t& pfn : pfns) pfn = measured_pfn + random() % pages;
  size_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    int level = 0;
    benchmark::DoNotOptimize(
        pfn_to_dma_pte(s.drv(), s.domain->domain(), pfns[at++ % probes], level));
  }
}
BENCHMARK(look_up)->Arg(1)->Arg(512)->Arg(1 << 18);

void map_unmap_beside(benchmark::State& state) {
  subject s(1);
  const uint64_t mapped = static_cast<uint64_t>(state.range(0)) * pages_1g;
  s.map(2 * measured_pfn, pages_2m, mapped);
  s.map(measured_pfn + pages_2m - 1, 1, 1);
  map_and_unmap(state, s, physical_pfn, 1);
}
BENCHMARK(map_unmap_beside)->Arg(1)->Arg(32)->Arg(1024);

}  // namespace
}  // namespace iommulab

BENCHMARK_MAIN();
