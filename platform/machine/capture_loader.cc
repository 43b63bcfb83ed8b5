// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/capture_loader.h"

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/memory_map.h"
#include "platform/machine/parse.h"
#include "platform/machine/pci_listing.h"
#include "platform/machine/qemu_edu.h"
#include "platform/machine/qemu_namespace.h"
#include "platform/machine/qemu_unit.h"

namespace iommulab {
namespace {

/// Splits a shell's command line at spaces outside single quotes; the quotes go.
std::vector<std::string> shell_words(std::string_view text) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\n')) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

/// "-m 1G" and "-m size=1G" are the same.
std::string_view without_name(std::string_view size) {
  constexpr std::string_view name = "size=";
  return size.starts_with(name) ? size.substr(name.size()) : size;
}

struct qemu_arguments {
  uint64_t memory = 0;  ///< bytes
  std::vector<remapping_unit_config> units;
  std::vector<qemu_edu> edus;
};

absl::StatusOr<qemu_arguments> parse_qemu_arguments(const text_source& source) {
  qemu_arguments arguments;
  const std::vector<std::string> words = shell_words(source.text);
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& value = words[i + 1];
    if (words[i] == "-m") {
      const auto memory = parse_memory_size(without_name(value));
      if (!memory) return line_error(source.name, 1, "-m", value, "not a memory size");
      arguments.memory = *memory;
    }
    if (words[i] != "-device") continue;
    const auto refuse = [&](const absl::Status& why) {
      return line_error(source.name, 1, "-device", value, std::string(why.message()));
    };
    const std::string device = value.substr(0, value.find(','));
    if (device == "edu") {
      const absl::StatusOr<qemu_edu> edu = parse_qemu_edu(value);
      if (!edu.ok()) return refuse(edu.status());
      arguments.edus.push_back(*edu);
    }
    if (device != "intel-iommu") continue;
    const absl::StatusOr<qemu_unit_options> options = parse_qemu_unit(value);
    if (!options.ok()) return refuse(options.status());
    arguments.units.push_back(qemu_unit(*options));
  }
  if (arguments.memory == 0) return line_error(source.name, 1, "-m", "", "it is missing");
  return arguments;
}

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

absl::Status no_machine(const std::string& folder) {
  return errno_status(
      ENOENT, absl::StrFormat("%s/pci.txt: no such file, and %s, whose machine a run that hung "
                              "has, has none either",
                              folder, control_of(folder).string()));
}

absl::Status load_log(const std::string& folder, const std::string& base, uint64_t installed,
                      machine_config& machine) {
  absl::StatusOr<text_source> log = read_source(absl::StrCat(base, "/dmesg.txt"));
  if (!log.ok()) return log.status();
  absl::StatusOr<std::vector<memory_range>> map = parse_e820(*log);
  if (!map.ok()) return map.status();
  machine.firmware_map = *std::move(map);
  machine.memory = backed_memory(machine.firmware_map, installed);
  machine.dmi = parse_dmi(*log);
  if (found_acpi_root_bridge(*log)) machine.acpi_namespace = q35_namespace(machine.pci_functions);
  if (folder != base) {
    // The run that hung left the lines about its table.
    absl::StatusOr<text_source> own = read_source(absl::StrCat(folder, "/dmesg-key.txt"));
    if (own.ok()) log = std::move(own);
  }
  machine.dmar_address = parse_dmar_address(*log);
  return absl::OkStatus();
}

std::string_view first_line(const text_source& source) {
  const std::vector<std::string_view> lines = source.lines();
  return lines.empty() ? std::string_view() : lines.front();
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> load_capture_dmar(const std::string& folder) {
  for (const char* name : {"DMAR.bin", "DMAR-given.bin"}) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (!source_exists(path)) continue;
    const absl::StatusOr<text_source> source = read_source(path);
    if (!source.ok()) return source.status();
    return std::vector<uint8_t>(source->text.begin(), source->text.end());
  }
  return std::vector<uint8_t>();
}

absl::StatusOr<machine_config> load_capture(const std::string& folder) {
  if (!std::filesystem::is_directory(folder)) {
    return errno_status(ENOENT, absl::StrFormat("%s: no such folder", folder));
  }
  const std::string base = machine_folder(folder);
  machine_config machine;
  std::filesystem::path path(folder);
  if (!path.has_filename()) path = path.parent_path();
  machine.name = path.filename().string();

  const absl::StatusOr<text_source> arguments = read_source(absl::StrCat(folder, "/qemu.args"));
  if (!arguments.ok()) return arguments.status();
  absl::StatusOr<qemu_arguments> qemu = parse_qemu_arguments(*arguments);
  if (!qemu.ok()) return qemu.status();
  machine.units = std::move(qemu->units);

  const absl::StatusOr<text_source> cmdline = read_source(absl::StrCat(folder, "/cmdline"));
  if (!cmdline.ok()) return cmdline.status();
  machine.command_line = std::string(first_line(*cmdline));

  if (!source_exists(absl::StrCat(base, "/pci.txt"))) return no_machine(folder);
  const absl::StatusOr<text_source> listing = read_source(absl::StrCat(base, "/pci.txt"));
  if (!listing.ok()) return listing.status();
  absl::StatusOr<pci_listing> pci = parse_pci_listing(*listing);
  if (!pci.ok()) return pci.status();
  machine.pci_roots = std::move(pci->roots);
  machine.pci_functions = std::move(pci->functions);
  machine.edus = edu_properties(qemu->edus, machine.pci_functions);
  machine.failed_dma_read = std::byte{0};  // as QEMU's devices find it

  const absl::Status status = load_log(folder, base, qemu->memory, machine);
  if (!status.ok()) return status;

  const absl::StatusOr<text_source> iomem = read_source(absl::StrCat(base, "/iomem"));
  if (!iomem.ok()) return iomem.status();
  absl::StatusOr<std::vector<address_hole>> holes = parse_mmconfig(*iomem);
  if (!holes.ok()) return holes.status();
  machine.reads_all_ones = *std::move(holes);

  absl::StatusOr<std::vector<uint8_t>> dmar = load_capture_dmar(folder);
  if (!dmar.ok()) return dmar.status();
  machine.dmar_table = *std::move(dmar);
  return machine;
}

}  // namespace iommulab
