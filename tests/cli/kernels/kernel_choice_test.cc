// SPDX-License-Identifier: GPL-2.0-only
//
// --kernel of every subcommand that has it.
#include "cli/kernels/kernel_choice.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "cli/boot/boot_command.h"
#include "cli/dma/dma_command.h"
#include "cli/kernels/kernels_report.h"
#include "cli/machines/machines_command.h"
#include "cli/pagetable/replay_command.h"
#include "cli/translate/translate_command.h"
#include "cli/verify/verify_command.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "platform/machine/builtin.h"
#include "support/command.h"

namespace iommulab::kernel_choice_test {
namespace {

namespace fs = std::filesystem;

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string unknown = "v4_5";
const std::string refusal =
    "--kernel 'v4_5': no such kernel; there are v4_4, v4_4_178, v6_1, v6_12";

class kernel_choice : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("iommulab_kernel_choice_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  fs::path folder_;
};

TEST_F(kernel_choice, is_what_is_named_or_recorded_or_the_default) {
  const kernel_profile* later = find_kernel_profile("v4_4_178");
  EXPECT_EQ(choose_kernel("4.4.178").value(), later);
  EXPECT_EQ(choose_kernel("", "/captures/v4_4_178/boot/default").value(), later);
  EXPECT_EQ(choose_kernel("v4_4", "/captures/v4_4_178/boot/default").value(),
            find_kernel_profile("v4_4"));
  EXPECT_EQ(choose_kernel("").value(), &default_kernel_profile());
  EXPECT_EQ(choose_kernel("", "q35").value(), &default_kernel_profile());
  EXPECT_EQ(named_kernel("").value(), nullptr);
  EXPECT_EQ(choose_kernel(unknown).status().message(), refusal);
  EXPECT_EQ(kernel_text(*later), "Linux 4.4.178 (v4_4_178)");
  // A recording of another kernel is not taken for one of the default.
  EXPECT_EQ(choose_kernel("", "/captures/v5_10/boot/default").status().message(),
            "/captures/v5_10/boot/default: it lies in a folder of v5_10, and there is no such "
            "kernel here; there are v4_4, v4_4_178, v6_1, v6_12 (--kernel takes another)");
  EXPECT_EQ(choose_kernel("v4_4", "/captures/v5_10/boot/default").value(),
            find_kernel_profile("v4_4"));
}

// A built-in machine is no capture of the folder in which somebody stands.
TEST_F(kernel_choice, of_a_built_in_machine_is_the_default_everywhere) {
  const fs::path before = fs::current_path();
  fs::create_directories(folder_ / "v4_4/boot");
  fs::current_path(folder_ / "v4_4/boot");
  for (const std::string_view machine : builtin_machine_names()) {
    EXPECT_EQ(choose_kernel("", std::string(machine)).value(), &default_kernel_profile())
        << machine;
  }
  EXPECT_EQ(choose_kernel("", "default").value(), find_kernel_profile("v4_4"));
  fs::current_path(before);
}

TEST_F(kernel_choice, that_is_unknown_is_refused_by_boot) {
  expect_refusal(run_command(run_boot_command, {.kernels = {unknown}}), refusal);
  expect_refusal(run_command(run_boot_command, {.kernels = {unknown}, .json = true}), refusal);
  for (const auto& both : {std::vector<std::string>{"v4_4", unknown}, {unknown, "v4_4"}}) {
    expect_refusal(run_command(run_boot_command, {.kernels = both, .diff = true}), refusal);
  }
}

TEST_F(kernel_choice, that_is_unknown_is_refused_by_translate) {
  expect_refusal(run_command(run_translate_command,
                             {.device = "00:03.0", .address = "0x1000", .kernel = unknown}),
                 refusal);
}

TEST_F(kernel_choice, that_is_unknown_is_refused_by_machines) {
  expect_refusal(run_command(run_machines_command, {.kernel = unknown}), refusal);
  expect_refusal(run_command(run_machines_command, {.kernel = unknown, .machine = "server"}),
                 refusal);
  expect_refusal(
      run_command(run_machines_command, {.kernel = unknown, .machine = "", .json = true}), refusal);
}

TEST_F(kernel_choice, that_is_unknown_is_refused_by_dma) {
  const std::string script = file("script.txt", "device 0000:00:03.0\n");
  expect_refusal(run_command(run_dma_command, {.script = script, .kernels = {unknown}}), refusal);
}

TEST_F(kernel_choice, that_is_unknown_is_refused_by_pagetable_replay) {
  expect_refusal(run_command(run_page_table_replay, {.kernel = unknown, .files = {"none.txt"}}),
                 refusal);
}

TEST_F(kernel_choice, that_is_unknown_is_refused_by_verify) {
  CLI::App app;
  command_result result;
  add_verify_command(app, result.status);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  app.parse("verify --kernel " + unknown + " " + folder_.string());
  result.out = testing::internal::GetCapturedStdout();
  result.err = testing::internal::GetCapturedStderr();
  expect_refusal(result, refusal);
}

// ---- names that are known: the report is of that kernel -----------------------------------------

TEST_F(kernel_choice, is_the_kernel_that_boots) {
  for (const std::string name : {"v4_4", "v4_4_178"}) {
    const command_result text = run_command(run_boot_command, {.kernels = {name}});
    EXPECT_EQ(text.status, 0) << text.err;
    EXPECT_THAT(text.out, StartsWith(kernel_text(*find_kernel_profile(name)) + " on "));
    const command_result whole = run_command(run_boot_command, {.kernels = {name}, .json = true});
    EXPECT_EQ(json::parse(whole.out)["kernel"], name);
  }
}

// dmar_disable_qi() reads 4 bytes in the place of 8.
TEST_F(kernel_choice, given_twice_shows_what_lies_between_two) {
  const command_result result = run_command(
      run_boot_command, {.kernels = {"v4_4", "v4_4_178"}, .trace = "regs", .diff = true});
  EXPECT_THAT(result.out, HasSubstr("4.4.178")) << result.err;
  EXPECT_NE(result.out.find("\n-"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("\n+"), std::string::npos);
}

TEST_F(kernel_choice, is_the_kernel_that_machines_and_translate_speak_of) {
  for (const std::string name : {"v4_4", "v4_4_178"}) {
    const json machine = json::parse(
        run_command(run_machines_command, {.kernel = name, .machine = "server", .json = true}).out);
    EXPECT_EQ(machine["kernel"], name);
    const command_result walk =
        run_command(run_translate_command,
                    {.device = "00:1f.0", .address = "0x1000", .kernel = name, .json = true});
    EXPECT_EQ(json::parse(walk.out)["kernel"], name) << walk.err;
  }
}

}  // namespace
}  // namespace iommulab::kernel_choice_test
