// SPDX-License-Identifier: GPL-2.0-only
#include "lab/groups/isolation.h"

#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/pci/acs.h"
#include "core/pci/registers.h"

namespace iommulab {
namespace {

/// What Linux asks of every function between a device and memory.
constexpr uint16_t isolating_flags = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;

struct named_flag {
  uint16_t flag;
  std::string_view name;
};
constexpr std::array<named_flag, 4> flag_names = {{{pci_acs_sv, "Source Validation"},
                                                   {pci_acs_rr, "Request Redirect"},
                                                   {pci_acs_cr, "Completion Redirect"},
                                                   {pci_acs_uf, "Upstream Forwarding"}}};

std::string names_of(uint16_t flags) {
  std::string names;
  for (const named_flag& known : flag_names) {
    if ((flags & known.flag) == 0) continue;
    if (!names.empty()) names += ", ";
    names += known.name;
  }
  return names;
}

/// What the function's own capability says.
isolation by_capability(const pci_dev& pdev) {
  const uint16_t at = pci_find_ext_capability(pdev, pci_ext_cap_id_acs);
  if (at == 0) return {false, "it has no ACS capability", nullptr};
  const auto word = [&](uint16_t offset) {
    return pdev.config->read16(static_cast<uint16_t>(at + offset));
  };
  const uint16_t capability = word(pci_reg::acs_capability);
  const uint16_t control = word(pci_reg::acs_control);
  const auto off = static_cast<uint16_t>(isolating_flags & capability & ~control);
  if (off != 0) {
    return {false,
            absl::StrFormat("its ACS capability at %xh offers %s, which is off (control %04x)", at,
                            names_of(off), control),
            nullptr};
  }
  std::string because = absl::StrFormat("its ACS capability at %xh has %s on", at,
                                        names_of(isolating_flags & capability));
  const auto absent = static_cast<uint16_t>(isolating_flags & ~capability);
  if (absent != 0) {
    because += absl::StrFormat(" (%s is not offered, which counts as given)", names_of(absent));
  }
  return {true, because, nullptr};
}

std::string words_of_quirk(const acs_quirk_answer& answer) {
  const acs_quirk_row& row = *answer.row;
  const bool has = answer.known == acs_quirk::has;
  std::string words;
  switch (row.rule) {
    case acs_rule::chipset_port:
      words = has ? "it has no ACS capability, but registers of its chipset isolate it"
                  : "it has no ACS capability, and registers of its chipset that would isolate it "
                    "are not set";
      break;
    case acs_rule::wide_registers:
      words = has ? "its ACS registers, which are laid out unlike the specification's, are on"
                  : "its ACS registers, which are laid out unlike the specification's, are not on";
      break;
    case acs_rule::integrated_endpoint:
      words = "integrated endpoints of Intel's reach each other by translated requests only";
      break;
    case acs_rule::multifunction:
    case acs_rule::amd_southbridge:
      words = "its vendor vouches that functions of the device do not reach each other";
      break;
    case acs_rule::no_way_between:
    case acs_rule::root_port:
    case acs_rule::port:
      words = "its vendor vouches that nothing leads from it to its peers";
      break;
    case acs_rule::other_port:
    case acs_rule::other_function:
      words = "it is none of those that its vendor vouches for";
      break;
  }
  return absl::StrFormat("%s (quirk for %s, since Linux %d.%d)", words, row.who, row.since.major,
                         row.since.minor);
}

}  // namespace

isolation isolation_of(pci_dev& pdev) {
  const acs_quirk_answer quirk = pci_dev_specific_acs_enabled(pdev, isolating_flags);
  if (quirk.known != acs_quirk::unknown) {
    return {quirk.known == acs_quirk::has, words_of_quirk(quirk), quirk.row};
  }
  if (!pci_is_pcie(pdev)) {
    return {false, "on a conventional bus everybody sees everybody's requests", nullptr};
  }
  switch (pdev.pcie_type) {
    case pci_exp_type::pcie_bridge:
    case pci_exp_type::pci_bridge:
    case pci_exp_type::rc_event_collector:
      return {false, "nothing of its kind can have ACS", nullptr};
    case pci_exp_type::root_port:
    case pci_exp_type::downstream:
      return by_capability(pdev);
    case pci_exp_type::endpoint:
    case pci_exp_type::legacy_endpoint:
    case pci_exp_type::upstream:
    case pci_exp_type::rc_endpoint:
      if (!pdev.multifunction) return {true, "a lone function has no peers", nullptr};
      return by_capability(pdev);
  }
  return {true, "its kind has no peers", nullptr};
}

}  // namespace iommulab
