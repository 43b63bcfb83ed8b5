// SPDX-License-Identifier: GPL-2.0-only
//
// intel_iommu=, by drivers/iommu/intel/iommu.c: intel_iommu_setup() of Linux 6.12.
#include "intel/v6_12/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iommulab::v6_12 {
namespace {

struct parsed {
  environment env;
  intel_iommu_options options;
  std::vector<std::string> log;

  explicit parsed(std::string_view value) {
    intel_iommu_setup(env, value, options);
    for (const log_line& line : env.log.lines()) log.push_back(line.text);
  }
};

TEST(Options, AreOnUnlessSwitchedOff) {
  const intel_iommu_options options;
  EXPECT_FALSE(options.dmar_disabled);
  EXPECT_TRUE(options.intel_iommu_sm);
  EXPECT_FALSE(options.dmar_map_intgpu);  // INTGPU_OFF
  EXPECT_TRUE(options.intel_iommu_superpage);
}

TEST(Options, OnTranslatesIntegratedGraphicsToo) {
  const parsed p("on");
  EXPECT_FALSE(p.options.dmar_disabled);
  EXPECT_TRUE(p.options.dmar_map_intgpu);
  EXPECT_THAT(p.log, testing::ElementsAre("DMAR: IOMMU enabled"));
}

TEST(Options, OffAlsoRefusesThePlatformsWish) {
  const parsed p("off");
  EXPECT_TRUE(p.options.dmar_disabled);
  EXPECT_TRUE(p.options.no_platform_optin);
  EXPECT_THAT(p.log, testing::ElementsAre("DMAR: IOMMU disabled"));
}

// The scalable recording's "intel_iommu=on,sm_on".
TEST(Options, TakesSeveralWords) {
  const parsed p("on,sm_off,,sp_off,igfx_off,intgpu_off");
  EXPECT_FALSE(p.options.intel_iommu_sm);
  EXPECT_FALSE(p.options.intel_iommu_superpage);
  EXPECT_TRUE(p.options.disable_igfx_iommu);
  EXPECT_FALSE(p.options.dmar_map_intgpu);
  EXPECT_THAT(p.log, testing::ElementsAre(
                         "DMAR: IOMMU enabled", "DMAR: Scalable mode is disallowed",
                         "DMAR: Disable supported super page", "DMAR: Disable GFX device mapping",
                         "DMAR: Disable integrated GPU device mapping"));
}

TEST(Options, SendsOldWordsElsewhere) {
  const parsed p("strict,forcedac");
  EXPECT_TRUE(p.options.iommu_dma_strict);
  EXPECT_TRUE(p.options.iommu_dma_forcedac);
  EXPECT_THAT(p.log, testing::ElementsAre(
                         "DMAR: intel_iommu=strict deprecated; use iommu.strict=1 instead",
                         "DMAR: intel_iommu=forcedac deprecated; use iommu.forcedac instead"));
}

TEST(Options, TellsOfUnknownWordsWithAllThatFollows) {
  const parsed p("ecs_off,on");
  EXPECT_FALSE(p.options.dmar_disabled);
  EXPECT_THAT(p.log,
              testing::ElementsAre("DMAR: Unknown option - 'ecs_off,on'", "DMAR: IOMMU enabled"));
}

}  // namespace
}  // namespace iommulab::v6_12
