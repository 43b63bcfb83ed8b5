// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/ftrace_replay.h"

#include "cli/iova/replay_command.h"
#include "iova/allocators.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/files.h"

namespace iommulab::ftrace_replay_test {
namespace {

// Two buffers of a network card in a ring, one of a disk, an unmap from before the trace, and one
// map that is never unmapped.
constexpr char text[] =
    "# tracer: nop\n"
    "   <idle>-0  [001] ..s2.  10.000001: dma_map_page: 0000:03:00.0 dir=FROM_DEVICE "
    "dma_addr=fffff000 size=2048 phys_addr=10203000 attrs=\n"
    "   <idle>-0  [001] ..s2.  10.000002: dma_map_page: 0000:03:00.0 dir=FROM_DEVICE "
    "dma_addr=ffffe000 size=2048 phys_addr=10204000 attrs=\n"
    "   <idle>-0  [001] ..s2.  10.000003: dma_unmap_page: 0000:03:00.0 dir=FROM_DEVICE "
    "dma_addr=fffff000 size=2048 attrs=\n"
    "   dd-77     [000] .....  10.000004: dma_map_sg: 0000:00:1f.2 dir=TO_DEVICE "
    "dma_addrs={0xffff8000} sizes={0x8000} phys_addrs={0x20000000,0x20010000} attrs=\n"
    "   dd-77     [000] .....  10.000005: dma_unmap_sg: 0000:00:1f.2 dir=TO_DEVICE "
    "phys_addrs={0x20000000,0x20010000} attrs=\n"
    "   dd-77     [000] .....  10.000006: dma_unmap_page: 0000:00:1f.2 dir=TO_DEVICE "
    "dma_addr=dead0000 size=4096 attrs=\n"
    "   dd-77     [000] .....  10.000007: sched_switch: prev_comm=dd\n";

command_result replay(const std::string& file, std::vector<std::string> allocators = {},
                      bool json = false) {
  iova_replay_arguments a;
  a.build = {.type = "Release", .flags = "-O3", .compiler = "c"};
  a.ftrace = file;
  a.allocators = std::move(allocators);
  a.json = json;
  return run_command(run_iova_replay, a);
}

TEST(iova_replay_ftrace, runs_the_traced_dma_on_every_allocator) {
  const command_result result = replay(temporary("dma.ftrace", text));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  for (const iova_catalogue_entry& entry : iova_allocators()) {
    EXPECT_NE(result.out.find("\n  " + std::string(entry.name) + " "), std::string::npos)
        << entry.name;
  }
  for (const char* part : {": 8 lines, 6 events of dma:\n",
                           "1 unmaps of what was mapped before the trace began: not "
                           "run.\n",
                           "1 maps without an unmap: live to the end.\n",
                           "1 events of other tracepoints: passed over.\n",
                           "below 4 GiB, and when that is full below 2^48 (see --limit);\n"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part << result.out;
  }
}

TEST(iova_replay_ftrace, counts_operations_failures_and_what_is_live) {
  const command_result result = replay(temporary("dma.ftrace", text), {"6.12", "maple"}, true);
  EXPECT_EQ(result.status, 0) << result.err;
  const auto document = nlohmann::json::parse(result.out);
  EXPECT_EQ(document["schema"], "iommulab.iova_ftrace");
  EXPECT_EQ(document["lines"], 8);
  EXPECT_EQ(document["events"], 6);
  EXPECT_EQ(document["other_events"], 1);
  EXPECT_TRUE(document["limit"].is_null());
  ASSERT_EQ(document["devices"].size(), 2U);
  const auto& card = document["devices"][0];
  EXPECT_EQ(card["device"], "0000:03:00.0");
  EXPECT_EQ(card["maps"], 2);
  EXPECT_EQ(card["never_ended"], 1);
  EXPECT_EQ(card["cpus"], nlohmann::json::array({1}));
  const auto& disk = document["devices"][1];
  EXPECT_EQ(disk["unmaps"], 1);
  EXPECT_EQ(disk["begun_before"], 1);
  ASSERT_EQ(document["results"].size(), 2U);
  EXPECT_EQ(document["results"][0]["allocator"], "v6_12");
  for (const auto& row : document["results"]) {
    EXPECT_EQ(row["operations"], 5);  // three maps and two unmaps
    EXPECT_EQ(row["failures"], 0);
    EXPECT_EQ(row["live"], 1);
    EXPECT_EQ(row["live_peak"], 3);  // two of the card, one of the disk
    EXPECT_EQ(row["samples_ns"].size(), 1U);
    EXPECT_GT(row["ns_per_operation"], 0);
  }
}

TEST(iova_replay_ftrace, keeps_to_the_limit) {
  iova_replay_arguments a;
  a.ftrace = temporary("dma.ftrace", text);
  a.allocators = {"v6_12"};
  a.limit = 0x3fff;  // three frames, of which the disk wants eight
  a.json = true;
  const auto document = nlohmann::json::parse(run_command(run_iova_replay, a).out);
  EXPECT_EQ(document["limit"], "0x3fff");
  EXPECT_EQ(document["results"][0]["failures"], 1);
  EXPECT_EQ(document["results"][0]["fallbacks"], 0);
}

TEST(iova_replay_ftrace, shows_no_control_bytes_of_the_trace) {
  const command_result result = replay(temporary(
      "evil.ftrace", " a-1 [000] 1.0: dma_unmap_page: \x1b[31m dir=X dma_addr=1 size=1 attrs=\n"));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
  EXPECT_NE(result.out.find("\\033[31m"), std::string::npos);
}

TEST(iova_replay_ftrace, refuses_bad_use) {
  const std::string file = temporary("dma.ftrace", text);
  const auto refused = [](void (*change)(iova_replay_arguments&), const std::string& sentence) {
    iova_replay_arguments a;
    a.ftrace = "missing";
    change(a);
    expect_refusal(run_command(run_iova_replay, a), sentence);
  };
  refused([](iova_replay_arguments&) {}, "missing: no such file, nor with .xz");
  refused([](iova_replay_arguments& a) { a.files = {"x"}; }, "give a FILE or --ftrace, not both");
  refused([](iova_replay_arguments& a) { a.version = "6.12"; },
          "--version goes with recorded runs of an allocator, not with --ftrace");
  refused([](iova_replay_arguments& a) { a.limit = 4096; },
          "--limit is \"0x1000\": must be 0x1fff or more");
  refused([](iova_replay_arguments& a) { a.repeat = 0; }, "--repeat is \"0\": must be 1 to 1000");
  refused([](iova_replay_arguments& a) { a.allocators = {"none"}; },
          "--allocator is \"none\": unknown; `iommulab iova list` names them");
  refused([](iova_replay_arguments& a) { a.ftrace = ""; }, "a FILE is required, or --ftrace FILE");
  const std::string cut = temporary("cut.ftrace", std::string(text).substr(0, 100));
  expect_refusal_with(replay(cut), cut + ": line 2: last line is ");
}

}  // namespace
}  // namespace iommulab::ftrace_replay_test
