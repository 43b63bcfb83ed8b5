// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/view_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "cli/runs/run_choice.h"
#include "lab/stepping/run_history.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/files.h"

namespace iommulab {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

command_result run(const view_arguments& a) {
  const auto no_program = [](const std::vector<std::string>& /*words*/) { return 0; };
  return result_of([&](auto& out, auto& err) { return run_view_command(a, no_program, out, err); });
}

view_arguments page_in(const std::string& name) {
  view_arguments a;
  a.output = testing::TempDir() + "iommulab_" + name;
  std::filesystem::remove(a.output);
  return a;
}

nlohmann::json head_of(const std::string& page, int number = 0) {
  const std::string start =
      "<script type=\"application/json\" id=\"run-" + std::to_string(number) + "\">";
  const size_t from = page.find(start) + start.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

size_t times(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(view_command_test, a_boot_is_one_file_with_all_its_events) {
  const view_arguments a = page_in("boot.html");
  const command_result result = run(a);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith(a.output + ": boot of q35, Linux 4.4.178, "));
  const std::string page = content_of(a.output);
  EXPECT_LT(page.size(), size_t{2} << 20);
  const nlohmann::json head = head_of(page);
  const auto chosen = chosen_run(a.run);
  ASSERT_TRUE(chosen.ok());
  const auto history = run_history::of(**chosen);
  ASSERT_TRUE(history.ok());
  EXPECT_EQ(head["events"], (*history)->record_all());
  EXPECT_EQ(head["title"], "boot of q35, Linux 4.4.178");
  EXPECT_EQ(head["kernel"], "v4_4_178");
  EXPECT_EQ(head["ended"], nullptr);
  EXPECT_EQ(head["machine"]["name"], "q35");
  EXPECT_EQ(head["chunks"].size(), times(page, "<script type=\"text/plain\" data-run=\"0\">"));
  EXPECT_EQ(head["chunks"][0]["state"], true);
}

TEST(view_command_test, a_script_has_the_lives_of_its_buffers) {
  view_arguments a = page_in("dma.html");
  a.run.kind = run_kind::script;
  a.run.path = std::string(IOMMULAB_SOURCE_DIR) + "/cli/dma/examples/use_after_unmap.dma";
  EXPECT_EQ(run(a).status, 0);
  const nlohmann::json head = head_of(content_of(a.output));
  ASSERT_EQ(head["mappings"].size(), 1u);
  EXPECT_EQ(head["mappings"][0]["name"], "00:04.0 0xfffff000-0xffffffff");
}

/// The event whose line ends what a move printed: "233\tiommu_set_root_entry(iommu=dmar0) {".
size_t event_in(const std::string& output) {
  std::smatch found;
  const std::regex last_line(R"((?:^|\n)(\d+)\t[^\n]*\n?$)");
  return std::regex_search(output, found, last_line) ? std::stoul(found[1]) : 0;
}

bool is_move(const std::string& command) {
  const std::regex moves("(continue|advance|finish|step|next|until|goto|reverse-[a-z]+)( .*)?");
  return std::regex_match(command, moves);
}

TEST(view_command_test, tours_lead_to_the_events_that_their_output_names) {
  view_arguments a = page_in("boot.html");
  ASSERT_EQ(run(a).status, 0);
  size_t compared = 0;
  const nlohmann::json tours = head_of(content_of(a.output))["tours"];
  ASSERT_GE(tours.size(), 2u) << "1 and 3 at least go through this boot";
  EXPECT_EQ(tours[0]["number"], 1);
  for (const nlohmann::json& tour : tours) {
    for (const nlohmann::json& stop : tour["stops"]) {
      for (const nlohmann::json& item : stop["items"]) {
        if (item["kind"] != "step" || item["event"].is_null() || !is_move(item["text"])) continue;
        const size_t named = event_in(item["output"]);
        if (named == 0) continue;
        EXPECT_EQ(item["event"], named) << item["text"];
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 5u);
}

TEST(view_command_test, a_tour_brings_its_own_run) {
  view_arguments a = page_in("tour.html");
  a.tour = "8";
  const command_result result = run(a);
  ASSERT_EQ(result.status, 0) << result.err;
  const nlohmann::json head = head_of(content_of(a.output));
  EXPECT_EQ(head["title"], "window.dma on q35, Linux 4.4.178");
  ASSERT_EQ(head["tours"].size(), 1u);
  EXPECT_EQ(head["tours"][0]["number"], 8);

  a = page_in("tour.html");
  a.tour = "99";
  EXPECT_EQ(run(a).status, 2);
  EXPECT_FALSE(std::filesystem::exists(a.output));
}

TEST(view_command_test, two_runs_are_aligned_by_what_their_events_are) {
  view_arguments a = page_in("diff.html");
  a.diff = true;
  a.run.kernels = {"v4_4", "v4_4_178"};
  const command_result result = run(a);
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string page = content_of(a.output);
  const nlohmann::json left = head_of(page);
  const nlohmann::json right = head_of(page, 1);
  EXPECT_EQ(left["kernel"], "v4_4");
  EXPECT_EQ(right["kernel"], "v4_4_178");
  size_t p = 1;
  size_t q = 1;
  size_t same = 0;
  for (const nlohmann::json& row : left["alignment"]) {
    EXPECT_GE(row[0], p);
    EXPECT_GE(row[1], q);
    p = row[0].get<size_t>() + row[2].get<size_t>();
    q = row[1].get<size_t>() + row[2].get<size_t>();
    same += row[2].get<size_t>();
  }
  EXPECT_LE(p, left["events"].get<size_t>() + 1);
  EXPECT_LE(q, right["events"].get<size_t>() + 1);
  EXPECT_GT(same, left["events"].get<size_t>() * 9 / 10) << "4.4.178 does most as 4.4.1 does";
  EXPECT_LT(same, left["events"].get<size_t>()) << "and not all";
}

TEST(view_command_test, a_difference_needs_two_runs) {
  view_arguments a = page_in("diff.html");
  a.diff = true;
  EXPECT_EQ(run(a).err, "iommulab: --diff needs two of --machine, --kernel, --dmar or --cmdline\n");
  a.run.kernels = {"v4_4", "v4_4_178", "v4_4"};
  EXPECT_EQ(run(a).err, "iommulab: --kernel is given 3 times: --diff has two runs\n");
  a.diff = false;
  a.run.kernels = {"v4_4", "v4_4_178"};
  EXPECT_EQ(run(a).err, "iommulab: --kernel is given twice: here is one run\n");
}

TEST(view_command_test, nothing_is_written_when_something_is_wrong) {
  view_arguments a = page_in("none.html");
  a.run.kind = run_kind::script;
  a.run.path = "/nowhere.dma";
  command_result result = run(a);
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("/nowhere.dma"));
  EXPECT_FALSE(std::filesystem::exists(a.output));

  a = page_in("none.html");
  a.page_parts = "/nowhere";
  result = run(a);
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("/nowhere: cannot be read"));
  EXPECT_FALSE(std::filesystem::exists(a.output));

  a.page_parts.clear();
  a.output = "/nowhere/page.html";
  result = run(a);
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("/nowhere"));
}

TEST(view_command_test, the_parts_of_a_folder_take_the_place_of_the_built_in_ones) {
  view_arguments a = page_in("parts.html");
  a.page_parts = std::string(IOMMULAB_SOURCE_DIR) + "/cli/view/page";
  ASSERT_EQ(run(a).status, 0);
  const std::string same = content_of(a.output);
  a.page_parts.clear();
  ASSERT_EQ(run(a).status, 0);
  EXPECT_EQ(content_of(a.output), same);
}

}  // namespace
}  // namespace iommulab
