// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/kernel_log.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_format.h"
#include "platform/machine/memory_map.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr char bios_vendor_mark[] = "BIOS vendor: ";
constexpr char bios_version_mark[] = "; Ver: ";
constexpr char product_version_mark[] = "; Product Version: ";

/// The text behind `mark`, if the line has it.
std::optional<std::string_view> after(std::string_view line, std::string_view mark) {
  const size_t at = line.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  return line.substr(at + mark.size());
}

/// "0x…" up to the first character that is no digit of it.
std::optional<uint64_t> leading_number(std::string_view text) {
  size_t end = text.substr(0, 2) == "0x" ? 2 : 0;
  while (end < text.size() && std::isxdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
  return parse_number(text.substr(0, end));
}

}  // namespace

std::string_view without_time_stamp(std::string_view line) {
  if (line.substr(0, 1) == "[") {
    const size_t end = line.find("] ");
    if (end == std::string_view::npos) return line;
    line.remove_prefix(end + 2);
  }
  // "Dec 01 12:00:00 HOST kernel: ", and without the time behind a stamp of the kernel's.
  constexpr std::string_view by_the_kernel = "kernel: ";
  const size_t mark = line.find(by_the_kernel);
  if (mark == std::string_view::npos) return line;
  const auto blanks = std::count(line.begin(), line.begin() + static_cast<ptrdiff_t>(mark), ' ');
  const bool is_prefix = mark == 0 || (line[mark - 1] == ' ' && (blanks == 1 || blanks == 4));
  return is_prefix ? line.substr(mark + by_the_kernel.size()) : line;
}

dmi_strings parse_dmi(const text_source& log) {
  dmi_strings dmi{"SeaBIOS", "", "pc-q35-7.2"};
  for (const std::string_view stamped : log.lines()) {
    const std::string_view line = without_time_stamp(stamped);
    // "DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014"
    const auto bios = line.substr(0, 5) == "DMI: " ? after(line, ", BIOS ") : std::nullopt;
    if (bios) dmi.bios_version = std::string(bios->substr(0, bios->rfind(' ')));
    const auto found = after(line, bios_vendor_mark);
    if (!found) continue;
    const std::string_view rest = *found;
    const size_t version = rest.find(bios_version_mark);
    const size_t product = rest.find(product_version_mark);
    if (version == std::string_view::npos || product == std::string_view::npos ||
        product < version) {
      continue;
    }
    const size_t version_text = version + std::string_view(bios_version_mark).size();
    dmi.bios_vendor = std::string(rest.substr(0, version));
    dmi.bios_version = std::string(rest.substr(version_text, product - version_text));
    dmi.product_version =
        std::string(rest.substr(product + std::string_view(product_version_mark).size()));
  }
  return dmi;
}

phys_addr parse_dmar_address(const text_source& log) {
  uint64_t found = 0;
  for (const std::string_view stamped : log.lines()) {
    const auto rest = after(without_time_stamp(stamped), "ACPI: DMA");
    if (!rest || rest->size() < 2) continue;
    // The signature's last letter may be a broken one.
    found = leading_number(rest->substr(2)).value_or(found);
  }
  return phys_addr(found);
}

bool found_acpi_root_bridge(const text_source& log) {
  const std::vector<std::string_view> lines = log.lines();
  return std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
    return without_time_stamp(line).starts_with("ACPI: PCI Root Bridge [");
  });
}

absl::StatusOr<std::vector<address_hole>> parse_mmconfig(const text_source& iomem) {
  const absl::StatusOr<std::vector<iomem_line>> lines = parse_iomem_lines(iomem);
  if (!lines.ok()) return lines.status();
  std::vector<address_hole> holes;
  for (const iomem_line& line : *lines) {
    if (!is_configuration_window(line.name)) continue;
    holes.push_back({phys_addr(line.first), line.last - line.first + 1});
  }
  return holes;
}

absl::StatusOr<std::vector<host_bridge_window>> parse_host_windows(
    const text_source& iomem, const std::vector<pci_root>& roots) {
  const absl::StatusOr<std::vector<iomem_line>> lines = parse_iomem_lines(iomem);
  if (!lines.ok()) return lines.status();
  std::vector<host_bridge_window> windows;
  for (const iomem_line& line : *lines) {
    const auto root = std::find_if(roots.begin(), roots.end(), [&](const pci_root& r) {
      return line.name == absl::StrFormat("PCI Bus %04x:%02x", r.segment, r.bus);
    });
    if (root == roots.end()) continue;
    windows.push_back({*root, phys_addr(line.first), line.last - line.first + 1});
  }
  return windows;
}

}  // namespace iommulab
