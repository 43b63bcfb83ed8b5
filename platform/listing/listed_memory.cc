// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/listed_memory.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/mcfg_table.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/memory_map.h"

namespace iommulab {
namespace {

constexpr uint64_t low_ram_end = 0xa0000;
constexpr uint64_t high_ram_start = uint64_t{1} << 20;
constexpr uint64_t usual_ram_end = uint64_t{2} << 30;
constexpr uint64_t most_low_ram = uint64_t{3} << 30;

/// RAM up to 2 GiB, or to where the last RMRR below 3 GiB ends, with the RMRRs taken out of it.
std::vector<memory_range> usual_memory(const machine_config& machine) {
  std::vector<memory_range> reserved;
  uint64_t ram_end = usual_ram_end;
  for (const dmar_structure& structure : decode_dmar(machine.dmar_table).structures) {
    const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body);
    if (rmrr == nullptr || rmrr->base >= rmrr->limit || rmrr->limit >= most_low_ram) continue;
    reserved.push_back(
        {phys_addr(rmrr->base), rmrr->limit + 1 - rmrr->base, memory_range::kind::reserved});
    ram_end = std::max(ram_end, rmrr->limit + 1);
  }
  std::sort(reserved.begin(), reserved.end(),
            [](const memory_range& a, const memory_range& b) { return a.start < b.start; });
  std::vector<memory_range> map;
  const auto add_ram = [&](uint64_t from, uint64_t to) {
    if (from < to) map.push_back({phys_addr(from), to - from, memory_range::kind::ram});
  };
  const auto fill = [&](uint64_t from, uint64_t to) {
    for (const memory_range& hole : reserved) {
      const uint64_t begin = std::max(hole.start.value(), from);
      const uint64_t end = std::min(hole.end(), to);
      if (begin >= end) continue;
      add_ram(from, begin);
      map.push_back({phys_addr(begin), end - begin, memory_range::kind::reserved});
      from = end;
    }
    add_ram(from, to);
  };
  fill(0, low_ram_end);
  map.push_back(
      {phys_addr(low_ram_end), high_ram_start - low_ram_end, memory_range::kind::reserved});
  fill(high_ram_start, ram_end);
  return map;
}

/// Of who is not root the kernel hides all addresses.
absl::StatusOr<std::optional<text_source>> readable_iomem(const machine_files& files,
                                                          machine_config& machine) {
  if (files.iomem.empty()) return std::nullopt;
  auto iomem = read_source(files.iomem);
  if (!iomem.ok()) return iomem.status();
  if (!hides_addresses(*iomem)) return std::optional(*std::move(iomem));
  machine.assumed.push_back(
      absl::StrFormat("that %s tells nothing: all its addresses are zero, as the kernel shows them "
                      "to who is not root",
                      iomem->name));
  return std::nullopt;
}

/// The windows of /proc/iomem, or else those of MCFG.
absl::Status add_windows(const machine_files& files, const std::optional<text_source>& iomem,
                         machine_config& machine) {
  if (iomem) {
    auto holes = parse_mmconfig(*iomem);
    if (!holes.ok()) return holes.status();
    machine.reads_all_ones = *std::move(holes);
    auto windows = parse_host_windows(*iomem, machine.pci_roots);
    if (!windows.ok()) return windows.status();
    machine.pci_windows = *std::move(windows);
    return absl::OkStatus();
  }
  const auto table = files.read_table(mcfg_signature);
  if (!table.ok()) return table.status();
  if (table->empty()) return absl::OkStatus();
  const auto windows = decode_mcfg(files.table(mcfg_signature), *table);
  if (!windows.ok()) return windows.status();
  for (const mcfg_window& w : *windows) machine.reads_all_ones.push_back({w.start(), w.length()});
  return absl::OkStatus();
}

/// The map of the log, of /proc/iomem, or one as machines have it.
absl::Status add_map(const std::optional<text_source>& log, const std::optional<text_source>& iomem,
                     machine_config& machine) {
  uint64_t devices = most_low_ram;
  if (iomem) {
    const auto first = first_device_address(*iomem);
    if (!first.ok()) return first.status();
    devices = *first;
  }
  if (log && tells_e820(*log)) {
    auto map = parse_e820(*log);
    if (!map.ok()) return map.status();
    machine.firmware_map = *std::move(map);
  } else if (iomem) {
    auto map = parse_iomem_map(*iomem);
    if (!map.ok()) return map.status();
    machine.firmware_map = *std::move(map);
  } else {
    machine.firmware_map = machine.memory = usual_memory(machine);
    machine.assumed.push_back(absl::StrFormat(
        "memory, of which neither BIOS-e820 lines of a log nor /proc/iomem tell: RAM below 0x%x, "
        "the table's RMRRs reserved",
        machine.memory.back().end()));
    return absl::OkStatus();
  }
  machine.memory = memory_below_devices(machine.firmware_map, devices);
  return absl::OkStatus();
}

}  // namespace

absl::Status add_address_space(const machine_files& files, const std::optional<text_source>& log,
                               machine_config& machine) {
  const auto iomem = readable_iomem(files, machine);
  if (!iomem.ok()) return iomem.status();
  if (absl::Status status = add_windows(files, *iomem, machine); !status.ok()) return status;
  return add_map(log, *iomem, machine);
}

}  // namespace iommulab
