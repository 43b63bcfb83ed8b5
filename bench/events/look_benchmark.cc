// SPDX-License-Identifier: GPL-2.0-only
//
// What it costs to look at one value, as a watch does at every event of a run: an expression that
// was parsed before, evaluated in q35 with 200 buffers mapped for one device.
#include <array>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmark/benchmark.h"
#include "lab/runs/script_run.h"
#include "lab/structures/expression.h"
#include "lab/structures/system_structures.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

dmalab::script_run* mapped_system() {
  static const auto run = []() -> std::unique_ptr<dmalab::script_run> {
    std::string text;
    for (int handle = 1; handle <= 200; ++handle) {
      absl::StrAppendFormat(&text, "map %d 0 0 0x%x 0x1000 1\n", handle, (handle % 16) * 0x1000);
    }
    auto script = dmalab::parse_script(text_source{"mapped.dma", text});
    if (!script.ok()) return nullptr;
    dmalab::script_request request;
    request.machine = *builtin_machine("q35");
    request.command_line = "intel_iommu=on";
    request.what = *std::move(script);
    auto made = dmalab::run_script(std::move(request));
    return made.ok() ? *std::move(made) : nullptr;
  }();
  return run.get();
}

constexpr std::array looks = {
    "GSTS.TES",
    "dmar_domain[dmar0:1].iommu_count",
    "intel_iommu[dmar0].gcmd",
    "device_domain_info[00:04.0].domain",
    "list_size",
    "iova_domain[dmar0:2].cached32_node",
    "context 00:04.0.DID",
    "pte 00:04.0 fffff000.ADDR",
    "walk 00:04.0 fffff000.host_address",
    "GSTS",
    "queue.head",
    "caches",
    "dmar_domain",
    "iova_domain",
    "pages",
};

void look(benchmark::State& state) {
  dmalab::script_run* run = mapped_system();
  const char* text = looks[static_cast<size_t>(state.range(0))];
  const auto parsed = expression::parse(text);
  if (run == nullptr || !parsed.ok()) return state.SkipWithError("no system, or no expression");
  held_system held(*run->system);
  for ([[maybe_unused]] auto _ : state) {
    const auto value = parsed->evaluate(held);
    if (!value.ok()) return state.SkipWithError(std::string(value.status().message()).c_str());
  }
  state.SetLabel(text);
}
BENCHMARK(look)->ArgName("look")->DenseRange(0, looks.size() - 1);

}  // namespace
}  // namespace iommulab

BENCHMARK_MAIN();
