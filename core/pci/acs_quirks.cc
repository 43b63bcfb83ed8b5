// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/acs_quirks.h"

#include <algorithm>
#include <array>

#include "core/pci/acs.h"
#include "core/pci/chipset_acs.h"
#include "core/pci/registers.h"
#include "core/pci/vendor_ids.h"

namespace iommulab {
namespace {

constexpr uint16_t any_first = 0;
constexpr uint16_t any_last = 0xffff;

using enum acs_rule;

constexpr std::string_view southbridge = "AMD southbridge functions";
constexpr std::string_view solarflare_nics = "Solarflare network cards";
constexpr std::string_view intel_nics = "Intel network cards";
constexpr std::string_view lan_on_board = "Intel I219";
constexpr std::string_view pch = "Intel chipset root ports (Ibex Peak to Wildcat Point)";
constexpr std::string_view spt = "Intel Sunrise and Union Point root ports";
constexpr std::string_view broadcom_nics = "Broadcom network cards";
constexpr std::string_view nxp_ports = "NXP LX2 root ports";
constexpr std::string_view loongson_ports = "Loongson root ports";
constexpr std::string_view zhaoxin_ports = "Zhaoxin ports";
constexpr std::string_view wangxun_nics = "Wangxun network cards";
constexpr std::string_view cavium_devices = "Cavium devices";
constexpr std::string_view ampere_ports = "Ampere root ports";

constexpr acs_quirk_row one(pci_release since, uint16_t vendor, uint16_t id, acs_rule rule,
                            std::string_view who) {
  return {since, vendor, id, id, rule, who};
}

constexpr std::array rows = {
    one(in_every_release, pci_vendor::ati, 0x4385, amd_southbridge, southbridge),
    one(in_every_release, pci_vendor::ati, 0x439c, amd_southbridge, southbridge),
    one(in_every_release, pci_vendor::ati, 0x4383, amd_southbridge, southbridge),
    one(in_every_release, pci_vendor::ati, 0x439d, amd_southbridge, southbridge),
    one(in_every_release, pci_vendor::ati, 0x4384, amd_southbridge, southbridge),
    one(in_every_release, pci_vendor::ati, 0x4399, amd_southbridge, southbridge),
    one(in_every_release, pci_vendor::amd, 0x780f, amd_southbridge, southbridge),
    one(in_every_release, pci_vendor::amd, 0x7809, amd_southbridge, southbridge),
    one(in_every_release, pci_vendor::solarflare, 0x0903, multifunction, solarflare_nics),
    one(in_every_release, pci_vendor::solarflare, 0x0923, multifunction, solarflare_nics),
    one(pci_release{4, 8}, pci_vendor::solarflare, 0x0a03, multifunction, solarflare_nics),
    // 82598, 82599, X540
    one(in_every_release, pci_vendor::intel, 0x10c6, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x10db, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x10dd, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x10e1, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x10f1, multifunction, intel_nics),
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x10f7, 0x10fc, multifunction, intel_nics},
    one(in_every_release, pci_vendor::intel, 0x1507, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x1514, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x151c, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x1529, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x152a, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x154d, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x154f, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x1551, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x1558, multifunction, intel_nics),
    // 82580
    one(in_every_release, pci_vendor::intel, 0x1509, multifunction, intel_nics),
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x150e, 0x1511, multifunction, intel_nics},
    one(in_every_release, pci_vendor::intel, 0x1516, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x1527, multifunction, intel_nics),
    // 82576
    one(in_every_release, pci_vendor::intel, 0x10c9, multifunction, intel_nics),
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x10e6, 0x10e8, multifunction, intel_nics},
    one(in_every_release, pci_vendor::intel, 0x150a, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x150d, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x1518, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x1526, multifunction, intel_nics),
    // 82575
    one(in_every_release, pci_vendor::intel, 0x10a7, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x10a9, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x10d6, multifunction, intel_nics),
    // I350
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x1521, 0x1524, multifunction, intel_nics},
    // 82571; its quad-port boards have a switch without ACS and are not listed
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x105e, 0x1060, multifunction, intel_nics},
    one(in_every_release, pci_vendor::intel, 0x10d9, multifunction, intel_nics),
    one(in_every_release, pci_vendor::intel, 0x15b7, multifunction, lan_on_board),
    one(in_every_release, pci_vendor::intel, 0x15b8, multifunction, lan_on_board),
    acs_quirk_row{pci_release{5, 8}, pci_vendor::intel, any_first, any_last, integrated_endpoint,
                  "Intel integrated endpoints"},
    one(pci_release{4, 11}, pci_vendor::qualcomm, 0x0400, no_way_between,
        "Qualcomm QDF2xxx root ports"),
    one(pci_release{4, 11}, pci_vendor::qualcomm, 0x0401, no_way_between,
        "Qualcomm QDF2xxx root ports"),
    one(pci_release{6, 12}, pci_vendor::qualcomm, 0x0115, no_way_between,
        "Qualcomm SA8775P root ports"),
    one(pci_release{7, 0}, pci_vendor::qualcomm, 0x0111, no_way_between,
        "Qualcomm Hamoa root ports"),
    one(pci_release{7, 0}, pci_vendor::qualcomm, 0x0120, no_way_between,
        "Qualcomm Glymur root ports"),
    one(pci_release{5, 1}, pci_vendor::hxt, 0x0401, no_way_between, "HXT SD4800 root ports"),
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x3b42, 0x3b51, chipset_port,
                  pch},  // Ibex Peak
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x1c10, 0x1c1f, chipset_port,
                  pch},  // Cougar Point
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x1e10, 0x1e1f, chipset_port,
                  pch},  // Panther Point
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x8c10, 0x8c1f, chipset_port,
                  pch},  // Lynx Point-H
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x9c10, 0x9c1b, chipset_port,
                  pch},  // Lynx Point-LP
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x9c90, 0x9c9b, chipset_port,
                  pch},  // Wildcat Point
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x1d10, 0x1d1e, chipset_port, pch,
                  2},  // Patsburg
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x8d10, 0x8d1e, chipset_port,
                  pch},  // Wellsburg
    acs_quirk_row{in_every_release, pci_vendor::intel, 0x8c90, 0x8c9e, chipset_port, pch,
                  2},  // Lynx Point, 9 series
    acs_quirk_row{pci_release{4, 7}, pci_vendor::intel, 0xa110, 0xa11f, wide_registers, spt},
    acs_quirk_row{pci_release{4, 7}, pci_vendor::intel, 0xa167, 0xa16a, wide_registers, spt},
    acs_quirk_row{pci_release{4, 11}, pci_vendor::intel, 0xa290, 0xa29f, wide_registers, spt},
    acs_quirk_row{pci_release{4, 11}, pci_vendor::intel, 0xa2e7, 0xa2ee, wide_registers, spt},
    acs_quirk_row{pci_release{4, 18}, pci_vendor::intel, 0x9d10, 0x9d1b, wide_registers, spt},
    // Not as broken as was thought.
    acs_quirk_row{pci_release{4, 18}, pci_vendor::intel, 0xa32c, 0xa343, wide_registers,
                  "Intel 300 series root ports", 1, pci_release{4, 18}},
    one(in_every_release, pci_vendor::serverengines, 0x0710, multifunction, "Emulex BE3-R"),
    one(in_every_release, pci_vendor::emulex, 0x0720, multifunction, "Emulex Skyhawk-R"),
    acs_quirk_row{pci_release{4, 6}, pci_vendor::cavium, any_first, any_last, multifunction,
                  cavium_devices, 1, pci_release{4, 11}},
    acs_quirk_row{pci_release{4, 12}, pci_vendor::cavium, 0xa000, 0xa0ff, multifunction,
                  cavium_devices, 1, pci_release{4, 14}},
    acs_quirk_row{pci_release{4, 15}, pci_vendor::cavium, 0xa000, 0xa7ff, root_port,
                  "Cavium ThunderX root ports"},
    one(pci_release{5, 5}, pci_vendor::cavium, 0xaf84, root_port, "Cavium ThunderX2 root ports"),
    one(pci_release{5, 5}, pci_vendor::cavium, 0xb884, root_port, "Marvell ThunderX3 root ports"),
    one(pci_release{5, 15}, pci_vendor::cavium, 0xa026, multifunction, cavium_devices),
    one(pci_release{5, 15}, pci_vendor::cavium, 0xa059, multifunction, cavium_devices),
    one(pci_release{5, 15}, pci_vendor::cavium, 0xa060, multifunction, cavium_devices),
    one(pci_release{4, 14}, pci_vendor::amcc, 0xe004, no_way_between, "APM X-Gene root ports"),
    acs_quirk_row{pci_release{4, 18}, pci_vendor::ampere, 0xe005, 0xe00c, no_way_between,
                  ampere_ports},
    one(pci_release{5, 14}, pci_vendor::broadcom, 0x16d7, multifunction, broadcom_nics),
    acs_quirk_row{pci_release{6, 0}, pci_vendor::broadcom, 0x1750, 0x1752, multifunction,
                  broadcom_nics},
    acs_quirk_row{pci_release{6, 11}, pci_vendor::broadcom, 0x1760, 0x1763, multifunction,
                  broadcom_nics},
    one(pci_release{5, 4}, pci_vendor::broadcom, 0xd714, no_way_between,
        "Broadcom iProc root ports"),
    acs_quirk_row{pci_release{6, 17}, pci_vendor::loongson, 0x3c09, 0x3c29, no_way_between,
                  loongson_ports, 0x10},
    acs_quirk_row{pci_release{6, 17}, pci_vendor::loongson, 0x7a09, 0x7a69, no_way_between,
                  loongson_ports, 0x10},
    one(pci_release{5, 4}, pci_vendor::annapurna, 0x0031, root_port,
        "Amazon Annapurna Labs root ports"),
    one(pci_release{5, 7}, pci_vendor::zhaoxin, 0x3038, multifunction,
        "Zhaoxin multi-function devices"),
    one(pci_release{5, 7}, pci_vendor::zhaoxin, 0x3104, multifunction,
        "Zhaoxin multi-function devices"),
    one(pci_release{5, 7}, pci_vendor::zhaoxin, 0x9083, multifunction,
        "Zhaoxin multi-function devices"),
    acs_quirk_row{pci_release{5, 15}, pci_vendor::nxp, 0x8d80, 0x8d83, no_way_between, nxp_ports},
    acs_quirk_row{pci_release{5, 15}, pci_vendor::nxp, 0x8d88, 0x8d8b, no_way_between, nxp_ports},
    acs_quirk_row{pci_release{5, 15}, pci_vendor::nxp, 0x8d90, 0x8d93, no_way_between, nxp_ports},
    acs_quirk_row{pci_release{5, 15}, pci_vendor::nxp, 0x8d98, 0x8d9b, no_way_between, nxp_ports},
    acs_quirk_row{pci_release{5, 15}, pci_vendor::nxp, 0x8da0, 0x8da1, no_way_between, nxp_ports},
    acs_quirk_row{pci_release{5, 15}, pci_vendor::nxp, 0x8da8, 0x8da9, no_way_between, nxp_ports},
    acs_quirk_row{pci_release{5, 15}, pci_vendor::nxp, 0x8db0, 0x8db1, no_way_between, nxp_ports},
    acs_quirk_row{pci_release{5, 15}, pci_vendor::nxp, 0x8db8, 0x8db9, no_way_between, nxp_ports},
    acs_quirk_row{pci_release{5, 7}, pci_vendor::zhaoxin, 0x0710, 0x071e, port, zhaoxin_ports},
    one(pci_release{5, 7}, pci_vendor::zhaoxin, 0x0721, port, zhaoxin_ports),
    acs_quirk_row{pci_release{5, 7}, pci_vendor::zhaoxin, 0x0723, 0x0732, port, zhaoxin_ports},
    acs_quirk_row{pci_release{6, 8}, pci_vendor::zhaoxin, 0x0733, 0x0752, port, zhaoxin_ports},
    acs_quirk_row{pci_release{5, 7}, pci_vendor::zhaoxin, any_first, any_last, other_port,
                  zhaoxin_ports},
    acs_quirk_row{pci_release{6, 3}, pci_vendor::wangxun, 0x0100, 0x010f, no_way_between,
                  wangxun_nics},
    one(pci_release{6, 3}, pci_vendor::wangxun, 0x1001, no_way_between, wangxun_nics),
    one(pci_release{6, 3}, pci_vendor::wangxun, 0x2001, no_way_between, wangxun_nics),
    acs_quirk_row{pci_release{6, 13}, pci_vendor::wangxun, 0x5010, 0x5010, no_way_between,
                  wangxun_nics},
    one(pci_release{6, 13}, pci_vendor::wangxun, 0x5025, no_way_between, wangxun_nics),
    one(pci_release{6, 13}, pci_vendor::wangxun, 0x5040, no_way_between, wangxun_nics),
    one(pci_release{6, 13}, pci_vendor::wangxun, 0x5110, no_way_between, wangxun_nics),
    one(pci_release{6, 13}, pci_vendor::wangxun, 0x5125, no_way_between, wangxun_nics),
    one(pci_release{6, 13}, pci_vendor::wangxun, 0x5140, no_way_between, wangxun_nics),
    acs_quirk_row{pci_release{6, 3}, pci_vendor::wangxun, any_first, any_last, other_function,
                  wangxun_nics},
};

/// What every isolated function has in effect: what it forges, turns back or lets pass by is none.
constexpr uint16_t isolated = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;

acs_quirk answer(uint16_t wanted, unsigned in_effect) {
  return (wanted & ~in_effect) == 0 ? acs_quirk::has : acs_quirk::lacks;
}

bool is_port(const pci_dev& pdev, bool downstream_too) {
  return pci_is_pcie(pdev) && (pdev.pcie_type == pci_exp_type::root_port ||
                               (downstream_too && pdev.pcie_type == pci_exp_type::downstream));
}

/// Of one of the southbridge's functions. Only what concerns functions of one device is asked of
/// it.
acs_quirk southbridge_answer(const pci_dev& pdev, uint16_t acs_flags) {
  const bool answers =
      pdev.multifunction && pci_is_root_bus(*pdev.bus) && pdev.bus->core->has_amd_iommu();
  if (!answers) return acs_quirk::unknown;
  constexpr uint16_t asked = pci_acs_rr | pci_acs_cr | pci_acs_ec | pci_acs_dt;
  return answer(acs_flags & asked, pci_acs_rr | pci_acs_cr);
}

/// The registers lie where they do in any ACS capability, each as wide as two.
acs_quirk wide_answer(const pci_dev& pdev, uint16_t acs_flags) {
  const std::optional<wide_acs> acs = wide_acs_of(pdev);
  if (!acs) return acs_quirk::unknown;
  return answer(static_cast<uint16_t>(acs_flags & (acs->capability | pci_acs_ec)), acs->control);
}

acs_quirk answer_of(const acs_quirk_row& row, const pci_dev& pdev, uint16_t acs_flags) {
  switch (row.rule) {
    case amd_southbridge:
      return southbridge_answer(pdev, acs_flags);
    case multifunction:
      // What does not concern functions of one device counts as given; egress control does not.
      return answer(acs_flags, isolated | pci_acs_tb | pci_acs_dt);
    case integrated_endpoint:
      if (!pci_is_pcie(pdev) || pdev.pcie_type != pci_exp_type::rc_endpoint) break;
      return answer(acs_flags, isolated);
    case chipset_port: {
      if (!is_port(pdev, false)) break;
      const bool enabled = (pdev.dev_flags & pci_dev_flags_acs_enabled_quirk) != 0;
      return answer(acs_flags, enabled ? isolated : 0);
    }
    case wide_registers:
      if (!is_port(pdev, false)) break;
      return wide_answer(pdev, acs_flags);
    case no_way_between:
      return answer(acs_flags, isolated);
    case root_port:
      if (!is_port(pdev, false)) break;
      return answer(acs_flags, isolated);
    case port:
      if (!is_port(pdev, true)) break;
      return answer(acs_flags, isolated);
    case other_port:
      if (!is_port(pdev, true)) break;
      return acs_quirk::lacks;
    case other_function:
      return acs_quirk::lacks;
  }
  return acs_quirk::unknown;
}

/// The row of this rule that is in force for the function, or null.
const acs_quirk_row* row_of(const pci_dev& pdev, acs_rule rule) {
  for (const acs_quirk_row& row : rows) {
    if (row.rule == rule && row.in_force(pdev.bus->core->release()) &&
        row.names(pdev.vendor, pdev.device_id))
      return &row;
  }
  return nullptr;
}

}  // namespace

absl::Span<const acs_quirk_row> acs_quirk_rows() {
  return rows;
}

bool has_wide_acs(uint16_t vendor, uint16_t device_id) {
  return std::any_of(rows.begin(), rows.end(), [&](const acs_quirk_row& row) {
    return row.rule == wide_registers && row.in_force(newest_pci_release) &&
           row.names(vendor, device_id);
  });
}

acs_quirk_answer pci_dev_specific_acs_enabled(const pci_dev& pdev, uint16_t acs_flags) {
  for (const acs_quirk_row& row : rows) {
    if (!row.in_force(pdev.bus->core->release()) || !row.names(pdev.vendor, pdev.device_id))
      continue;
    const acs_quirk known = answer_of(row, pdev, acs_flags);
    if (known != acs_quirk::unknown) return {known, &row};
  }
  return {};
}

bool pci_dev_specific_enable_acs(pci_dev& pdev) {
  if (!is_port(pdev, false)) return false;
  if (row_of(pdev, chipset_port) != nullptr) {
    enable_chipset_acs(pdev);
    return true;
  }
  return row_of(pdev, wide_registers) != nullptr && enable_wide_acs(pdev, acs_wanted(pdev));
}

}  // namespace iommulab
