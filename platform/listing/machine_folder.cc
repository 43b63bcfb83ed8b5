// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/machine_folder.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/madt_table.h"
#include "platform/firmware/mcfg_table.h"
#include "platform/listing/logged_table.h"
#include "platform/listing/lspci_text.h"
#include "platform/listing/recorded_groups.h"
#include "platform/listing/sysfs_functions.h"
#include "platform/listing/sysfs_units.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/logged_units.h"
#include "platform/machine/memory_map.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

// What the unit that serves all functions without one of their own is in logs of client machines,
// Whiskey Lake to Alder Lake: tables of 4 levels, queued invalidation, page walks that do not
// snoop.
constexpr uint64_t usual_cap = 0xd2008c40660462;
constexpr uint64_t usual_ecap = 0xf050da;

constexpr uint64_t low_ram_end = 0xa0000;
constexpr uint64_t high_ram_start = uint64_t{1} << 20;
constexpr uint64_t usual_ram_end = uint64_t{2} << 30;
constexpr uint64_t most_low_ram = uint64_t{3} << 30;

/// The units that the log tells, and then those of sysfs.
absl::StatusOr<std::vector<remapping_unit_config>> told_units(
    const machine_files& files, const std::optional<text_source>& log) {
  std::vector<remapping_unit_config> told;
  if (log) {
    auto logged = parse_logged_units(*log);
    if (!logged.ok()) return logged.status();
    told = *std::move(logged);
  }
  if (files.units.empty()) return told;
  const auto seen = units_of_sysfs(files.units);
  if (!seen.ok()) return seen.status();
  told.insert(told.end(), seen->begin(), seen->end());
  return told;
}

/// The table's units, with the capabilities that anything tells.
absl::Status add_units(const machine_files& files, const std::optional<text_source>& log,
                       machine_config& machine) {
  const auto told = told_units(files, log);
  if (!told.ok()) return told.status();
  std::string unknown;
  for (const dmar_structure& structure : decode_dmar(machine.dmar_table).structures) {
    const auto* drhd = std::get_if<dmar_drhd>(&structure.body);
    if (drhd == nullptr) continue;
    const phys_addr base(drhd->register_base);
    const auto known = std::find_if(told->begin(), told->end(),
                                    [&](const remapping_unit_config& u) { return u.base == base; });
    if (known != told->end()) {
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
        "tells, and no /sys/class/iommu: those of a client machine's (cap 0x%x, ecap 0x%x)",
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
absl::Status add_memory(const std::optional<text_source>& log,
                        const std::optional<text_source>& iomem, machine_config& machine) {
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

absl::Status add_io_apics(const machine_files& files, machine_config& machine) {
  const auto table = files.read_table(madt_signature);
  if (!table.ok()) return table.status();
  if (table->empty()) return absl::OkStatus();
  auto madt = decode_madt(files.table(madt_signature), *table);
  if (!madt.ok()) return madt.status();
  machine.io_apics = std::move(madt->io_apics);
  return absl::OkStatus();
}

/// The command line that a machine of which nobody said one is to start with.
absl::StatusOr<std::string> command_line_of(const machine_files& files) {
  if (files.cmdline.empty()) return std::string("intel_iommu=on");
  const auto source = read_source(files.cmdline);
  if (!source.ok()) return source.status();
  const auto lines = source->lines();
  return lines.empty() ? std::string() : std::string(lines.front());
}

/// The one line of a file of /sys/class/dmi/id; empty where it is not there.
std::string dmi_string(const machine_files& files, const char* name) {
  if (files.dmi.empty()) return "";
  const auto text = read_text_file(absl::StrCat(files.dmi, "/", name));
  return text.ok() ? std::string(trimmed(*text)) : std::string();
}

absl::Status add_groups(const machine_files& files, listed_machine& pci) {
  recorded_groups groups;
  const bool listed = std::any_of(pci.listed.begin(), pci.listed.end(),
                                  [](const listed_function& f) { return f.group.has_value(); });
  if (listed) return absl::OkStatus();
  const auto log = files.read_log();
  if (!log.ok()) return log.status();
  if (!files.groups.empty()) {
    const auto rows = read_source(files.groups);
    if (!rows.ok()) return rows.status();
    auto parsed = parse_group_rows(*rows);
    if (!parsed.ok()) return parsed.status();
    groups = *std::move(parsed);
  } else if (log->has_value()) {
    auto parsed = parse_logged_groups(**log);
    if (!parsed.ok()) return parsed.status();
    groups = *std::move(parsed);
  }
  const auto take = [&](listed_function& f) {
    const auto found = groups.extract(f.address());
    if (!found.empty()) f.group = found.mapped();
  };
  for (listed_function& f : pci.listed) take(f);
  for (virtual_function& f : pci.virtual_functions) take(f.listed);
  if (!groups.empty()) {
    pci.assumed.push_back(absl::StrFormat(
        "that nothing is meant by the group of %s, and of %d functions in all, which the listing "
        "does not have",
        groups.begin()->first, groups.size()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<listed_machine> functions_of(const machine_files& files) {
  absl::StatusOr<std::vector<listed_function>> listed;
  if (files.listing.empty() && files.pci.empty()) {
    return errno_status(ENOENT, absl::StrFormat("%s: it lists no PCI functions: neither lspci.txt "
                                                "nor sys/bus/pci/devices is there",
                                                files.name));
  }
  if (!files.listing.empty()) {
    const auto source = read_source(files.listing);
    if (!source.ok()) return source.status();
    listed = parse_lspci(*source);
  } else {
    listed = functions_of_sysfs(files.pci);
  }
  if (!listed.ok()) return listed.status();
  auto pci = machine_of_functions(*std::move(listed));
  if (!pci.ok()) return pci.status();
  if (!files.listing.empty() && !files.pci.empty()) {
    pci->assumed.push_back(
        absl::StrFormat("that %s counts, and not %s beside it", files.listing, files.pci));
  }
  if (absl::Status status = add_groups(files, *pci); !status.ok()) return status;
  return pci;
}

absl::StatusOr<std::vector<uint8_t>> dmar_table_of(const machine_files& files) {
  const std::string path = files.table(dmar_layout::signature);
  if (path.empty() || files.hides_table(dmar_layout::signature)) return std::vector<uint8_t>();
  return read_whole_dmar_file(path);
}

std::string release_of(const machine_files& files) {
  if (!files.release.empty()) {
    const auto source = read_source(files.release);
    std::string release = source.ok() ? recorded_release(*source) : "";
    if (!release.empty()) return release;
  }
  const auto log = files.read_log();
  return log.ok() && log->has_value() ? recorded_release(**log) : "";
}

absl::StatusOr<machine_config> machine_of(const machine_files& files, std::vector<uint8_t> table) {
  auto pci = functions_of(files);
  if (!pci.ok()) return pci.status();
  machine_config machine;
  machine.name = files.name;
  machine.pci_roots = std::move(pci->roots);
  machine.pci_functions = std::move(pci->functions);
  machine.assumed = std::move(pci->assumed);
  if (!pci->virtual_functions.empty()) {
    machine.assumed.push_back(absl::StrFormat(
        "that no driver has switched virtual functions on: %s and what else is listed of them, %d "
        "in "
        "all, is not there",
        pci->virtual_functions.front().listed.address(), pci->virtual_functions.size()));
  }
  machine.unowned_reads = std::byte{0xff};
  if (table.empty()) {
    auto own = dmar_table_of(files);
    if (!own.ok()) return own.status();
    table = *std::move(own);
  }
  if (table.empty()) {
    machine.assumed.push_back(absl::StrFormat(
        "that firmware offers no DMAR table, and nothing is remapped: %s",
        files.hides_table(dmar_layout::signature)
            ? files.table(dmar_layout::signature) + " is for root alone"
        : files.is_live
            ? "none is in /sys/firmware/acpi/tables"
            : "there is no file DMAR, as root copies it from /sys/firmware/acpi/tables"));
  }
  machine.dmar_table = std::move(table);
  auto command_line = command_line_of(files);
  if (!command_line.ok()) return command_line.status();
  machine.command_line = *std::move(command_line);
  const auto log = files.read_log();
  if (!log.ok()) return log.status();
  if (*log) {
    machine.dmi = parse_dmi(**log);
    machine.dmar_address = parse_dmar_address(**log);
    for (std::string& what : differences_from_log(decode_dmar(machine.dmar_table), **log)) {
      machine.assumed.push_back(std::move(what));
    }
  }
  if (!files.dmi.empty()) {
    machine.dmi = {dmi_string(files, "bios_vendor"), dmi_string(files, "bios_version"),
                   dmi_string(files, "product_version")};
  }
  absl::Status status = add_units(files, *log, machine);
  if (!status.ok()) return status;
  const auto iomem = readable_iomem(files, machine);
  if (!iomem.ok()) return iomem.status();
  status = add_windows(files, *iomem, machine);
  if (status.ok()) status = add_memory(*log, *iomem, machine);
  if (status.ok()) status = add_io_apics(files, machine);
  if (!status.ok()) return status;
  return machine;
}

}  // namespace iommulab
