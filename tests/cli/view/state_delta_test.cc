// SPDX-License-Identifier: GPL-2.0-only
//
// Deltas are what their form (cli/view/state_delta.h) says; that the page makes the right state of
// them, view.state_of_… tests.
#include "cli/view/state_delta.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace iommulab::view {
namespace {

structure node(std::string name, uint64_t value) {
  structure s{"iova", std::move(name), {}};
  s.add("pfn_lo", value);
  return s;
}

TEST(state_delta_test, of_what_stayed_the_same_there_is_none) {
  EXPECT_EQ(delta_of({node("a", 1)}, {node("a", 1)}), json(nullptr));
  EXPECT_EQ(delta_of({}, {}), json(nullptr));
}

TEST(state_delta_test, a_field_is_set) {
  EXPECT_EQ(delta_of({node("a", 1)}, {node("a", 0x20)}),
            json::parse(R"({"~": {"0": {"=": {"pfn_lo": "0x20"}}}})"));
}

TEST(state_delta_test, words_come_and_go) {
  structure plain{"register", "GSTS", {}};
  plain.add("TES", int64_t{0});
  structure told{"register", "GSTS", {}};
  told.add("TES", int64_t{1}, "enabled");
  EXPECT_EQ(delta_of({plain}, {told}),
            json::parse(R"({"~": {"0": {"=": {"TES": 1, "TES_words": "enabled"}}}})"));
  EXPECT_EQ(delta_of({told}, {plain}),
            json::parse(R"({"~": {"0": {"=": {"TES": 0, "TES_words": null}}}})"));
}

TEST(state_delta_test, a_structure_comes_between_others_that_change) {
  const json delta =
      delta_of({node("a", 1), node("c", 3)}, {node("a", 1), node("b", 2), node("c", 4)});
  EXPECT_EQ(delta["s"][0], 1);
  EXPECT_EQ(delta["s"][1], 0);
  EXPECT_EQ(delta["s"][2][0]["name"], "b");
  EXPECT_EQ(delta["~"], json::parse(R"({"2": {"=": {"pfn_lo": "0x4"}}})"));
}

TEST(state_delta_test, a_structure_goes) {
  EXPECT_EQ(delta_of({node("a", 1), node("b", 2), node("c", 3)}, {node("a", 1), node("c", 3)}),
            json::parse(R"({"s": [1, 1, []]})"));
}

TEST(state_delta_test, lists_and_structures_within) {
  structure before{"dmar_domain", "dmar0:1", {}};
  before.add("devices", structure_list{structure_link{"device", "00:01.0"}});
  before.add("domain", node("inner", 1));
  structure after{"dmar_domain", "dmar0:1", {}};
  after.add("devices", structure_list{structure_link{"device", "00:01.0"},
                                      structure_link{"device", "00:02.0"}});
  after.add("domain", node("inner", 2));
  EXPECT_EQ(delta_of({before}, {after}), json::parse(R"({"~": {"0": {"~": {
    "devices": {"s": [1, 0, [{"struct": "device", "name": "00:02.0"}]]},
    "domain": {"=": {"pfn_lo": "0x2"}}}}}})"));
}

TEST(state_delta_test, another_type_or_other_fields_replace_a_value) {
  structure link{"intel_iommu", "dmar0", {}};
  link.add("domain", structure_link{"dmar_domain", "dmar0:1"});
  structure null{"intel_iommu", "dmar0", {}};
  null.add("domain", structure_link{"dmar_domain", ""});
  EXPECT_EQ(delta_of({link}, {null}), json::parse(R"({"~": {"0": {"=": {"domain": null}}}})"));
  structure number{"intel_iommu", "dmar0", {}};
  number.add("domain", uint64_t{5});
  EXPECT_EQ(delta_of({link}, {number}), json::parse(R"({"~": {"0": {"=": {"domain": "0x5"}}}})"));

  structure more = node("a", 1);
  more.add("pfn_hi", uint64_t{2});
  const json delta = delta_of({node("a", 1)}, {more});
  EXPECT_EQ(delta["s"][1], 1) << "the structure is told anew";
  EXPECT_EQ(delta["s"][2][0]["fields"]["pfn_hi"], "0x2");
}

structure tree(uint64_t granule, structure_list nodes) {
  structure s{"iova_domain", "0", {}};
  s.add("granule", granule);
  s.add("rbroot", std::move(nodes));
  return s;
}

/// The change as delta_of() finds it, and as it is told: of `before` `gone` nodes from `first` on
/// make room for `come`.
void expect_same_delta(const structure& before, const structure& after, size_t first, size_t gone,
                       structure now) {
  std::vector<structure> kept{before};
  std::vector<structure_change> changes;
  changes.push_back({0, std::move(now), "rbroot", first, gone});
  EXPECT_EQ(apply_changes(kept, std::move(changes)).dump(), delta_of({before}, {after}).dump());
  EXPECT_EQ(kept, (std::vector<structure>{after}));
}

TEST(state_delta_test, a_told_change_is_the_one_that_would_be_found) {
  const structure before = tree(1, {node("a", 1), node("b", 2), node("c", 3), node("d", 4)});
  // One comes, one goes, one is another, one has another value; and the same with a field beside.
  expect_same_delta(before,
                    tree(1, {node("a", 1), node("b", 2), node("x", 9), node("c", 7), node("d", 4)}),
                    2, 1, tree(1, {node("x", 9), node("c", 7)}));
  expect_same_delta(before, tree(2, {node("a", 1), node("c", 3), node("d", 4)}), 1, 2,
                    tree(2, {node("c", 3)}));
  expect_same_delta(before, tree(1, {node("a", 1), node("y", 2), node("c", 3), node("d", 4)}), 1, 1,
                    tree(1, {node("y", 2)}));
  expect_same_delta(before, tree(1, {node("a", 1), node("b", 2), node("c", 3), node("d", 8)}), 2, 2,
                    tree(1, {node("c", 3), node("d", 8)}));
  expect_same_delta(before, before, 0, 0, tree(1, {}));
  expect_same_delta(before, tree(3, {}), 0, 4, tree(3, {}));
}

TEST(state_delta_test, what_is_told_of_a_structure_that_is_new_is_all_of_it) {
  const structure one = tree(1, {node("a", 1)});
  std::vector<structure> kept{one};
  std::vector<structure_change> changes;
  changes.push_back({0, tree(2, {}), "rbroot", 0, 0});
  changes.push_back({1, tree(1, {node("b", 2)}), "rbroot", 0, 0});
  const std::vector<structure> after{tree(2, {node("a", 1)}), tree(1, {node("b", 2)})};
  EXPECT_EQ(apply_changes(kept, std::move(changes)).dump(), delta_of({one}, after).dump());
  EXPECT_EQ(kept, after);
  EXPECT_EQ(apply_changes(kept, {}), json(nullptr));
}

}  // namespace
}  // namespace iommulab::view
