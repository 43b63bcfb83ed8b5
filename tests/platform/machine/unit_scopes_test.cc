// SPDX-License-Identifier: GPL-2.0-only
//
// Which unit sees which function: by the table's scopes, or all of them.
#include "platform/machine/unit_scopes.h"

#include <gmock/gmock.h>

#include "bus_machine.h"
#include "platform/machine/builtin.h"

namespace iommulab::bus_test::unit_scopes_test {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// As builtin.h pictures the machine.
TEST(units_of_functions, a_server_has_four) {
  const machine_config server = server_machine();
  const unit_of_slot seen = units_of_functions(server);
  EXPECT_EQ(seen.size(), server.pci_functions.size());
  size_t graphics = 0;
  for (const auto& [slot, unit] : seen) {
    SCOPED_TRACE(to_string(slot));
    if (slot == bus_test::slot(0, 4)) {
      EXPECT_EQ(unit, 0u);
      ++graphics;
    } else if (slot.bus >= 0xc0) {
      EXPECT_EQ(unit, 2u);
    } else if (slot.bus >= 0x80) {
      EXPECT_EQ(unit, 1u);
    } else {
      EXPECT_EQ(unit, 3u);
    }
  }
  EXPECT_EQ(graphics, 1u);
}

class units_by_scopes : public testing::Test {
 protected:
  static constexpr uint64_t first = 0xfed90000;
  static constexpr uint64_t second = 0xfed91000;
  units_by_scopes() {
    board.units.resize(2);
    board.units[0].base = phys_addr(first);
    board.units[1].base = phys_addr(second);
    board.pci_functions = all_functions();
  }
  unit_of_slot with(const dmar_builder& table) {
    board.dmar_table = table.finish();
    return units_of_functions(board);
  }
  machine_config board;
};

TEST_F(units_by_scopes, a_function_listed_by_itself_is_that_units) {
  dmar_builder table(39);
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{4, 0}}),
                                    dmar_scope_spec::endpoint(0, {{2, 0}, {0, 0}, {1, 0}, {0, 0}})};
  table.add_drhd(0, 0, second, scopes);
  EXPECT_THAT(with(table), UnorderedElementsAre(Pair(slot(0, 4), 1), Pair(slot(3, 0), 1)));
}

TEST_F(units_by_scopes, a_bridge_brings_what_is_behind_it) {
  dmar_builder table(39);
  const dmar_scope_spec scopes[] = {dmar_scope_spec::bridge(0, {{2, 1}, {0, 0}})};
  table.add_drhd(0, 0, first, scopes);
  EXPECT_THAT(with(table), UnorderedElementsAre(Pair(slot(5, 0), 0), Pair(slot(6, 1), 0),
                                                Pair(slot(6, 2), 0), Pair(slot(7, 3), 0)));
}

TEST_F(units_by_scopes, the_nearest_bridge_counts_and_include_all_comes_last) {
  dmar_builder table(39);
  constexpr uint8_t include_all = 1;
  const dmar_scope_spec above[] = {dmar_scope_spec::bridge(0, {{2, 1}})};
  const dmar_scope_spec below[] = {dmar_scope_spec::bridge(6, {{2, 0}}),
                                   dmar_scope_spec::endpoint(6, {{1, 0}})};
  table.add_drhd(0, 0, first, above).add_drhd(include_all, 0, second, below);
  const unit_of_slot seen = with(table);
  EXPECT_EQ(seen.at(slot(0, 2, 1)), 0u);
  EXPECT_EQ(seen.at(slot(5, 0)), 0u);
  EXPECT_EQ(seen.at(slot(6, 1)), 1u);
  EXPECT_EQ(seen.at(slot(7, 3)), 1u);
  EXPECT_EQ(seen.at(slot(0, 3)), 1u);
}

TEST_F(units_by_scopes, paths_to_nowhere_other_segments_and_unknown_units_give_nothing) {
  dmar_builder table(39);
  const dmar_scope_spec nowhere[] = {dmar_scope_spec::endpoint(0, {{3, 0}, {1, 0}}),
                                     dmar_scope_spec::ioapic(0, 0, {3, 0})};
  table.add_drhd(1, 7, first).add_drhd(0, 0, second, nowhere).add_drhd(1, 0, 0xfed95000);
  EXPECT_TRUE(with(table).empty());
  board.units.front().sees_all = true;
  EXPECT_EQ(with(table).size(), board.pci_functions.size());
}

TEST(slot_of_scope, follows_bridges_to_the_last_hop) {
  machine_config board;
  board.pci_functions = all_functions();
  dmar_builder table(39);
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{4, 0}}),
                                    dmar_scope_spec::endpoint(0, {{2, 0}, {0, 0}, {1, 0}, {9, 0}}),
                                    dmar_scope_spec::endpoint(0, {{3, 0}, {1, 0}})};
  board.dmar_table = table.add_rmrr(0, 0x1000, 0x1fff, scopes).finish();
  std::vector<dmar_device_scope> read = decode_dmar(board.dmar_table).structures.front().scopes;
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(slot_of_scope(board, 0, read[0]), slot(0, 4));
  EXPECT_EQ(slot_of_scope(board, 0, read[1]), slot(3, 9)) << "nobody need sit there";
  EXPECT_EQ(slot_of_scope(board, 0, read[2]), std::nullopt) << "00:03.0 is no bridge";
  read[0].complete = false;
  EXPECT_EQ(slot_of_scope(board, 0, read[0]), std::nullopt);
}

}  // namespace
}  // namespace iommulab::bus_test::unit_scopes_test
