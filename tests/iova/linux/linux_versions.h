// SPDX-License-Identifier: GPL-2.0-only
//
// The kernels' allocators by name, for tests that run on each.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "iova/linux/catalogue.h"

namespace iommulab {

inline std::vector<std::string> linux_version_names() {
  std::vector<std::string> names;
  for (const iova_catalogue_entry& entry : linux_iova_allocators()) names.emplace_back(entry.name);
  return names;
}

inline std::string linux_version_test_name(const testing::TestParamInfo<std::string>& version) {
  return version.param;
}

}  // namespace iommulab
