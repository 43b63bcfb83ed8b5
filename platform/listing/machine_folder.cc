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
#include "platform/listing/listed_memory.h"
#include "platform/listing/logged_table.h"
#include "platform/listing/lspci_text.h"
#include "platform/listing/recorded_groups.h"
#include "platform/listing/sysfs_functions.h"
#include "platform/listing/sysfs_units.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/logged_units.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

// What the unit that serves all functions without one of their own is in logs of client machines,
// Whiskey Lake to Alder Lake: tables of 4 levels, queued invalidation, page walks that do not
// snoop.
constexpr uint64_t usual_cap = 0xd2008c40660462;
constexpr uint64_t usual_ecap = 0xf050da;

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

void take_functions(listed_machine pci, machine_config& machine) {
  machine.pci_roots = std::move(pci.roots);
  machine.pci_functions = std::move(pci.functions);
  machine.assumed = std::move(pci.assumed);
  if (pci.virtual_functions.empty()) return;
  machine.assumed.push_back(absl::StrFormat(
      "that no driver has switched virtual functions on: %s and what else is listed of them, %d in "
      "all, is not there",
      pci.virtual_functions.front().listed.address(), pci.virtual_functions.size()));
}

std::string words_without_table(const machine_files& files) {
  std::string why = "there is no file DMAR, as root copies it from /sys/firmware/acpi/tables";
  if (files.is_live) why = "none is in /sys/firmware/acpi/tables";
  if (files.hides_table(dmar_layout::signature)) {
    why = files.table(dmar_layout::signature) + " is for root alone";
  }
  return "that firmware offers no DMAR table, and nothing is remapped: " + why;
}

/// What log and sysfs say of firmware and its table.
void add_firmware_words(const machine_files& files, const std::optional<text_source>& log,
                        machine_config& machine) {
  if (log) {
    machine.dmi = parse_dmi(*log);
    machine.dmar_address = parse_dmar_address(*log);
    for (std::string& what : differences_from_log(decode_dmar(machine.dmar_table), *log)) {
      machine.assumed.push_back(std::move(what));
    }
  }
  if (files.dmi.empty()) return;
  machine.dmi = {dmi_string(files, "bios_vendor"), dmi_string(files, "bios_version"),
                 dmi_string(files, "product_version")};
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
  machine.unowned_reads = std::byte{0xff};
  take_functions(*std::move(pci), machine);
  auto command_line = command_line_of(files);
  if (!command_line.ok()) return command_line.status();
  machine.command_line = *std::move(command_line);
  if (table.empty()) {
    auto own = dmar_table_of(files);
    if (!own.ok()) return own.status();
    table = *std::move(own);
  }
  if (table.empty()) machine.assumed.push_back(words_without_table(files));
  machine.dmar_table = std::move(table);
  const auto log = files.read_log();
  if (!log.ok()) return log.status();
  add_firmware_words(files, *log, machine);
  absl::Status status = add_units(files, *log, machine);
  if (status.ok()) status = add_address_space(files, *log, machine);
  if (status.ok()) status = add_io_apics(files, machine);
  if (!status.ok()) return status;
  return machine;
}

}  // namespace iommulab
