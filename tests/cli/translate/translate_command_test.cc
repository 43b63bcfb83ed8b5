// SPDX-License-Identifier: GPL-2.0-only
#include "cli/translate/translate_command.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/golden.h"

namespace iommulab::translate_command_test {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

command_result translate(const translate_arguments& arguments) {
  return run_command(run_translate_command, arguments);
}

void expect_refused(const translate_arguments& arguments, const std::string& text) {
  expect_refusal_with(translate(arguments), text);
}

TEST(translate_command, shows_the_identity_map_of_the_isa_bridge) {
  // CONFIG_INTEL_IOMMU_FLOPPY_WA: the first 16 MiB, one to one.
  const command_result result = translate({.device = "00:1f.0", .address = "0x12345"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, ContainsRegex("root +0x[0-9a-f]+ +0 +.*present, context table 0x"));
  EXPECT_THAT(result.out,
              ContainsRegex("context +0x[0-9a-f]+ +248 .*TT 0.*AW 1 .39 bits.*domain "));
  EXPECT_THAT(result.out, ContainsRegex("level 3 +0x[0-9a-f]+ +0 .*R W, table 0x"));
  EXPECT_THAT(result.out, ContainsRegex("level 2 .*R W, page 0x0, 2 MiB, PS"));
  EXPECT_THAT(result.out, HasSubstr("host address 0x12345, in a page of 2 MiB, read and write"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST(translate_command, a_fault_has_its_number_the_kernels_words_and_its_paragraph) {
  const command_result result = translate({.device = "00:1f.0", .address = "0x1000000"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("fault reason 06h (6): \"PTE Read access is not set\""));
  EXPECT_THAT(result.out, HasSubstr("LGN.3"));
  EXPECT_THAT(result.out, HasSubstr("7.1"));
  EXPECT_THAT(result.out, HasSubstr("Unsupported Request"));

  const command_result write =
      translate({.device = "00:1f.0", .address = "0x1000000", .write = true});
  EXPECT_EQ(write.status, 1);
  EXPECT_THAT(write.out, HasSubstr("fault reason 05h (5): \"PTE Write access is not set\""));
  EXPECT_THAT(write.out, HasSubstr("lost without an answer"));
}

TEST(translate_command, pass_through_and_no_translation_reach_the_same_address) {
  const command_result passed = translate(
      {.device = "00:04.0", .address = "1000", .command_line = "intel_iommu=on iommu=pt"});
  EXPECT_EQ(passed.status, 0);
  EXPECT_THAT(passed.out, HasSubstr("TT 2 (pass-through)"));
  EXPECT_THAT(passed.out, HasSubstr("host address 0x1000, passed through"));
  const command_result off =
      translate({.device = "00:04.0", .address = "1000", .command_line = "intel_iommu=off"});
  EXPECT_EQ(off.status, 0);
  EXPECT_THAT(off.out, HasSubstr("nothing is translated"));
  EXPECT_THAT(off.out, HasSubstr("host address 0x1000, passed through"));
  EXPECT_THAT(off.out, Not(HasSubstr("context")));
}

TEST(translate_command, the_interrupt_range_is_no_memory) {
  EXPECT_EQ(translate({.device = "00:1f.0", .address = "0xfee00010", .write = true}).status, 0);
  const command_result read = translate({.device = "00:1f.0", .address = "0xfee00010"});
  EXPECT_EQ(read.status, 1);
  EXPECT_THAT(read.out, HasSubstr("interrupt range"));
  EXPECT_THAT(read.out, Not(HasSubstr("fault reason")));
}

TEST(translate_command, a_device_behind_a_bridge_bears_the_bridges_id) {
  const command_result result =
      translate({.device = "0000:07:01.0", .address = "0", .machine = "server"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("its requests bear the id 07:00.0"));
  // A PCI Express endpoint's requests bear its own.
  EXPECT_THAT(translate({.device = "41:00.0", .address = "0", .machine = "server"}).out,
              Not(HasSubstr("bear")));
}

TEST(translate_command, json_has_every_step_and_the_result) {
  const command_result result = translate({.device = "00:1f.0", .address = "0x1000", .json = true});
  EXPECT_EQ(result.status, 0);
  const json d = json::parse(result.out);
  EXPECT_EQ(d["schema"], "iommulab.translate");
  EXPECT_EQ(d["device"], "0000:00:1f.0");
  EXPECT_EQ(d["unit"]["name"], "dmar0");
  EXPECT_EQ(d["unit"]["translating"], true);
  ASSERT_EQ(d["steps"].size(), 4u);
  EXPECT_EQ(d["steps"][0]["step"], "root");
  EXPECT_EQ(d["steps"][0]["table"], d["unit"]["root_table"]);
  EXPECT_EQ(d["steps"][1]["index"], 0xf8);
  EXPECT_EQ(d["steps"][3]["step"], "level 2");
  EXPECT_EQ(d["result"]["outcome"], "translated");
  EXPECT_EQ(d["result"]["host_address"], "0x1000");
  EXPECT_EQ(d["result"]["page_bytes"], "0x200000");

  const json fault =
      json::parse(translate({.device = "00:04.0", .address = "0", .json = true}).out);
  EXPECT_EQ(fault["result"]["outcome"], "blocked");
  EXPECT_EQ(fault["result"]["fault"]["reason"], 2);
  EXPECT_EQ(fault["result"]["fault"]["kernel_words"], "Present bit in context entry is clear");
}

// Kernels print "fault addr 10000000", without 0x, up to 5.13.
TEST(translate_command, an_address_is_hexadecimal_however_it_is_written) {
  for (const char* address : {"10000000", "0x10000000", "0X10000000", "010000000"}) {
    const command_result result = translate({.device = "00:04.0", .address = address});
    EXPECT_EQ(result.status, 1) << result.err;
    EXPECT_THAT(result.out, HasSubstr("\nrequest      read 0x10000000\n"));
  }
  EXPECT_THAT(translate({.device = "00:04.0", .address = "fffff000"}).out,
              HasSubstr("read 0xfffff000"));
  EXPECT_THAT(translate({.device = "00:04.0", .address = "FFFFF000"}).out,
              HasSubstr("read 0xfffff000"));
}

TEST(translate_command, a_command_line_may_be_empty) {
  const command_result result =
      translate({.device = "00:04.0", .address = "1000", .command_line = ""});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("nothing is translated"));
}

TEST(translate_command, nonsense_is_refused_with_one_sentence) {
  expect_refused({.device = "00:1f.8", .address = "0"}, "BDF is \"00:1f.8\"");
  expect_refused({.device = "00:20.0", .address = "0"}, "BDF is \"00:20.0\"");
  expect_refused({.device = "nic", .address = "0"}, "BDF is \"nic\"");
  expect_refused({.device = "00:19.0", .address = "0"}, "'q35' has no function 0000:00:19.0");
  expect_refused({.device = "0001:00:1f.0", .address = "0"}, "no function 0001:00:1f.0");
  for (const char* address : {"", "ffg", "-1", "0x", "0x0x1", "1e3x", "0x10000000000000000",
                              "18446744073709551616", "1 "}) {
    expect_refused({.device = "00:1f.0", .address = address}, "ADDRESS is \"");
  }
  expect_refused({.device = "00:1f.0", .address = "0", .machine = "mainframe"}, "'mainframe'");
  expect_refused({.device = "00:1f.0", .address = "0", .tables = "no/such/pt-boot.txt"},
                 "no/such/pt-boot.txt");
}

TEST(translate_command, a_dump_that_does_not_read_is_refused_with_its_place) {
  const std::string path = ::testing::TempDir() + "translate_pt-x.txt";
  std::ofstream(path) << "# root table 0x1000\nR 0x1000 zero lo=0 hi=0\n";
  expect_refused({.device = "00:1f.0", .address = "0", .tables = path},
                 path + ": line 2: entry is ");
  std::ofstream(path) << "one line of a text\n";
  expect_refused({.device = "00:1f.0", .address = "0", .tables = path}, path + ": line 1: ");
  std::ofstream(path) << "";
  expect_refused({.device = "00:1f.0", .address = "0", .tables = path}, path);
  std::filesystem::remove(path);
}

TEST(translate_command, a_dump_comes_with_the_machine_of_its_capture) {
  const std::string folder = (golden::root() / "kernel/v4_4/boot/bridges").string();
  const std::string dump = folder + "/pt-boot.txt";
  if (!golden::exists(dump)) IOMMULAB_MISSING("no capture boot/bridges");
  const command_result result =
      translate({.device = "00:1f.0", .address = "0x1000", .tables = dump});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("machine"));
  EXPECT_THAT(result.out, HasSubstr("bridges"));
  EXPECT_THAT(result.out, HasSubstr(dump));
  EXPECT_EQ(
      result.out,
      translate({.device = "00:1f.0", .address = "0x1000", .machine = folder, .tables = dump}).out);
}

TEST(translate_command, the_subcommand_takes_access_and_stores_the_status) {
  CLI::App app;
  int exit_status = -1;
  add_translate_command(app, exit_status);
  ::testing::internal::CaptureStdout();
  app.parse("translate 00:1f.0 0x1000000 --access write");
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("fault reason 05h"));
  EXPECT_EQ(exit_status, 1);
  CLI::App other;
  add_translate_command(other, exit_status);
  EXPECT_THROW(other.parse("translate 00:1f.0 0 --access fetch"), CLI::ParseError);
}

/// A script in a file of its own while the object lives.
class script_file {
 public:
  explicit script_file(const std::string& text)
      : path_(testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() +
              ".dma") {
    std::ofstream(path_) << text;
  }
  ~script_file() { std::filesystem::remove(path_); }
  script_file(const script_file&) = delete;
  script_file& operator=(const script_file&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

constexpr const char* one_buffer =
    "# arena 0 phys=0x10000000 size=0x400000\nmap 1 0 0 0x123 0x100 1\n";

TEST(translate_script, walks_a_buffer_that_the_script_mapped) {
  const script_file script(one_buffer);
  // What the recordings of 4.4 say of this operation: the buffer is at the top of 4 GiB.
  for (const char* address : {"0xfffff123", "h1"}) {
    const command_result result =
        translate({.device = "00:04.0", .address = address, .script = script.path()});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("host address 0x10000123, in a page of 4 KiB, read only"));
    EXPECT_THAT(result.out, HasSubstr("tables as " + script.path() + " leaves them"));
  }
  const command_result offset =
      translate({.device = "d0", .address = "h1+0x10", .script = script.path()});
  EXPECT_THAT(offset.out, HasSubstr("host address 0x10000133"));
  EXPECT_THAT(translate({.device = "d0", .address = "h1+10", .script = script.path()}).out,
              HasSubstr("host address 0x10000133"));
  const command_result write =
      translate({.device = "d0", .address = "h1", .script = script.path(), .write = true});
  EXPECT_EQ(write.status, 1);
  EXPECT_THAT(write.out, HasSubstr("PTE Write access is not set"));
}

TEST(translate_script, finds_the_tables_as_the_last_operation_left_them) {
  const script_file script(std::string(one_buffer) + "unmap 1\n");
  const command_result result =
      translate({.device = "d0", .address = "h1", .script = script.path()});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("blocked, fault reason 06h"));
}

TEST(translate_script, takes_machine_command_line_and_kernel) {
  const script_file script(one_buffer);
  const command_result off = translate({.device = "00:04.0",
                                        .address = "h1",
                                        .command_line = "intel_iommu=off",
                                        .script = script.path()});
  EXPECT_EQ(off.status, 0);
  EXPECT_THAT(off.out, HasSubstr("request      read 0x10000123"));
  EXPECT_THAT(translate({.device = "d0",
                         .address = "h1",
                         .kernel = "v4_4",
                         .machine = "q35-7.2",
                         .script = script.path()})
                  .out,
              HasSubstr("kernel       Linux 4.4.1 (v4_4)\nmachine      q35-7.2"));
}

TEST(translate_script, says_which_buffer_is_not_there) {
  const script_file script(one_buffer);
  expect_refusal(translate({.device = "d0", .address = "h2", .script = script.path()}),
                 "ADDRESS is \"h2\": " + script.path() + " maps no buffer 2");
  expect_refused({.device = "d7", .address = "h1", .script = script.path()},
                 "BDF is \"d7\": the script has 1 devices");
  expect_refused({.device = "00:04.0", .address = "h1"},
                 "ADDRESS is \"h1\": buffers have handles in a script only");
  expect_refused({.device = "00:04.0", .address = "h1", .tables = "x", .script = "y"},
                 "--tables and --script both say");
}

}  // namespace
}  // namespace iommulab::translate_command_test
