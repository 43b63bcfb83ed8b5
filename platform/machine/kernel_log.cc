// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/kernel_log.h"

#include <algorithm>
#include <optional>

#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr uint64_t four_gib = uint64_t{1} << 32;
/// QEMU's q35 keeps RAM below this when there is more than it, and moves the rest above 4 GiB.
constexpr uint64_t low_memory_limit = uint64_t{2} << 30;

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
  if (line.substr(0, 1) != "[") return line;
  const size_t end = line.find("] ");
  return end == std::string_view::npos ? line : line.substr(end + 2);
}

absl::StatusOr<std::vector<memory_range>> parse_e820(const text_source& log) {
  std::vector<memory_range> map;
  const std::vector<std::string_view> lines = log.lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    // "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable"
    const auto found = after(without_time_stamp(lines[i]), "BIOS-e820: ");
    if (!found) continue;
    const std::string_view rest = *found;
    const auto refuse = [&](std::string_view why) {
      return line_error(log.name, i + 1, "BIOS-e820", rest, why);
    };
    const size_t dash = rest.find('-');
    const size_t close = rest.find("] ");
    constexpr std::string_view open = "[mem ";
    const bool framed = rest.substr(0, open.size()) == open && dash != std::string_view::npos &&
                        close != std::string_view::npos && dash < close;
    const auto first =
        framed ? parse_number(rest.substr(open.size(), dash - open.size())) : std::nullopt;
    const auto last = framed ? parse_number(rest.substr(dash + 1, close - dash - 1)) : std::nullopt;
    if (!first || !last) return refuse("not of the form [mem 0xFIRST-0xLAST] TYPE");
    if (*last < *first) return refuse("it ends before it starts");
    if (!map.empty() && *first < map.back().end()) return refuse("it overlaps the line before");
    map.push_back({phys_addr(*first), *last - *first + 1,
                   rest.substr(close + 2) == "usable" ? memory_range::kind::ram
                                                      : memory_range::kind::reserved});
  }
  if (map.empty()) return line_error(log.name, 0, "BIOS-e820", "", "there is no such line");
  return map;
}

std::vector<memory_range> backed_memory(const std::vector<memory_range>& map, uint64_t installed) {
  const uint64_t low = std::min(installed, low_memory_limit);
  const uint64_t high = four_gib + (installed - low);
  std::vector<memory_range> backed;
  for (const memory_range& range : map) {
    const bool inside =
        range.end() <= low || (range.start.value() >= four_gib && range.end() <= high);
    if (range.type == memory_range::kind::ram || inside) backed.push_back(range);
  }
  return backed;
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
  std::vector<address_hole> holes;
  size_t resources = 0;
  const std::vector<std::string_view> lines = iomem.lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    // "  b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]"
    const std::string_view text =
        lines[i].substr(std::min(lines[i].find_first_not_of(' '), lines[i].size()));
    if (text.empty()) continue;
    constexpr std::string_view separator = " : ";
    const size_t dash = text.find('-');
    const size_t end = text.find(separator);
    const bool framed = end != std::string_view::npos && dash < end;
    const auto first = framed ? parse_hex(text.substr(0, dash)) : std::nullopt;
    const auto last = framed ? parse_hex(text.substr(dash + 1, end - dash - 1)) : std::nullopt;
    if (!first || !last || *last < *first) {
      return line_error(iomem.name, i + 1, "range", text, "not of the form FIRST-LAST : NAME");
    }
    ++resources;
    if (!text.substr(end + separator.size()).starts_with("PCI MMCONFIG")) continue;
    holes.push_back({phys_addr(*first), *last - *first + 1});
  }
  if (resources == 0) {
    return line_error(iomem.name, 0, "range", "", "there is no line FIRST-LAST : NAME");
  }
  return holes;
}

}  // namespace iommulab
