// SPDX-License-Identifier: GPL-2.0-only
//
// Probing and releasing devices in Linux 6.12 while memory runs out: which error, and that nothing
// of the device stays. drivers/iommu/intel/iommu.c: intel_iommu_probe_device(),
// intel_iommu_release_device().
#include "core/v6_12/divergence.h"
#include "intel/v6_12/device.h"
#include "support/v6_12/queue_system.h"

namespace iommulab::v6_12::probe_test {
namespace {

using namespace test;

constexpr source_id caching = at(0, 8);

machine_config machine() {
  return small_machine()
      .set_ecap(linux_6_12::scalable_device_tlb_ecap())
      .add_function(function_builder(caching, 0x8086, 0x10d3, 0x020000)
                        .express(pci_exp_type::rc_endpoint, 0x40)
                        .ats(0x100, 4)
                        .build())
      .build();
}

// Linux takes a device without ATS out of a tree that it is not in (README.md).
TEST(Probe, GivesBackWhatItTook) {
  for (const source_id id : {caching, nic}) {
    unsigned failures = 0;
    for (uint64_t n = 1; n <= 5; ++n) {
      for (const bool page : {false, true}) {
        linux_6_12::queue_system s(machine());
        device& dev = s.dev(id);
        device_block_translation(s.driver(), dev);
        intel_iommu_release_device(s.driver(), dev);
        EXPECT_EQ(dev.iommu->priv, nullptr);
        EXPECT_EQ(s.scalable_context(id).first, 0u);
        EXPECT_EQ(device_rbtree_find(s.driver(), s.iommu(), id.requester_id()), nullptr);
        const uint64_t pages = s.pages().live_pages();
        const int64_t objects = s.slab().live();
        const uint64_t told = s.env().divergences.total();
        page ? s.pages().failures().fail_at(n) : s.slab().fail_at(n);
        int error = 0;
        const iommu_device* unit = intel_iommu_probe_device(s.driver(), dev, error);
        s.pages().failures().fail_never();
        s.slab().fail_never();
        if (unit != nullptr) {
          EXPECT_EQ(unit, &state_of(s.driver(), s.iommu()).iommu);
          EXPECT_EQ(device_rbtree_find(s.driver(), s.iommu(), id.requester_id()),
                    id == caching ? &dev : nullptr);
          continue;
        }
        ++failures;
        EXPECT_EQ(error, -ENOMEM);
        EXPECT_EQ(dev.iommu->priv, nullptr);
        EXPECT_EQ(device_rbtree_find(s.driver(), s.iommu(), id.requester_id()), nullptr);
        EXPECT_EQ(s.pages().live_pages(), pages) << page << n;
        EXPECT_EQ(s.slab().live(), objects) << page << n;
        const bool before_the_table = !page && n == 1;
        EXPECT_EQ(s.env().divergences.total() - told, id == nic && !before_the_table ? 1u : 0u);
        EXPECT_EQ(s.log_contains("DMAR: PASID table allocation failed"), !before_the_table);
        EXPECT_NE(intel_iommu_probe_device(s.driver(), dev, error), nullptr);
      }
    }
    EXPECT_EQ(failures, 3u) << "the device's part, its table's object and pages";
  }
}

// Two devices with one id: WARN_ON() and -EEXIST.
TEST(Probe, RefusesASecondDeviceOfAnId) {
  linux_6_12::queue_system s(machine());
  unit_state& state = state_of(s.driver(), s.iommu());
  device_block_translation(s.driver(), s.dev(caching));
  intel_iommu_release_device(s.driver(), s.dev(caching));
  state.device_rbtree[caching.requester_id()] = &s.info(nic);
  int error = 0;
  EXPECT_EQ(intel_iommu_probe_device(s.driver(), s.dev(caching), error), nullptr);
  EXPECT_EQ(error, -EEXIST);
  EXPECT_TRUE(s.log_contains("device_rbtree_insert"));
  EXPECT_EQ(state.device_rbtree.size(), 1u);
  state.device_rbtree.clear();
  EXPECT_NE(intel_iommu_probe_device(s.driver(), s.dev(caching), error), nullptr);
}

// A unit that is not registered yet is nobody's.
TEST(Probe, NeedsAUnitThatIsKnown) {
  linux_6_12::queue_system s(machine());
  iommu_device& unit = state_of(s.driver(), s.iommu()).iommu;
  iommu_ops* const ops = unit.ops;
  unit.ops = nullptr;
  int error = 0;
  EXPECT_EQ(intel_iommu_probe_device(s.driver(), s.dev(nic), error), nullptr);
  EXPECT_EQ(error, -ENODEV);
  unit.ops = ops;
  s.iommu().drhd->ignored = true;
  EXPECT_EQ(intel_iommu_probe_device(s.driver(), s.dev(nic), error), nullptr);
  EXPECT_EQ(error, -ENODEV);
  s.iommu().drhd->ignored = false;
}

}  // namespace
}  // namespace iommulab::v6_12::probe_test
