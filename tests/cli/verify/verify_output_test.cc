// SPDX-License-Identifier: GPL-2.0-only
//
// How `iommulab verify` shows what it found: as text, as JSON, as JUnit's XML.
#include <filesystem>
#include <map>
#include <string>

#include "absl/strings/str_replace.h"
#include "cli/verify/verify_copies.h"
#include "nlohmann/json.hpp"
#include "pugixml.hpp"

namespace iommulab::verify_output_test {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

class verify_output_test : public verify_copies {
 protected:
  void SetUp() override {
    verify_copies::SetUp();
    if (!copy("boot/default.calls", "renamed")) IOMMULAB_MISSING("no capture boot/default.calls");
    // One call of the boot's tree is another function's.
    std::string graph = read("fgraph-boot.txt");
    const std::string call = "iommu_alloc_root_entry";
    const size_t at = graph.find(call);
    ASSERT_NE(at, std::string::npos);
    write("fgraph-boot.txt", graph.replace(at, call.size(), "iommu_alloc_boot_entry"));
    good_ = capture("boot/no-option").string();
  }
  [[nodiscard]] std::string junit() const { return (root_ / "report.xml").string(); }

  std::string good_;
};

TEST_F(verify_output_test, one_renamed_function_is_one_line_on_either_side) {
  const command_result result = verify({folder_, "--class", "calls"});
  EXPECT_EQ(result.status, 1);
  std::vector<std::string> changed;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('-') || line.starts_with('+')) changed.push_back(line);
  }
  ASSERT_EQ(changed.size(), 4u) << result.out;
  EXPECT_EQ(changed[0], "--- fgraph-boot.txt");
  EXPECT_EQ(changed[1], "+++ this run");
  EXPECT_EQ(absl::StrReplaceAll(changed[2], {{"-", "+"}, {"boot_entry", "root_entry"}}),
            changed[3]);
  EXPECT_NE(result.out.find(" @@ init_dmars()\n"), std::string::npos) << result.out;
}

TEST_F(verify_output_test, quiet_shows_what_differs_and_the_summary) {
  const command_result result = verify({"-q", good_, folder_});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(result.out.starts_with(folder_ + ": Linux 4.4.1\ncalls      DIFFERENT: "))
      << result.out;
  EXPECT_EQ(result.out.find(good_), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find(" equal, 4"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("\n2 captures: 1 equal, 0 known difference, 1 different, 0 not "
                            "compared, 0 not run\n"),
            std::string::npos)
      << result.out;
}

TEST_F(verify_output_test, what_is_not_compared_is_grouped_by_reason_and_shown_in_full_on_demand) {
  const command_result brief = verify({good_, good_});
  EXPECT_EQ(brief.out.find("calls      not compared"), std::string::npos) << brief.out;
  EXPECT_NE(brief.out.find("  not compared: 2 × no fgraph-boot.txt\n"), std::string::npos)
      << brief.out;
  const command_result full = verify({"--full", good_, good_});
  EXPECT_NE(full.out.find("calls      not compared (no fgraph-boot.txt)\n"), std::string::npos);
}

TEST_F(verify_output_test, classes_are_chosen_by_words_of_their_names) {
  const command_result queue = verify({"--class", "queue,log", folder_});
  EXPECT_EQ(queue.status, 0) << queue.out;
  EXPECT_NE(queue.out.find("queue      equal, "), std::string::npos);
  EXPECT_NE(queue.out.find("netup queue equal, "), std::string::npos);
  EXPECT_NE(queue.out.find("boot log   equal, "), std::string::npos) << queue.out;
  EXPECT_EQ(queue.out.find("registers"), std::string::npos) << queue.out;
  expect_refusal(
      verify({"--class", "queues", folder_}),
      "--class: 'queues' is no class; there are registers, queue, calls, tables, log, "
      "sysfs, groups, domains, vfio, workload, hotplug, operations, start-up, ring, events, "
      "types, dma-api");
}

TEST_F(verify_output_test, json_holds_every_class_and_every_line_of_a_difference) {
  const command_result result = verify({"--json", good_, folder_, root_.string()});
  EXPECT_EQ(result.status, 1);
  const json document = json::parse(result.out);
  EXPECT_EQ(document["schema"], "iommulab.verify");
  ASSERT_EQ(document["captures"].size(), 2u);
  const json& differing = document["captures"][1];
  EXPECT_EQ(differing["path"], folder_);
  EXPECT_EQ(differing["kernel"], "v4_4");
  EXPECT_EQ(differing["outcome"], "different");
  std::map<std::string, json> classes;
  for (const json& c : differing["classes"]) classes[c["name"]] = c;
  EXPECT_EQ(classes["queue"]["outcome"], "equal");
  ASSERT_EQ(classes["calls"]["hunks"].size(), 1u);
  const json& hunk = classes["calls"]["hunks"][0];
  EXPECT_EQ(hunk["context"], "init_dmars()");
  EXPECT_EQ(hunk["lines"].size(), 8u);  // three around two
  EXPECT_EQ(document["passed_over"], json::array({root_.string()}));
  EXPECT_EQ(document["summary"]["captures"]["different"], 1);
  EXPECT_EQ(document["summary"]["captures"]["equal"], 1);
  EXPECT_EQ(document["summary"]["classes"]["different"], 1);
  EXPECT_EQ(document["summary"]["not_compared"][0]["reason"], "no fgraph-boot.txt");
}

TEST_F(verify_output_test, junit_has_a_suite_a_capture_and_a_case_a_class) {
  const command_result result = verify({"-q", "--junit", junit(), good_, folder_});
  EXPECT_EQ(result.status, 1);
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_file(junit().c_str());
  ASSERT_TRUE(parsed) << parsed.description();
  const pugi::xml_node suites = document.child("testsuites");
  EXPECT_EQ(suites.attribute("failures").as_int(), 1);
  EXPECT_EQ(suites.attribute("errors").as_int(), 0);
  const pugi::xml_node suite = suites.find_child_by_attribute("testsuite", "name", folder_.c_str());
  EXPECT_EQ(suite.attribute("failures").as_int(), 1);
  const pugi::xml_node calls = suite.find_child_by_attribute("testcase", "name", "calls");
  const std::string text = calls.child("failure").text().as_string();
  EXPECT_NE(text.find("\n-"), std::string::npos) << text;
  EXPECT_NE(text.find("\n+++ this run\n@@ "), std::string::npos) << text;
  const pugi::xml_node good = suites.find_child_by_attribute("testsuite", "name", good_.c_str());
  EXPECT_TRUE(good.find_child_by_attribute("testcase", "name", "calls").child("skipped"));
  EXPECT_FALSE(good.find_child_by_attribute("testcase", "name", "queue").first_child());
}

TEST_F(verify_output_test, junit_is_xml_whatever_stands_in_a_file_or_a_path) {
  ASSERT_TRUE(copy("boot/no-option", "odd<\x1b[2J&\xff\">"));
  std::string log = read("dmesg.txt");
  log += "[    9.000000] DMAR: \x1b[2J\x01<&]]>\xfe\n";
  write("dmesg.txt", log);
  const command_result result = verify({"--junit", junit(), folder_});
  EXPECT_EQ(result.status, 1) << result.err;
  pugi::xml_document document;
  ASSERT_TRUE(document.load_file(junit().c_str()));
  const std::string text = golden::read_text(junit()).value();
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f)) << int{c};
  EXPECT_EQ(document.child("testsuites").attribute("failures").as_int(), 1);
  EXPECT_NE(text.find("\\033[2J\\001&lt;&amp;]]&gt;\\376"), std::string::npos) << text;
}

TEST_F(verify_output_test, a_capture_that_is_not_run_is_an_error_of_junit_and_json) {
  write("vtd-trace.txt", "nonsense\n");
  const command_result result = verify({"--json", "--junit", junit(), folder_});
  EXPECT_EQ(result.status, 2);
  const json document = json::parse(result.out);
  EXPECT_EQ(document["captures"][0]["outcome"], "not_run");
  const std::string sentence = document["captures"][0]["error"];
  EXPECT_NE(sentence.find(path("vtd-trace.txt") + ": line 1: "), std::string::npos) << sentence;
  pugi::xml_document xml;
  ASSERT_TRUE(xml.load_file(junit().c_str()));
  EXPECT_EQ(xml.child("testsuites").attribute("errors").as_int(), 1);
}

TEST_F(verify_output_test, a_report_that_cannot_be_written_is_told_before_anything_is_run) {
  expect_refusal(verify({"--junit", "/nonexistent/report.xml", folder_}),
                 "--junit: /nonexistent/report.xml: cannot be written");
  expect_refusal(verify({"--junit", root_.string(), folder_}),
                 "--junit: " + root_.string() + ": cannot be written");
}

}  // namespace
}  // namespace iommulab::verify_output_test
