// SPDX-License-Identifier: GPL-2.0-only
//
// What x86 and the firmware's memory map have to say in 6.12 that they had not in 4.4.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/machine/builtin.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::x86_dma_test {
namespace {

using test::at;
using test::linux_6_12::system;
using ::testing::HasSubstr;
using ::testing::Not;

/// A function behind a bridge of this vendor's, and nic in front of it.
machine_config with_bridge_of(uint16_t vendor) {
  test::small_machine m;
  m.add_function(function_builder(at(0, 4), vendor, 0x1234, 0x060400).bridge(0, 1, 1).build());
  m.add_function(test::plain_function(at(1, 2), 0x8086, 0x100e, 0x020000));
  return m.build();
}

dma_addr mapped_for(system& s, source_id id) {
  device& dev = s.dev(id);
  dma_set_mask(dev, UINT64_MAX);
  return dma_map_single(dev, phys_addr(0x100000), 0x1000, dma_data_direction::to_device);
}

// via_no_dac(): the bus is limited, not the device's mask, and nobody in front of the bridge.
TEST(via_bridges, limit_what_is_behind_them_to_32_bits) {
  constexpr uint16_t via = 0x1106;
  system s(with_bridge_of(via), "on", "iommu.forcedac=1");
  ASSERT_EQ(s.boot(), 0);
  EXPECT_TRUE(s.logged("pci 0000:00:04.0: disabling DAC on VIA PCI bridge"));
  EXPECT_LE(mapped_for(s, at(1, 2)).value(), 0xffffffffu);
  EXPECT_EQ(s.dev(at(1, 2)).dma_mask, UINT64_MAX);
  EXPECT_GT(mapped_for(s, test::nic).value(), 0xffffffffu);
}

TEST(via_bridges, are_left_alone_on_request_and_others_are_too) {
  for (const auto& [vendor, words] : std::vector<std::pair<uint16_t, std::string>>{
           {0x1106, "iommu.forcedac=1 iommu=usedac"}, {0x8086, "iommu.forcedac=1"}}) {
    system s(with_bridge_of(vendor), "on", words);
    ASSERT_EQ(s.boot(), 0);
    EXPECT_THAT(s.log_text(), Not(HasSubstr("disabling DAC")));
    EXPECT_GT(mapped_for(s, at(1, 2)).value(), 0xffffffffu) << words;
  }
}

struct region_case {
  uint64_t first;
  uint64_t last;
  bool reserved;  ///< by q35's map: usable up to 3ffdffff, reserved from there to 3fffffff
};

// arch_rmrr_sanity_check(): the entry that covers the region's end has to be reserved, and all of
// the region has to be covered.
TEST(reserved_regions, are_held_against_the_firmware_s_map) {
  for (const region_case& c : std::vector<region_case>{{0x3ffe0000, 0x3ffe5fff, true},
                                                       {0x10000000, 0x100fffff, false},
                                                       {0x50000000, 0x50000fff, false}}) {
    machine_config machine = *builtin_machine("q35");
    machine.dmar_table = dmar_builder(39)
                             .add_drhd(1, 0, 0xfed90000, {})
                             .add_rmrr(0, c.first, c.last, {dmar_scope_spec::endpoint(0, {{5, 0}})})
                             .finish();
    system s(machine);
    ASSERT_EQ(s.boot(), 0);
    const std::string region = absl::StrFormat("[0x%016x-0x%016x]", c.first, c.last);
    const std::string uncovered =
        "DMAR: [Firmware Bug]: No firmware reserved region can cover this "
        "RMRR " +
        region + ", contact BIOS vendor for fixes";
    EXPECT_EQ(s.logged(uncovered), c.reserved ? 0 : 1) << s.log_text();
    EXPECT_EQ(s.log_contains("Your BIOS is broken; bad RMRR " + region), !c.reserved);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::x86_dma_test
