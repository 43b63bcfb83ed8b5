// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/facts/driver_facts.h"

#include <algorithm>
#include <optional>

#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr std::string_view decimal_digits = "0123456789";
constexpr std::string_view hexadecimal_digits = "0123456789abcdefABCDEF";

/// What stands in `line` behind `head`; nothing without it.
std::optional<std::string_view> text_behind(std::string_view line, std::string_view head) {
  const size_t at = line.find(head);
  if (at == std::string_view::npos) return std::nullopt;
  return line.substr(at + head.size());
}

std::optional<uint64_t> hex_at_head(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  return parse_hex(text.substr(0, text.find_first_not_of(hexadecimal_digits)));
}

std::optional<unsigned> number_at_head(std::string_view& text) {
  const std::string_view found = text.substr(0, text.find_first_not_of(decimal_digits));
  text.remove_prefix(found.size());
  constexpr size_t most = 4;
  if (found.size() > most) return std::nullopt;
  const auto number = parse_number(found);
  return number ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
}

/// "Linux version 6.1.0-18-amd64 (debian-kernel@…"
void learn_version(std::string_view line, system_facts& facts) {
  auto rest = text_behind(line, "Linux version ");
  if (!rest) return;
  const auto major = number_at_head(*rest);
  if (!major || !rest->starts_with(".")) return;
  rest->remove_prefix(1);
  const auto minor = number_at_head(*rest);
  if (minor) facts.kernel = {*major, *minor};
}

/// "DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap c0000020660462 ecap f0101a"; before 2.6.3x
/// "IOMMU 0: reg_base_addr …" or "IOMMU fed90000: ver 1:0 cap …".
void learn_unit(std::string_view line, system_facts& facts) {
  const auto cap_text = text_behind(line, " cap ");
  const auto ecap_text = text_behind(line, " ecap ");
  const size_t version = line.find(" ver ");
  if (!cap_text || !ecap_text || version == std::string_view::npos) return;
  const auto cap = hex_at_head(*cap_text);
  const auto ecap = hex_at_head(*ecap_text);
  if (!cap || !ecap) return;
  std::string_view name = line.substr(0, line.find(": reg_base_addr "));
  if (name.size() == line.size()) name = line.substr(0, line.rfind(": ver "));
  name = name.substr(name.find_last_of(" ]") + 1);
  const auto known = std::find_if(facts.units.begin(), facts.units.end(),
                                  [name](const auto& unit) { return unit.name == name; });
  constexpr size_t most_units = 1024;
  if (known == facts.units.end() && facts.units.size() < most_units)
    facts.units.push_back({std::string(name), *cap, *ecap});
}

/// "vmd 0000:00:0e.0: PCI host bridge to bus 10000:e0"
void learn_vmd(std::string_view line, system_facts& facts) {
  constexpr size_t address_length = 12;
  const auto rest = text_behind(line, "vmd ");
  if (!rest || rest->find("PCI host bridge to bus 1") == std::string_view::npos) return;
  if (const auto id = parse_pci_address(rest->substr(0, address_length))) facts.vmd = *id;
}

}  // namespace

void learn_from_drivers(std::string_view line, system_facts& facts) {
  learn_version(line, facts);
  learn_unit(line, facts);
  learn_vmd(line, facts);
}

}  // namespace iommulab
