// SPDX-License-Identifier: GPL-2.0-only
//
// A kernel that goes takes with it all that its code made.
#include <gtest/gtest.h>

#include <string>

#include "kernel/catalogue.h"
#include "kernel/kernel.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

TEST(take_down, leaves_no_object_of_the_kernel) {
  for (const kernel_profile* profile : kernel_profiles()) {
    for (const std::string name : {"q35", "server"}) {
      for (const std::string line :
           {"intel_iommu=on", "intel_iommu=on iommu=pt", "intel_iommu=off"}) {
        SCOPED_TRACE(std::string(profile->name()) + " on " + name + ", " + line);
        const auto machine = builtin_machine(name);
        ASSERT_TRUE(machine.has_value());
        kernel_options options;
        options.profile = profile;
        options.command_line = line;
        auto system = kernel::create(*machine, std::move(options));
        ASSERT_TRUE(system.ok());
        (*system)->start_up();
        (*system)->load_drivers();
        (*system)->finish_boot();
        (*system)->load_late_drivers();
        EXPECT_GT((*system)->slab().allocations(), 0u);
        (*system)->take_down();
        EXPECT_EQ((*system)->slab().live(), 0);
      }
    }
  }
}

}  // namespace
}  // namespace iommulab
