// SPDX-License-Identifier: GPL-2.0-only
//
// What is said of a group's reasons, on boards of a few functions, each with one reason to be found
// (PCI Express Base 6.12, PCIe-to-PCI Bridge 2.3), and on the corpus' machines, where every verdict
// has to be the one that groups are made by.
#include "lab/groups/group_reasons.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "core/pci/acs.h"
#include "lab/groups/isolation.h"
#include "platform/listing/listed_machine.h"
#include "platform/pci/function_builder.h"
#include "support/golden.h"

namespace iommulab::group_reasons_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint16_t isolating = pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;
constexpr pci_release linux_6_12{6, 12};

source_id at(uint8_t bus, unsigned device, unsigned function = 0) {
  return {0, bus, pci_devfn(device, function)};
}
function_builder endpoint(source_id id, uint16_t vendor = 0x1234, uint16_t device = 1) {
  return function_builder(id, vendor, device, 0x020000);
}
function_builder port(source_id id, uint8_t secondary, uint8_t subordinate, pci_exp_type type,
                      uint16_t device = 2) {
  function_builder builder(id, 0x8086, device, 0x060400);
  builder.bridge(id.bus, secondary, subordinate).express(type, 0x40);
  return builder;
}

class board {
 public:
  explicit board(std::vector<pci_function_config> functions, pci_release release = linux_6_12,
                 std::vector<virtual_function> virtual_functions = {})
      : groups_(machine_groups::create(
                    {{{0, 0}}, std::move(functions), std::move(virtual_functions), {}, {}}, release)
                    .value()) {}

  [[nodiscard]] const machine_groups& groups() const { return *groups_; }
  [[nodiscard]] bool together(source_id a, source_id b) const {
    return groups_->group_of(a) == groups_->group_of(b);
  }
  [[nodiscard]] std::vector<group_rule> rules(source_id id) const {
    std::vector<group_rule> rules;
    for (const group_reason& r : group_reasons(*groups_, id)) rules.push_back(r.rule);
    return rules;
  }
  [[nodiscard]] std::string text(source_id id) const {
    std::string text;
    for (const group_reason& r : group_reasons(*groups_, id)) text += r.sentence + "\n";
    return text;
  }

 private:
  std::unique_ptr<machine_groups> groups_;
};

TEST(group_reasons, a_port_without_acs_holds_what_is_behind_it) {
  const board b({port(at(0, 1), 1, 1, pci_exp_type::root_port).build(),
                 endpoint(at(1, 0)).express(pci_exp_type::endpoint, 0x40).build()});
  EXPECT_TRUE(b.together(at(0, 1), at(1, 0)));
  EXPECT_THAT(b.rules(at(1, 0)),
              ElementsAre(group_rule::path, group_rule::alone, group_rule::alone));
  EXPECT_THAT(b.text(at(1, 0)), HasSubstr("00:01.0 (root port) may turn requests back before they "
                                          "reach the IOMMU, as it has no ACS capability"));
  EXPECT_THAT(b.text(at(1, 0)), HasSubstr("00:01.0 may keep the port driver, as a bridge does"));
}

TEST(group_reasons, a_port_with_acs_sends_requests_up) {
  const board b({port(at(0, 1), 1, 1, pci_exp_type::root_port).acs(0x100, isolating).build(),
                 endpoint(at(1, 0)).express(pci_exp_type::endpoint, 0x40).build()});
  EXPECT_FALSE(b.together(at(0, 1), at(1, 0)));
  EXPECT_THAT(b.text(at(1, 0)),
              HasSubstr("its ACS capability at 100h has Source Validation, Request Redirect, "
                        "Completion Redirect, Upstream Forwarding on"));
  EXPECT_THAT(b.text(at(1, 0)), HasSubstr("holds nothing else"));
}

// PCI Express Base 6.12.1.1: what a port does not implement it need not.
TEST(group_reasons, what_a_port_does_not_offer_counts_as_given) {
  const board b(
      {port(at(0, 1), 1, 1, pci_exp_type::root_port).acs(0x100, pci_acs_sv | pci_acs_rr).build(),
       endpoint(at(1, 0)).express(pci_exp_type::endpoint, 0x40).build()});
  EXPECT_FALSE(b.together(at(0, 1), at(1, 0)));
  EXPECT_THAT(b.text(at(1, 0)), HasSubstr("(Completion Redirect, Upstream Forwarding is not "
                                          "offered, which counts as given)"));
}

TEST(group_reasons, functions_of_one_device_reach_each_other) {
  const board b({endpoint(at(0, 3)).multifunction().build(), endpoint(at(0, 3, 1)).build()});
  EXPECT_TRUE(b.together(at(0, 3), at(0, 3, 1)));
  EXPECT_THAT(b.rules(at(0, 3, 1)), ElementsAre(group_rule::functions, group_rule::alone));
  EXPECT_THAT(
      b.text(at(0, 3, 1)),
      HasSubstr("on a conventional bus everybody sees everybody's requests; so may 00:03.0"));
}

TEST(group_reasons, a_bridge_to_pci_gives_all_behind_it_one_id) {
  const board b({port(at(0, 1), 1, 2, pci_exp_type::root_port).acs(0x100, isolating).build(),
                 port(at(1, 0), 2, 2, pci_exp_type::pci_bridge).build(), endpoint(at(2, 4)).build(),
                 endpoint(at(2, 5)).build()});
  EXPECT_TRUE(b.together(at(2, 4), at(2, 5)));
  EXPECT_TRUE(b.together(at(2, 4), at(1, 0)));
  EXPECT_FALSE(b.together(at(2, 4), at(0, 1)));
  EXPECT_EQ(b.rules(at(2, 5)).front(), group_rule::alias);
  EXPECT_THAT(b.text(at(2, 5)), HasSubstr("puts the id 02:00.0 on requests from behind it"));
}

// Marvell 88SE9230: requests bear the id of function 1, which is not there (quirks.c).
// Two virtual functions, one on a bus of its own, of a function behind a port.
board board_with_virtual_functions(uint16_t acs) {
  std::vector<virtual_function> functions;
  for (const source_id id : {at(1, 0x10), at(2, 0)}) {
    functions.push_back(
        {endpoint(id).express(pci_exp_type::endpoint, 0x40).build(), at(1, 0), listed_function{}});
  }
  return board({port(at(0, 1), 1, 2, pci_exp_type::root_port).acs(0x100, acs).build(),
                endpoint(at(1, 0)).express(pci_exp_type::endpoint, 0x40).build()},
               linux_6_12, std::move(functions));
}

TEST(group_reasons, virtual_functions_are_alone_behind_a_port_that_isolates) {
  const board b = board_with_virtual_functions(isolating);
  EXPECT_FALSE(b.together(at(1, 0), at(1, 0x10)));
  EXPECT_FALSE(b.together(at(1, 0), at(2, 0)));
  EXPECT_FALSE(b.together(at(1, 0x10), at(2, 0)));
  EXPECT_EQ(b.groups().groups().size(), 4u);
  EXPECT_THAT(b.text(at(2, 0)),
              HasSubstr("02:00.0 (endpoint) is a virtual function of 01:00.0 (endpoint)"));
}

TEST(group_reasons, virtual_functions_share_the_group_of_a_port_that_does_not) {
  const board open({port(at(0, 1), 1, 2, pci_exp_type::root_port).build(),
                    endpoint(at(1, 0)).express(pci_exp_type::endpoint, 0x40).build()},
                   linux_6_12,
                   {{endpoint(at(2, 0)).express(pci_exp_type::endpoint, 0x40).build(), at(1, 0),
                     listed_function{}}});
  EXPECT_TRUE(open.together(at(0, 1), at(2, 0)));
  EXPECT_TRUE(open.together(at(1, 0), at(2, 0)));
}

TEST(group_reasons, a_virtual_function_of_nobody_is_not_found) {
  const board b({endpoint(at(0, 2)).build()}, linux_6_12,
                {{endpoint(at(0, 3)).build(), at(0, 9), listed_function{}}});
  EXPECT_THAT(b.groups().not_found(), ElementsAre(at(0, 3)));
}

TEST(group_reasons, a_quirk_of_ids_is_told) {
  const board b({endpoint(at(0, 2), 0x1b4b, 0x9230).build()});
  EXPECT_THAT(b.text(at(0, 2)), HasSubstr("may bear the id 00:02.1 (quirk for its ids)"));
}

// quirks.c: integrated endpoints of Intel's, since 5.8.
TEST(group_reasons, a_quirk_counts_from_the_release_that_brought_it) {
  const std::vector<pci_function_config> functions{
      endpoint(at(0, 2), 0x8086).multifunction().express(pci_exp_type::rc_endpoint, 0x40).build(),
      endpoint(at(0, 2, 1), 0x8086).express(pci_exp_type::rc_endpoint, 0x40).build()};
  const board before(functions, {5, 7});
  EXPECT_TRUE(before.together(at(0, 2), at(0, 2, 1)));
  const board after(functions, {5, 8});
  EXPECT_FALSE(after.together(at(0, 2), at(0, 2, 1)));
  EXPECT_THAT(after.text(at(0, 2)),
              HasSubstr("(quirk for Intel integrated endpoints, since Linux 5.8)"));
}

TEST(group_reasons, say_of_two_functions_what_becomes_of_them) {
  const board b({endpoint(at(0, 3)).multifunction().build(), endpoint(at(0, 3, 1)).build(),
                 endpoint(at(0, 4)).build()});
  EXPECT_EQ(group_reasons(b.groups(), at(0, 3), at(0, 3, 1)).back().sentence,
            "So 00:03.0 and 00:03.1 are together in group 0.");
  EXPECT_EQ(group_reasons(b.groups(), at(0, 3), at(0, 4)).back().sentence,
            "So 00:03.0 and 00:04.0 are in different groups.");
}

TEST(group_reasons, a_verdict_is_the_one_that_groups_are_made_by) {
  const std::filesystem::path all = golden::corpus_root() / "machines";
  if (!std::filesystem::is_directory(all)) GTEST_SKIP() << "no corpus at " << all;
  size_t asked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(all)) {
    const auto source = read_source((entry.path() / "lspci.txt").string());
    if (!source.ok()) continue;
    const auto machine = machine_of_listing(*source).value();
    for (const pci_release release : {pci_release{4, 4}, pci_release{5, 8}, newest_pci_release}) {
      const auto groups = machine_groups::create(
          {machine.roots, machine.functions, machine.virtual_functions, machine.volumes, {}},
          release);
      (*groups)->pci().for_each_pci_dev([&](pci_dev& pdev) {
        EXPECT_EQ(isolation_of(pdev).isolated, pci_acs_enabled(pdev, isolating))
            << entry.path() << ' ' << pdev.dev.name;
        ++asked;
        return 0;
      });
    }
  }
  EXPECT_GT(asked, 1000u);
}

}  // namespace
}  // namespace iommulab::group_reasons_test
