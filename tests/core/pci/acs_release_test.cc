// SPDX-License-Identifier: GPL-2.0-only
//
// Quirks of isolation by release: the last release without each, the first with it, and how many
// ids of a vendor it speaks of. From Linux drivers/pci/quirks.c of 4.4 to 7.1, and of Debian's
// 6.12.117 (pci_dev_acs_enabled[]).
#include <gtest/gtest.h>

#include "core/pci/acs.h"
#include "core/pci/acs_quirks.h"
#include "core/pci/registers.h"
#include "test_system.h"

namespace iommulab::acs_release_test {
namespace {

constexpr uint16_t needed = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;

/// A function on the root bus whose ids and release the tests change.
struct one_function {
  explicit one_function(pci_exp_type type)
      : sys({bridge(at(0, 1), 1, 1).express(type, 0x40).build()}), pdev(sys.dev(at(0, 1))) {}

  acs_quirk answer(uint16_t vendor, uint16_t device, pci_release release) {
    pdev.vendor = vendor;
    pdev.device_id = device;
    sys.pci->set_release(release);
    return pci_dev_specific_acs_enabled(pdev, needed).known;
  }
  /// Ids of the vendor that the newest release answers for so.
  size_t ids(uint16_t vendor, acs_quirk wanted, pci_release release = newest_pci_release) {
    size_t count = 0;
    for (unsigned id = 0; id <= 0xffff; ++id) {
      count += answer(vendor, static_cast<uint16_t>(id), release) == wanted ? 1u : 0u;
    }
    return count;
  }

  test_system sys;
  pci_dev& pdev;
};

struct arrival {
  uint16_t vendor;
  uint16_t device;
  pci_exp_type type;
  pci_release before;
  pci_release since;
};

TEST(acs_release, a_row_counts_from_the_release_that_brought_it) {
  using enum pci_exp_type;
  const arrival arrivals[] = {
      {0x1924, 0x0a03, endpoint, {4, 7}, {4, 8}},    {0x8086, 0x1234, rc_endpoint, {5, 7}, {5, 8}},
      {0x17cb, 0x0401, root_port, {4, 10}, {4, 11}}, {0x17cb, 0x0115, root_port, {6, 11}, {6, 12}},
      {0x17cb, 0x0120, root_port, {6, 19}, {7, 0}},  {0x1dbf, 0x0401, root_port, {5, 0}, {5, 1}},
      {0x177d, 0xa101, root_port, {4, 14}, {4, 15}}, {0x177d, 0xaf84, root_port, {5, 4}, {5, 5}},
      {0x177d, 0xa026, endpoint, {5, 14}, {5, 15}},  {0x10e8, 0xe004, root_port, {4, 13}, {4, 14}},
      {0x1def, 0xe00c, root_port, {4, 17}, {4, 18}}, {0x14e4, 0x1752, endpoint, {5, 19}, {6, 0}},
      {0x14e4, 0xd714, root_port, {5, 3}, {5, 4}},   {0x1c36, 0x0031, root_port, {5, 3}, {5, 4}},
      {0x1957, 0x8db9, root_port, {5, 14}, {5, 15}}, {0x1d17, 0x071e, downstream, {5, 6}, {5, 7}},
      {0x1d17, 0x0752, root_port, {6, 7}, {6, 8}},   {0x8088, 0x0100, endpoint, {6, 2}, {6, 3}},
      {0x8088, 0x5140, endpoint, {6, 12}, {6, 13}},  {0x0014, 0x7a69, root_port, {6, 14}, {6, 17}},
  };
  for (const arrival& a : arrivals) {
    one_function f(a.type);
    EXPECT_NE(f.answer(a.vendor, a.device, a.before), acs_quirk::has)
        << std::hex << a.vendor << ':' << a.device;
    EXPECT_EQ(f.answer(a.vendor, a.device, a.since), acs_quirk::has)
        << std::hex << a.vendor << ':' << a.device;
    EXPECT_EQ(f.answer(a.vendor, a.device, newest_pci_release), acs_quirk::has)
        << std::hex << a.vendor << ':' << a.device;
  }
}

// What the table of 6.12.117 names, counted there.
TEST(acs_release, each_vendor_has_as_many_ids_as_in_the_kernel) {
  one_function port(pci_exp_type::root_port);
  EXPECT_EQ(port.ids(0x1924, acs_quirk::has), 3u);
  EXPECT_EQ(port.ids(0x17cb, acs_quirk::has), 5u);
  EXPECT_EQ(port.ids(0x1def, acs_quirk::has), 8u);
  EXPECT_EQ(port.ids(0x14e4, acs_quirk::has), 9u);
  EXPECT_EQ(port.ids(0x0014, acs_quirk::has), 10u);
  EXPECT_EQ(port.ids(0x1957, acs_quirk::has), 24u);
  EXPECT_EQ(port.ids(0x177d, acs_quirk::has), 0x800u + 2u);  // a026, a059, a060 among them
  EXPECT_EQ(port.ids(0x1d17, acs_quirk::has), 15u + 1u + 48u + 3u);
  EXPECT_EQ(port.ids(0x1d17, acs_quirk::lacks), 0x10000u - 67u) << "ports that it does not name";
  one_function card(pci_exp_type::endpoint);
  EXPECT_EQ(card.ids(0x8088, acs_quirk::has), 16u + 2u + 6u);
  EXPECT_EQ(card.ids(0x8088, acs_quirk::lacks), 0x10000u - 24u);
  EXPECT_EQ(card.ids(0x177d, acs_quirk::has), 3u);
  EXPECT_EQ(card.ids(0x1d17, acs_quirk::has), 3u);
}

// 4.6 to 4.11 took every Cavium function for isolated, 4.12 to 4.14 a hundred and more ids.
TEST(acs_release, a_row_may_end) {
  one_function card(pci_exp_type::endpoint);
  EXPECT_EQ(card.answer(0x177d, 0x0001, {4, 5}), acs_quirk::unknown);
  EXPECT_EQ(card.answer(0x177d, 0x0001, {4, 11}), acs_quirk::has);
  EXPECT_EQ(card.answer(0x177d, 0x0001, {4, 12}), acs_quirk::unknown);
  EXPECT_EQ(card.answer(0x177d, 0xa0ff, {4, 14}), acs_quirk::has);
  EXPECT_EQ(card.answer(0x177d, 0xa0ff, {4, 15}), acs_quirk::unknown);
}

// An AMD IOMMU has to be described, for functions of a multifunction device on a root bus.
TEST(acs_release, the_southbridge_is_isolated_beside_an_amd_iommu) {
  const test_system sys({endpoint(at(0, 0x14), 0x1002, 0x4385).multifunction().build(),
                         endpoint(at(0, 0x14, 2), 0x1002, 0x4383).build()});
  EXPECT_FALSE(pci_acs_enabled(sys.dev(at(0, 0x14)), needed));
  sys.pci->set_amd_iommu(true);
  EXPECT_TRUE(pci_acs_enabled(sys.dev(at(0, 0x14)), needed));
  EXPECT_TRUE(pci_acs_enabled(sys.dev(at(0, 0x14, 2)), needed));
}

// INTEL_SPT_ACS_CTRL: 32 bits at +8, where the specification has 16 at +6.
TEST(acs_release, sunrise_point_ports_have_their_control_elsewhere) {
  const auto functions =
      std::vector<pci_function_config>{bridge(at(0, 0x1c), 1, 1, 0x8086, 0xa110)
                                           .express(pci_exp_type::root_port, 0x40)
                                           .acs(0x100, needed | pci_acs_tb)
                                           .build()};
  test_system sys(functions, false);
  pci_dev& old = sys.dev(at(0, 0x1c));
  EXPECT_FALSE(pci_acs_enabled(old, needed));
  sys.pci->request_acs();
  sys.pci->set_release({4, 7});
  pci_enable_acs(old);
  EXPECT_EQ(old.config->read32(0x108), uint32_t{needed});
  EXPECT_EQ(old.config->read16(0x106), 0u);
  EXPECT_TRUE(pci_acs_enabled(old, needed));
}

TEST(acs_release, one_alias_a_function_before_4_7_and_many_since) {
  // Xeon Phi x200: 10.0, 11.0 and 12.3
  for (const pci_release release : {pci_release{4, 6}, pci_release{4, 7}}) {
    test_system sys({endpoint(at(0, 2), 0x8086, 0x2260).build()});
    sys.pci->set_release(release);
    sys.pci->remove(sys.dev(at(0, 2)));
    sys.pci->rescan();
    const auto& mask = sys.dev(at(0, 2)).dma_alias_mask;
    if (release == pci_release{4, 6}) {
      EXPECT_EQ(mask, nullptr);
      continue;
    }
    ASSERT_NE(mask, nullptr);
    EXPECT_EQ(mask->count(), 3u);
    EXPECT_TRUE(mask->test(pci_devfn(0x10, 0)));
    EXPECT_TRUE(mask->test(pci_devfn(0x11, 0)));
    EXPECT_TRUE(mask->test(pci_devfn(0x12, 3)));
  }
}

}  // namespace
}  // namespace iommulab::acs_release_test
