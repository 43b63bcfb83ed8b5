// SPDX-License-Identifier: GPL-2.0-only
//
// Every allocation of a boot and of a mapping fails once, or it and all behind it do: the driver
// says so or lives with it, and leaves no page behind when it goes. 6.1 and 6.12.
#include <string>
#include <tuple>

#include "intel/dmar/table.h"
#include "kernel/v6_1/profile.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_1 {
namespace {

using test::small_machine;

struct scenario {
  const char* name;
  vtd::cap_register cap;
  vtd::ecap_register ecap;
  const char* intel_iommu;
};

const scenario scenarios[] = {
    {"legacy", default_cap(), default_ecap(), "on"},
    {"scalable", default_cap(),
     default_ecap().set_scalable_mode(true).set_second_level(true).set_snoop_control(true),
     "on,sm_on"},
    {"first_level", default_cap().set_sagaw(0b00100).set_max_guest_address_width(48),
     default_ecap().set_scalable_mode(true).set_first_level(true).set_pasid_bits(20), "on,sm_on"},
};

struct injection {
  const char* name;
  slab_failures& (*of)(test::linux_6_12::system&);
  void (slab_failures::*arm)(uint64_t);
};

slab_failures& pages_of(test::linux_6_12::system& s) {
  return s.pages().failures();
}
slab_failures& objects_of(test::linux_6_12::system& s) {
  return s.slab();
}

const injection injections[] = {
    {"one_page", pages_of, &slab_failures::fail_at},
    {"all_pages_from_then_on", pages_of, &slab_failures::fail_from},
    {"one_object", objects_of, &slab_failures::fail_at},
    {"all_objects_from_then_on", objects_of, &slab_failures::fail_from},
};

class EveryAllocation
    : public ::testing::TestWithParam<std::tuple<const kernel_profile*, scenario, injection>> {};

int boot_and_map(test::linux_6_12::system& s) {
  if (const int ret = s.boot(); ret != 0) return ret;
  device& dev = s.dev(test::nic);
  const dma_addr at =
      s.dma().map_page(dev, phys_addr(0x100000), 0, 0x1000, dma_data_direction::to_device);
  if (at == v6_12::dma_mapping_error_address) return -ENOMEM;
  s.dma().unmap_page(dev, at, 0x1000, dma_data_direction::to_device);
  return 0;
}

TEST_P(EveryAllocation, LeavesNoPageBehind) {
  const auto& [profile, what, how] = GetParam();
  small_machine m;
  m.set_cap(what.cap).set_ecap(what.ecap);
  uint64_t allocations = 0;
  {
    test::linux_6_12::system s(m.build(), what.intel_iommu, "", *profile);
    s.stop_recording();
    const uint64_t before = how.of(s).allocations();
    ASSERT_EQ(boot_and_map(s), 0);
    allocations = how.of(s).allocations() - before;
  }
  ASSERT_GT(allocations, 0u);
  unsigned failed = 0;
  for (uint64_t n = 1; n <= allocations; ++n) {
    test::linux_6_12::system s(m.build(), what.intel_iommu, "", *profile);
    s.stop_recording();
    (how.of(s).*how.arm)(n);
    const int ret = boot_and_map(s);
    how.of(s).fail_never();
    if (ret != 0) {
      ++failed;
      dmar_free_unused_resources(s.driver());
    }
    s.k().take_down();
    for (const page_diagnosis& d : s.pages().diagnoses()) ADD_FAILURE() << n << ": " << d.sentence;
  }
  EXPECT_GT(failed, 0u);
}

INSTANTIATE_TEST_SUITE_P(OfABoot, EveryAllocation,
                         ::testing::Combine(::testing::Values(&v6_1::profile(), &v6_12::profile()),
                                            ::testing::ValuesIn(scenarios),
                                            ::testing::ValuesIn(injections)),
                         [](const auto& run) {
                           return absl::StrCat(std::string(std::get<0>(run.param)->name()), "_",
                                               std::get<1>(run.param).name, "_",
                                               std::get<2>(run.param).name);
                         });

}  // namespace
}  // namespace iommulab::v6_1
