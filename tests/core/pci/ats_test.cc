// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/ats.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "test_system.h"

namespace iommulab::ats_test {
namespace {

constexpr uint16_t ats_at = 0x100;
constexpr uint16_t control = ats_at + 6;  // PCI Express Base 10.5.1.3
constexpr uint16_t on = 0x8000;

/// A physical function with two virtual ones, of which each has the capability.
struct functions {
  test_system sys{{cached(0), cached(1), cached(2)}};
  pci_dev& physical = sys.dev(at(0, 1, 0));
  pci_dev& first = sys.dev(at(0, 1, 1));
  pci_dev& second = sys.dev(at(0, 1, 2));

  functions() {
    for (pci_dev* pdev : {&first, &second}) {
      pdev->is_virtfn = true;
      pdev->physfn = &physical;
    }
  }
  static pci_function_config cached(unsigned function) {
    return endpoint(at(0, 1, function))
        .multifunction()
        .express(pci_exp_type::endpoint, 0x40)
        .ats(ats_at, 7)
        .build();
  }
  static uint16_t control_of(const pci_dev& pdev) { return pdev.config->read16(control); }
};

// Linux v4.4 drivers/pci/ats.c: pci_enable_ats(), pci_disable_ats(), pci_ats_queue_depth()
TEST(ats, has_a_page_and_a_switch) {
  functions f;
  EXPECT_EQ(pci_enable_ats(f.physical, 11), -EINVAL) << "4 KiB is the least";
  EXPECT_EQ(pci_enable_ats(f.physical, 13), 0);
  EXPECT_EQ(functions::control_of(f.physical), on | 1);
  EXPECT_TRUE(pci_ats_enabled(f.physical));
  EXPECT_EQ(pci_enable_ats(f.physical, 13), -EBUSY);
  EXPECT_EQ(pci_ats_queue_depth(f.physical), 7);
  pci_disable_ats(f.physical);
  EXPECT_EQ(functions::control_of(f.physical), 1);
}

TEST(ats, of_a_virtual_function_follows_the_physical_one) {
  functions f;
  EXPECT_EQ(pci_enable_ats(f.first, 12), -EINVAL) << "the physical one never had it";
  ASSERT_EQ(pci_enable_ats(f.physical, 13), 0);
  EXPECT_EQ(pci_enable_ats(f.first, 12), -EINVAL) << "another page";
  EXPECT_EQ(pci_enable_ats(f.first, 13), 0);
  EXPECT_EQ(pci_enable_ats(f.second, 13), 0);
  EXPECT_EQ(functions::control_of(f.first), on) << "the page is the physical one's";
  EXPECT_EQ(pci_ats_queue_depth(f.first), 0) << "and so is the queue";
}

TEST(ats, of_a_physical_function_stays_while_a_virtual_one_has_it) {
  functions f;
  ASSERT_EQ(pci_enable_ats(f.physical, 12), 0);
  ASSERT_EQ(pci_enable_ats(f.first, 12), 0);
  ASSERT_EQ(pci_enable_ats(f.second, 12), 0);
  for (pci_dev* pdev : {&f.first, &f.second}) {
    pci_disable_ats(f.physical);
    EXPECT_TRUE(pci_ats_enabled(f.physical));
    pci_disable_ats(*pdev);
    pci_disable_ats(*pdev);  // does nothing more
    EXPECT_FALSE(pci_ats_enabled(*pdev));
  }
  pci_disable_ats(f.physical);
  EXPECT_FALSE(pci_ats_enabled(f.physical));
}

}  // namespace
}  // namespace iommulab::ats_test
