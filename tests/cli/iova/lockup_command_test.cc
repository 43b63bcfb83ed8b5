// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/lockup_command.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "cli/iova/replay_command.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/files.h"

namespace iommulab::lockup_command_test {
namespace {

// Small, so that a test takes no time: 10 CPUs, 4 mappings a stretch, 10 ms, 100 ns a node.
iova_lockup_arguments small(std::string allocator) {
  iova_lockup_arguments a;
  a.allocator = std::move(allocator);
  a.cpus = 10;
  a.batch = 4;
  a.limit_s = 0.01;
  a.scan_cost_ns = 100;
  a.base_cost_ns = 0;
  a.most_mappings = 16384;
  return a;
}

nlohmann::json json_of(iova_lockup_arguments a, int status) {
  a.json = true;
  const command_result result = run_command(run_iova_lockup, a);
  EXPECT_EQ(result.status, status) << result.err;
  EXPECT_EQ(result.err, "");
  return nlohmann::json::parse(result.out);
}

// The last processor waits for the 4 searches of each of the 9 others, each of which passes the N
// mappings: 36 * 100 ns * N pass 10 ms at N = 2777.8. Mappings freed near the top, two entries each
// and at most 10 * 5 of them, shorten the later searches.
TEST(iova_lockup, finds_where_linux_reaches_the_limit) {
  for (const char* version : {"v4_19", "v6_1", "v6_12"}) {
    iova_lockup_arguments a = small(version);
    a.patterns = {"linear32"};
    const nlohmann::json found = json_of(a, 1);
    EXPECT_EQ(found["best"], "linear32");
    const nlohmann::json& pattern = found["patterns"][0];
    EXPECT_EQ(pattern["reached"], true);
    EXPECT_GE(pattern["population"], 2777) << version;
    EXPECT_LE(pattern["population"], 2777 + 2 * 10 * 5 + 64) << version;
    EXPECT_LT(pattern["not_reached_at"], pattern["population"]);
    EXPECT_GT(pattern["worst_stretch_s"], 0.01);
    EXPECT_EQ(pattern["requests_repeated"], 0);
    ASSERT_EQ(pattern["cpus"].size(), 10U);
    const auto worst = pattern["worst_cpu"].get<size_t>();
    EXPECT_EQ(pattern["cpus"][worst]["worst_stretch_s"], pattern["worst_stretch_s"]);
  }
}

// Before 4.15 a device of 31 address bits makes every search begin at the top.
TEST(iova_lockup, a_narrow_device_suffices_in_4_4_and_not_in_4_19) {
  iova_lockup_arguments old = small("v4_4");
  old.patterns = {"narrow31"};
  EXPECT_EQ(json_of(old, 1)["best"], "narrow31");
  iova_lockup_arguments newer = small("v4_19");
  newer.patterns = {"narrow31"};
  const nlohmann::json found = json_of(newer, 0);
  EXPECT_TRUE(found["best"].is_null());
  EXPECT_EQ(found["patterns"][0]["largest_tried"], 16384);
  EXPECT_EQ(found["patterns"][0]["bound"], "max_population");
}

TEST(iova_lockup, the_same_costs_give_the_same_text) {
  for (const char* discipline : {"fifo", "unfair"}) {
    iova_lockup_arguments a = small("v6_12");
    a.discipline = discipline;
    const command_result once = run_command(run_iova_lockup, a);
    const command_result again = run_command(run_iova_lockup, a);
    EXPECT_EQ(once.status, 1) << once.err;
    EXPECT_EQ(once.out, again.out);
    EXPECT_NE(once.out.find("The limit is reached with "), std::string::npos) << once.out;
  }
}

TEST(iova_lockup, its_trace_replays_equal) {
  const std::string file = temporary("lockup.trace", "what was there before");
  for (const char* version : {"v4_4", "v4_9", "v6_12"}) {
    iova_lockup_arguments a = small(version);
    a.trace_file = file;
    EXPECT_EQ(run_command(run_iova_lockup, a).status, 1);
    const command_result replayed =
        run_command(run_iova_replay, iova_replay_arguments{{file}, "", {}});
    EXPECT_EQ(replayed.status, 0) << replayed.out << replayed.err;
    EXPECT_NE(replayed.out.find(std::string(version) + ": equal"), std::string::npos)
        << replayed.out;
  }
}

TEST(iova_lockup, measures_what_is_not_given) {
  iova_lockup_arguments a = small("v6_12");
  a.scan_cost_ns.reset();
  a.base_cost_ns.reset();
  a.patterns = {"narrow31"};
  a.most_mappings = 128;
  a.limit_s = 3600;
  const nlohmann::json found = json_of(a, 0);
  EXPECT_EQ(found["scan_cost_measured"], true);
  EXPECT_EQ(found["base_cost_measured"], true);
  EXPECT_GT(found["patterns"][0]["scan_cost_ns"], 0);
  EXPECT_GT(found["patterns"][0]["base_cost_ns"], 0);
}

TEST(iova_lockup, refuses_bad_use) {
  const auto refuses = [](const auto& change, const std::string& sentence) {
    iova_lockup_arguments a = small("v6_12");
    change(a);
    expect_refusal(run_command(run_iova_lockup, a), sentence);
  };
  refuses([](auto& a) { a.cpus = 0; }, "--cpus is 0: not between 1 and 4096");
  refuses([](auto& a) { a.cpus = 4097; }, "--cpus is 4097: not between 1 and 4096");
  refuses([](auto& a) { a.batch = 0; }, "--batch is 0: not between 1 and 65536");
  refuses(
      [](auto& a) {
        a.cpus = 4096;
        a.batch = 65536;
      },
      "--cpus 4096 times --batch 65536 is more than 4194304");
  refuses([](auto& a) { a.most_mappings = 63; },
          "--max-population is 63: not between 64 and 16777216");
  refuses([](auto& a) { a.limit_s = 0; }, "--limit is 0: not between 1e-06 and 3600");
  refuses([](auto& a) { a.limit_s = std::numeric_limits<double>::quiet_NaN(); },
          "--limit is nan: not between 1e-06 and 3600");
  refuses([](auto& a) { a.scan_cost_ns = -1; }, "--scan-cost is -1: not between 0 and 1e+06");
  refuses([](auto& a) { a.base_cost_ns = std::numeric_limits<double>::infinity(); },
          "--base-cost is inf: not between 0 and 1e+06");
  refuses([](auto& a) { a.think_ns = 2e6; }, "--think is 2e+06: not between 0 and 1e+06");
  refuses(
      [](auto& a) {
        a.patterns = {"linear32", "square"};
      },
      "--pattern is \"square\": unknown; there are linear32, linear64, exhausted32, narrow31, "
      "low32, misaligned, mixed");
  refuses([](auto& a) { a.discipline = "lifo"; },
          "--discipline is \"lifo\": neither fifo nor unfair");
  refuses([](auto& a) { a.trace_file = "/nonexistent/a.trace"; },
          "/nonexistent/a.trace: cannot be written: No such file or directory");
  refuses([](auto& a) { a.trace_file = "a.xz"; },
          "-o ends in .xz: a recorded trace is plain text; pack it with xz");

  iova_lockup_arguments a = small("v7");
  const command_result unknown = run_command(run_iova_lockup, a);
  EXPECT_EQ(unknown.status, 2);
  EXPECT_TRUE(unknown.err.starts_with("iommulab: --allocator is \"v7\": unknown; ")) << unknown.err;
}

TEST(iova_lockup, command_line) {
  const auto parse = [](std::vector<std::string> words) {
    CLI::App app;
    int status = -1;
    add_iova_lockup_command(app, status);
    std::reverse(words.begin(), words.end());
    try {
      app.parse(words);
    } catch (const CLI::ParseError&) {
      return std::string("refused");
    }
    return std::to_string(status);
  };
  EXPECT_EQ(parse({"lockup", "--allocator", "v6_12"}), "refused") << "no --cpus";
  EXPECT_EQ(parse({"lockup", "--cpus", "4"}), "refused") << "no --allocator";
  EXPECT_EQ(parse({"lockup", "--allocator", "v6_12", "--cpus", "many"}), "refused");
  EXPECT_EQ(parse({"lockup", "--allocator", "v6_12", "--cpus", "-1"}), "refused");
}

}  // namespace
}  // namespace iommulab::lockup_command_test
