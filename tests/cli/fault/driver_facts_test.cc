// SPDX-License-Identifier: GPL-2.0-only
//
// Lines of the kernel and its drivers that say what the system is.
#include "cli/fault/facts/driver_facts.h"

#include <initializer_list>
#include <string_view>

#include "gtest/gtest.h"

namespace iommulab::driver_facts_test {
namespace {

system_facts learned(std::initializer_list<std::string_view> lines) {
  system_facts facts;
  for (const std::string_view line : lines) learn_from_drivers(line, facts);
  return facts;
}

TEST(driver_facts, units_are_named_by_their_line_in_each_wording) {
  const system_facts facts = learned(
      {"[    0.011] DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap c0000020660462 ecap f0101a",
       "DMAR: dmar1: reg_base_addr fed91000 ver 1:0 cap d2008020660462 ecap f050da",
       "DMAR: dmar1: reg_base_addr fed91000 ver 1:0 cap d2008020660462 ecap f050da",
       "IOMMU 2: reg_base_addr fed92000 ver 1:0 cap c9008020660262 ecap f010da",
       "IOMMU fed93000: ver 1:0 cap c9008020e30260 ecap 1000",
       "DMAR: dmar4: reg_base_addr fed90000 ver 1:0 cap x ecap f0101a", "a cap and an ecap"});
  ASSERT_EQ(facts.units.size(), 4u);
  EXPECT_EQ(facts.units[0].name, "dmar0");
  EXPECT_EQ(facts.units[0].cap, 0xc0000020660462u);
  EXPECT_EQ(facts.units[0].ecap, 0xf0101au);
  EXPECT_EQ(facts.units[1].name, "dmar1");
  EXPECT_EQ(facts.units[2].name, "2");
  EXPECT_EQ(facts.units[3].name, "fed93000");
  EXPECT_EQ(facts.units[3].cap, 0xc9008020e30260u);
}

TEST(driver_facts, the_kernels_version_is_two_numbers) {
  const auto version = [](std::string_view line) { return learned({line}).kernel; };
  EXPECT_EQ(version("[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists…"),
            (system_facts::linux_version{6, 1}));
  EXPECT_EQ(version("Linux version 2.6.32.1"), (system_facts::linux_version{2, 6}));
  EXPECT_EQ(version("Linux version 6.12.0-rc1"), (system_facts::linux_version{6, 12}));
  EXPECT_FALSE(version("Linux version x").has_value());
  EXPECT_FALSE(version("Linux version 6").has_value());
  EXPECT_FALSE(version("Linux version 99999999999.1").has_value());
}

TEST(driver_facts, vmd_is_the_function_that_opens_a_segment_of_its_own) {
  const auto vmd = [](std::string_view line) { return learned({line}).vmd; };
  EXPECT_EQ(vmd("vmd 0000:00:0e.0: PCI host bridge to bus 10000:e0"),
            (source_id{0, 0, pci_devfn(0x0e, 0)}));
  EXPECT_FALSE(vmd("pci_bus 0000:00: PCI host bridge to bus 10000:e0").has_value());
  EXPECT_FALSE(vmd("vmd 0000:00:0e.0: Bound to PCI domain 10000").has_value());
}

}  // namespace
}  // namespace iommulab::driver_facts_test
