// SPDX-License-Identifier: GPL-2.0-only
//
// Memory maps as logs of any age and /proc/iomem show them.
#include "platform/machine/memory_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "platform/machine/logged_units.h"

namespace iommulab::memory_map_test {
namespace {

using ::testing::HasSubstr;
using kind = memory_range::kind;

struct expected_range {
  uint64_t first;
  uint64_t last;
  kind type;
};

void expect_map(const absl::StatusOr<std::vector<memory_range>>& map,
                const std::vector<expected_range>& expected) {
  ASSERT_TRUE(map.ok()) << map.status();
  ASSERT_EQ(map->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ((*map)[i].start.value(), expected[i].first) << i;
    EXPECT_EQ((*map)[i].end() - 1, expected[i].last) << i;
    EXPECT_EQ((*map)[i].type, expected[i].type) << i;
  }
}

TEST(memory_map, logs_of_todays_kernels_are_read) {
  expect_map(
      parse_e820({"log",
                  "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009efff] "
                  "usable\n"
                  "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x0000000000100fff] "
                  "reserved\n"
                  "kernel: BIOS-e820: [mem 0x0000000000101000-0x0000000000101fff] ACPI data\n"
                  "BIOS-e820: [mem 0x0000000000102000-0x0000000000102fff] ACPI NVS\r\n"
                  "BIOS-e820: [mem 0x0000000000103000-0x0000000000103fff] unusable\n"
                  "BIOS-e820: [mem 0x0000000000104000-0x0000000000104fff] persistent (type "
                  "7)\n"}),
      {{0, 0x9efff, kind::ram},
       {0x100000, 0x100fff, kind::reserved},
       {0x101000, 0x101fff, kind::acpi_data},
       {0x102000, 0x102fff, kind::acpi_nvs},
       {0x103000, 0x103fff, kind::unusable},
       {0x104000, 0x104fff, kind::reserved}});
}

TEST(memory_map, logs_of_old_kernels_are_read_their_ends_left_out) {
  expect_map(
      parse_e820({"log",
                  " BIOS-e820: 0000000000000000 - 000000000009f400 (usable)\n"
                  "[    0.000000]  BIOS-e820: 000000000009f400 - 00000000000a0000 "
                  "(reserved)\n BIOS-e820: 00000000bf780000 - 00000000bf78e000 (ACPI data)\n"}),
      {{0, 0x9f3ff, kind::ram},
       {0x9f400, 0x9ffff, kind::reserved},
       {0xbf780000, 0xbf78dfff, kind::acpi_data}});
}

TEST(memory_map, of_a_log_of_two_starts_the_last_counts) {
  expect_map(parse_e820({"log",
                         "BIOS-e820: [mem 0x0-0x9ffff] usable\nBIOS-e820: [mem 0x100000-0x1fffff] "
                         "usable\nBIOS-e820: [mem 0x0-0x8ffff] usable\n"}),
             {{0, 0x8ffff, kind::ram}});
}

TEST(memory_map, the_list_of_resources_is_read_at_any_depth) {
  expect_map(parse_iomem_map({"iomem",
                              "00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n"
                              "  00002000-00002fff : Kernel code\n000a0000-000bffff : PCI Bus "
                              "0000:00\n7d000000-7dffffff : ACPI Tables\n7e000000-7effffff : ACPI "
                              "Non-volatile Storage\n80000000-8fffffff : PCI MMCONFIG 0000 [bus "
                              "00-ff]\n  80000000-8fffffff : reserved\n"}),
             {{0, 0xfff, kind::reserved},
              {0x1000, 0x9fbff, kind::ram},
              {0x7d000000, 0x7dffffff, kind::acpi_data},
              {0x7e000000, 0x7effffff, kind::acpi_nvs},
              {0x80000000, 0x8fffffff, kind::reserved}});
}

TEST(memory_map, what_cannot_be_a_map_is_refused) {
  const auto message = [](const absl::StatusOr<std::vector<memory_range>>& map) {
    return map.ok() ? std::string("it was read") : std::string(map.status().message());
  };
  EXPECT_EQ(message(parse_iomem_map({"iomem",
                                     "00000000-00000000 : Reserved\n00000000-00000000 : System "
                                     "RAM\n"})),
            "iomem: line 1: range is \"00000000-00000000 : Reserved\": all addresses are zero: the "
            "kernel shows them to root only");
  EXPECT_THAT(message(parse_iomem_map({"iomem", "000a0000-000bffff : PCI Bus 0000:00\n"})),
              HasSubstr("none is System RAM or reserved"));
  EXPECT_THAT(
      message(parse_e820({"log", "BIOS-e820: [mem 0x1000-0x0fff] usable\n"})),
      HasSubstr("log: line 1: BIOS-e820 is \"[mem 0x1000-0x0fff] usable\": it ends before"));
  EXPECT_THAT(message(parse_e820({"log", "BIOS-e820: 0000 - zzzz (usable)\n"})),
              HasSubstr("not of the form"));
}

TEST(memory_map, of_hardware_what_lies_below_the_devices_is_memory) {
  const std::vector<memory_range> map = {{phys_addr(0), 0xa0000, kind::ram},
                                         {phys_addr(0x100000), 0x700000, kind::ram},
                                         {phys_addr(0x800000), 0x100000, kind::acpi_nvs},
                                         {phys_addr(0xe0000000), 0x1000, kind::reserved},
                                         {phys_addr(0x100000000), 0x1000, kind::ram}};
  EXPECT_EQ(memory_below_devices(map, 0xc0000000).size(), 4u);
  EXPECT_EQ(
      *first_device_address({"iomem",
                             "000a0000-000bffff : PCI Bus 0000:00\n00100000-008fffff : System "
                             "RAM\nc0000000-dfffffff : PCI Bus 0000:00\n"}),
      0xc0000000u);
}

// Lines of a machine of 2013 and of one of 2009.
TEST(logged_units, are_those_of_the_drivers_lines) {
  const auto units = parse_logged_units(
      {"log",
       "[    0.031] dmar: DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap c0000020660462 ecap "
       "f0101a\n[    0.031] DMAR: dmar1: reg_base_addr fed91000 ver 1:0 cap d2008020660462 ecap "
       "f010da\n[    0.032] IOMMU 0: reg_base_addr fed90000 ver 1:0 cap c0000020660462 ecap "
       "f0101a\n"});
  ASSERT_TRUE(units.ok()) << units.status();
  ASSERT_EQ(units->size(), 2u);
  EXPECT_EQ((*units)[0].base, phys_addr(0xfed90000));
  EXPECT_EQ((*units)[0].version, 0x10u);
  EXPECT_EQ((*units)[0].cap.value(), 0xc0000020660462u);
  EXPECT_EQ((*units)[1].ecap.value(), 0xf010dau);
  EXPECT_FALSE((*units)[0].sees_all);
}

TEST(logged_units, lose_the_modes_that_are_not_modelled) {
  // Bits 24 (extended contexts) and 43 (scalable mode) of the extended capabilities.
  const auto units = parse_logged_units(
      {"log", "dmar0: reg_base_addr fed90000 ver 4:0 cap c0000020660462 ecap 80001f0101a\n"});
  ASSERT_TRUE(units.ok()) << units.status();
  EXPECT_EQ((*units)[0].ecap.value(), 0xf0101au);
  EXPECT_EQ((*units)[0].version, 0x40u);
}

TEST(logged_units, a_line_that_is_cut_is_named) {
  const auto units = parse_logged_units({"log", "x\nreg_base_addr fed90000 ver 1:0 cap c00\n"});
  EXPECT_EQ(std::string(units.status().message()),
            "log: line 2: reg_base_addr is \"fed90000 ver 1:0 cap c00\": not of the form BASE ver "
            "MAJOR:MINOR cap CAP ecap ECAP");
  EXPECT_TRUE(parse_logged_units({"log", "nothing\n"})->empty());
}

}  // namespace
}  // namespace iommulab::memory_map_test
