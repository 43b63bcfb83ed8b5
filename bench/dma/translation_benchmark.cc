// SPDX-License-Identifier: GPL-2.0-only
//
// What a translation costs in the simulated unit: hits in the IOTLB, walks of each depth, ATS, and
// what a hostile device tries in a second. Everything is warm: tables and caches of the unit lie in
// the host's caches.
//
// A walk of depth 1 reads the leaf entry alone: 4096 pages of one domain cycle through an IOTLB of
// 1024, and the paging-structure caches know the tables. A walk of depth n > 1 reads every one of n
// levels: 4096 requesters, each in a domain of its own, share one set of tables, so that no cache
// still holds what the domain had.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "core/pci/registers.h"
#include "platform/dma/dma_bus.h"
#include "platform/endpoints/device_tlb.h"
#include "platform/endpoints/hostile.h"
#include "platform/pci/function_builder.h"
#include "platform/vtd/spec/registers.h"
#include "platform/vtd/unit.h"

namespace iommulab {
namespace {

using vtd::second_level_entry;

constexpr uint64_t ram = uint64_t{256} << 20;
constexpr source_id device{0, 0, pci_devfn(3, 0)};
constexpr uint16_t ats_at = 0x100;
constexpr uint64_t first_page = 0x10000000;
constexpr unsigned many = 4096;

struct shape {
  unsigned levels = 4;
  unsigned leaf_level = 1;
  uint64_t pages = 1;
  unsigned requesters = 1;  ///< requester ids from 0 on; `device` is among the first 256
  vtd::translation_type type = vtd::translation_type::untranslated_only;
};

/// A unit, a function, and tables that map `pages` pages from `first_page` on for each requester.
class bench_machine {
 public:
  explicit bench_machine(const shape& s)
      : memory_(make_memory()),
        unit_(config_of(s.levels), *memory_, interrupts_, trace_),
        pci_(make_pci()),
        bus_(*memory_, interrupts_, *pci_, std::vector<vtd_unit*>{&unit_}, {{device, 0}}) {
    const uint64_t root = page();
    const uint64_t top = page();
    for (unsigned bus = 0; bus <= (s.requesters - 1) >> 8; ++bus) {
      const uint64_t contexts = page();
      word(root + bus * sizeof(vtd::root_entry)) =
          vtd::root_entry().set_context_table(phys_addr(contexts)).set_present(true).lo;
      for (unsigned devfn = 0; devfn < vtd::context_entries_per_table; ++devfn) {
        const auto entry = vtd::context_entry()
                               .set_address_root(phys_addr(top))
                               .set_address_width(s.levels - 2)
                               .set_domain(domain_id(static_cast<uint16_t>(bus << 8 | devfn)))
                               .set_type(s.type)
                               .set_present(true);
        word(contexts + devfn * sizeof(entry)) = entry.lo;
        word(contexts + devfn * sizeof(entry) + sizeof(uint64_t)) = entry.hi;
      }
    }
    for (uint64_t i = 0; i < s.pages; ++i) map(top, s, i);
    unit_.write64(vtd::rtaddr_reg, root);
    unit_.write32(vtd::gcmd_reg, vtd::gcmd::srtp.mask());
    unit_.write32(vtd::gcmd_reg, vtd::gcmd::te.mask());
    if (s.type == vtd::translation_type::device_tlb) {
      pci_->slot(device)->write16(ats_at + pci_reg::ats_control, pci_reg::ats_enable.mask());
    }
  }

  vtd_unit& unit() { return unit_; }
  dma_port& port() { return *bus_.port(device); }

 private:
  static constexpr uint64_t data = ram / 2;
  static constexpr uint64_t data_pages = 64;

  static std::unique_ptr<physical_memory> make_memory() {
    const memory_range range{phys_addr(0), ram, memory_range::kind::ram};
    auto memory = physical_memory::create({&range, 1});
    if (!memory.ok()) std::abort();
    return *std::move(memory);
  }
  static std::unique_ptr<pci_machine> make_pci() {
    constexpr uint16_t memory_and_master = 0x6;
    function_builder f(device, 0x1234, 0x11e8, 0x00ff00);
    f.express(pci_exp_type::endpoint, 0x40).ats(ats_at, 32).command(memory_and_master);
    auto pci = pci_machine::create({{0, 0}}, {f.build()});
    if (!pci.ok()) std::abort();
    return *std::move(pci);
  }
  static vtd_config config_of(unsigned levels) {
    constexpr unsigned first_width = 30;
    vtd_config config;
    config.set_only_table_width(first_width + vtd::bits_per_level * (levels - 2));
    config.ecap.set_device_tlb(true);
    return config;
  }
  uint64_t page() { return std::exchange(next_page_, next_page_ + page_size); }
  uint64_t& word(uint64_t address) { return *memory_->object_at<uint64_t>(phys_addr(address)); }

  void map(uint64_t top, const shape& s, uint64_t index) {
    const uint64_t iova = first_page + index * second_level_entry::span_of(s.leaf_level);
    const auto both = second_level_entry().set_readable(true).set_writable(true);
    uint64_t table = top;
    for (unsigned level = s.levels; level > s.leaf_level; --level) {
      uint64_t& slot = word(table + second_level_entry::index_of(iova, level) * sizeof(uint64_t));
      if (slot == 0) slot = second_level_entry(both).set_address(phys_addr(page())).value;
      table = second_level_entry{slot}.address().value();
    }
    const uint64_t target = s.leaf_level == 1 ? data + index % data_pages * page_size : 0;
    word(table + second_level_entry::index_of(iova, s.leaf_level) * sizeof(uint64_t)) =
        second_level_entry(both)
            .set_address(phys_addr(target))
            .set_super_page(s.leaf_level > 1)
            .value;
  }

  uint64_t next_page_ = 0x100000;
  tracer trace_;
  interrupt_controller interrupts_;
  std::unique_ptr<physical_memory> memory_;
  vtd_unit unit_;
  std::unique_ptr<pci_machine> pci_;
  dma_bus bus_;
};

dma_request request(source_id source, uint64_t address) {
  dma_request r;
  r.source = source;
  r.address = address;
  r.length = sizeof(uint64_t);
  return r;
}

void check(benchmark::State& state, bool ok) {
  if (!ok) state.SkipWithError("an access failed");
}

/// `pages` pages of the device, one after the other.
void cycle_pages(benchmark::State& state, const shape& s) {
  bench_machine m(s);
  bool ok = true;
  uint64_t page = 0;
  for ([[maybe_unused]] auto _ : state) {
    const dma_translation t = m.unit().translate(request(device, first_page + page * page_size));
    if (++page == s.pages) page = 0;  // a division would cost as much as the hit
    ok = ok && t.ok();
    benchmark::DoNotOptimize(t.address);
  }
  check(state, ok);
}

void iotlb_hit(benchmark::State& state) {
  cycle_pages(state, {.pages = 64});
}
BENCHMARK(iotlb_hit);

void iotlb_hit_large_page(benchmark::State& state) {
  cycle_pages(state, {.leaf_level = static_cast<unsigned>(state.range(0))});
}
BENCHMARK(iotlb_hit_large_page)->ArgName("level")->Arg(2)->Arg(3);

void pass_through(benchmark::State& state) {
  cycle_pages(state, {.type = vtd::translation_type::pass_through});
}
BENCHMARK(pass_through);

void walk(benchmark::State& state) {
  const auto depth = static_cast<unsigned>(state.range(0));
  if (depth == 1) return cycle_pages(state, {.pages = many});
  bench_machine m({.levels = depth, .requesters = many});
  bool ok = true;
  uint16_t id = 0;
  for ([[maybe_unused]] auto _ : state) {
    const dma_translation t =
        m.unit().translate(request(source_id::from_requester_id(0, id), first_page));
    id = static_cast<uint16_t>((id + 1) % many);
    ok = ok && t.ok();
    benchmark::DoNotOptimize(t.address);
  }
  check(state, ok);
}
BENCHMARK(walk)->ArgName("depth")->DenseRange(1, 5);

/// A read of eight bytes, all the way from the function to memory.
void read_word(benchmark::State& state) {
  bench_machine m({.pages = 64});
  std::array<std::byte, 8> bytes{};
  bool ok = true;
  uint64_t page = 0;
  for ([[maybe_unused]] auto _ : state) {
    ok = m.port().read(first_page + page * page_size, absl::MakeSpan(bytes)).ok() && ok;
    page = (page + 1) % 64;
    benchmark::DoNotOptimize(bytes);
  }
  check(state, ok);
}
BENCHMARK(read_word);

/// The same through a device-TLB that knows the page, or that has to ask: `pages` are more than it
/// holds, and more than the unit's IOTLB does.
void ats_read_word(benchmark::State& state) {
  const auto pages = static_cast<uint64_t>(state.range(0));
  bench_machine m({.pages = pages, .type = vtd::translation_type::device_tlb});
  device_tlb tlb(m.port());
  std::array<std::byte, 8> bytes{};
  bool ok = true;
  uint64_t page = 0;
  for ([[maybe_unused]] auto _ : state) {
    ok = tlb.read(first_page + page * page_size, absl::MakeSpan(bytes)).ok() && ok;
    if (++page == pages) page = 0;
    benchmark::DoNotOptimize(bytes);
  }
  check(state, ok);
  const auto accesses = static_cast<double>(tlb.counted().hits + tlb.counted().requests);
  state.counters["hits"] = static_cast<double>(tlb.counted().hits) / accesses;
}
BENCHMARK(ats_read_word)->ArgName("pages")->Arg(64)->Arg(many);

void hostile(benchmark::State& state, const hostile_scan& scan) {
  constexpr uint64_t batch = 1000;
  bench_machine m({.pages = 64});
  hostile_device attacker(m.port());
  for ([[maybe_unused]] auto _ : state) attacker.run(scan, batch);
  state.SetItemsProcessed(static_cast<int64_t>(attacker.counted().accesses));
  state.counters["reached"] = static_cast<double>(attacker.counted().reached()) /
                              static_cast<double>(attacker.counted().accesses);
}
BENCHMARK_CAPTURE(hostile, random, hostile_scan{});
BENCHMARK_CAPTURE(hostile, random_32_bits, hostile_scan{.last = 0xffffffff});
BENCHMARK_CAPTURE(hostile, linear,
                  hostile_scan{.pattern = scan_pattern::linear, .first = first_page});
BENCHMARK_CAPTURE(hostile, around_mappings,
                  hostile_scan{.pattern = scan_pattern::around,
                               .targets = {first_page, first_page + 32 * page_size}});
BENCHMARK_CAPTURE(hostile, translated,
                  hostile_scan{.kind = scan_kind::translated, .last = ram - 1});

}  // namespace
}  // namespace iommulab

BENCHMARK_MAIN();
