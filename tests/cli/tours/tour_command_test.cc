// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/tour_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/program/run_program.h"
#include "cli/tours/catalogue.h"
#include "cli/tours/program_stage.h"
#include "support/command.h"
#include "support/files.h"

namespace iommulab::tour_command_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

int whole_program(std::vector<std::string> words) {
  output_options output;
  return run_program(std::move(words), output);
}

command_result tour(const tour_arguments& arguments) {
  tours::no_audience nobody;
  return result_of([&](auto& out, auto& err) {
    return run_tour_command(arguments, whole_program, nobody, out, err);
  });
}

class own_tour : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "iommulab_tour_" +
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A tour with these stops, in a file.
  [[nodiscard]] std::string file(const std::string& stops, const std::string& head = "") const {
    std::string path = folder_ + "/own.tour";
    std::ofstream(path) << "# Own\nsummary S\nkernels v4_4_178 v4_4\n" << head << stops;
    return path;
  }

  std::string folder_;
};

TEST(tour_command, lists_the_tours) {
  const command_result result = tour({});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  for (size_t number = 1; number <= tours::tour_texts().size(); ++number) {
    const auto each = tours::tour_of_number(number);
    ASSERT_TRUE(each.ok()) << each.status();
    EXPECT_THAT(result.out, HasSubstr(std::to_string(number) + "  " + each->title + " ("));
    EXPECT_THAT(result.out, HasSubstr("      " + each->summary + "\n"));
  }
}

TEST(tour_command, refuses_a_number_that_no_tour_has) {
  const std::string listed =
      "; `iommulab tour` lists those from 1 to " + std::to_string(tours::tour_texts().size());
  for (const char* number : {"0", "99", "99999999999999999999999"}) {
    expect_refusal(tour({.which = number}), std::string("there is no tour ") + number + listed);
  }
}

TEST(tour_command, refuses_kernels_that_are_not_the_tours) {
  expect_refusal_with(tour({.which = "1", .kernel = "v9"}), "--kernel 'v9': no such kernel");
}

TEST(tour_command, refuses_a_stop_that_is_not_there) {
  expect_refusal_with(tour({.which = "1", .from = 0}), "--from is 0: the tour has stops 1 to ");
  expect_refusal_with(tour({.which = "1", .from = 1000}), "--from is 1000: the tour has stops 1");
}

TEST(tour_command, refuses_a_file_that_is_none) {
  expect_refusal_with(tour({.which = "no/such.tour"}), "no/such.tour: ");
}

TEST_F(own_tour, is_refused_with_its_line) {
  const std::string path = file("## A\n! no question\n");
  expect_refusal(tour({.which = path}),
                 path + ": line 5: an answer stands right below its question");
}

TEST_F(own_tour, runs_commands_of_the_program) {
  const std::string path = file(
      "## A\n"
      "$ iommulab dmar a.dmar\n"
      "= No findings.\n"
      "$ iommulab boot --machine q35\n"
      "@v4_4_178 = Linux 4.4.178\n"
      "@v4_4 = Linux 4.4.1\n",
      "file a.dmar\n"
      "DMAR @ 0x0000000000000000\n"
      "    0000: 44 4D 41 52 48 00 00 00 01 08 42 4F 43 48 53 20  DMARH.....BOCHS \n"
      "    0010: 42 58 50 43 20 20 20 20 01 00 00 00 42 58 50 43  BXPC    ....BXPC\n"
      "    0020: 01 00 00 00 26 00 00 00 00 00 00 00 00 00 00 00  ....&...........\n"
      "    0030: 00 00 18 00 01 00 00 00 00 00 D9 FE 00 00 00 00  ................\n"
      "    0040: 03 08 00 00 00 FF 00 00  ........\n"
      "end\n");
  const std::string before = std::filesystem::current_path();
  for (const char* kernel : {"", "v4_4"}) {
    const command_result result = tour({.which = path, .kernel = kernel});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    EXPECT_THAT(result.out, HasSubstr("$ iommulab dmar a.dmar\n"));
  }
  EXPECT_EQ(std::filesystem::current_path(), before);
}

TEST_F(own_tour, ends_with_a_finding_where_an_expectation_is_not_met) {
  const std::string path = file("## A\n$ iommulab kernels\n= Linux 2.4\n");
  const command_result result = tour({.which = path});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "iommulab: " + path + ": line 6: not in the output: Linux 2.4\n");
}

TEST_F(own_tour, shows_why_a_command_is_refused) {
  const std::string path =
      file("## A\n$ iommulab boot --machine nosuch\n$ iommulab tour 1\n$ iommulab step boot\n");
  const command_result result = tour({.which = path});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("iommulab: "));
  EXPECT_THAT(result.out, HasSubstr("a tour within a tour is not gone through\n"));
  EXPECT_THAT(result.err, HasSubstr("line 5: the command cannot be done: iommulab boot"));
  EXPECT_THAT(result.out, HasSubstr("the stepper is begun by `run`"));
  EXPECT_THAT(result.err, HasSubstr("line 6: the command cannot be done: iommulab tour 1"));
  EXPECT_THAT(result.err, HasSubstr("line 7: the command cannot be done: iommulab step boot"));
}

TEST_F(own_tour, has_files_that_can_be_had) {
  const std::string path = file("## A\nText.\n", "file a.dma\nnote x\nend\n");
  const std::string into = folder_ + "/files/here";
  const command_result result = tour({.which = path, .files = into});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(content_of(into + "/a.dma"), "note x\n");
  expect_refusal_with(tour({.which = path, .files = path}), path + ": cannot be made: ");
}

TEST(words_of, splits_as_a_shell_does) {
  const auto words =
      tours::words_of("iommulab boot  --cmdline \"intel_iommu=on a='b'\" 'c d'e \"\"");
  ASSERT_TRUE(words.ok());
  EXPECT_THAT(*words,
              ElementsAre("iommulab", "boot", "--cmdline", "intel_iommu=on a='b'", "c de", ""));
  EXPECT_FALSE(tours::words_of("a \"b").ok());
}

}  // namespace
}  // namespace iommulab::tour_command_test
