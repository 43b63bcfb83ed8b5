// SPDX-License-Identifier: GPL-2.0-only
//
// What lines of a boot say of the machine, in the wordings of three generations of the kernel.
#include <string>

#include "cli/fault/facts/system_facts.h"
#include "gtest/gtest.h"
#include "support/golden.h"

namespace iommulab::system_lines_test {
namespace {

system_facts learnt(const std::string& log) {
  system_facts facts;
  for (const std::string_view line : golden::lines(log)) learn_from_log(line, facts);
  return facts;
}

constexpr source_id graphics{0, 0, pci_devfn(2, 0)};

TEST(system_lines, functions_of_every_generation) {
  const std::pair<const char*, uint32_t> lines[] = {
      {"pci 0000:00:02.0: found [8086/2a02] class 000300 header type 00", 0x030000},
      {"pci 0000:00:02.0: [8086:2a02] type 0 class 0x000300", 0x030000},
      {"pci 0000:00:02.0: [8086:2a02] type 00 class 0x030000", 0x030000},
      {"[    0.3] pci 0000:00:02.0: [8086:2a02] type 00 class 0x030000 PCIe Root Complex "
       "Integrated Endpoint",
       0x030000},
  };
  for (const auto& [line, class_code] : lines) {
    const system_facts facts = learnt(line);
    ASSERT_EQ(facts.functions.count(graphics), 1u) << line;
    EXPECT_EQ(facts.functions.at(graphics).vendor, 0x8086);
    EXPECT_EQ(facts.functions.at(graphics).device, 0x2a02);
    EXPECT_EQ(facts.functions.at(graphics).class_code, class_code) << line;
  }
  EXPECT_TRUE(learnt("pci 10000:e1:00.0: [8086:2a02] type 00 class 0x030000").functions.empty());
}

TEST(system_lines, registers_of_every_generation) {
  const std::pair<const char*, const char*> lines[] = {
      {"pci 0000:00:02.0: reg 10 64bit mmio: [0xf0000000-0xf03fffff]", "BAR 0"},
      {"pci 0000:00:02.0: reg 18: [mem 0xf0000000-0xf03fffff 64bit pref]", "BAR 2"},
      {"pci 0000:00:02.0: reg 0x24: [mem 0xf0000000-0xf03fffff]", "BAR 5"},
      {"pci 0000:00:02.0: BAR 4 [mem 0xf0000000-0xf03fffff 64bit pref]", "BAR 4"},
      {"pci 0000:00:02.0: BAR 1: assigned [mem 0xf0000000-0xf03fffff]", "BAR 1"},
      {"pci 0000:00:02.0: reg 0x30: [mem 0xf0000000-0xf03fffff pref]", "ROM"},
      {"pci 0000:00:02.0: ROM [mem 0xf0000000-0xf03fffff pref]", "ROM"},
      {"pci 0000:00:02.0: VF BAR 0 [mem 0xf0000000-0xf03fffff 64bit]", "VF BAR 0"},
      {"pci 0000:00:02.0: VF(n) BAR0 space: [mem 0xf0000000-0xf03fffff 64bit] (contains BAR0 for 8 "
       "VFs)",
       "VF BAR 0"},
      {"pci 0000:00:02.0: VF BAR 2 [mem 0xf0000000-0xf03fffff]: contains BAR 2 for 8 VFs",
       "VF BAR 2"},
      {"pci 0000:00:02.0:   bridge window [mem 0xf0000000-0xf03fffff]", "window"},
  };
  for (const auto& [line, name] : lines) {
    const system_facts facts = learnt(line);
    ASSERT_EQ(facts.bars.count(graphics), 1u) << line;
    ASSERT_EQ(facts.bars.at(graphics).size(), 1u) << line;
    EXPECT_EQ(facts.bars.at(graphics)[0].name, name);
    EXPECT_EQ(facts.bars.at(graphics)[0].first, 0xf0000000u);
    EXPECT_EQ(facts.bars.at(graphics)[0].last, 0xf03fffffu);
  }
  for (const char* none : {"pci 0000:00:02.0: reg 0x20: [io  0xf000-0xf03f]",
                           "pci 0000:00:02.0: reg 0x10: [mem 0x00000000-0x003fffff]",
                           "pci 0000:00:02.0: PME# supported from D0"}) {
    EXPECT_TRUE(learnt(none).bars.empty()) << none;
  }
  // Assigned anew, the old place means nothing.
  const system_facts moved = learnt(
      "pci 0000:00:02.0: reg 0x10: [mem 0xf0000000-0xf03fffff]\n"
      "pci 0000:00:02.0: BAR 0: assigned [mem 0xe0000000-0xe03fffff]\n");
  ASSERT_EQ(moved.bars.at(graphics).size(), 1u);
  EXPECT_EQ(moved.bars.at(graphics)[0].first, 0xe0000000u);
}

TEST(system_lines, the_firmwares_map_old_and_new) {
  const system_facts facts = learnt(
      "BIOS-e820: 0000000000000000 - 000000000009f000 (usable)\n"
      "BIOS-e820: 00000000bb800000 - 00000000bc000000 (ACPI NVS)\n"
      "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable\n"
      "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable\n");
  ASSERT_EQ(facts.memory.size(), 3u);
  EXPECT_EQ(facts.memory[0].last, 0x9efffu);  // the old wording's end is not part of it
  EXPECT_EQ(facts.memory[0].words, "usable");
  EXPECT_EQ(facts.memory[1].words, "ACPI NVS");
  EXPECT_EQ(facts.memory[2].first, 0x100000000u);
  EXPECT_EQ(facts.memory[2].last, 0x1ffffffffu);
}

TEST(system_lines, reserved_regions_and_who_they_are_for) {
  const system_facts facts = learnt(
      "ACPI DMAR:RMRR base: 0x00000000000ed000 end: 0x00000000000effff\n"
      "DMAR: RMRR base: 0x000000df5ef000 end: 0x000000df5fffff\n"
      "DMAR: Setting identity map for device 0000:00:1d.0 [0xdf5ef000 - 0xdf5fffff]\n"
      "DMAR: Setting identity map for device 0000:00:1a.0 [0xdf5ef000 - 0xdf5fffff]\n"
      "IOMMU: Setting identity map for device 0000:00:1f.0 [0x0 - 0xffffff]\n");
  ASSERT_EQ(facts.reserved_regions.size(), 2u);
  EXPECT_EQ(facts.reserved_regions[0].first, 0xed000u);
  EXPECT_EQ(facts.reserved_regions[1].words, "0000:00:1d.0, 0000:00:1a.0");
}

TEST(system_lines, a_scan_counts_from_its_beginning_alone) {
  const std::string bridge = "PCI host bridge to bus 0000:00\n";
  const std::string first = "pci 0000:00:00.0: [8086:2a00] type 00 class 0x060000\n";
  const std::string later = "pci 0000:00:02.0: [8086:2a02] type 00 class 0x030000\n";
  EXPECT_EQ(learnt(bridge + first + later).scanned_roots, (std::set<source_id>{{0, 0, 0}}));
  EXPECT_TRUE(learnt(bridge + later).scanned_roots.empty());
  EXPECT_TRUE(learnt(bridge + later + first).scanned_roots.empty());
  EXPECT_TRUE(learnt(first + later).scanned_roots.empty());
  const system_facts below = learnt(
      "pci 0000:00:1c.0: PCI bridge to [bus 02-04]\n"
      "pci 0000:00:1c.1: PCI bridge to [bus 05]\n");
  EXPECT_EQ(below.bridges.at({0, 0, pci_devfn(0x1c, 0)}).last, 4);
  EXPECT_EQ(below.bridges.at({0, 0, pci_devfn(0x1c, 1)}).first, 5);
  EXPECT_EQ(below.bridges.at({0, 0, pci_devfn(0x1c, 1)}).last, 5);
}

TEST(system_lines, another_boot_begins_anew) {
  const system_facts facts = learnt(
      "pci 0000:00:02.0: [8086:2a02] type 00 class 0x030000\n"
      "Command line: intel_iommu=off\n"
      "Linux version 6.1.0-18-amd64\n"
      "Command line: intel_iommu=on\n");
  EXPECT_TRUE(facts.functions.empty());
  EXPECT_EQ(facts.command_line, "intel_iommu=on");
}

}  // namespace
}  // namespace iommulab::system_lines_test
