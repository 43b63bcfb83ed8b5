// SPDX-License-Identifier: GPL-2.0-only
#include "core/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace iommulab {
namespace {

const std::vector<std::string> commands = {"boot",      "dma",     "dmar",     "fault",
                                           "iova",      "kernels", "machines", "pagetable",
                                           "translate", "verify"};

TEST(nearest, undoes_one_mistake_of_each_kind) {
  EXPECT_EQ(nearest("bot", commands), "boot");
  EXPECT_EQ(nearest("boott", commands), "boot");
  EXPECT_EQ(nearest("boat", commands), "boot");
  EXPECT_EQ(nearest("obot", commands), "boot");
  EXPECT_EQ(nearest("translat", commands), "translate");
  EXPECT_EQ(nearest("tranzlatte", commands), "translate");
  EXPECT_EQ(nearest("BOOT", commands), "boot");
}

TEST(nearest, does_not_guess_from_afar) {
  EXPECT_EQ(nearest("", commands), std::nullopt);
  EXPECT_EQ(nearest("q", commands), std::nullopt);
  EXPECT_EQ(nearest("nonsense", commands), std::nullopt);
  EXPECT_EQ(nearest("reboots", commands), std::nullopt);
  EXPECT_EQ(nearest(std::string(1000000, 'x'), commands), std::nullopt);
  EXPECT_EQ(nearest("boot", {}), std::nullopt);
}

TEST(nearest, takes_the_first_of_several_equally_near) {
  EXPECT_EQ(nearest("dmat", commands), "dma");
  EXPECT_EQ(nearest("cat", std::vector<std::string>{"hat", "bat"}), "hat");
}

TEST(nearest, completes_a_start_that_only_one_has) {
  EXPECT_EQ(nearest("mach", commands), "machines");
  EXPECT_EQ(nearest("ver", commands), "verify");
  EXPECT_EQ(nearest("--mach", std::vector<std::string>{"--machine", "--kernel"}), "--machine");
  EXPECT_EQ(
      nearest("iommu_s", std::vector<std::string>{"iommu_set_root_entry", "iommu_suspend_all"}),
      std::nullopt);
}

TEST(nearest, knows_the_kernels_functions) {
  const std::vector<std::string> functions = {"iommu_set_root_entry", "init_dmars",
                                              "__domain_mapping"};
  EXPECT_EQ(nearest("iommu_set_root_entri", functions), "iommu_set_root_entry");
  EXPECT_EQ(nearest("domain_mapping", functions), "__domain_mapping");
  EXPECT_EQ(nearest("init-dmars", functions), "init_dmars");
}

TEST(nearest, is_asked_about_in_a_sentence) {
  EXPECT_EQ(did_you_mean("bot", commands), "; did you mean 'boot'?");
  EXPECT_EQ(did_you_mean("nonsense", commands), "");
}

}  // namespace
}  // namespace iommulab
