// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/value_history.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/kernel.h"
#include "lab/stepping/run_history.h"
#include "lab/stepping/runs.h"

namespace iommulab::stepping_test {
namespace {

std::string gsts(structure_source& from) {
  kernel* system = from.system();
  if (system == nullptr || system->units().empty()) return "none";
  return std::to_string(system->units().front()->peek(vtd_register::gsts));
}

/// The value at each position, by looks one after another.
std::vector<std::string> values_of(const repeatable_run& run, const value_look& look) {
  auto history = run_history::of(run);
  if (!history.ok()) return {};
  const size_t total = (*history)->record_all();
  std::vector<std::string> values;
  for (size_t p = 0; p <= total; ++p) {
    auto there = (*history)->look(p);
    if (!there.ok()) return {};
    values.push_back(look(**there));
  }
  return values;
}

TEST(value_history_test, finds_what_a_look_at_every_position_finds) {
  const auto run = boot_of_q35();
  const std::vector<std::string> values = values_of(*run, gsts);
  ASSERT_GT(values.size(), 500u);
  std::vector<size_t> changes;
  for (size_t e = 0; e + 1 < values.size(); ++e) {
    if (values[e] != values[e + 1]) changes.push_back(e);
  }
  ASSERT_GE(changes.size(), 3u) << "RTPS, QIES, TES";

  const size_t end = values.size() - 1;
  size_t from = 0;
  for (const size_t expected : changes) {
    const auto found = first_change(*run, gsts, from, end);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ((*found)->event, expected);
    EXPECT_EQ((*found)->before, values[expected]);
    EXPECT_EQ((*found)->after, values[expected + 1]);
    const auto last = last_change(*run, gsts, expected + 1);
    ASSERT_TRUE(last.ok());
    ASSERT_TRUE(last->has_value());
    EXPECT_EQ((*last)->event, expected);
    from = expected + 1;
  }
  const auto none = first_change(*run, gsts, from, end);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  const auto before = last_change(*run, gsts, changes.front());
  ASSERT_TRUE(before.ok());
  EXPECT_FALSE(before->has_value());
}

TEST(value_history_test, a_registers_write_is_told_before_the_event_that_changes_it) {
  const auto run = boot_of_q35();
  auto history = run_history::of(*run);
  ASSERT_TRUE(history.ok());
  run_history& h = **history;
  const auto last = last_change(*run, gsts, h.record_all());
  ASSERT_TRUE(last.ok() && last->has_value());
  const auto* change = h.event((*last)->event)->as<events::reg_change>();
  ASSERT_NE(change, nullptr);
  EXPECT_EQ(change->name, "GSTS");
  EXPECT_EQ(std::to_string(change->after), (*last)->after);
}

}  // namespace
}  // namespace iommulab::stepping_test
