// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_json.h"

#include <filesystem>
#include <string>

#include "cli/boot/run_boot.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "support/golden.h"

namespace iommulab::boot_json_test {
namespace {

using nlohmann::json;

/// Throws, and so fails the test, when there is anything besides one document.
json document(const boot_arguments& arguments) {
  return json::parse(boot(arguments).out);
}

TEST(boot_json_test, the_document_says_what_the_text_says) {
  const json d = document({.json = true});
  std::vector<std::string> text = lines_of(boot({}).out);
  EXPECT_EQ(text.front(), "Linux " + d["release"].get<std::string>() + " (" +
                              d["kernel"].get<std::string>() + ") on q35");
  text.erase(text.begin());
  EXPECT_EQ(d["schema"], "iommulab.boot");
  EXPECT_EQ(d["version"], 1);
  EXPECT_EQ(d["program"], "iommulab " IOMMULAB_VERSION);
  EXPECT_EQ(d["machine"], "q35");
  EXPECT_EQ(d["command_line"], "intel_iommu=on");
  EXPECT_EQ(d["outcome"]["ending"], "complete");
  EXPECT_EQ(d["outcome"]["intel_iommu_init"], 0);
  EXPECT_EQ(d["outcome"]["translation_on"], true);
  ASSERT_GT(d["log"].size(), 0u);
  for (size_t i = 0; i < d["log"].size(); ++i) {
    EXPECT_THAT(text[i], ::testing::EndsWith("] " + d["log"][i]["text"].get<std::string>()));
    EXPECT_TRUE(d["log"][i]["time_ns"].is_number_unsigned());
    EXPECT_NE(d["log"][i]["level"], "debug");
  }
  EXPECT_FALSE(d.contains("events"));
}

TEST(boot_json_test, registers_are_there_by_their_mnemonics) {
  const json unit = document({.json = true})["units"][0];
  EXPECT_EQ(unit["name"], "dmar0");
  EXPECT_EQ(unit["translation"], true);
  constexpr uint64_t tes = 1u << 31;
  const std::string status = unit["registers"]["GSTS"]["value"];
  EXPECT_NE(std::stoull(status, nullptr, 16) & tes, 0u);
  EXPECT_EQ(unit["registers"]["GSTS"]["offset"], "0x1c");
  const std::string root = unit["root_table"];
  EXPECT_EQ(std::stoull(root, nullptr, 16) % 4096, 0u);
  EXPECT_EQ(unit["registers"]["RTADDR"]["value"], root);
}

TEST(boot_json_test, nothing_is_lost_of_several_fault_records) {
  const json d = document({.machines = {"server"}, .json = true});
  size_t records = 0;
  for (const auto& [name, value] : d["units"][1]["registers"].items()) {
    records += name.starts_with("FRCD_high");
    EXPECT_EQ(name.find(' '), std::string::npos) << name;
  }
  EXPECT_EQ(records, 8u);
}

TEST(boot_json_test, events_come_with_trace_and_are_balanced) {
  const json d = document({.trace = "calls,regs", .json = true});
  ASSERT_TRUE(d.contains("events"));
  size_t depth = 0;
  bool wrote = false;
  for (const json& event : d["events"]) {
    const std::string kind = event["kind"];
    if (kind == "call_exit") --depth;
    EXPECT_EQ(event["depth"], depth);
    if (kind == "call_enter") ++depth;
    wrote = wrote || (kind == "reg_write" && event["unit"] == "dmar0");
  }
  EXPECT_EQ(depth, 0u);
  EXPECT_TRUE(wrote);
}

TEST(boot_json_test, events_say_what_they_concern_and_what_it_means) {
  const json d = document({.trace = "regs,tables,queue", .json = true});
  bool enabled = false;
  bool context = false;
  for (const json& event : d["events"]) {
    if (!event.contains("place")) continue;
    // VT-d specification 11.4.4.1: bit 31 of GCMD, at offset 0x18, is TE.
    if (event["kind"] == "reg_write" && event["place"] == "GCMD" && event["address"] == "0x18") {
      const std::string value = event["value"];
      if ((std::stoull(value, nullptr, 16) >> 31 & 1) == 0) continue;
      enabled = true;
      EXPECT_EQ(event["meaning"].get<std::string>().substr(0, 2), "TE");
    }
    if (event["place"] == "context entry of 00:1f.0" && event["value"] != "0x0") {
      context = true;
      EXPECT_THAT(event["meaning"].get<std::string>(), ::testing::StartsWith("domain "));
    }
  }
  EXPECT_TRUE(enabled);
  EXPECT_TRUE(context);
}

TEST(boot_json_test, calls_have_their_arguments_and_results) {
  const json d = document({.trace = "calls", .json = true});
  json arguments;
  json result;
  for (const json& event : d["events"]) {
    const bool enters = event["kind"] == "call_enter";
    if (enters && event["name"] == "iommu_set_root_entry") arguments = event["arguments"];
    if (event["kind"] == "call_exit" && event["name"] == "intel_iommu_init") {
      result = event["result"];
    }
  }
  EXPECT_EQ(arguments, json::parse(R"([{"name": "iommu", "value": "dmar0"}])"));
  EXPECT_EQ(result, json::parse(R"([{"name": "", "value": 0}])"));
}

TEST(boot_json_test, a_finding_is_one_document_too) {
  if (!std::filesystem::is_directory(capture("firmware/x1"))) IOMMULAB_MISSING("no firmware/x1");
  const command_result result = boot({.machines = {capture("firmware/x1")}, .json = true});
  EXPECT_EQ(result.status, 1);
  const json d = json::parse(result.out);
  EXPECT_EQ(d["outcome"]["translation_asked_for"], true);
  EXPECT_EQ(d["outcome"]["translation_on"], false);
  EXPECT_EQ(d["diagnoses"][0]["name"], "drhd_base_zero");
  EXPECT_EQ(d["diagnoses"][0]["error"], true);
}

}  // namespace
}  // namespace iommulab::boot_json_test
