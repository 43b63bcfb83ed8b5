// SPDX-License-Identifier: GPL-2.0-only
#include "cli/trace/trace_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "cli/boot/boot_command.h"
#include "cli/dma/dma_command.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/files.h"
#include "support/golden.h"

namespace iommulab::trace_command_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// What stands behind the columns; heading lines are left out.
std::vector<std::string> bodies(const std::string& text) {
  std::vector<std::string> found;
  for (const std::string& line : lines_of(text)) {
    if (!line.starts_with('#')) found.push_back(line.substr(line.find("|  ") + 3));
  }
  return found;
}

command_result run(const trace_arguments& a) {
  return run_command(run_trace_command, a);
}

std::string good(const trace_arguments& a) {
  const command_result result = run(a);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result.out;
}

trace_arguments script(const char* name) {
  trace_arguments a;
  a.run.kind = run_kind::script;
  a.run.path = std::string(IOMMULAB_SOURCE_DIR) + "/cli/dma/examples/" + name;
  return a;
}

TEST(trace_command_test, every_line_has_the_columns_of_a_function_graph) {
  const std::vector<std::string> lines = lines_of(good({}));
  ASSERT_GT(lines.size(), 100u);
  EXPECT_EQ(lines[0], "# tracer: function_graph");
  EXPECT_EQ(lines[2], "# iommulab: boot of q35, Linux 4.4.178");
  const std::regex form(
      R"( 0\) (              |[ +!#*@$] \d+\.\d+ us {1,4})\|  ( *)(\S.*( \{|;|\*/)|\}))");
  for (size_t i = 6; i < lines.size(); ++i) {
    EXPECT_TRUE(std::regex_match(lines[i], form)) << lines[i];
  }
}

// The lines of --trace are the short form of the same text.
TEST(trace_command_test, boot_and_dma_show_the_same_text_without_the_columns) {
  trace_arguments a;
  a.effects = "all";
  const std::vector<std::string> full = bodies(good(a));
  boot_arguments boot;
  boot.trace = "all";
  const command_result shown = run_command(run_boot_command, boot);
  std::vector<std::string> brief = lines_of(shown.out);
  ASSERT_GT(brief.size(), full.size());
  brief.erase(brief.begin());
  brief.resize(full.size());
  EXPECT_EQ(full, brief);
}

TEST(trace_command_test, a_script_begins_with_its_first_operation) {
  const std::vector<std::string> full = bodies(good(script("first_buffer.dma")));
  ASSERT_FALSE(full.empty());
  EXPECT_THAT(full[0], StartsWith("/* OP 1 map 1 0 0 0x123"));
  dma_arguments dma;
  dma.script = script("first_buffer.dma").run.path;
  dma.trace = "regs,tables,queue,calls";
  const std::vector<std::string> brief = lines_of(run_command(run_dma_command, dma).out);
  const auto call = [](const std::string& line) { return line.starts_with("dma_map_single("); };
  const auto first = std::find_if(brief.begin(), brief.end(), call);
  const auto last = std::find(first, brief.end(), "} /* ret=0xfffff123 */");
  ASSERT_NE(last, brief.end());
  const auto mine = std::find_if(full.begin(), full.end(), call);
  EXPECT_TRUE(std::equal(first, last + 1, mine)) << *mine;
}

TEST(trace_command_test, a_graph_function_is_shown_alone) {
  trace_arguments a;
  a.subtrees = {"iommu_set_root_entry"};
  // VT-d 11.4.5 and 11.4.4: the root table's address, then SRTP, until GSTS shows RTPS.
  const std::vector<std::string> shown = bodies(good(a));
  ASSERT_EQ(shown.size(), 5u);
  EXPECT_EQ(shown[0], "iommu_set_root_entry(iommu=dmar0) {");
  EXPECT_THAT(shown[1], StartsWith("  /* write64 dmar0 RTADDR 0x20 = "));
  EXPECT_THAT(shown[2], StartsWith("  /* write32 dmar0 GCMD 0x18 = "));
  EXPECT_THAT(shown[3], StartsWith("  /* read32 dmar0 GSTS 0x1c = "));
  EXPECT_EQ(shown[4], "}");
  a.effects = "none";
  EXPECT_THAT(bodies(good(a)), ElementsAre("iommu_set_root_entry(iommu=dmar0);"));
  a.no_args = true;
  EXPECT_THAT(bodies(good(a)), ElementsAre("iommu_set_root_entry();"));
}

TEST(trace_command_test, a_device_and_an_address_choose_what_is_about_them) {
  trace_arguments a = script("use_after_unmap.dma");
  a.effects = "all";
  a.device = "00:04.0";
  const std::string of_device = good(a);
  EXPECT_THAT(of_device, HasSubstr("fault dmar0 read_not_permitted: read of 0xfffff000"));
  EXPECT_THAT(of_device, HasSubstr("dma_map_single(dev=0000:00:04.0"));
  EXPECT_THAT(of_device, Not(HasSubstr("flush_unmaps_timeout")));
  a.device = "0000:00:03.0";  // nothing is there
  EXPECT_THAT(bodies(good(a)), ElementsAre());
  a.device = {};
  a.address = "0xfffff000";
  EXPECT_THAT(good(a), HasSubstr("/* iova alloc 0xfffff-0xfffff */"));
  a.address = "0x1000-0x1fff";
  EXPECT_THAT(good(a), Not(HasSubstr("/* iova alloc")));
}

TEST(trace_command_test, the_stream_of_events_is_a_document_with_state_changes) {
  trace_arguments a;
  a.format = "json";
  const auto document = nlohmann::json::parse(good(a));
  EXPECT_EQ(document["schema"], "iommulab.trace");
  EXPECT_EQ(document["version"], 1);
  EXPECT_EQ(document["run"], "boot of q35, Linux 4.4.178");
  std::set<std::string> kinds;
  uint64_t last = 0;
  for (const auto& event : document["events"]) {
    kinds.insert(event["kind"]);
    EXPECT_GT(event["seq"].get<uint64_t>(), last);
    last = event["seq"].get<uint64_t>();
  }
  for (const char* kind :
       {"call_enter", "call_exit", "note", "reg_write", "table_write", "descriptor", "log",
        "domain", "group", "device", "reg_change", "latch", "cache"}) {
    EXPECT_TRUE(kinds.contains(kind)) << kind;
  }
}

TEST(trace_command_test, a_run_ends_behind_the_function_of_until) {
  trace_arguments a;
  a.until = "iommu_set_root_entry";
  const std::vector<std::string> shown = bodies(good(a));
  ASSERT_GT(shown.size(), 4u);
  // ftrace's form of what has not returned: no brace.
  EXPECT_EQ(shown.back(), "      }");
  EXPECT_THAT(shown[shown.size() - 5], StartsWith("      iommu_set_root_entry("));
  a.until = "intel_iommu_tlb_flush_x";
  expect_refusal_with(run(a), "--until: no function \"intel_iommu_tlb_flush_x\" is traced");
  a.until = "dma_map_sg_attrs";
  const command_result missed = run(a);
  EXPECT_THAT(missed.out, "");
  EXPECT_NE(missed.status, 0);
}

TEST(trace_command_test, a_recorded_allocator_and_a_capture_can_be_traced) {
  trace_arguments a;
  a.run.kind = run_kind::iova_replay;
  a.run.path = (golden::root() / "iova/4.4/a_seq.trace").string();
  if (!golden::exists(a.run.path)) IOMMULAB_MISSING("a_seq of 4.4");
  EXPECT_THAT(good(a), HasSubstr("alloc_iova("));
  a.run.kind = run_kind::capture;
  a.run.path = (golden::root() / "kernel/v4_4/boot/default.calls").string();
  EXPECT_THAT(good(a), HasSubstr("|    intel_iommu_init() {\n"));
}

TEST(trace_command_test, a_file_is_written_whole_and_nothing_is_printed) {
  trace_arguments a;
  const std::string text = good(a);
  a.output = temporary("trace.txt", "before");
  EXPECT_EQ(good(a), "");
  EXPECT_EQ(content_of(a.output), text);
  a.output = "/nowhere/at/all";
  expect_refusal_with(run(a), "/nowhere/at/all");
}

struct refusal {
  const char* name;
  void (*set)(trace_arguments&);
  const char* sentence;
};

class trace_refusal : public testing::TestWithParam<refusal> {};

TEST_P(trace_refusal, is_one_sentence) {
  trace_arguments a;
  GetParam().set(a);
  expect_refusal_with(run(a), GetParam().sentence);
}

INSTANTIATE_TEST_SUITE_P(
    all, trace_refusal,
    testing::ValuesIn(std::vector<refusal>{
        {"subtree", [](auto& a) { a.subtrees = {"intel_iommu_int"}; },
         "-g: no function \"intel_iommu_int\" is traced; did you mean 'intel_iommu_init'?"},
        {"function", [](auto& a) { a.functions = {"alloc_iov"}; },
         "-l: no function \"alloc_iov\" is traced; did you mean 'alloc_iova'?"},
        {"pattern", [](auto& a) { a.functions = {"e1000_*"}; },
         "-l: no traced function fits \"e1000_*\""},
        {"no_name", [](auto& a) { a.subtrees = {"()"}; }, "-g: the function has no name"},
        {"until", [](auto& a) { a.until = "init_dmar"; }, "did you mean 'init_dmars'?"},
        {"effects", [](auto& a) { a.effects = "regs,cals"; },
         "--effects: \"cals\" is no kind of effect; there are regs, tables, "},
        {"calls", [](auto& a) { a.effects = "calls"; }, "\"calls\" is no kind of effect"},
        {"none_and_more", [](auto& a) { a.effects = "none,regs"; }, "\"none\" is no kind"},
        {"device", [](auto& a) { a.device = "5.0"; },
         "--device is \"5.0\": no bus:device.function, as 00:1f.2"},
        {"address", [](auto& a) { a.address = "top"; }, "--address is \"top\": no address"},
        {"range", [](auto& a) { a.address = "0x2000-0x1000"; },
         "--address is \"0x2000-0x1000\": it ends before it begins"},
        {"depth", [](auto& a) { a.max_depth = 0; }, "--max-graph-depth is \"0\""},
        {"time", [](auto& a) { a.time = "virtual"; }, "--time is for --format perfetto"},
        {"no_args", [](auto& a) { a.no_args = true, a.format = "json"; },
         "--no-args is for --format text"},
        {"against_json", [](auto& a) { a.against = "f", a.format = "json"; }, "--against shows"},
        {"against_effects", [](auto& a) { a.against = "f", a.effects = "regs"; },
         "of the filters only -g and -l go with it"},
        {"against_nothing", [](auto& a) { a.against = "/nowhere"; }, "/nowhere"},
        {"machine", [](auto& a) { a.run.machines = {"q36"}; }, "q36"},
        {"two_machines",
         [](auto& a) {
           a.run.machines = {"q35", "server"};
         },
         "--machine is given twice: here is one run"},
        {"script", [](auto& a) { a.run.kind = run_kind::script, a.run.path = "/nowhere"; },
         "/nowhere"},
        {"capture", [](auto& a) { a.run.kind = run_kind::capture, a.run.path = "/nowhere"; },
         "/nowhere"},
        {"recording", [](auto& a) { a.run.kind = run_kind::iova_replay, a.run.path = "/nowhere"; },
         "/nowhere"},
    }),
    [](const auto& each) { return std::string(each.param.name); });

TEST(trace_command, follows_a_programs_page_from_its_call_to_the_table) {
  trace_arguments a;
  a.run.kind = run_kind::client;
  a.run.path = std::string(IOMMULAB_SOURCE_DIR) + "/cli/vfio/examples/iommufd.vfio";
  const std::string all = good(a);
  EXPECT_NE(all.find("OP 10 map i iova=0x100000 va=m0 size=0x1000"), std::string::npos);
  a.subtrees = {"iommufd_vfio_ioctl"};
  std::vector<std::string> called;
  for (const std::string& body : bodies(good(a))) {
    const std::string text = body.substr(std::min(body.find_first_not_of(' '), body.size()));
    if (!text.starts_with("/*") && text.find('(') != std::string::npos) {
      called.push_back(text.substr(0, text.find('(')));
    }
  }
  // The chain that Linux 6.12 has, as published, without what lies between.
  auto at = called.begin();
  for (const char* const function :
       {"iommufd_vfio_ioctl", "iommufd_vfio_map_dma", "iopt_map_user_pages", "iopt_map_pages",
        "iopt_fill_domains_pages", "batch_to_domain", "iommu_map", "__iommu_map",
        "intel_iommu_map_pages", "intel_iommu_map", "__domain_mapping"}) {
    at = std::find(at, called.end(), function);
    ASSERT_NE(at, called.end()) << function;
  }
}

}  // namespace
}  // namespace iommulab::trace_command_test
