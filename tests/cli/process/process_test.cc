// SPDX-License-Identifier: GPL-2.0-only
//
// The program as a process of its own: its arguments, its exit status, and what stands on which
// stream.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/command.h"
#include "support/files.h"

namespace iommulab::process_test {
namespace {

class program : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = testing::TempDir() + "iommulab_process_" + name;
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// `iommulab ARGUMENTS` in a folder of the test's own.
  [[nodiscard]] command_result run(const std::string& arguments) const {
    const std::string command =
        "cd '" + folder_ + "' && " + IOMMULAB_PROGRAM + " " + arguments + " >out 2>err";
    const int status = std::system(command.c_str());
    command_result result;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.out = content_of(folder_ + "/out");
    result.err = content_of(folder_ + "/err");
    return result;
  }

  std::string folder_;
};

constexpr const char* commands[] = {"boot",
                                    "dma",
                                    "dmar",
                                    "fault",
                                    "iova bench",
                                    "iova list",
                                    "iova lockup",
                                    "iova plot",
                                    "iova record",
                                    "iova replay",
                                    "iova tree",
                                    "machines",
                                    "pagetable replay",
                                    "translate",
                                    "verify"};

TEST_F(program, every_command_explains_itself) {
  for (const std::string command : commands) {
    const command_result result = run(command + " --help");
    EXPECT_EQ(result.status, 0) << command;
    EXPECT_EQ(result.err, "") << command;
    EXPECT_NE(result.out.find("Usage: iommulab " + command), std::string::npos) << result.out;
  }
  EXPECT_EQ(run("--help").status, 0);
}

TEST_F(program, says_its_version) {
  for (const char* arguments : {"--version", "boot --version", "dma --version", "dmar --version",
                                "fault --version", "iova --version", "machines --version",
                                "pagetable --version", "translate --version", "verify --version"}) {
    const command_result result = run(arguments);
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(result.out.starts_with("iommulab ")) << result.out;
  }
}

// An unknown option is named, whatever else is missing.
TEST_F(program, names_an_unknown_option) {
  for (const std::string command : commands) {
    SCOPED_TRACE(command);
    expect_refusal_with(run(command + " --nonsense"), "--nonsense (see --help)");
  }
  expect_refusal_with(run("--nonsense"), "--nonsense (see --help)");
}

TEST_F(program, names_what_is_missing) {
  expect_refusal_with(run(""), "subcommand is required");
  expect_refusal_with(run("iova"), "subcommand is required");
  expect_refusal_with(run("dma"), "SCRIPT is required");
  expect_refusal_with(run("translate"), "BDF is required");
  expect_refusal_with(run("iova replay"), "required");
  expect_refusal_with(run("verify"), "DIR is required");
}

TEST_F(program, names_an_unknown_command) {
  expect_refusal_with(run("bot"), "'bot' is no command");
  expect_refusal_with(run("iova nonsense"), "'nonsense' is no command");
}

TEST_F(program, names_a_missing_file) {
  for (const char* arguments :
       {"dma missing", "dmar missing", "boot --machine missing", "machines missing",
        "verify missing", "iova replay missing", "pagetable replay missing",
        "translate --tables missing 00:1f.0 0"}) {
    SCOPED_TRACE(arguments);
    expect_refusal_with(run(arguments), "missing");
  }
}

TEST_F(program, takes_options_in_their_forms) {
  EXPECT_EQ(run("iova record --workload linear-8 --version v4_4 -o record.trace").status, 0);
  EXPECT_NE(content_of(folder_ + "/record.trace"), "");
  EXPECT_EQ(run("boot --trace --until init_dmars").status, 0);
  EXPECT_EQ(run("boot --trace=regs,queue").status, 0);
  expect_refusal_with(run("boot --trace=nonsense"), "'nonsense'");
  EXPECT_EQ(run("boot --diff --machine q35 --machine server").status, 1);
}

TEST_F(program, says_when_its_output_cannot_be_written) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const std::string command =
      std::string(IOMMULAB_PROGRAM) + " machines >/dev/full 2>'" + folder_ + "/err'";
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_NE(content_of(folder_ + "/err").find("standard output"), std::string::npos);
}

}  // namespace
}  // namespace iommulab::process_test
