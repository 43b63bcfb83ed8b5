// SPDX-License-Identifier: GPL-2.0-only
//
// Which answers of a probe() the kernel calls failures: the switch in 4.4's really_probe(), that of
// 6.12's call_driver_probe().
#include "core/probe_result.h"

#include <gtest/gtest.h>

namespace iommulab {
namespace {

TEST(probe_result, is_a_failure_when_the_driver_wanted_the_device_and_could_not) {
  for (const int result : {-EINVAL, -EBUSY, -ENOMEM, -EPERM}) {
    EXPECT_TRUE(is_probe_failure(result)) << result;
  }
  for (const int result : {0, -ENODEV, -ENXIO, -517}) {
    EXPECT_FALSE(is_probe_failure(result)) << result;
  }
}

}  // namespace
}  // namespace iommulab
