// SPDX-License-Identifier: GPL-2.0-only
//
// Any text as a script of DMA operations: read or refused, and what can be read is run on a machine
// of its own, checked as --sanitize does.
//
// A boot costs more than a script, so a run makes the most of one: lines that no operation begins
// are left out, the machine has no more than scripts can use, and an eighth of the inputs is run a
// second time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/number.h"
#include "core/text_source.h"
#include "dma/debug/dma_debug.h"
#include "kernel/kernel.h"
#include "lab/script/lab.h"
#include "lab/script/script.h"
#include "lab/script/session.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

void must(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what.c_str());
  std::abort();
}

/// Terabytes in pages of 4 KiB, and hours of a device's time, are slow and no fault.
bool takes_long(const dmalab::script& from) {
  constexpr size_t most_operations = 64;
  constexpr uint64_t most = uint64_t{1} << 28;
  if (from.operations.size() > most_operations) return true;
  for (const dmalab::operation& op : from.operations) {
    for (const std::string& word : op.words) {
      const bool grows = op.words[0] == "imap" || op.words[0] == "iunmap" || op.words[0] == "wait";
      if (grows && parse_number(word).value_or(0) > most) return true;
    }
    if (op.state && (op.state->time_ns > most || op.state->spent_ns > most)) return true;
  }
  return false;
}

/// q35 without its chipset's functions: the bridge for which 16 MiB are mapped is one of them.
machine_config small_q35() {
  constexpr unsigned chipset = 0x1f;
  machine_config machine = q35_machine();
  std::erase_if(machine.pci_functions,
                [](const pci_function_config& f) { return f.id.device() == chipset; });
  return machine;
}

const machine_config& machine() {
  static const machine_config small = small_q35();
  return small;
}

void complete(dmalab::script& from) {
  constexpr uint64_t arena_bytes = uint64_t{4} << 20;
  if (from.arenas.empty()) from.arenas.resize(2, {0, std::nullopt, arena_bytes});
  if (!from.devices.empty()) return;
  for (const pci_function_config& f : machine().pci_functions) {
    if (is_edu(f)) from.devices.push_back({0, f.id, std::nullopt, std::nullopt});
  }
}

/// All that the script gave, and the checks' findings.
std::string run(const dmalab::script& from) {
  kernel_options options;
  options.command_line = from.command_line.value_or("intel_iommu=on");
  options.sanitize = true;
  auto system = kernel::create(machine(), std::move(options));
  must(system.ok(), "the machine cannot be made");
  if (!(*system)->start_up().panic.empty()) return "panic";
  (*system)->finish_boot();
  const auto outcomes = dmalab::run_session(**system, from, {});
  if (!outcomes.ok()) {
    const std::string complaint(outcomes.status().message());
    must(complaint.find('\n') == std::string::npos, "more than a line: " + complaint);
    return complaint;
  }
  std::string text;
  for (const dmalab::outcome& o : *outcomes) text += o.result + o.bug + '\n';
  return text + to_text((*system)->dma_debug()->log());
}

/// By the input alone, so that a crash comes again.
bool is_run_twice(std::string_view text) {
  unsigned sum = 0;
  for (const char c : text) sum = sum * 31 + static_cast<unsigned char>(c);
  return sum % 8 == 0;
}

}  // namespace
}  // namespace iommulab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace iommulab;
  text_source source;
  source.name = "input";
  source.text.assign(data, data + size);
  auto script = dmalab::parse_script(source);
  if (!script.ok()) {
    const std::string complaint(script.status().message());
    must(complaint.starts_with("input: ") && complaint.find('\n') == std::string::npos, complaint);
    return 0;
  }
  std::erase_if(script->operations, [](const dmalab::operation& op) {
    return !dmalab::lab::is_operation(op.words[0]);
  });
  complete(*script);
  if (script->operations.empty() || takes_long(*script)) return 0;
  const std::string given = run(*script);
  if (is_run_twice(source.text)) must(given == run(*script), "a run that repeats to the byte");
  return 0;
}
