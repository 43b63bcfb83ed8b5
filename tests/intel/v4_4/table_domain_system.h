// SPDX-License-Identifier: GPL-2.0-only
//
// A running system whose network function can be given a domain of the IOMMU API, for tests of
// tables and of what is mapped in them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "core/dma/dma_mapping.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "support/small_machine.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"

namespace iommulab::test {

struct table_domain_system : linux_4_4::system {
  /// Three levels. `superpages` as CAP has them: bit 0 for 2 MiB, bit 1 for 1 GiB.
  explicit table_domain_system(trace_class classes, uint8_t superpages = 0b0011,
                               const kernel_profile& release = v4_4::profile())
      : system(small_machine()
                   .set_cap(default_cap()
                                .set_max_guest_address_width(39)
                                .set_sagaw(0b00010)
                                .set_super_pages(superpages))
                   .build(),
               "intel_iommu=on", classes, release) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
    events().clear();
  }
  device& dev() { return function(nic).dev; }
  /// A domain of the IOMMU API with the device in it.
  v4_4::iommu_domain& api_domain() {
    v4_4::iommu_domain* domain = v4_4::iommu_domain_alloc(*dev().bus);
    EXPECT_EQ(v4_4::iommu_attach_device(*domain, dev()), 0);
    return *domain;
  }
  v4_4::dmar_domain& table_domain() { return v4_4::to_dmar_domain(api_domain()); }
};

/// The divergences that `work` reports in a system of its own.
template <class Work>
reports reported_by(trace_class classes, uint8_t superpages, Work&& work) {
  table_domain_system s(classes, superpages);
  work(s);
  return reported(s.events());
}

}  // namespace iommulab::test
