// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "lab/replay/captures.h"
#include "lab/replay/recorded_pages.h"
#include "lab/replay/synthesizer.h"
#include "support/long_run.h"

namespace iommulab::verify::comparison_test {
namespace {

using outcome = class_result::outcome;

const class_result& result_of(const std::vector<class_result>& results, std::string_view name) {
  return *std::find_if(results.begin(), results.end(),
                       [&](const class_result& result) { return result.name == name; });
}

std::string all_reports(const std::vector<class_result>& results) {
  std::string text;
  for (const class_result& result : results) text += to_string(result);
  return text;
}

/// Names of the classes that differ.
std::vector<std::string> different(const std::vector<class_result>& results) {
  std::vector<std::string> names;
  for (const class_result& result : results) {
    if (!result.passes()) names.push_back(result.name);
  }
  return names;
}

capture_folder open(const std::string& path) {
  absl::StatusOr<capture_folder> folder = capture_folder::open(path);
  EXPECT_TRUE(folder.ok()) << folder.status();
  return *std::move(folder);
}

/// 1-based line of FILE that is `text`, counted from `from`.
size_t line_of(const std::string& path, const std::string& file, const std::string& text) {
  const std::vector<std::string> lines = scan(path, file);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(text) != std::string::npos) return i + 1;
  }
  return 0;
}

std::string at_line(const std::string& file, size_t line) {
  return file + " line " + std::to_string(line) + " differs";
}

class comparison_test : public testing::Test {
 protected:
  void SetUp() override {
    if (golden_root().empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  }
};

TEST_F(comparison_test, a_run_that_did_what_the_kernel_did_is_equal_in_every_class) {
  bool own_pages = false;
  for (const std::string& path : capture_paths()) {
    const capture_folder folder = open(path);
    own_pages = !own_pages;
    // One run with the recorded pages, one with pages of its own in reverse order; by turns, unless
    // there is time for both.
    for (const bool replay : {true, false}) {
      if (!is_long_run() && replay == own_pages) continue;
      synthesizer run(path, replay ? same_page : other_page);
      run.run().pages_replayed = replay;
      const std::vector<class_result> results = compare_run(folder, run.run(), {});
      ASSERT_EQ(results.size(), 7u);
      EXPECT_TRUE(different(results).empty()) << path << "\n" << all_reports(results);
      for (const class_result& result : results) {
        if (result.status == outcome::equal) continue;
        ASSERT_EQ(result.status, outcome::not_compared);
        const std::string file = result.report.substr(3);  // after "no "
        EXPECT_TRUE(scan(path, file).empty()) << path << ": " << result.report;
      }
    }
  }
}

TEST_F(comparison_test, the_number_of_lines_is_that_of_the_capture) {
  IOMMULAB_NEEDS_CAPTURE("boot/default.calls");
  const std::string path = capture_path("boot/default.calls");
  synthesizer run(path, same_page);
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  const std::vector<std::string> trace = scan(path, "vtd-trace.txt");
  const std::vector<std::string> start_up(
      trace.begin(), trace.begin() + 71);  // the third access of 64h, found by eye
  ASSERT_NE(trace[70].find("vtd_reg_read addr 0x64"), std::string::npos);
  EXPECT_EQ(result_of(results, "registers").lines,
            count(start_up, "vtd_reg_read addr") + count(start_up, "vtd_reg_write addr"));
  EXPECT_EQ(result_of(results, "queue").lines, count(start_up, "vtd_inv_desc invalidate"));
  EXPECT_EQ(result_of(results, "groups").lines, count(scan(path, "sysfs-iommu.txt"), "group "));
}

TEST_F(comparison_test, a_run_with_other_pages_differs_when_it_says_that_they_were_replayed) {
  IOMMULAB_NEEDS_CAPTURE("boot/default.calls");
  const std::string path = capture_path("boot/default.calls");
  synthesizer run(path, other_page);
  run.run().pages_replayed = true;
  EXPECT_EQ(different(compare_run(open(path), run.run(), {})),
            (std::vector<std::string>{"registers", "queue", "calls", "tables"}));
}

TEST_F(comparison_test, one_register_value_is_found_at_its_line) {
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const std::string path = capture_path("boot/default");
  synthesizer run(path, other_page);
  for (trace_event& event : run.run().events) {
    auto* write = std::get_if<events::reg_write>(&event.what);
    if (write != nullptr && write->offset == 0x3c) write->value ^= 1;
  }
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"registers"});
  const size_t line = line_of(path, "vtd-trace.txt", "vtd_reg_write addr 0x3c");
  const std::string report = to_string(result_of(results, "registers"));
  EXPECT_NE(report.find(at_line("vtd-trace.txt", line)), std::string::npos) << report;
  EXPECT_NE(report.find("addr 0x3c size 0x4 value 0x4141"), std::string::npos) << report;
  EXPECT_NE(report.find("addr 0x3c size 0x4 value 0x4140"), std::string::npos) << report;
  // Surroundings: the access before it, and the one after it on both sides.
  EXPECT_NE(report.find("vtd_reg_write addr 0x88 size 0x4 value 0x40"), std::string::npos);
  const size_t after = report.find("addr 0x40 size 0x4");
  ASSERT_NE(after, std::string::npos) << report;
  EXPECT_EQ(report.find("addr 0x40 size 0x4 value 0xfee0100c"), after) << report;
}

TEST_F(comparison_test, a_missing_and_an_extra_access_are_found) {
  IOMMULAB_NEEDS_CAPTURE("boot/no-option");
  const std::string path = capture_path("boot/no-option");
  const capture_folder folder = open(path);
  synthesizer missing(path, same_page);
  auto& events = missing.run().events;
  const auto last_read = std::find_if(events.begin(), events.end(), [](const trace_event& event) {
    const auto* access = event.as<events::reg_read>();
    return access != nullptr && access->offset == 0x1c;
  });
  ASSERT_NE(last_read, events.end());
  const trace_event read = *last_read;
  events.erase(last_read);
  const class_result less = result_of(compare_run(folder, missing.run(), {}), "registers");
  EXPECT_EQ(less.status, outcome::different);
  EXPECT_NE(less.report.find(
                at_line("vtd-trace.txt", line_of(path, "vtd-trace.txt", "vtd_reg_read addr 0x1c"))),
            std::string::npos)
      << less.report;
  ASSERT_EQ(less.hunks.size(), 1u) << to_string(less);
  EXPECT_EQ(less.hunks[0].lines.back(),
            (diff_line{diff_line::side::left, "vtd_reg_read addr 0x1c size 0x4"}));

  synthesizer extra(path, same_page);
  extra.run().events.push_back(read);
  const class_result more = result_of(compare_run(folder, extra.run(), {}), "registers");
  EXPECT_EQ(more.status, outcome::different);
  EXPECT_NE(more.report.find("vtd-trace.txt has no more lines"), std::string::npos) << more.report;
}

TEST_F(comparison_test, one_descriptor_is_found_at_its_line) {
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const std::string path = capture_path("boot/default");
  synthesizer run(path, other_page);
  for (trace_event& event : run.run().events) {
    auto* descriptor = std::get_if<events::descriptor>(&event.what);
    if (descriptor != nullptr && descriptor->low == 0xd2) descriptor->low = 0x52;
  }
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"queue"});
  const size_t line = line_of(path, "vtd-trace.txt", "high 0x0 low 0xd2");
  EXPECT_NE(result_of(results, "queue").report.find(at_line("vtd-trace.txt", line)),
            std::string::npos);
}

TEST_F(comparison_test, a_wait_descriptor_that_points_at_another_word_is_found) {
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const std::string path = capture_path("boot/default");
  synthesizer run(path, other_page);
  events::descriptor* last = nullptr;
  for (trace_event& event : run.run().events) {
    if (auto* d = std::get_if<events::descriptor>(&event.what)) last = d;
  }
  ASSERT_NE(last, nullptr);
  last->high += 4;
  EXPECT_EQ(different(compare_run(open(path), run.run(), {})), std::vector<std::string>{"queue"});
}

TEST_F(comparison_test, a_call_that_is_not_made_is_found_at_its_line) {
  IOMMULAB_NEEDS_CAPTURE("boot/default.calls");
  const std::string path = capture_path("boot/default.calls");
  synthesizer run(path, same_page);
  auto& events = run.run().events;
  const auto call = std::find_if(events.begin(), events.end(), [](const trace_event& event) {
    return event.kind() == trace_kind::call_enter && event.function() == "check_tylersburg_isoch";
  });
  ASSERT_NE(call, events.end());
  events.erase(call, call + 4);  // with the inlined function inside it
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"calls"});
  const size_t line = line_of(path, "fgraph-boot.txt", "check_tylersburg_isoch");
  EXPECT_NE(result_of(results, "calls").report.find(at_line("fgraph-boot.txt", line)),
            std::string::npos)
      << all_reports(results);
}

TEST_F(comparison_test, a_note_with_another_number_is_found_at_its_line) {
  IOMMULAB_NEEDS_CAPTURE("boot/default.calls");
  const std::string path = capture_path("boot/default.calls");
  synthesizer run(path, other_page);
  const std::string note = "reserve_iova lo=0xfea00 hi=0xfeaff";
  bool changed = false;
  for (trace_event& event : run.run().events) {
    auto* said = std::get_if<events::note>(&event.what);
    if (said == nullptr || said->text != note || changed) continue;
    said->text = "reserve_iova lo=0xfea00 hi=0xfeafe";
    changed = true;
  }
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"calls"});
  EXPECT_NE(result_of(results, "calls")
                .report.find(at_line("fgraph-boot.txt", line_of(path, "fgraph-boot.txt", note))),
            std::string::npos);
}

TEST_F(comparison_test, one_entry_of_a_table_is_found_at_its_line) {
  IOMMULAB_NEEDS_CAPTURE("firmware/r1");
  const std::string path = capture_path("firmware/r1");
  synthesizer run(path, same_page);
  // 1 0x… 505 000000003fff9003: a page of the first reserved region.
  const std::string leaf = "000000003fff9003";
  const size_t line = line_of(path, "pt-boot.txt", leaf);
  ASSERT_NE(line, 0u);
  unsigned long table = 0;
  unsigned index = 0;
  ASSERT_EQ(std::sscanf(scan(path, "pt-boot.txt")[line - 1].c_str(), "1 0x%lx %u", &table, &index),
            2);
  std::byte* entry = run.memory().at(phys_addr(table + uint64_t{8} * index), 8);
  entry[0] ^= std::byte{2};  // no longer writable
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"tables"});
  EXPECT_NE(result_of(results, "tables").report.find(at_line("pt-boot.txt", line)),
            std::string::npos)
      << all_reports(results);
  EXPECT_NE(to_string(result_of(results, "tables")).find("0x3fff9001"), std::string::npos);
}

TEST_F(comparison_test, a_mapping_that_start_up_does_not_make_is_found_in_ours) {
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const std::string path = capture_path("boot/default");
  synthesizer run(path, other_page);
  // Make the identity map's second 2 MiB page point elsewhere.
  const std::vector<std::string> dump = scan(path, "pt-boot.txt");
  unsigned long table = 0;
  const size_t line = line_of(path, "pt-boot.txt", "0000000000200083");
  ASSERT_EQ(std::sscanf(dump[line - 1].c_str(), "2 0x%lx", &table), 1);
  std::byte* entry = run.memory().at(phys_addr(other_page(table) + 8), 8);
  entry[2] = std::byte{0x60};
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"tables"});
  EXPECT_NE(result_of(results, "tables").report.find(at_line("pt-boot.txt", line)),
            std::string::npos);
}

TEST_F(comparison_test, a_run_without_a_root_table_differs_from_one_with) {
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const std::string path = capture_path("boot/default");
  synthesizer run(path, same_page);
  run.run().units[0].root_table.reset();
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"tables"});
  EXPECT_NE(all_reports(results).find("no root table programmed"), std::string::npos);
}

TEST_F(comparison_test, one_word_of_the_log_is_found_at_its_line) {
  IOMMULAB_NEEDS_CAPTURE("firmware/x1");
  const std::string path = capture_path("firmware/x1");
  synthesizer run(path, same_page);
  for (std::string& line : run.run().log) {
    if (line == "Your BIOS is broken; DMAR reported at address 0!") line += "!";
  }
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"log"});
  EXPECT_NE(
      result_of(results, "log")
          .report.find(at_line("dmesg.txt", line_of(path, "dmesg.txt", "Your BIOS is broken"))),
      std::string::npos);
}

TEST_F(comparison_test, an_attribute_a_link_and_a_group_are_found_at_their_lines) {
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const std::string path = capture_path("boot/default");
  const capture_folder folder = open(path);
  const std::string attribute = "devices/virtual/iommu/dmar0/intel-iommu/ecap";
  synthesizer other_value(path, same_page);
  ASSERT_TRUE(other_value.sysfs().remove(attribute).ok());
  ASSERT_TRUE(other_value.sysfs().create_file(attribute, [] { return "f43\n"; }).ok());
  std::vector<class_result> results = compare_run(folder, other_value.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"sysfs"});
  EXPECT_NE(result_of(results, "sysfs")
                .report.find(
                    at_line("sysfs-iommu.txt", line_of(path, "sysfs-iommu.txt", "  ecap = f42"))),
            std::string::npos);

  synthesizer no_link(path, same_page);
  ASSERT_TRUE(no_link.sysfs().remove("devices/pci0000:00/0000:00:04.0/iommu").ok());
  results = compare_run(folder, no_link.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"sysfs"});
  EXPECT_NE(result_of(results, "sysfs")
                .report.find(at_line("sysfs-iommu.txt",
                                     line_of(path, "sysfs-iommu.txt", "/0000:00:04.0/iommu"))),
            std::string::npos);

  synthesizer lost_member(path, same_page);
  ASSERT_TRUE(lost_member.sysfs().remove("kernel/iommu_groups/3/devices/0000:00:1f.2").ok());
  results = compare_run(folder, lost_member.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"groups"});
  EXPECT_NE(
      result_of(results, "groups")
          .report.find(at_line("sysfs-iommu.txt", line_of(path, "sysfs-iommu.txt", "group 3:"))),
      std::string::npos);
}

TEST_F(comparison_test, a_refusal_that_is_known_is_excused_and_nothing_besides) {
  IOMMULAB_NEEDS_CAPTURE("firmware/x1");
  const std::string path = capture_path("firmware/x1");
  const std::vector<known_difference> known = {{"length_*", "", "said better"}};
  synthesizer run(path, same_page);
  run.run().log.emplace_back("DMAR: refused");
  run.run().refusals = {{"length_zero", "DMAR: refused"}};
  std::vector<class_result> results = compare_run(open(path), run.run(), known);
  EXPECT_TRUE(different(results).empty()) << all_reports(results);
  EXPECT_EQ(result_of(results, "log").status, outcome::known);
  EXPECT_NE(to_string(result_of(results, "log")).find("known difference: said better"),
            std::string::npos);

  // Another line differs as well.
  synthesizer altered(path, same_page);
  altered.run().refusals = run.run().refusals;
  for (std::string& line : altered.run().log) {
    if (line.starts_with("DMAR: ")) line += "!";
  }
  altered.run().log.emplace_back("DMAR: refused");
  results = compare_run(open(path), altered.run(), known);
  EXPECT_EQ(result_of(results, "log").status, outcome::different);

  // A table that was refused for something else.
  run.run().refusals[0].name = "another";
  EXPECT_EQ(result_of(compare_run(open(path), run.run(), known), "log").status, outcome::different);
}

TEST_F(comparison_test, a_run_that_stopped_dead_says_why) {
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const std::string path = capture_path("boot/default");
  synthesizer run(path, same_page);
  run.run().stopped = "BUG: a state that the code rules out";
  const std::vector<class_result> results = compare_run(open(path), run.run(), {});
  EXPECT_EQ(different(results), std::vector<std::string>{"start-up"});
  EXPECT_EQ(to_string(results[0]), "start-up   DIFFERENT: BUG: a state that the code rules out\n");
}

/// A capture without some of its files.
std::string copy_without(const std::string& capture, const std::vector<std::string>& files) {
  namespace fs = std::filesystem;
  const fs::path copy = fs::path(testing::TempDir()) / "iommulab-without" / capture;
  fs::remove_all(copy);
  fs::create_directories(copy.parent_path());
  fs::copy(capture_path(capture), copy, fs::copy_options::recursive);
  for (const std::string& file : files) {
    fs::remove(copy / file);
    fs::remove(copy / (file + ".xz"));
  }
  return copy.string();
}

TEST_F(comparison_test, without_a_trace_the_classes_that_have_their_files_are_compared) {
  IOMMULAB_NEEDS_CAPTURE("boot/default.calls");
  const capture_folder folder = open(copy_without("boot/default.calls", {"vtd-trace.txt"}));
  const auto pages = recorded_pages(folder);
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_TRUE(pages->empty());
  synthesizer run(capture_path("boot/default.calls"), other_page);
  const std::vector<class_result> results = compare_run(folder, run.run(), {});
  EXPECT_TRUE(different(results).empty()) << all_reports(results);
  EXPECT_EQ(result_of(results, "registers").status, outcome::not_compared);
  EXPECT_EQ(result_of(results, "queue").status, outcome::not_compared);
  for (const char* name : {"tables", "log", "sysfs", "groups"}) {
    EXPECT_EQ(result_of(results, name).status, outcome::equal) << name;
    EXPECT_GT(result_of(results, name).lines, 0u) << name;
  }
}

TEST_F(comparison_test, a_sysfs_line_of_no_known_form_is_an_error_that_shows_it_escaped) {
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const std::string copy = copy_without("boot/default", {"sysfs-iommu.txt"});
  synthesizer run(capture_path("boot/default"), same_page);
  for (const std::string& line : {std::string("garbage"), std::string("group x: 0000:00:00.0"),
                                  std::string("0000:00:4.0 iommu -> ../../virtual/iommu/dmar0"),
                                  "\x1b[2J" + std::string(100, 'x')}) {
    std::ofstream(copy + "/sysfs-iommu.txt") << "group 0: 0000:00:00.0\n" << line << "\n";
    const class_result sysfs = result_of(compare_run(open(copy), run.run(), {}), "sysfs");
    EXPECT_EQ(sysfs.status, outcome::unreadable) << line;
    EXPECT_NE(sysfs.report.find("sysfs-iommu.txt: line 2: line is \""), std::string::npos)
        << sysfs.report;
    EXPECT_EQ(sysfs.report.find('\x1b'), std::string::npos);
    EXPECT_EQ(sysfs.report.find(std::string(61, 'x')), std::string::npos);
  }
}

TEST_F(comparison_test, an_unreadable_file_is_an_error_and_not_an_equal_class) {
  namespace fs = std::filesystem;
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const fs::path copy = copy_without("boot/default", {"pt-boot.txt"});
  std::ofstream(copy / "pt-boot.txt") << "# root table 0x2a7000\nR 0x2a7000 0 lo=0000\n";
  synthesizer run(capture_path("boot/default"), same_page);
  const std::vector<class_result> results = compare_run(open(copy.string()), run.run(), {});
  const class_result& tables = result_of(results, "tables");
  EXPECT_EQ(tables.status, outcome::unreadable);
  EXPECT_FALSE(tables.passes());
  EXPECT_NE(tables.report.find("pt-boot.txt: line 2: "), std::string::npos) << tables.report;
  fs::remove(copy / "dmesg.txt");
  fs::remove(copy / "dmesg.txt.xz");
  const class_result log = result_of(compare_run(open(copy.string()), run.run(), {}), "log");
  EXPECT_EQ(log.status, outcome::not_compared);
  EXPECT_EQ(to_string(log), "log        not compared (no dmesg.txt)\n");
}

numbered_lines numbered(const std::vector<std::string>& texts) {
  numbered_lines lines;
  for (const std::string& text : texts) lines.push_back({lines.size() + 1, text});
  return lines;
}

/// Whether the list excuses the difference for a run that refused its table saying "refused".
bool excuses(std::string_view name, const std::vector<std::string>& captured,
             const std::vector<std::string>& ours,
             std::optional<uint8_t> scope_type = std::nullopt) {
  const std::vector<known_difference> list = {{"silent_hang", "", "r"},
                                              {"loud_*", "DMAR: again", "r"}};
  const std::vector<table_refusal_said> refusals = {{"warned_before", "DMAR: warned"},
                                                    {std::string(name), "refused", scope_type}};
  const numbered_lines capture = numbered(captured);
  const numbered_lines run = numbered(ours);
  return find_known_difference(list, refusals, capture, run) != nullptr;
}

TEST(known_differences_test, a_log_that_ends_where_ours_refuses_the_table_is_excused) {
  EXPECT_TRUE(excuses("silent_hang", {"a", "b"}, {"a", "b", "refused"}));
  EXPECT_TRUE(excuses("silent_hang", {}, {"refused", "DMAR: Parse DMAR table failure."}));
  EXPECT_FALSE(excuses("another_hang", {"a"}, {"a", "refused"}));
}

TEST(known_differences_test, any_other_difference_is_not_excused) {
  EXPECT_FALSE(excuses("silent_hang", {"a", "c"}, {"a", "b", "refused"})) << "a line is altered";
  EXPECT_FALSE(excuses("silent_hang", {"a"}, {"a", "b", "refused"})) << "a line is missing";
  EXPECT_FALSE(excuses("silent_hang", {"a", "b", "c"}, {"a", "b", "refused"})) << "the run went on";
  EXPECT_FALSE(excuses("silent_hang", {"a"}, {"a", "refused", "b"})) << "ours goes on";
  EXPECT_FALSE(
      excuses("silent_hang", {"a"}, {"a", "refused", "DMAR: Parse DMAR table failure.", "b"}));
  EXPECT_FALSE(excuses("silent_hang", {"a"}, {"a"})) << "the refusal was not logged";
}

/// 4.4 complains of a device scope's type where it does not know it: 1 to 5 are known.
TEST(known_differences_test, a_kernel_that_repeats_a_line_while_it_hangs_may_be_stopped_anywhere) {
  EXPECT_TRUE(excuses("loud_hang", {"a", "DMAR: again", "DMAR: again"}, {"a", "refused"}, 0));
  EXPECT_TRUE(excuses("loud_hang", {"a", "DMAR: again", "DMAR: ag"}, {"a", "refused"}, 6));
  EXPECT_FALSE(excuses("loud_hang", {"a", "DMAR: ag", "DMAR: again"}, {"a", "refused"}, 0));
  EXPECT_FALSE(excuses("loud_hang", {"a", "DMAR: other", "DMAR: again"}, {"a", "refused"}, 0));
  EXPECT_FALSE(excuses("silent_hang", {"a", "DMAR: again"}, {"a", "refused"}, 0));
}

TEST(known_differences_test, a_kernel_repeats_its_line_exactly_where_it_does_not_know_the_scope) {
  EXPECT_FALSE(excuses("loud_hang", {"a"}, {"a", "refused"}, 0)) << "it says nothing";
  for (uint8_t known = 1; known <= 5; ++known) {
    EXPECT_TRUE(excuses("loud_hang", {"a"}, {"a", "refused"}, known));
    EXPECT_FALSE(
        excuses("loud_hang", {"a", "DMAR: again", "DMAR: again"}, {"a", "refused"}, known));
  }
}

}  // namespace
}  // namespace iommulab::verify::comparison_test
