// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/traced_functions.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace iommulab::traced_functions_test {
namespace {

TEST(traced_functions, are_those_of_the_sources_by_the_kernel_s_names) {
  const auto all = traced_functions();
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  // One a room, one whose name stands on the line below its scope, one of a template.
  for (const char* name : {"bus_set_iommu", "alloc_iova", "__domain_mapping", "intel_map_page",
                           "pci_iommu_init", "__cached_rbnode_insert_update"}) {
    EXPECT_TRUE(is_traced_function(name)) << name;
  }
  EXPECT_FALSE(is_traced_function("domain_mapping"));
  EXPECT_FALSE(is_traced_function("call"));
}

TEST(traced_functions, a_call_names_its_function) {
  EXPECT_EQ(function_name_of("init_dmars()"), "init_dmars");
  EXPECT_EQ(function_name_of("init_dmars"), "init_dmars");
  EXPECT_EQ(function_name_of("()"), "");
}

}  // namespace
}  // namespace iommulab::traced_functions_test
