// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/capture_loader.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/text_source.h"
#include "platform/firmware/acpi_dump.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/logged_units.h"
#include "platform/machine/memory_map.h"
#include "platform/machine/pci_listing.h"
#include "platform/machine/qemu_arguments.h"
#include "platform/machine/qemu_namespace.h"

namespace iommulab {
namespace {

/// The run on the same machine, beside a run that hung before its machine was listed.
std::filesystem::path control_of(const std::string& folder) {
  std::filesystem::path path(folder);
  if (!path.has_filename()) path = path.parent_path();
  return path.parent_path() / (path.extension() == ".calls" ? "r0.calls" : "r0");
}

/// Where the machine is described: the folder itself, or its control.
std::string machine_folder(const std::string& folder) {
  if (source_exists(absl::StrCat(folder, "/pci.txt"))) return folder;
  const std::filesystem::path control = control_of(folder);
  return std::filesystem::is_directory(control) ? control.string() : folder;
}

/// A folder in which more than one file is missing is no capture that lost one.
absl::Status check_files(const std::string& folder, const std::string& base) {
  std::vector<std::string> missing;
  for (const char* name : {"pci.txt", "dmesg.txt", "iomem"}) {
    if (!source_exists(absl::StrCat(base, "/", name))) missing.emplace_back(name);
  }
  if (!source_exists(absl::StrCat(folder, "/cmdline"))) missing.emplace_back("cmdline");
  // A run that hung has a command line and no machine of its own.
  const bool may_have_hung = !missing.empty() && missing.front() == "pci.txt" &&
                             source_exists(absl::StrCat(folder, "/cmdline"));
  if (missing.size() > 1 && !may_have_hung) {
    return errno_status(
        ENOENT,
        absl::StrFormat("%s: is no capture's folder: it has no %s (platform/machine/README.md "
                        "says what belongs into one and how to record it)",
                        folder, absl::StrJoin(missing, ", no ")));
  }
  if (missing.empty() || missing.front() != "pci.txt")
    return absl::OkStatus();  // read_source() says
  return errno_status(
      ENOENT, absl::StrFormat("%s/pci.txt: no such file, and %s, whose machine a run that hung "
                              "has, has none either",
                              folder, control_of(folder).string()));
}

std::string_view first_line(const text_source& source) {
  const std::vector<std::string_view> lines = source.lines();
  return lines.empty() ? std::string_view() : lines.front();
}

absl::Status load_log(const std::string& folder, const std::string& base, bool hardware,
                      machine_config& machine) {
  absl::StatusOr<text_source> log = read_source(absl::StrCat(base, "/dmesg.txt"));
  if (!log.ok()) return log.status();
  absl::StatusOr<std::vector<memory_range>> map = parse_e820(*log);
  if (!map.ok()) return map.status();
  machine.firmware_map = *std::move(map);
  machine.dmi = parse_dmi(*log);
  if (hardware) {
    absl::StatusOr<std::vector<remapping_unit_config>> units = parse_logged_units(*log);
    if (!units.ok()) return units.status();
    machine.units = *std::move(units);
  } else if (found_acpi_root_bridge(*log)) {
    machine.acpi_namespace = q35_namespace(machine.pci_functions);
  }
  if (folder != base) {
    // The run that hung left the lines about its table.
    absl::StatusOr<text_source> own = read_source(absl::StrCat(folder, "/dmesg-key.txt"));
    if (own.ok()) log = std::move(own);
  }
  machine.dmar_address = parse_dmar_address(*log);
  return absl::OkStatus();
}

absl::Status load_iomem(const std::string& base, std::optional<uint64_t> installed,
                        machine_config& machine) {
  const absl::StatusOr<text_source> iomem = read_source(absl::StrCat(base, "/iomem"));
  if (!iomem.ok()) return iomem.status();
  absl::StatusOr<std::vector<address_hole>> holes = parse_mmconfig(*iomem);
  if (!holes.ok()) return holes.status();
  machine.reads_all_ones = *std::move(holes);
  absl::StatusOr<std::vector<host_bridge_window>> windows =
      parse_host_windows(*iomem, machine.pci_roots);
  if (!windows.ok()) return windows.status();
  machine.pci_windows = *std::move(windows);
  if (installed) {
    machine.memory = backed_memory(machine.firmware_map, *installed);
    return absl::OkStatus();
  }
  const absl::StatusOr<uint64_t> devices = first_device_address(*iomem);
  if (!devices.ok()) return devices.status();
  machine.memory = memory_below_devices(machine.firmware_map, *devices);
  return absl::OkStatus();
}

/// What QEMU was told; of a capture of hardware, which has no qemu.args, nothing.
absl::StatusOr<std::optional<qemu_arguments>> load_arguments(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/qemu.args");
  if (!source_exists(path)) return std::nullopt;
  const absl::StatusOr<text_source> source = read_source(path);
  if (!source.ok()) return source.status();
  absl::StatusOr<qemu_arguments> arguments = parse_qemu_arguments(*source);
  if (!arguments.ok()) return arguments.status();
  return *std::move(arguments);
}

/// The file "unowned-reads" says "ones" or "zeros"; without it QEMU's are zeros and hardware's are
/// ones.
absl::StatusOr<std::byte> load_unowned_reads(const std::string& folder, bool hardware) {
  constexpr std::byte ones{0xff};
  constexpr std::byte zeros{0};
  const std::string path = absl::StrCat(folder, "/unowned-reads");
  if (!source_exists(path)) return hardware ? ones : zeros;
  const absl::StatusOr<text_source> source = read_source(path);
  if (!source.ok()) return source.status();
  const std::string_view text = first_line(*source);
  if (text == "ones") return ones;
  if (text == "zeros") return zeros;
  return line_error(source->name, 1, "unowned-reads", text, "not ones or zeros");
}

/// A table that names a unit was made by a QEMU that had one: a capture in which only one of the
/// two is there would be taken for firmware that is broken.
absl::Status check_units(const std::string& folder, const machine_config& machine) {
  if (!machine.units.empty() || machine.dmar_table.empty()) return absl::OkStatus();
  const dmar_table table = decode_dmar(machine.dmar_table);
  for (const dmar_structure& structure : table.structures) {
    const auto* drhd = std::get_if<dmar_drhd>(&structure.body);
    if (drhd == nullptr) continue;
    return line_error(absl::StrCat(folder, "/qemu.args"), 0, "-device", "",
                      absl::StrFormat("no argument makes an intel-iommu, but the capture's DMAR "
                                      "table describes a unit at 0x%x",
                                      drhd->register_base));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> load_capture_dmar(const std::string& folder) {
  for (const char* name : {"DMAR.bin", "DMAR-given.bin"}) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (!source_exists(path)) continue;
    const absl::StatusOr<text_source> source = read_source(path);
    if (!source.ok()) return source.status();
    if (is_text(source->text) && is_acpi_dump(source->text)) {
      return table_of_acpi_dump(source->name, source->text, dmar_layout::signature);
    }
    std::vector<uint8_t> table(source->text.begin(), source->text.end());
    // What the kernel showed was whole; what an emulator was given may be anything.
    if (std::string_view(name) == "DMAR.bin") {
      if (absl::Status status = check_dmar_is_whole(source->name, table); !status.ok()) {
        return status;
      }
    }
    return table;
  }
  return std::vector<uint8_t>();
}

absl::StatusOr<machine_config> load_capture(const std::string& folder) {
  if (!std::filesystem::is_directory(folder)) {
    return errno_status(ENOENT, absl::StrFormat("%s: no such folder", folder));
  }
  const std::string base = machine_folder(folder);
  if (absl::Status status = check_files(folder, base); !status.ok()) return status;
  machine_config machine;
  std::filesystem::path path(folder);
  if (!path.has_filename()) path = path.parent_path();
  machine.name = path.filename().string();

  absl::StatusOr<std::optional<qemu_arguments>> qemu = load_arguments(folder);
  if (!qemu.ok()) return qemu.status();
  const bool hardware = !qemu->has_value();
  if (!hardware) machine.units = std::move((*qemu)->units);

  const absl::StatusOr<text_source> cmdline = read_source(absl::StrCat(folder, "/cmdline"));
  if (!cmdline.ok()) return cmdline.status();
  machine.command_line = std::string(first_line(*cmdline));

  const absl::StatusOr<text_source> listing = read_source(absl::StrCat(base, "/pci.txt"));
  if (!listing.ok()) return listing.status();
  absl::StatusOr<pci_listing> pci = parse_pci_listing(*listing);
  if (!pci.ok()) return pci.status();
  machine.pci_roots = std::move(pci->roots);
  machine.pci_functions = std::move(pci->functions);
  if (!hardware) {
    machine.edus = edu_properties((*qemu)->edus, machine.pci_functions);
    machine.failed_dma_read = std::byte{0};  // as QEMU's devices find it
  }

  absl::Status status = load_log(folder, base, hardware, machine);
  if (!status.ok()) return status;
  status = load_iomem(base, hardware ? std::nullopt : std::optional((*qemu)->memory), machine);
  if (!status.ok()) return status;

  const absl::StatusOr<std::byte> unowned = load_unowned_reads(folder, hardware);
  if (!unowned.ok()) return unowned.status();
  machine.unowned_reads = *unowned;

  absl::StatusOr<std::vector<uint8_t>> dmar = load_capture_dmar(folder);
  if (!dmar.ok()) return dmar.status();
  machine.dmar_table = *std::move(dmar);
  if (!hardware) status = check_units(folder, machine);
  if (!status.ok()) return status;
  return machine;
}

}  // namespace iommulab
