// SPDX-License-Identifier: GPL-2.0-only
//
// The DMA API as a device driver calls it: mapping and unmapping one buffer, scatter lists,
// coherent memory, and several threads at once. q35 with intel_iommu=on; tracing is off.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "kernel/kernel.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

constexpr uint64_t first_page = 0x4000000;
constexpr auto both = dma_data_direction::bidirectional;
constexpr const char* lazy = "intel_iommu=on";
constexpr const char* strict = "intel_iommu=on,strict";

struct running {
  explicit running(const std::string& command_line) {
    kernel_options options;
    options.command_line = command_line;
    auto made = kernel::create(q35_machine(), std::move(options));
    if (!made.ok()) std::abort();
    system = *std::move(made);
    if (system->start_up().intel_iommu_init != 0) std::abort();
    system->finish_boot();
    system->pci().for_each_pci_dev([this](pci_dev& pdev) {
      if (pdev.class_code >> 16 != 0x06) devices.push_back(&pdev.dev);  // no bridges
    });
  }

  std::unique_ptr<kernel> system;
  std::vector<device*> devices;
};

/// A driver that always has some buffers mapped, as a network driver's ring does.
void map_unmap(benchmark::State& state, const char* command_line) {
  running r(command_line);
  device& dev = *r.devices[0];
  const auto size = static_cast<uint64_t>(state.range(0)) * page_size;
  for (int i = 0; i < 256; ++i) dma_map_single(dev, phys_addr(first_page), page_size, both);
  for ([[maybe_unused]] auto _ : state) {
    const dma_addr address = dma_map_single(dev, phys_addr(first_page), size, both);
    if (dma_mapping_error(dev, address)) std::abort();
    dma_unmap_single(dev, address, size, both);
  }
}
BENCHMARK_CAPTURE(map_unmap, lazy, lazy)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(map_unmap, strict, strict)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(map_unmap, pass_through, "intel_iommu=on iommu=pt")->Arg(1);

void map_sg(benchmark::State& state, const char* command_line) {
  running r(command_line);
  device& dev = *r.devices[0];
  std::vector<scatterlist> list(static_cast<size_t>(state.range(0)));
  for (size_t i = 0; i < list.size(); ++i) {
    list[i].page = phys_addr(first_page + 2 * i * page_size);
    list[i].length = page_size;
  }
  for ([[maybe_unused]] auto _ : state) {
    if (dma_map_sg(dev, absl::MakeSpan(list), both) == 0) std::abort();
    dma_unmap_sg(dev, absl::MakeSpan(list), both);
  }
}
BENCHMARK_CAPTURE(map_sg, lazy, lazy)->Arg(1)->Arg(16)->Arg(128);
BENCHMARK_CAPTURE(map_sg, strict, strict)->Arg(1)->Arg(16)->Arg(128);

void coherent(benchmark::State& state, const char* command_line) {
  running r(command_line);
  device& dev = *r.devices[0];
  for ([[maybe_unused]] auto _ : state) {
    dma_addr handle;
    const auto memory = dma_alloc_coherent(dev, page_size, handle, gfp_kernel);
    if (!memory) std::abort();
    dma_free_coherent(dev, page_size, *memory, handle);
  }
  r.system->env().clock.advance(20 * ns_per_ms);
}
BENCHMARK_CAPTURE(coherent, lazy, lazy);
BENCHMARK_CAPTURE(coherent, strict, strict);

/// Every thread maps and unmaps one page; all for one device, or each for one of its own (up to
/// as many as the machine has).
class threads : public benchmark::Fixture {
 public:
  void SetUp(benchmark::State& state) override {
    if (state.thread_index() == 0) system_ = std::make_unique<running>(lazy);
  }
  void TearDown(benchmark::State& state) override {
    if (state.thread_index() == 0) system_.reset();
  }

 protected:
  void run(benchmark::State& state, bool one_device) {
    const auto index = static_cast<size_t>(state.thread_index());
    const phys_addr page(first_page + index * page_size);
    device* dev = nullptr;
    for ([[maybe_unused]] auto _ : state) {
      if (dev == nullptr) dev = system_->devices[one_device ? 0 : index % system_->devices.size()];
      const dma_addr address = dma_map_page(*dev, page, 0, page_size, both);
      dma_unmap_page(*dev, address, page_size, both);
    }
  }

 private:
  std::unique_ptr<running> system_;
};
BENCHMARK_DEFINE_F(threads, one_domain)(benchmark::State& state) {
  run(state, true);
}
BENCHMARK_REGISTER_F(threads, one_domain)->ThreadRange(1, 4)->UseRealTime();
BENCHMARK_DEFINE_F(threads, own_domains)(benchmark::State& state) {
  run(state, false);
}
BENCHMARK_REGISTER_F(threads, own_domains)->ThreadRange(1, 4)->UseRealTime();

}  // namespace
}  // namespace iommulab

BENCHMARK_MAIN();
