// SPDX-License-Identifier: GPL-2.0-only
//
// Lines of the boot that say what the machine is: the PCI scan, the firmware's memory map, the
// reserved regions. As kernels print them:
//
//   2.6.2x  pci 0000:00:02.0: found [8086/2a02] class 000300 header type 00
//           pci 0000:00:02.0: reg 10 64bit mmio: [0xf0000000-0xf03fffff]
//           BIOS-e820: 0000000000100000 - 000000007f6c0000 (usable)        (the end is not part)
//   2.6.3x  pci 0000:00:02.0: [8086:0046] type 0 class 0x000300            (without the interface)
//           pci 0000:00:02.0: reg 10: [mem 0xf0000000-0xf03fffff 64bit]
//   3.x     pci 0000:00:02.0: [8086:0102] type 00 class 0x030000
//           pci 0000:00:02.0: reg 0x10: [mem 0xf0000000-0xf03fffff 64bit]
//           BIOS-e820: [mem 0x0000000000100000-0x000000007cffffff] usable
//           pci 0000:00:02.0: VF(n) BAR0 space: [mem 0x… 64bit] (contains BAR0 for 8 VFs)
//   6.9     pci 0000:00:02.0: BAR 0 [mem 0xf0000000-0xf03fffff 64bit]
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/fault/facts/driver_facts.h"
#include "cli/fault/facts/system_facts.h"
#include "cli/fault/lines/line_fields.h"
#include "cli/fault/reading/scanner.h"

namespace iommulab {
namespace {

/// A log may hold anything; a machine has not more than this.
constexpr size_t most_ranges = 1024;

/// What stands in `line` behind `head`; nothing without it.
std::optional<std::string_view> behind(std::string_view line, std::string_view head) {
  const size_t at = line.find(head);
  if (at == std::string_view::npos) return std::nullopt;
  return line.substr(at + head.size());
}

struct named_function {
  source_id id;
  std::string_view rest;  ///< behind "0000:00:02.0: "
};

/// "pci 0000:00:02.0: …", and drivers' own names in place of "pci".
std::optional<named_function> function_line_of(std::string_view line) {
  const auto text = behind(line, "pci ");
  if (!text) return std::nullopt;
  const size_t end = text->find(": ");
  fault_line device;
  if (end == std::string_view::npos || !read_device(text->substr(0, end), device).ok()) {
    return std::nullopt;
  }
  // VMD's segments have more than 16 bits; what is behind one is seen as the VMD device.
  if (!device.segment || *device.segment > 0xffff) return std::nullopt;
  return named_function{*device.device, text->substr(end + 2)};
}

/// "[8086:0102] type 00 class 0x030000", "[8086:0046] type 0 class 0x000300",
/// "found [8086/2a02] class 000300 header type 00"
std::optional<system_facts::function> ids_of(std::string_view text) {
  scanner s(text);
  s.skip("found ");
  if (!s.skip("[")) return std::nullopt;
  const auto vendor = s.hex();
  if (!vendor || !(s.skip(":") || s.skip("/"))) return std::nullopt;
  const auto device = s.hex();
  if (!device || !s.skip("] ")) return std::nullopt;
  const bool without_interface = s.rest().starts_with("type 0 ") ||
                                 s.rest().starts_with("type 1 ") || s.rest().starts_with("class ");
  if (!s.skip("class ") && !s.skip_to(" class ")) return std::nullopt;
  const auto code = s.hex();
  if (!code || *vendor > 0xffff || *device > 0xffff || *code > 0xffffff) return std::nullopt;
  const uint64_t class_code = without_interface && *code <= 0xffff ? *code << 8 : *code;
  return system_facts::function{static_cast<uint16_t>(*vendor), static_cast<uint16_t>(*device),
                                static_cast<uint32_t>(class_code)};
}

/// "0xf0000000-0xf03fffff 64bit pref]", with or without blanks around the dash.
std::optional<std::pair<uint64_t, uint64_t>> range_of(scanner s) {
  const auto first = s.hex();
  s.skip(" ");
  if (!first || !s.skip("-")) return std::nullopt;
  s.skip(" ");
  const auto last = s.hex();
  if (!last || *last < *first) return std::nullopt;
  return std::pair(*first, *last);
}

/// "BAR 0" of "reg 0x10", "reg 10" and "BAR 0"; empty when it names no register of a function.
std::string bar_name(std::string_view text) {
  constexpr uint64_t first_bar = 0x10;
  constexpr uint64_t last_bar = 0x24;
  constexpr uint64_t rom = 0x30;
  scanner s(text);
  if (s.skip("ROM ")) return "ROM";
  if (s.skip("bridge window ")) return "window";
  const bool of_functions = s.skip("VF ") || s.skip("VF(n) ");
  if (s.skip("BAR ") || (of_functions && s.skip("BAR"))) {
    const auto number = s.hex();
    if (!number) return "";
    return absl::StrFormat("%sBAR %d", of_functions ? "VF " : "", *number);
  }
  if (!s.skip("reg ")) return "";
  const auto offset = s.hex();
  if (!offset) return "";
  if (*offset == rom) return "ROM";
  if (*offset < first_bar || *offset > last_bar) return "VF BAR";
  return absl::StrFormat("BAR %d", (*offset - first_bar) / 4);
}

void learn_bar(const named_function& line, system_facts& facts) {
  const std::string name = bar_name(trimmed(line.rest));
  if (name.empty()) return;
  scanner s(line.rest);
  const bool memory = s.skip_to("[mem ") || s.skip_to("mmio: [");
  const auto range = memory ? range_of(s) : std::nullopt;
  // From 0: its size alone is known yet.
  if (!range || range->first == 0) return;
  auto& bars = facts.bars[line.id];
  const auto same = std::find_if(bars.begin(), bars.end(), [&](const system_facts::bar& b) {
    return b.name == name && name != "window" && name != "VF BAR";
  });
  if (same != bars.end()) {
    *same = {name, range->first, range->second};
    return;
  }
  const bool known = std::any_of(bars.begin(), bars.end(), [&](const system_facts::bar& b) {
    return b.first == range->first && b.last == range->second;
  });
  constexpr size_t most_bars = 16;
  if (!known && bars.size() < most_bars) bars.push_back({name, range->first, range->second});
}

/// "PCI bridge to [bus 02-04]"
void learn_bridge(const named_function& line, system_facts& facts) {
  const auto buses = behind(line.rest, "PCI bridge to [bus ");
  if (!buses) return;
  scanner s(*buses);
  const auto first = s.hex();
  const auto last = s.skip("-") ? s.hex() : first;
  if (!first || !last || *first > 0xff || *last > 0xff) return;
  facts.bridges[line.id] = {static_cast<uint8_t>(*first), static_cast<uint8_t>(*last)};
}

void learn_function(std::string_view line, system_facts& facts) {
  const auto function = function_line_of(line);
  if (!function) return;
  if (const auto ids = ids_of(function->rest)) {
    facts.functions[function->id] = *ids;
    if (facts.starting_root && facts.starting_root->segment == function->id.segment &&
        facts.starting_root->bus == function->id.bus) {
      if (function->id.devfn == 0) facts.scanned_roots.insert(function->id);
      facts.starting_root.reset();
    }
    return;
  }
  learn_bar(*function, facts);
  learn_bridge(*function, facts);
}

/// "PCI host bridge to bus 0000:00"; function 0 of device 0 has to be what comes next of that bus.
void learn_root(std::string_view line, system_facts& facts) {
  const auto bus = behind(line, "PCI host bridge to bus ");
  if (!bus) return;
  scanner s(*bus);
  const auto segment = s.hex();
  const auto number = s.skip(":") ? s.hex() : std::nullopt;
  if (!segment || !number || *segment > 0xffff || *number > 0xff) return;
  facts.starting_root =
      source_id{static_cast<uint16_t>(*segment), static_cast<uint8_t>(*number), 0};
}

system_facts::range& add_range(std::vector<system_facts::range>& ranges, uint64_t first,
                               uint64_t last, std::string words) {
  const auto same = std::find_if(ranges.begin(), ranges.end(), [&](const system_facts::range& r) {
    return r.first == first && r.last == last;
  });
  if (same != ranges.end()) return *same;
  if (ranges.size() == most_ranges) return ranges.back();
  return ranges.emplace_back(system_facts::range{first, last, std::move(words)});
}

/// "RMRR base: 0x000000cd6f2000 end: 0x000000cd711fff"
void learn_reserved_region(std::string_view line, system_facts& facts) {
  const auto base = behind(line, "RMRR base: ");
  const auto end = base ? behind(*base, "end: ") : std::nullopt;
  const auto first = end ? scanner(*base).hex() : std::nullopt;
  const auto last = end ? scanner(*end).hex() : std::nullopt;
  if (first && last) add_range(facts.reserved_regions, *first, *last, "");
}

/// "Setting identity map for device 0000:00:1d.0 [0xdf5ef000 - 0xdf5fffff]", a line a region and
/// device; from 0 it is the ISA bridge's, which firmware did not ask for.
void learn_identity_map(std::string_view line, system_facts& facts) {
  const auto text = behind(line, "etting identity map for device ");
  if (!text) return;
  scanner s(*text);
  const std::string_view name = s.until(" ");
  const auto range = s.skip_to("[") ? range_of(s) : std::nullopt;
  if (!range || range->first == 0) return;
  auto& region = add_range(facts.reserved_regions, range->first, range->second, "");
  constexpr size_t longest = 200;
  if (region.words.find(name) != std::string::npos || region.words.size() > longest) return;
  if (!region.words.empty()) region.words += ", ";
  region.words += name;
}

void learn_memory(std::string_view line, system_facts& facts) {
  const auto text = behind(line, "BIOS-e820: ");
  if (!text) return;
  scanner s(*text);
  const bool brackets = s.skip("[mem ");
  const auto range = range_of(s);
  if (!range) return;
  if (brackets) {
    if (s.skip_to("] ")) {
      add_range(facts.memory, range->first, range->second, std::string(trimmed(s.rest())));
    }
    return;
  }
  if (s.skip_to(" (") && range->second > range->first) {
    add_range(facts.memory, range->first, range->second - 1, std::string(s.until(")")));
  }
}

}  // namespace

void learn_from_log(std::string_view line, system_facts& facts) {
  // Another boot: what was learnt of the one before may not hold.
  if (line.find("Linux version ") != std::string_view::npos) facts = {};
  learn_function(line, facts);
  learn_root(line, facts);
  learn_reserved_region(line, facts);
  learn_identity_map(line, facts);
  learn_memory(line, facts);
  learn_from_drivers(line, facts);
  if (const auto options = behind(line, "Command line: "); options && !facts.command_line) {
    facts.command_line = std::string(*options);
  }
}

void learn_complaint(const fault_line& fault, system_facts& facts) {
  if (!fault.region) return;
  auto& region = add_range(facts.reserved_regions, fault.region->first, fault.region->last, "");
  if (fault.subject.starts_with("No firmware reserved region")) {
    region.complaint = "which the kernel found not to be reserved in the memory map";
  } else if (region.complaint.empty()) {
    region.complaint = "which the kernel calls bad";
  }
}

}  // namespace iommulab
