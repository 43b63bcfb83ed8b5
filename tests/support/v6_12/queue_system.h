// SPDX-License-Identifier: GPL-2.0-only
//
// A booted Linux 6.12 whose unit's queue a test submits to, with devices that answer the unit.
#pragma once

#include <memory>

#include "intel/v6_12/qi_desc.h"
#include "intel/v6_12/queue.h"
#include "support/device_tlbs.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::test::linux_6_12 {

inline vtd::ecap_register scalable_device_tlb_ecap() {
  return default_ecap().set_scalable_mode(true).set_second_level(true).set_device_tlb(true);
}

struct queue_system : system {
  explicit queue_system(vtd::ecap_register ecap = default_ecap().set_device_tlb(true),
                        vtd::cap_register cap = default_cap())
      : queue_system(small_machine().set_ecap(ecap).set_cap(cap).build()) {}
  explicit queue_system(const machine_config& machine, const std::string& intel_iommu = "on")
      : system(machine, intel_iommu) {
    unit().set_device_tlbs(&devices);
    EXPECT_EQ(boot(), 0);
    events().clear();
    devices.seen.clear();
  }

  int submit_one(uint64_t qw0, uint64_t qw1) {
    const v6_12::qi_desc desc{qw0, qw1, 0, 0};
    return v6_12::qi_submit_sync(driver(), iommu(), {&desc, 1});
  }
  uint32_t* statuses() {
    return k().memory().object_at<uint32_t>(iommu().qi->desc_status_phys, qi_length);
  }
  /// Registers that stand in the unit's place from now on.
  void put_in_place(mmio_region& region) {
    iommu().reg =
        iomem(std::make_unique<mmio_window>(&region, "dmar0", 0, page_size, 0), k().env().trace);
    events().clear();
  }

  answering_devices devices;
};

}  // namespace iommulab::test::linux_6_12
