// SPDX-License-Identifier: GPL-2.0-only
#include "platform/lspci/listed_folder.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "platform/firmware/dmar_table.h"
#include "platform/lspci/lspci_machine.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/logged_units.h"
#include "platform/machine/memory_map.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

// What the unit that serves all functions without one of their own is in logs of client machines,
// Whiskey Lake to Alder Lake: tables of 4 levels, queued invalidation, page walks that do not
// snoop.
constexpr uint64_t usual_cap = 0xd2008c40660462;
constexpr uint64_t usual_ecap = 0xf050da;

constexpr uint64_t low_ram_end = 0xa0000;
constexpr uint64_t high_ram_start = uint64_t{1} << 20;
constexpr uint64_t usual_ram_end = uint64_t{2} << 30;
constexpr uint64_t most_low_ram = uint64_t{3} << 30;

std::optional<text_source> optional_source(const std::string& folder,
                                           std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto source = read_source(absl::StrCat(folder, "/", name));
    if (source.ok()) return *std::move(source);
  }
  return std::nullopt;
}

/// The table's units, with the capabilities that the log has.
absl::Status add_units(const std::optional<text_source>& log, machine_config& machine) {
  std::vector<remapping_unit_config> logged;
  if (log) {
    auto units = parse_logged_units(*log);
    if (!units.ok()) return units.status();
    logged = *std::move(units);
  }
  std::string unknown;
  for (const dmar_structure& structure : decode_dmar(machine.dmar_table).structures) {
    const auto* drhd = std::get_if<dmar_drhd>(&structure.body);
    if (drhd == nullptr) continue;
    const phys_addr base(drhd->register_base);
    const auto known = std::find_if(logged.begin(), logged.end(),
                                    [&](const remapping_unit_config& u) { return u.base == base; });
    if (known != logged.end()) {
      machine.units.push_back(*known);
      continue;
    }
    if (!unknown.empty()) unknown += ", ";
    unknown += absl::StrFormat("0x%x", base.value());
    machine.units.push_back({.base = base,
                             .cap = vtd::cap_register(usual_cap),
                             .ecap = vtd::ecap_register(usual_ecap)});
  }
  if (!unknown.empty()) {
    machine.assumed.push_back(absl::StrFormat(
        "capabilities of the units at %s, which no line \"reg_base_addr … cap … ecap …\" of a log "
        "tells: those of a client machine's (cap 0x%x, ecap 0x%x)",
        unknown, usual_cap, usual_ecap));
  }
  return absl::OkStatus();
}

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

void add_memory(const std::optional<text_source>& log, machine_config& machine) {
  if (log) {
    // A log that begins later has none of the lines.
    if (auto map = parse_e820(*log); map.ok()) {
      machine.firmware_map = *std::move(map);
      machine.memory = memory_below_devices(machine.firmware_map, most_low_ram);
      return;
    }
  }
  machine.firmware_map = machine.memory = usual_memory(machine);
  machine.assumed.push_back(
      absl::StrFormat("memory, of which no BIOS-e820 lines of a log tell: RAM below 0x%x, the "
                      "table's RMRRs reserved",
                      machine.memory.back().end()));
}

}  // namespace

bool is_listed_folder(const std::string& folder) {
  return source_exists(absl::StrCat(folder, "/lspci.txt")) &&
         !source_exists(absl::StrCat(folder, "/pci.txt"));
}

absl::StatusOr<std::vector<uint8_t>> table_of_listed_folder(const std::string& folder) {
  for (const char* name : {"DMAR.bin", "DMAR"}) {
    const std::string path = absl::StrCat(folder, "/", name);
    std::error_code ignored;
    if (!fs::exists(path, ignored)) continue;
    return read_whole_dmar_file(path);
  }
  return std::vector<uint8_t>();
}

absl::StatusOr<machine_config> load_listed_folder(const std::string& folder,
                                                  std::vector<uint8_t> table) {
  const auto listing = read_source(absl::StrCat(folder, "/lspci.txt"));
  if (!listing.ok()) return listing.status();
  auto pci = machine_of_listing(*listing);
  if (!pci.ok()) return pci.status();
  machine_config machine;
  fs::path path(folder);
  if (!path.has_filename()) path = path.parent_path();
  machine.name = path.filename().string();
  machine.pci_roots = std::move(pci->roots);
  machine.pci_functions = std::move(pci->functions);
  machine.assumed = std::move(pci->assumed);
  machine.unowned_reads = std::byte{0xff};
  if (table.empty()) {
    auto own = table_of_listed_folder(folder);
    if (!own.ok()) return own.status();
    table = *std::move(own);
  }
  machine.dmar_table = std::move(table);
  const auto cmdline = optional_source(folder, {"cmdline"});
  machine.command_line = cmdline && !cmdline->lines().empty()
                             ? std::string(cmdline->lines().front())
                             : std::string("intel_iommu=on");
  const auto log = optional_source(folder, {"dmesg.txt", "dmesg-iommu.txt"});
  if (absl::Status status = add_units(log, machine); !status.ok()) return status;
  add_memory(log, machine);
  return machine;
}

}  // namespace iommulab
