// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/system_facts.h"

#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "cli/fault/driver_facts.h"
#include "cli/tables/dmar_meaning.h"
#include "core/pci/search.h"
#include "kernel/kernel.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

/// What stands in `line` behind `head`; nothing without it.
std::optional<std::string_view> behind(std::string_view line, std::string_view head) {
  const size_t at = line.find(head);
  if (at == std::string_view::npos) return std::nullopt;
  return line.substr(at + head.size());
}

std::optional<uint64_t> leading_hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  return parse_hex(text.substr(0, text.find_first_not_of("0123456789abcdefABCDEF")));
}

/// "pci 0000:00:02.0: [8086:0102] type 00 class 0x030000"
void learn_function(std::string_view line, system_facts& facts) {
  constexpr size_t address_length = 12;
  constexpr size_t id_length = 4;
  const auto rest = behind(line, "pci ");
  const auto id = rest ? parse_pci_address(rest->substr(0, address_length)) : std::nullopt;
  if (!id) return;
  const auto ids = behind(*rest, ": [");
  const auto class_text = behind(*rest, " class ");
  if (!ids || !class_text || ids->size() < 2 * id_length + 1) return;
  const auto vendor = parse_hex(ids->substr(0, id_length));
  const auto device = parse_hex(ids->substr(id_length + 1, id_length));
  const auto class_code = leading_hex(*class_text);
  if (!vendor || !device || !class_code) return;
  facts.functions[*id] = {static_cast<uint16_t>(*vendor), static_cast<uint16_t>(*device),
                          static_cast<uint32_t>(*class_code)};
}

/// "RMRR base: 0x000000cd6f2000 end: 0x000000cd711fff"
void learn_reserved_region(std::string_view line, system_facts& facts) {
  const auto base = behind(line, "RMRR base: ");
  const auto end = base ? behind(*base, " end: ") : std::nullopt;
  const auto first = end ? leading_hex(*base) : std::nullopt;
  const auto last = end ? leading_hex(*end) : std::nullopt;
  if (first && last) facts.reserved_regions.push_back({*first, *last, ""});
}

/// "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable"
void learn_memory(std::string_view line, system_facts& facts) {
  const auto start = behind(line, "BIOS-e820: [mem ");
  const auto end = start ? behind(*start, "-") : std::nullopt;
  const auto words = end ? behind(*end, "] ") : std::nullopt;
  const auto first = words ? leading_hex(*start) : std::nullopt;
  const auto last = words ? leading_hex(*end) : std::nullopt;
  if (first && last) facts.memory.push_back({*first, *last, std::string(*words)});
}

void take_functions(kernel& system, system_facts& facts) {
  for (const pci_root& root : system.pci_hardware().roots()) {
    system.pci().scan_root_bus(root.segment, root.bus);
    facts.scanned_roots.insert({root.segment, root.bus, 0});
  }
  system.pci().for_each_pci_dev([&](pci_dev& pdev) {
    facts.functions[pci_source_id(pdev)] = {pdev.vendor, pdev.device_id, pdev.class_code};
  });
  system.pci().for_each_pci_dev([&](pci_dev& pdev) {
    const source_id own = pci_source_id(pdev);
    pci_for_each_dma_alias(pdev, [&](pci_dev&, uint16_t alias) {
      const source_id id = source_id::from_requester_id(own.segment, alias);
      if (id != own && facts.functions.count(id) == 0) facts.aliases[id].push_back(own);
      return 0;
    });
  });
}

void take_reserved_regions(const machine_config& machine, system_facts& facts) {
  const dmar_table table = decode_dmar(machine.dmar_table);
  if (!table.decodable) return;
  for (const dmar_structure& structure : table.structures) {
    const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body);
    if (rmrr == nullptr || !structure.complete) continue;
    system_facts::range range{rmrr->base, rmrr->limit, ""};
    for (const dmar_device_scope& scope : structure.scopes) {
      if (!scope.complete) continue;
      if (!range.words.empty()) range.words += ", ";
      range.words += dmar_path_text(scope);
    }
    facts.reserved_regions.push_back(std::move(range));
  }
}

}  // namespace

void learn_from_log(std::string_view line, system_facts& facts) {
  learn_function(line, facts);
  learn_reserved_region(line, facts);
  learn_memory(line, facts);
  learn_from_drivers(line, facts);
  if (const auto options = behind(line, "Command line: "); options && !facts.command_line) {
    facts.command_line = std::string(*options);
  }
}

absl::StatusOr<system_facts> facts_of(const kernel_profile& profile,
                                      const machine_config& machine) {
  kernel_options options;
  options.profile = &profile;
  auto system = kernel::create(machine, std::move(options));
  if (!system.ok()) return system.status();
  system_facts facts;
  facts.source = absl::StrFormat("machine '%s'", machine.name);
  facts.command_line = machine.command_line;
  take_functions(**system, facts);
  take_reserved_regions(machine, facts);
  for (const remapping_unit_config& unit : machine.units) {
    facts.units.push_back(
        {absl::StrFormat("dmar%d", facts.units.size()), unit.cap.value(), unit.ecap.value()});
  }
  for (const memory_range& range : machine.firmware_map) {
    facts.memory.push_back({range.start.value(), range.end() - 1, std::string(name(range.type))});
  }
  return facts;
}

}  // namespace iommulab
