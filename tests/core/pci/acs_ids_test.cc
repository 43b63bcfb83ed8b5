// SPDX-License-Identifier: GPL-2.0-only
//
// Every device id that the isolation quirks of Linux v4.4 name, and no other. The ids are facts of
// drivers/pci/quirks.c, written down from there: pci_dev_acs_enabled[] and
// pci_quirk_intel_pch_acs_ids[].
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/pci/acs.h"
#include "core/pci/acs_quirks.h"
#include "core/pci/registers.h"
#include "test_system.h"

namespace iommulab::acs_ids_test {
namespace {

constexpr uint16_t intel = 0x8086;
constexpr uint16_t needed = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;

/// Entries of pci_quirk_mf_endpoint_acs() with Intel's vendor id, sorted.
constexpr std::array<uint16_t, 48> intel_endpoints = {
    0x105e, 0x105f, 0x1060, 0x10a7, 0x10a9, 0x10c6, 0x10c9, 0x10d6, 0x10d9, 0x10db, 0x10dd, 0x10e1,
    0x10e6, 0x10e7, 0x10e8, 0x10f1, 0x10f7, 0x10f8, 0x10f9, 0x10fa, 0x10fb, 0x10fc, 0x1507, 0x1509,
    0x150a, 0x150d, 0x150e, 0x150f, 0x1510, 0x1511, 0x1514, 0x1516, 0x1518, 0x151c, 0x1521, 0x1522,
    0x1523, 0x1524, 0x1526, 0x1527, 0x1529, 0x152a, 0x154d, 0x154f, 0x1551, 0x1558, 0x15b7, 0x15b8,
};
struct endpoint_ids {
  uint16_t vendor;
  uint16_t device;
};
/// Those of other vendors: Solarflare, Emulex.
constexpr std::array<endpoint_ids, 4> other_endpoints = {
    {{0x1924, 0x0903}, {0x1924, 0x0923}, {0x19a2, 0x0710}, {0x10df, 0x0720}}};

/// pci_quirk_intel_pch_acs_ids[], sorted.
constexpr std::array<uint16_t, 119> root_ports = {
    0x1c10, 0x1c11, 0x1c12, 0x1c13, 0x1c14, 0x1c15, 0x1c16, 0x1c17, 0x1c18, 0x1c19, 0x1c1a, 0x1c1b,
    0x1c1c, 0x1c1d, 0x1c1e, 0x1c1f, 0x1d10, 0x1d12, 0x1d14, 0x1d16, 0x1d18, 0x1d1a, 0x1d1c, 0x1d1e,
    0x1e10, 0x1e11, 0x1e12, 0x1e13, 0x1e14, 0x1e15, 0x1e16, 0x1e17, 0x1e18, 0x1e19, 0x1e1a, 0x1e1b,
    0x1e1c, 0x1e1d, 0x1e1e, 0x1e1f, 0x3b42, 0x3b43, 0x3b44, 0x3b45, 0x3b46, 0x3b47, 0x3b48, 0x3b49,
    0x3b4a, 0x3b4b, 0x3b4c, 0x3b4d, 0x3b4e, 0x3b4f, 0x3b50, 0x3b51, 0x8c10, 0x8c11, 0x8c12, 0x8c13,
    0x8c14, 0x8c15, 0x8c16, 0x8c17, 0x8c18, 0x8c19, 0x8c1a, 0x8c1b, 0x8c1c, 0x8c1d, 0x8c1e, 0x8c1f,
    0x8c90, 0x8c92, 0x8c94, 0x8c96, 0x8c98, 0x8c9a, 0x8c9c, 0x8c9e, 0x8d10, 0x8d11, 0x8d12, 0x8d13,
    0x8d14, 0x8d15, 0x8d16, 0x8d17, 0x8d18, 0x8d19, 0x8d1a, 0x8d1b, 0x8d1c, 0x8d1d, 0x8d1e, 0x9c10,
    0x9c11, 0x9c12, 0x9c13, 0x9c14, 0x9c15, 0x9c16, 0x9c17, 0x9c18, 0x9c19, 0x9c1a, 0x9c1b, 0x9c90,
    0x9c91, 0x9c92, 0x9c93, 0x9c94, 0x9c95, 0x9c96, 0x9c97, 0x9c98, 0x9c99, 0x9c9a, 0x9c9b,
};

bool is_listed_endpoint(uint16_t vendor, uint16_t device) {
  if (vendor == intel) {
    return std::binary_search(intel_endpoints.begin(), intel_endpoints.end(), device);
  }
  return std::any_of(other_endpoints.begin(), other_endpoints.end(), [&](const endpoint_ids& ids) {
    return ids.vendor == vendor && ids.device == device;
  });
}

/// Ids of the vendor for which the quirks give another answer than `expected` says.
template <typename Expected>
std::vector<unsigned> wrong_ids(pci_dev& pdev, uint16_t vendor, Expected expected) {
  constexpr unsigned ids = 0x10000;
  std::vector<unsigned> wrong;
  pdev.vendor = vendor;
  for (unsigned id = 0; id < ids; ++id) {
    pdev.device_id = static_cast<uint16_t>(id);
    if (pci_dev_specific_acs_enabled(pdev, needed).known != expected(pdev.device_id)) {
      wrong.push_back(id);
    }
  }
  return wrong;
}

TEST(acs_ids, isolated_endpoints_are_those_of_the_kernels_list) {
  const test_system sys(
      {endpoint(at(0, 1)).multifunction().express(pci_exp_type::endpoint, 0x40).build()});
  for (const uint16_t vendor : std::vector<uint16_t>{intel, 0x1924, 0x19a2, 0x10df, 0x1234}) {
    const auto wrong = wrong_ids(sys.dev(at(0, 1)), vendor, [vendor](uint16_t id) {
      return is_listed_endpoint(vendor, id) ? acs_quirk::has : acs_quirk::unknown;
    });
    EXPECT_EQ(wrong, std::vector<unsigned>()) << std::hex << vendor;
  }
}

TEST(acs_ids, chipset_root_ports_are_those_of_the_kernels_list) {
  const test_system sys({bridge(at(0, 0x1c), 1, 1).express(pci_exp_type::root_port, 0x40).build()});
  pci_dev& port = sys.dev(at(0, 0x1c));
  for (const bool enabled : {false, true}) {
    port.dev_flags = enabled ? pci_dev_flags_acs_enabled_quirk : 0;
    const acs_quirk answer = enabled ? acs_quirk::has : acs_quirk::lacks;
    const auto wrong = wrong_ids(port, intel, [answer](uint16_t id) {
      if (is_listed_endpoint(intel, id)) return acs_quirk::has;
      const bool listed = std::binary_search(root_ports.begin(), root_ports.end(), id);
      return listed ? answer : acs_quirk::unknown;
    });
    EXPECT_EQ(wrong, std::vector<unsigned>()) << enabled;
  }
  EXPECT_EQ(wrong_ids(port, 0x1234, [](uint16_t) { return acs_quirk::unknown; }),
            std::vector<unsigned>());
}

}  // namespace
}  // namespace iommulab::acs_ids_test
