// SPDX-License-Identifier: GPL-2.0-only
//
// The built-in server's groups.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "platform/machine/builtin.h"
#include "platform/machine/v4_4/stand_in_driver.h"

namespace iommulab::server_groups_test {
namespace {

TEST(server_groups, are_shared_only_where_functions_cannot_be_told_apart) {
  stand_in_system s(server_machine());
  ASSERT_EQ(s.set_iommu(), 0);
  std::set<std::set<std::string>> shared;
  for (const auto& group : s.iommu.groups()) {
    std::set<std::string> members;
    for (const auto& m : group->devices) members.insert(m.name.substr(5));
    if (members.size() > 1) shared.insert(members);
  }
  EXPECT_EQ(shared, (std::set<std::set<std::string>>{
                        {"01:00.0", "01:00.1"},
                        {"06:00.0", "07:00.0", "07:01.0"},
                        {"00:1f.0", "00:1f.2", "00:1f.3"},
                    }));
}

}  // namespace
}  // namespace iommulab::server_groups_test
