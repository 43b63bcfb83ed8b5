// SPDX-License-Identifier: GPL-2.0-only
//
// What can be seen of a script: the way of a buffer as calls, where a run is held, what devices
// got, two runs beside each other, and the structures behind it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/dma/dma_command.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "support/command.h"

namespace iommulab::dma_view_test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* pinned = "# arena 0 phys=0x10000000 size=0x400000\n";

std::string example(const std::string& name) {
  return std::string(IOMMULAB_SOURCE_DIR) + "/cli/dma/examples/" + name;
}

class dma_view : public testing::Test {
 protected:
  command_result run(const std::string& text, dma_arguments a = {}) {
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".view");
    std::ofstream(path_) << text;
    a.script = path_.string();
    return run_command(run_dma_command, a);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::filesystem::path path_;
};

/// Whether the texts stand in this order.
testing::AssertionResult in_order(const std::string& text, const std::vector<std::string>& parts) {
  size_t at = 0;
  for (const std::string& part : parts) {
    at = text.find(part, at);
    if (at == std::string::npos) return testing::AssertionFailure() << part << " in:\n" << text;
    at += part.size();
  }
  return testing::AssertionSuccess();
}

// The functions that the published walk-through goes through, by the kernel's names.
TEST_F(dma_view, shows_the_way_of_a_coherent_buffer_as_calls) {
  const command_result shown = run_command(
      run_dma_command, dma_arguments{.script = example("coherent.dma"), .trace = "calls,tables"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_TRUE(in_order(
      shown.out,
      {"# 1 alloc 1 0 0x1000", "\ndma_alloc_coherent(dev=0000:00:04.0, size=0x1000",
       "\n  intel_alloc_coherent(", "\n    __intel_map_single(",
       "\n      get_valid_domain_for_dev(", "\n      intel_alloc_iova(",
       "\n      domain_pfn_mapping(", "\n        __domain_mapping(", "\n          pfn_to_dma_pte(",
       "pte 511 at ", "\n} /* ret=0x", "\n1 alloc 1 0 0x1000 -> phys="}));
}

TEST_F(dma_view, begins_at_the_script_and_knows_the_tables_of_the_boot) {
  const command_result shown = run("map 1 0 0 0 0x1000 1\n", {.trace = "all"});
  // The boot is not in it: no unit is parsed.
  EXPECT_THAT(shown.out, Not(HasSubstr("dmar_parse_one_drhd")));
  EXPECT_THAT(shown.out, HasSubstr("context entry of 00:04.0 at"));
  const command_result quiet = run("note x\n", {.trace = "calls", .quiet = true});
  EXPECT_THAT(quiet.out, Not(HasSubstr("# 1 note")));
}

TEST_F(dma_view, marks_each_operation) {
  const command_result shown = run("map 1 0 0 0 0x1000 1\nunmap 1\n", {.trace = "calls"});
  EXPECT_TRUE(
      in_order(shown.out,
               {"# 1 map 1 0 0 0 0x1000 1\n", "dma_map_single(", "\n1 map 1 0 0 0 0x1000 1 -> ",
                "\n# 2 unmap 1", "\ndma_unmap_single(", "  intel_unmap_page(", "\n2 unmap 1 -> "}));
}

TEST_F(dma_view, stops_behind_the_first_return_within_an_operation) {
  const std::string script = "note first\nmap 1 0 0 0 0x1000 1\nmap 2 0 0 0x1000 0x1000 1\n";
  for (const char* function : {"intel_map_page", "__domain_mapping()", "pfn_to_dma_pte"}) {
    const command_result shown = run(script, {.trace = "calls", .until = function});
    EXPECT_EQ(shown.status, 0) << function << shown.err;
    EXPECT_TRUE(in_order(shown.out, {"\n1 note first -> ok", "\n# 2 map 1 0 0 0 0x1000 1\n"}));
    EXPECT_THAT(shown.out, HasSubstr("in operation 2, line 2"));
    EXPECT_THAT(shown.out, Not(HasSubstr("# 3 map")));
    EXPECT_THAT(shown.out, Not(HasSubstr("\n2 map 1 0 0 0 0x1000 1 ->")));
  }
}

TEST_F(dma_view, tells_a_function_that_is_none_from_one_that_was_not_called) {
  expect_refusal(run("note x\n", {.until = "intel_mapp_page"}),
                 "--until: no function \"intel_mapp_page\" is traced; did you mean "
                 "'intel_map_page'?");
  // The boot calls it; the script does not.
  expect_refusal_with(run("note x\n", {.until = "iommu_set_root_entry"}),
                      "--until: iommu_set_root_entry() was not called in this script", 1);
}

TEST_F(dma_view, says_what_the_device_received_and_from_where) {
  const std::string script = std::string(pinned) +
                             "poke 0 0 0x5a 0x1000\nmap 1 0 0 0x0 0x1000 1\n"
                             "edu 0 1 h1+0 0x40000 0x100\nedu 0 1 h1+0 0x40000 0x100\n";
  const command_result shown = run(script);
  EXPECT_THAT(shown.out, HasSubstr("# 0000:00:04.0 reads 0x100 bytes at 0xfffff000: 0x100 bytes "
                                   "arrived, from memory at 0x10000000 (tables): 5a 5a 5a"));
  EXPECT_THAT(shown.out, HasSubstr("from memory at 0x10000000 (IOTLB): 5a 5a 5a"));
  const json document = json::parse(run(script, {.json = true}).out);
  EXPECT_EQ(document["schema"], "iommulab.dma");
  const json& transfer = document["operations"][2]["transfers"][0];
  EXPECT_EQ(transfer["direction"], "read");
  EXPECT_EQ(transfer["moved"], 0x100);
  EXPECT_EQ(transfer["answers"][0]["target"], "0x10000000");
  EXPECT_EQ(transfer["data"], "5a 5a 5a 5a 5a 5a 5a 5a");
  EXPECT_TRUE(transfer["ok"]);
}

TEST_F(dma_view, says_which_fault_blocked_a_device) {
  // Mapped for reading only: reason 5, VT-d specification 7.1, in the kernel's words.
  const std::string script =
      std::string(pinned) + "map 1 0 0 0x0 0x1000 1\nedu 0 3 0x40000 h1+0 0x100\n";
  EXPECT_THAT(run(script).out,
              HasSubstr("# 0000:00:04.0 writes 0x100 bytes at 0xfffff000: blocked at 0xfffff000, "
                        "fault reason 05: PTE Write access is not set; memory is as it was\n"));
  const json document = json::parse(run(script, {.json = true}).out);
  const json& transfer = document["operations"][1]["transfers"][0];
  EXPECT_EQ(transfer["fault"]["reason"], 5);
  EXPECT_EQ(transfer["moved"], 0);
  EXPECT_FALSE(transfer["ok"]);
}

TEST_F(dma_view, says_so_where_a_transfer_misses_the_device_s_own_buffer) {
  EXPECT_THAT(run("edu 0 1 0x1000 0x10 0x100\n").out,
              HasSubstr("no transfer: it does not lie in the device's buffer"));
}

TEST_F(dma_view, calls_domain_types_by_their_names) {
  // The type number is the kernel's IOMMU_DOMAIN_UNMANAGED, and 1.
  const command_result shown = run("domalloc 1\nattach 1 0\ncurdom 0\ndetach 1 0\ncurdom 0\n");
  EXPECT_THAT(shown.out, HasSubstr("\n# type 1: unmanaged\n"));
  EXPECT_THAT(shown.out, HasSubstr("\n# type -1: no domain of the IOMMU API\n"));
  const json attached = json::parse(run("domalloc 1\nattach 1 0\n", {.json = true}).out)["devices"];
  for (const json& device : attached) {
    if (device["name"] != "0000:00:04.0") continue;
    EXPECT_EQ(device["domain"]["type"], "unmanaged");
  }
}

TEST_F(dma_view, reads_what_it_prints) {
  const std::string script = std::string(pinned) +
                             "poke 0 0 0x5a 0x1000\nmap 1 0 0 0x0 0x1000 1\ndomalloc 1\n"
                             "edu 0 1 h1+0 0x40000 0x100\nunmap 1\nwait 20\n"
                             "edu 0 1 0xfffff000 0x40000 0x100\n";
  std::string printed = run(script).out;
  printed.resize(printed.find("\n\n"));
  const command_result again = run(pinned + printed + "\n");
  EXPECT_EQ(again.status, 0) << again.out << again.err;
  EXPECT_THAT(again.out, HasSubstr("7 compared with what the script says: equal"));
}

TEST_F(dma_view, compares_two_runs_of_a_script) {
  const dma_arguments both{.script = example("use_after_unmap.dma"),
                           .command_lines = {"intel_iommu=on", "intel_iommu=on,strict"},
                           .diff = true};
  const command_result shown = run_command(run_dma_command, both);
  EXPECT_EQ(shown.status, 1);
  EXPECT_THAT(shown.out, HasSubstr("--- Linux 4.4.178 on q35, intel_iommu=on\n"));
  EXPECT_THAT(shown.out, HasSubstr("\n- 6 unmap 1 -> dev=0 dma=0xfffff000 size=0x1000 dir=1 ; "
                                   "ls=1 tm=1\n"));
  EXPECT_THAT(shown.out, HasSubstr("\n+ 6 unmap 1 -> dev=0 dma=0xfffff000 size=0x1000 dir=1 ; "
                                   "ls=0 tm=0\n"));
  EXPECT_THAT(shown.out, HasSubstr("\ndevices: equal"));
  dma_arguments same = both;
  same.command_lines = {"intel_iommu=on", "intel_iommu=on"};
  same.trace = "all";
  EXPECT_EQ(run_command(run_dma_command, same).status, 0);
  same.json = true;
  const json document = json::parse(run_command(run_dma_command, same).out);
  EXPECT_EQ(document["schema"], "iommulab.dma_diff");
  EXPECT_TRUE(document["equal"]);
}

TEST_F(dma_view, says_of_each_run_which_words_do_nothing) {
  const dma_arguments both{.script = example("use_after_unmap.dma"),
                           .command_lines = {"intel_iommu=on", "intel_iommu=on sm_on"},
                           .diff = true};
  const command_result shown = run_command(run_dma_command, both);
  EXPECT_EQ(shown.status, 0) << shown.out;
  EXPECT_THAT(shown.out, HasSubstr("--- Linux 4.4.178 on q35, intel_iommu=on\n"
                                   "+++ Linux 4.4.178 on q35, intel_iommu=on sm_on\n"
                                   "    note: sm_on: no parameter: "));
}

TEST_F(dma_view, keeps_the_events_of_each_operation_in_json) {
  const json document =
      json::parse(run("map 1 0 0 0 0x1000 1\nunmap 1\n", {.trace = "calls", .json = true}).out);
  const json& operations = document["operations"];
  ASSERT_EQ(operations.size(), 2u);
  EXPECT_EQ(operations[0]["events"][0]["name"], "dma_map_single");
  EXPECT_EQ(operations[1]["events"][0]["name"], "dma_unmap_single");
  EXPECT_EQ(operations[0]["values"]["dma"], "0xfffff000");
  EXPECT_EQ(operations[0]["values"]["err"], 0);
  EXPECT_EQ(operations[1]["waiting_unmaps"], 1);
}

TEST_F(dma_view, refuses_options_that_do_not_go_together) {
  expect_refusal(run("note x\n", {.diff = true}),
                 "--diff compares two runs: give --kernel, --machine, --dmar or --cmdline twice");
  expect_refusal(run("note x\n", {.command_lines = {"a", "b"}}),
                 "--kernel, --machine, --dmar and --cmdline are given twice only for --diff");
  expect_refusal_with(run("note x\n", {.dump = "dmar_domian"}),
                      "--dump: \"dmar_domian\" is no kind of structure");
}

/// The structure of this name in a section of the dump.
json structure_in(const json& section, const std::string& name) {
  for (const json& s : section) {
    if (s["name"] == name) return s["fields"];
  }
  return nullptr;
}

TEST_F(dma_view, dumps_the_structures_that_a_mapping_leaves) {
  const json document =
      json::parse(run("map 1 0 0 0 0x1000 1\n", {.dump = "all", .json = true}).out);
  const json& kinds = document["structures"];
  // dev->archdata.iommu, the device's membership, its domain, and the ranges of that.
  const json device = structure_in(kinds["device"], "0000:00:04.0");
  EXPECT_EQ(device["archdata.iommu"]["name"], "0000:00:04.0");
  const json info = structure_in(kinds["device_domain_info"], "0000:00:04.0");
  EXPECT_EQ(info["devfn"], "0x20");
  EXPECT_EQ(info["iommu"]["name"], "dmar0");
  const std::string name = info["domain"]["name"];
  const json domain = structure_in(kinds["dmar_domain"], name);
  EXPECT_EQ(domain["iommu_count"], 1);
  EXPECT_EQ(domain["devices"][0]["name"], "0000:00:04.0");
  // 4.4's alloc_domain() clears the structure; only the IOMMU core sets a type.
  EXPECT_EQ(domain["domain"]["fields"]["type"], "0x0");
  // The page at the top of 4 GiB, ffff fh, is the highest node, and the one that is cached.
  const json ranges = structure_in(kinds["iova_domain"], name);
  EXPECT_EQ(ranges["nodes"].back()["fields"]["pfn_lo"], "0xfffff");
  EXPECT_EQ(ranges["nodes"].back()["fields"]["pfn_hi"], "0xfffff");
  EXPECT_EQ(ranges["cached32_node"]["name"], "0xfffff-0xfffff");
}

TEST_F(dma_view, dumps_a_red_black_tree) {
  const json document = json::parse(
      run("map 1 0 0 0 0x1000 1\nmap 2 0 0 0x1000 0x1000 1\nmap 3 0 0 0x2000 0x3000 1\n",
          {.dump = "iova_domain", .json = true})
          .out);
  size_t trees = 0;
  for (const json& tree : document["structures"]["iova_domain"]) {
    const json& fields = tree["fields"];
    uint64_t last = 0;
    size_t roots = 0;
    for (const json& node : fields["nodes"]) {
      const json& place = node["fields"]["node"]["fields"];
      const uint64_t lo = std::stoull(node["fields"]["pfn_lo"].get<std::string>(), nullptr, 16);
      const uint64_t hi = std::stoull(node["fields"]["pfn_hi"].get<std::string>(), nullptr, 16);
      EXPECT_LE(lo, hi);
      EXPECT_TRUE(last == 0 || last < lo) << "nodes ascend and do not overlap";
      last = hi;
      if (place["parent"].is_null()) ++roots;
      if (place["colour"] != "red") continue;
      // No red node has a red parent.
      ASSERT_FALSE(place["parent"].is_null());
      const std::string parent = place["parent"]["name"];
      EXPECT_EQ(structure_in(fields["nodes"], parent)["node"]["fields"]["colour"], "black");
    }
    EXPECT_EQ(roots, 1u);
    EXPECT_FALSE(fields["rbroot"].is_null());
    ++trees;
  }
  EXPECT_GE(trees, 2u) << "the reserved ranges, and the device's domain";
}

TEST_F(dma_view, dumps_what_waits_for_a_flush) {
  const command_result shown =
      run("map 1 0 0 0 0x1000 1\nunmap 1\n", {.dump = "deferred_flush_tables,g_iommus"});
  EXPECT_THAT(shown.out, HasSubstr("struct deferred_flush_tables deferred_flush[0] {"));
  EXPECT_THAT(shown.out, HasSubstr("iova = (struct iova *) 0xfffff-0xfffff"));
  EXPECT_THAT(shown.out, HasSubstr("list_size = 1"));
  EXPECT_THAT(shown.out, HasSubstr("timer_on = true"));
  EXPECT_THAT(shown.out, Not(HasSubstr("struct dmar_domain dmar0:")));
}

}  // namespace
}  // namespace iommulab::dma_view_test
