// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/logged_units.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "platform/machine/parse.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

constexpr std::string_view base_mark = "reg_base_addr ";

/// Takes a number off the front of `text`, up to the blank or colon behind it.
std::optional<uint64_t> take_hex(std::string_view& text) {
  const size_t end = std::min(text.find_first_of(" :"), text.size());
  const auto value = parse_hex(text.substr(0, end));
  text.remove_prefix(end);
  return value;
}

/// A window that holds the registers whose places the capabilities say.
uint64_t window_of(const remapping_unit_config& unit) {
  constexpr uint64_t iotlb_bytes = 16;
  const uint64_t faults_end = unit.cap.fault_recording_offset() +
                              uint64_t{unit.cap.number_of_fault_records()} * vtd::frcd_size;
  const uint64_t end = std::max(faults_end, unit.ecap.iotlb_offset() + iotlb_bytes);
  return (end + page_size - 1) & ~(page_size - 1);
}

std::optional<remapping_unit_config> parse_unit(std::string_view text) {
  const auto base = take_hex(text);
  if (!base || !take_prefix(text, " ver ")) return std::nullopt;
  const auto major = take_hex(text);
  if (!major || !take_prefix(text, ":")) return std::nullopt;
  const auto minor = take_hex(text);
  if (!minor || !take_prefix(text, " cap ")) return std::nullopt;
  const auto cap = take_hex(text);
  if (!cap || !take_prefix(text, " ecap ")) return std::nullopt;
  const auto ecap = take_hex(text);
  constexpr uint64_t most = 0xf;
  if (!ecap || *major > most || *minor > most) return std::nullopt;
  return unit_with(phys_addr(*base), static_cast<uint32_t>(*major << 4 | *minor), *cap, *ecap);
}

}  // namespace

remapping_unit_config unit_with(phys_addr base, uint32_t version, uint64_t cap, uint64_t ecap) {
  remapping_unit_config unit;
  unit.base = base;
  unit.version = version;
  unit.cap = vtd::cap_register(vtd::cap::afl.clear(cap));
  unit.ecap = vtd::ecap_register(vtd::ecap::ecs.clear(vtd::ecap::smts.clear(ecap)));
  unit.size = window_of(unit);
  return unit;
}

absl::StatusOr<std::vector<remapping_unit_config>> parse_logged_units(const text_source& log) {
  std::vector<remapping_unit_config> units;
  const std::vector<std::string_view> lines = log.lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t mark = lines[i].find(base_mark);
    if (mark == std::string_view::npos) continue;
    const std::string_view text = lines[i].substr(mark + base_mark.size());
    const std::optional<remapping_unit_config> unit = parse_unit(text);
    if (!unit) {
      return line_error(log.name, i + 1, "reg_base_addr", text,
                        "not of the form BASE ver MAJOR:MINOR cap CAP ecap ECAP");
    }
    const bool known = std::any_of(units.begin(), units.end(), [&](const remapping_unit_config& u) {
      return u.base == unit->base;
    });
    if (!known) units.push_back(*unit);
  }
  return units;
}

}  // namespace iommulab
