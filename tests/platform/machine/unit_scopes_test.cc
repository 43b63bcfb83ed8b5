// SPDX-License-Identifier: GPL-2.0-only
//
// Which unit sees which function: by the table's scopes, or all of them.
#include "platform/machine/unit_scopes.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "bus_machine.h"
#include "pci/random_tree.h"
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

/// What one unit's DRHD says.
struct drhd_of_chance {
  uint16_t segment = 0;
  bool include_all = false;
  std::vector<dmar_scope_spec> scopes;

  /// Whether a scope of this type names the function. A path of chance has one hop.
  [[nodiscard]] bool names(dmar_layout::scope_type type, source_id function) const {
    return function.segment == segment &&
           std::any_of(scopes.begin(), scopes.end(), [&](const dmar_scope_spec& scope) {
             return scope.type == type && scope.start_bus == function.bus &&
                    pci_devfn(scope.path[0].device, scope.path[0].function) == function.devfn;
           });
  }
};

/// The order of VT-d 8.3: the function itself, the nearest bridge, the segment's rest.
size_t unit_by_search(const std::vector<drhd_of_chance>& units,
                      const std::vector<pci_function_config>& functions, source_id function) {
  using dmar_layout::scope_type;
  const auto first = [&](const auto& holds) {
    return static_cast<size_t>(std::find_if(units.begin(), units.end(), holds) - units.begin());
  };
  size_t unit = first([&](const auto& u) { return u.names(scope_type::pci_endpoint, function); });
  const auto from = std::find_if(functions.begin(), functions.end(),
                                 [&](const auto& f) { return f.id == function; });
  for (const pci_function_config* at = &*from; unit == units.size() && at != nullptr;
       at = random_tree::bridge_above(functions, at->id)) {
    unit = first([&](const auto& u) { return u.names(scope_type::pci_sub_hierarchy, at->id); });
  }
  if (unit != units.size()) return unit;
  return first([&](const auto& u) { return u.include_all && u.segment == function.segment; });
}

TEST(units_of_functions, of_trees_of_chance_are_those_that_a_search_of_all_finds) {
  random_tree::chance chance(1);
  size_t of_none = 0;
  for (int tree = 0; tree < 50; ++tree) {
    SCOPED_TRACE(tree);
    machine_config board;
    board.pci_functions = random_tree::functions(chance, 60);
    std::vector<drhd_of_chance> units(5);
    dmar_builder table(39);
    for (size_t i = 0; i < units.size(); ++i) {
      drhd_of_chance& unit = units[i];
      unit.segment = static_cast<uint16_t>(random_tree::pick(chance, random_tree::segments));
      unit.include_all = random_tree::pick(chance, 3) == 0;
      for (int scope = 0; scope < 4; ++scope) {
        const source_id named =
            board.pci_functions[random_tree::pick(chance, board.pci_functions.size())].id;
        const std::vector<dmar_path_hop> path = {{named.device(), named.function()}};
        unit.scopes.push_back(random_tree::pick(chance, 2) == 0
                                  ? dmar_scope_spec::endpoint(named.bus, path)
                                  : dmar_scope_spec::bridge(named.bus, path));
      }
      board.units.push_back({.base = phys_addr((i + 1) << page_shift), .cap = {}, .ecap = {}});
      table.add_drhd(unit.include_all ? 1 : 0, unit.segment, board.units.back().base.value(),
                     unit.scopes);
    }
    board.dmar_table = table.finish();
    const unit_of_slot seen = units_of_functions(board);
    for (const pci_function_config& f : board.pci_functions) {
      const size_t expected = unit_by_search(units, board.pci_functions, f.id);
      const auto found = seen.find(f.id);
      EXPECT_EQ(found == seen.end() ? units.size() : found->second, expected) << to_string(f.id);
      if (expected == units.size()) ++of_none;
    }
  }
  EXPECT_NE(of_none, 0u);
}

}  // namespace
}  // namespace iommulab::bus_test::unit_scopes_test
