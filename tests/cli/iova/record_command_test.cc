// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/record_command.h"

#include <filesystem>

#include "cli/iova/replay_command.h"
#include "support/command.h"
#include "support/files.h"

namespace iommulab::record_command_test {
namespace {

command_result record(std::string workload, std::string version, std::string output = "") {
  return run_command(run_iova_record, iova_record_arguments{std::move(workload), std::move(version),
                                                            std::move(output)});
}

TEST(iova_record, writes_a_trace_that_replays_equal) {
  for (const char* version : {"v4_4", "v4_19", "v6_12"}) {
    const std::string file = temporary("recorded.trace", "what was there before");
    const command_result result = record("nic-ring-64", version, file);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "");
    const command_result replayed =
        run_command(run_iova_replay, iova_replay_arguments{{file}, "", {}});
    EXPECT_EQ(replayed.status, 0) << replayed.out << replayed.err;
    EXPECT_NE(replayed.out.find(std::string(version) + ": equal"), std::string::npos);
  }
}

TEST(iova_record, prints_the_same_to_standard_output) {
  const std::string file = temporary("recorded.trace", "");
  ASSERT_EQ(record("linear-16", "6.1", file).status, 0);
  const command_result printed = record("linear-16", "v6_1");
  EXPECT_EQ(printed.status, 0);
  EXPECT_EQ(printed.out, content_of(file));
  EXPECT_TRUE(printed.out.starts_with("# Linux 6.1 iova, trace linear-16\ninit 4096 0x1 0x100000"));
}

TEST(iova_record, refuses_bad_use) {
  expect_refusal(record("nonsense", "v4_4"),
                 "workload is \"nonsense\": unknown; `iommulab iova list` names them");
  expect_refusal(
      record("linear-16", "v5"),
      "--version is \"v5\": unknown; there are v4_4, v4_4_178, v4_9, v4_19, v6_1, v6_12");
  expect_refusal(record("linear-16", "v4_4", "a.xz"),
                 "-o ends in .xz: a recorded trace is plain text; pack it with xz");
}

TEST(iova_record, leaves_nothing_behind_where_it_cannot_write) {
  expect_refusal(record("linear-16", "v4_4", "/nonexistent/a.trace"),
                 "/nonexistent/a.trace: cannot be written: No such file or directory");
  const std::string folder = testing::TempDir() + "cli_iova_folder";
  std::filesystem::create_directories(folder + "/taken");
  const command_result result = record("linear-16", "v4_4", folder + "/taken");
  expect_refusal(result, folder + "/taken: cannot be written: Is a directory");
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++entries;
  EXPECT_EQ(entries, 1u);
}

}  // namespace
}  // namespace iommulab::record_command_test
