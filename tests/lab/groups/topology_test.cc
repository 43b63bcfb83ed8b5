// SPDX-License-Identifier: GPL-2.0-only
//
// What pictures of groups are made of: the tree of made-up boards, where the test knows what hangs
// off what, which unit's scopes name whom and who is alike; and of the built-in server, whose
// picture stands in builtin.h.
#include "lab/groups/topology.h"

#include <gmock/gmock.h>

#include <map>

#include "core/pci/acs.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/machine/builtin.h"
#include "platform/pci/function_builder.h"

namespace iommulab::topology_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t isolating = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;
constexpr pci_release linux_6_12{6, 12};
constexpr uint8_t include_all = 1;
constexpr uint64_t first_unit = 0xfed90000;
constexpr uint64_t second_unit = 0xfed91000;

source_id at(uint8_t bus, unsigned device, unsigned function = 0) {
  return {0, bus, pci_devfn(device, function)};
}
/// A conventional one.
function_builder network(source_id id) {
  return function_builder(id, 0x1234, 1, 0x020000);
}
pci_function_config root_port(source_id id, uint8_t secondary, uint8_t subordinate) {
  function_builder builder(id, 0x8086, 2, 0x060400);
  builder.bridge(id.bus, secondary, subordinate).express(pci_exp_type::root_port, 0x40);
  return builder.acs(0x100, isolating).build();
}
/// Each in a slot of its own, from 00:02.0 on: each has a group of its own.
std::vector<pci_function_config> network_cards(unsigned count) {
  std::vector<pci_function_config> functions;
  for (unsigned i = 0; i < count; ++i) functions.push_back(network(at(0, 2 + i)).build());
  return functions;
}

struct drawn_board {
  std::unique_ptr<machine_groups> groups;
  group_topology topology;
};
drawn_board board_of(std::vector<pci_function_config> functions, std::vector<uint8_t> table = {},
                     std::vector<pci_root> roots = {{0, 0}},
                     std::vector<virtual_function> virtual_functions = {}) {
  const grouped_machine machine{
      std::move(roots), std::move(functions), std::move(virtual_functions), {}, std::move(table)};
  auto groups = machine_groups::create(machine, linux_6_12).value();
  group_topology topology = topology_of(machine, *groups);
  return {std::move(groups), std::move(topology)};
}

std::vector<source_id> ids_of(const std::vector<topology_node>& nodes) {
  std::vector<source_id> ids;
  ids.reserve(nodes.size());
  for (const topology_node& node : nodes) ids.push_back(node.id());
  return ids;
}

void add_members(const std::vector<topology_node>& nodes,
                 std::map<source_id, std::optional<int>>& members) {
  for (const topology_node& node : nodes) {
    for (const topology_member& member : node.members) {
      EXPECT_TRUE(members.emplace(member.id, member.group).second) << to_string(member.id);
    }
    add_members(node.children, members);
  }
}
std::map<source_id, std::optional<int>> members_of(const group_topology& topology) {
  std::map<source_id, std::optional<int>> members;
  for (const topology_bus& bus : topology.buses) add_members(bus.nodes, members);
  return members;
}

TEST(topology, functions_hang_off_the_bridges_above_them) {
  const drawn_board b =
      board_of({root_port(at(0, 1), 1, 2),
                function_builder(at(1, 0), 0x8086, 3, 0x060400)
                    .bridge(1, 2, 2)
                    .express(pci_exp_type::pci_bridge, 0x40)
                    .build(),
                network(at(2, 4)).build(), network(at(0, 3)).build(), network(at(0x40, 0)).build()},
               {}, {{0, 0x40}, {0, 0}});
  ASSERT_THAT(b.topology.buses, SizeIs(2));
  EXPECT_EQ(b.topology.buses[0].root, (pci_root{0, 0}));
  EXPECT_THAT(ids_of(b.topology.buses[1].nodes), ElementsAre(at(0x40, 0)));
  const std::vector<topology_node>& nodes = b.topology.buses[0].nodes;
  ASSERT_THAT(ids_of(nodes), ElementsAre(at(0, 1), at(0, 3)));
  EXPECT_EQ(nodes[0].express, pci_exp_type::root_port);
  EXPECT_EQ(nodes[1].express, std::nullopt);
  ASSERT_THAT(ids_of(nodes[0].children), ElementsAre(at(1, 0)));
  EXPECT_THAT(ids_of(nodes[0].children[0].children), ElementsAre(at(2, 4)));
}

TEST(topology, five_alike_are_one_node_and_four_are_not) {
  const drawn_board four = board_of(network_cards(4));
  EXPECT_THAT(four.topology.buses[0].nodes, SizeIs(4));
  const drawn_board five = board_of(network_cards(5));
  ASSERT_THAT(five.topology.buses[0].nodes, SizeIs(1));
  const topology_node& folded = five.topology.buses[0].nodes[0];
  EXPECT_TRUE(folded.is_folded());
  ASSERT_THAT(folded.members, SizeIs(5));
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(folded.members[i].id, at(0, 2 + i));
    EXPECT_EQ(folded.members[i].group, five.groups->group_of(at(0, 2 + i))->id);
  }
  EXPECT_THAT(folded.groups(), ElementsAre(0, 1, 2, 3, 4));
}

// A device of several functions is one group, as nothing tells them apart on a conventional bus.
TEST(topology, a_group_of_several_members_counts_once) {
  std::vector<pci_function_config> functions;
  for (unsigned fn = 0; fn < 8; ++fn) {
    functions.push_back(network(at(0, 2, fn)).multifunction().build());
  }
  const drawn_board b = board_of(std::move(functions));
  ASSERT_THAT(b.topology.buses[0].nodes, SizeIs(1));
  EXPECT_THAT(b.topology.buses[0].nodes[0].members, SizeIs(8));
  EXPECT_THAT(b.topology.buses[0].nodes[0].groups(), ElementsAre(0));
}

TEST(topology, other_ids_or_another_class_are_not_alike) {
  std::vector<pci_function_config> functions = network_cards(6);
  functions[1] = function_builder(functions[1].id, 0x1234, 9, 0x020000).build();
  functions[4] = function_builder(functions[4].id, 0x1234, 1, 0x028000).build();
  const drawn_board b = board_of(functions);
  EXPECT_THAT(b.topology.buses[0].nodes, SizeIs(6)) << "four of them are alike, too few";
  functions.push_back(network(at(0, 9)).build());
  const drawn_board more = board_of(functions);
  EXPECT_THAT(ids_of(more.topology.buses[0].nodes), ElementsAre(at(0, 2), at(0, 3), at(0, 6)));
}

TEST(topology, bridges_with_something_behind_them_stay_apart) {
  std::vector<pci_function_config> functions;
  for (uint8_t i = 0; i < 6; ++i) {
    functions.push_back(
        root_port(at(0, 1u + i), static_cast<uint8_t>(1 + i), static_cast<uint8_t>(1 + i)));
  }
  const drawn_board empty = board_of(functions);
  EXPECT_THAT(empty.topology.buses[0].nodes, SizeIs(1));
  functions.push_back(network(at(3, 0)).express(pci_exp_type::endpoint, 0x40).build());
  const drawn_board b = board_of(functions);
  ASSERT_THAT(ids_of(b.topology.buses[0].nodes), ElementsAre(at(0, 1), at(0, 3)));
  EXPECT_THAT(b.topology.buses[0].nodes[0].members, SizeIs(5));
  EXPECT_THAT(ids_of(b.topology.buses[0].nodes[1].children), ElementsAre(at(3, 0)));
}

TEST(topology, another_unit_keeps_apart) {
  const dmar_scope_spec one[] = {dmar_scope_spec::endpoint(0, {{7, 0}})};
  dmar_builder table(39);
  table.add_drhd(0, 0, first_unit, one).add_drhd(include_all, 0, second_unit);
  const drawn_board b = board_of(network_cards(6), table.finish());
  ASSERT_THAT(ids_of(b.topology.buses[0].nodes), ElementsAre(at(0, 2), at(0, 7)));
  const topology_marks& rest = b.topology.buses[0].nodes[0].marks;
  EXPECT_EQ(rest.unit, 1u);
  EXPECT_FALSE(rest.is_named());
  const topology_marks& named = b.topology.buses[0].nodes[1].marks;
  EXPECT_EQ(named.unit, 0u);
  EXPECT_TRUE(named.is_named());
}

TEST(topology, a_region_keeps_apart) {
  const dmar_scope_spec one[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  dmar_builder table(39);
  table.add_drhd(include_all, 0, first_unit).add_rmrr(0, 0x7d000000, 0x7d00ffff, one);
  const drawn_board b = board_of(network_cards(6), table.finish());
  ASSERT_THAT(ids_of(b.topology.buses[0].nodes), ElementsAre(at(0, 2), at(0, 4)));
  EXPECT_THAT(b.topology.buses[0].nodes[0].members, SizeIs(5));
  EXPECT_THAT(b.topology.buses[0].nodes[0].marks.regions, IsEmpty());
  EXPECT_THAT(b.topology.buses[0].nodes[1].marks.regions, ElementsAre(0u));
  ASSERT_THAT(b.topology.regions, SizeIs(1));
  EXPECT_EQ(b.topology.regions[0].first, phys_addr(0x7d000000));
  EXPECT_EQ(b.topology.regions[0].last, phys_addr(0x7d00ffff));
}

TEST(topology, a_bridge_that_is_named_brings_its_unit_to_what_is_behind_it) {
  const dmar_scope_spec port[] = {dmar_scope_spec::bridge(0, {{1, 0}})};
  const dmar_scope_spec card[] = {dmar_scope_spec::endpoint(0, {{1, 0}, {0, 0}}),
                                  dmar_scope_spec::ioapic(0, 0, {1, 0})};
  dmar_builder table(39);
  table.add_drhd(0, 0, first_unit, port).add_drhd(include_all, 0, second_unit);
  table.add_rmrr(0, 0x1000, 0x1fff, card).add_rmrr(0, 0x4000, 0x4fff, card);
  const drawn_board b = board_of(
      {root_port(at(0, 1), 1, 1), network(at(1, 0)).express(pci_exp_type::endpoint, 0x40).build()},
      table.finish());
  ASSERT_THAT(b.topology.units, SizeIs(2));
  EXPECT_EQ(b.topology.units[0].registers, phys_addr(first_unit));
  EXPECT_FALSE(b.topology.units[0].include_all);
  EXPECT_TRUE(b.topology.units[1].include_all);
  const topology_node& above = b.topology.buses[0].nodes[0];
  EXPECT_TRUE(above.marks.is_named());
  EXPECT_THAT(above.marks.regions, IsEmpty()) << "an I/O APIC's scope names no function";
  const topology_node& below = above.children[0];
  EXPECT_EQ(below.marks.unit, 0u);
  EXPECT_FALSE(below.marks.is_named());
  EXPECT_THAT(below.marks.regions, ElementsAre(0u, 1u));
}

// dmar_find_matched_drhd_unit(): a virtual function's unit is its physical function's.
TEST(topology, virtual_functions_stand_beside_theirs_with_its_unit) {
  std::vector<virtual_function> on_a_bus_of_their_own;
  for (unsigned i = 0; i < 5; ++i) {
    on_a_bus_of_their_own.push_back({network(at(2, i)).build(), at(1, 0), listed_function{}});
  }
  const drawn_board b =
      board_of({root_port(at(0, 1), 1, 2), network(at(1, 0)).build()},
               dmar_builder(39)
                   .add_drhd(0, 0, first_unit, {dmar_scope_spec::endpoint(0, {{1, 0}, {0, 0}})})
                   .add_drhd(include_all, 0, second_unit)
                   .finish(),
               {{0, 0}}, std::move(on_a_bus_of_their_own));
  const std::vector<topology_node>& behind = b.topology.buses.at(0).nodes.at(0).children;
  ASSERT_THAT(behind, SizeIs(2));
  EXPECT_FALSE(behind[0].is_virtual);
  EXPECT_TRUE(behind[1].is_virtual);
  EXPECT_THAT(behind[1].members, SizeIs(5));
  EXPECT_EQ(behind[1].id(), at(2, 0));
  EXPECT_EQ(behind[1].marks.unit, behind[0].marks.unit);
  EXPECT_EQ(behind[1].groups().size(), 5u) << "each has a group of its own";
}

TEST(topology, without_any_bus_a_virtual_function_has_one_of_its_own) {
  const drawn_board b =
      board_of({}, {}, {}, {{network(at(1, 2)).build(), at(1, 0), listed_function{}}});
  ASSERT_THAT(b.topology.buses, SizeIs(1));
  EXPECT_EQ(b.topology.buses[0].root, (pci_root{0, 1}));
  EXPECT_EQ(b.topology.buses[0].nodes.at(0).id(), at(1, 2));
}

TEST(topology, without_a_table_there_are_no_marks) {
  const drawn_board b = board_of(network_cards(1));
  EXPECT_THAT(b.topology.units, IsEmpty());
  EXPECT_EQ(b.topology.buses[0].nodes[0].marks, topology_marks{});
}

// PCI Express Base 7.3.1: behind a link there is device 0 alone, unless ARI is there.
TEST(topology, functions_that_are_not_found_stand_where_their_bus_is) {
  const auto endpoint = [](source_id id) {
    return network(id).express(pci_exp_type::endpoint, 0x40).build();
  };
  const drawn_board b =
      board_of({root_port(at(0, 1), 1, 1), endpoint(at(1, 0)), endpoint(at(1, 3))});
  const std::vector<topology_node>& behind = b.topology.buses[0].nodes[0].children;
  ASSERT_THAT(ids_of(behind), ElementsAre(at(1, 0), at(1, 3)));
  EXPECT_TRUE(behind[0].is_found);
  EXPECT_FALSE(behind[1].is_found);
  EXPECT_EQ(behind[1].members[0].group, std::nullopt);
  EXPECT_EQ(behind[1].vendor, 0x1234);
  EXPECT_EQ(behind[1].class_code, 0x020000u);
  EXPECT_EQ(behind[1].express, pci_exp_type::endpoint);
}

TEST(topology, what_is_behind_an_absent_bridge_stands_on_the_root_bus) {
  pci_function_config absent = root_port(at(0, 1), 1, 1);
  absent.present = false;
  const drawn_board b = board_of({absent, network(at(1, 0)).build(), network(at(0, 2)).build()});
  EXPECT_THAT(ids_of(b.topology.buses[0].nodes), ElementsAre(at(0, 1), at(0, 2), at(1, 0)));
  EXPECT_TRUE(b.topology.buses[0].nodes[1].is_found);
  EXPECT_FALSE(b.topology.buses[0].nodes[2].is_found);
}

// builtin.h
TEST(topology, of_the_server_has_every_function_once_with_its_group) {
  const machine_config server = server_machine();
  const drawn_board b = board_of(server.pci_functions, server.dmar_table, server.pci_roots);
  const std::map<source_id, std::optional<int>> members = members_of(b.topology);
  EXPECT_EQ(members.size(), server.pci_functions.size());
  for (const pci_function_config& f : server.pci_functions) {
    const iommu_group* const group = b.groups->group_of(f.id);
    ASSERT_TRUE(members.contains(f.id)) << to_string(f.id);
    EXPECT_EQ(members.at(f.id), group == nullptr ? std::nullopt : std::optional(group->id));
  }
  EXPECT_EQ(members.at(at(0xc2, 0)), std::nullopt) << "an empty slot";
  std::vector<pci_root> roots;
  for (const topology_bus& bus : b.topology.buses) roots.push_back(bus.root);
  EXPECT_THAT(roots,
              ElementsAre(pci_root{0, 0}, pci_root{0, 0x40}, pci_root{0, 0x80}, pci_root{0, 0xc0}));
  const topology_node& management = b.topology.buses[2].nodes[0].children[0];
  EXPECT_EQ(management.id(), at(0x81, 0));
  EXPECT_EQ(management.marks.unit, 1u);
  EXPECT_THAT(management.marks.regions, SizeIs(1));
}

TEST(topology, what_is_behind_a_volume_device_has_that_ones_unit) {
  const dmar_scope_spec volume[] = {dmar_scope_spec::endpoint(0, {{0xe, 0}})};
  dmar_builder table(39);
  table.add_drhd(0, 0, first_unit, volume).add_drhd(include_all, 0, second_unit);
  const source_id disk{1, 0xe1, 0};
  const grouped_machine machine{{{0, 0}, {1, 0xe1}},
                                {function_builder(at(0, 0xe), 0x8086, 0x9a0b, 0x010400).build(),
                                 function_builder(disk, 0x144d, 0xa821, 0x010802).build()},
                                {},
                                {{{1, 0xe1}, at(0, 0xe)}},
                                table.finish()};
  const auto groups = machine_groups::create(machine, linux_6_12).value();
  const group_topology topology = topology_of(machine, *groups);
  ASSERT_THAT(topology.buses, SizeIs(2));
  EXPECT_EQ(topology.buses[1].volume, at(0, 0xe));
  EXPECT_EQ(topology.buses[1].nodes[0].id(), disk);
  EXPECT_EQ(topology.buses[1].nodes[0].marks.unit, 0u);
}

}  // namespace
}  // namespace iommulab::topology_test
