// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/table_dump.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "lab/replay/call_listing.h"
#include "lab/replay/captures.h"
#include "lab/replay/comparison.h"
#include "lab/replay/synthesizer.h"

namespace iommulab::verify::table_dump_test {
namespace {

/// "00:1f.0" of the context entries that a walk finds.
std::set<std::string> context_entries(const dumped_tables& dump) {
  std::set<std::string> found;
  if (!dump.root()) return found;
  const std::vector<table_entry> buses = dump.entries(root_level, *dump.root()).value();
  for (const table_entry& bus : buses) {
    const std::vector<table_entry> contexts =
        dump.entries(context_level, bus.low & ~0xfffULL).value();
    for (const table_entry& context : contexts) {
      char name[16];
      (void)std::snprintf(name, sizeof name, "%02x:%02x.%x", bus.index, context.index >> 3,
                          context.index & 7);
      found.insert(name);
    }
  }
  return found;
}

TEST(table_dump_test, every_dump_of_every_capture_can_be_read_and_loses_no_entry) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    for (const std::string& file : folder->files()) {
      if (file.rfind("pt-", 0) != 0) continue;
      const auto dump = dumped_tables::read(*folder, file);
      ASSERT_TRUE(dump.ok()) << dump.status();
      size_t entries = 0;
      for (const std::string& line : scan(path, file)) {
        if (!line.empty() && line[0] != '#') ++entries;
      }
      EXPECT_EQ(dump->entry_count(), entries) << path << "/" << file;
      // All of them hang below the root.
      const numbered_lines lines = table_lines(*dump, dump->root(), page_names::exact());
      EXPECT_EQ(lines.size(), dump->root() ? entries : 1) << path << "/" << file;
    }
  }
}

TEST(table_dump_test, what_stays_of_a_dump_is_what_the_call_tree_says_that_start_up_mapped) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  size_t cut = 0;
  size_t compared = 0;
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    if (!folder->has("fgraph-boot.txt") || !folder->has("pt-boot.txt")) continue;
    auto dump = dumped_tables::read(*folder, "pt-boot.txt");
    ASSERT_TRUE(dump.ok()) << dump.status();
    ++compared;
    const size_t before = dump->entry_count();
    dump->keep_start_up();
    if (dump->entry_count() < before) ++cut;
    const auto graph = read_call_graph(*folder, "fgraph-boot.txt");
    ASSERT_TRUE(graph.ok()) << graph.status();
    std::set<std::string> mapped;
    std::set<std::string> cleared;
    const std::string mapping = "domain_context_mapping_one ";
    bool undone = false;
    for (const call_event& event : keep_start_up(*graph)) {
      if (event.what == call_event::kind::note && event.text.rfind(mapping, 0) == 0) {
        mapped.insert(event.text.substr(mapping.size()));
      }
      undone = undone || event.text == "domain_context_clear_one";
    }
    const std::set<std::string> kept = context_entries(*dump);
    if (undone) {  // a mapping that failed was taken back
      EXPECT_TRUE(std::includes(mapped.begin(), mapped.end(), kept.begin(), kept.end())) << path;
      EXPECT_LT(kept.size(), mapped.size()) << path;
    } else {
      EXPECT_EQ(kept, mapped) << path;
    }
  }
  if (compared == 0) IOMMULAB_MISSING("no capture has both tables and a call tree");
  if (has_capture("boot/default.calls")) {
    EXPECT_GT(cut, 0u);
  }
}

TEST(table_dump_test, a_dump_put_into_memory_is_walked_as_the_dump_is) {
  if (golden_root().empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  for (const char* name : {"boot/default", "boot/bridges-passthrough", "firmware/r1", "firmware/r3",
                           "boot/no-superpages"}) {
    if (!has_capture(name)) continue;
    const auto folder = capture_folder::open(capture_path(name));
    ASSERT_TRUE(folder.ok()) << folder.status();
    auto dump = dumped_tables::read(*folder, "pt-boot.txt");
    ASSERT_TRUE(dump.ok()) << dump.status();
    dump->keep_start_up();
    synthesizer run(folder->path(), same_page);
    const numbered_lines expected = table_lines(*dump, dump->root(), page_names::exact());
    const numbered_lines ours =
        table_lines(memory_tables(run.memory()), dump->root(), page_names::exact());
    const class_result result = compare_lines("tables", "pt-boot.txt", expected, ours);
    EXPECT_EQ(result.status, class_result::outcome::equal) << name << "\n" << result.report;
  }
}

TEST(table_dump_test, a_dump_that_was_cut_short_is_refused) {
  namespace fs = std::filesystem;
  IOMMULAB_NEEDS_CAPTURE("boot/default");
  const fs::path copy = fs::path(testing::TempDir()) / "iommulab-cut/boot/default";
  fs::remove_all(copy);
  fs::create_directories(copy);
  std::ofstream(copy / "vtd-trace.txt") << "";
  const std::vector<std::string> lines = scan(capture_path("boot/default"), "pt-boot.txt");
  size_t leaf = 0;
  while (leaf < lines.size() && lines[leaf].rfind("1 ", 0) != 0) ++leaf;
  std::ofstream short_dump(copy / "pt-boot.txt");
  for (size_t i = 0; i < leaf; ++i) short_dump << lines[i] << "\n";
  short_dump.close();
  const auto folder = capture_folder::open(copy.string());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const auto dump = dumped_tables::read(*folder, "pt-boot.txt");
  ASSERT_FALSE(dump.ok());
  EXPECT_NE(dump.status().message().find("pt-boot.txt: line " + std::to_string(leaf)),
            std::string::npos)
      << dump.status();
}

TEST(table_dump_test, a_table_outside_memory_is_said_to_be_so) {
  const memory_range ram{phys_addr(0), uint64_t{1} << 20, memory_range::kind::ram};
  const auto memory = physical_memory::create({ram}).value();
  const uint64_t entry = 0x40000001;  // a context table beyond the end of RAM
  std::memcpy(memory->at(phys_addr(0x1000), 8), &entry, sizeof entry);
  const numbered_lines lines = table_lines(memory_tables(*memory), 0x1000, page_names::exact());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text, "R 0x1000 0 lo=0x40000001 hi=0x0");
  EXPECT_EQ(lines[1].text, "table 0x40000000 is not in memory");
}

TEST(table_dump_test, tables_that_point_at_themselves_end) {
  const memory_range ram{phys_addr(0), uint64_t{1} << 20, memory_range::kind::ram};
  const auto memory = physical_memory::create({ram}).value();
  const auto poke = [&](uint64_t address, uint64_t value) {
    std::memcpy(memory->at(phys_addr(address), 8), &value, sizeof value);
  };
  poke(0x1000, 0x2001);  // root 0
  poke(0x2000, 0x3001);  // context 00.0, three levels
  poke(0x2008, 0x101);
  for (uint64_t i = 0; i < 512; ++i) poke(0x3000 + 8 * i, 0x3003);
  const numbered_lines lines = table_lines(memory_tables(*memory), 0x1000, page_names::exact());
  EXPECT_EQ(lines.size(), 2u + 3 * 512u);
}

}  // namespace
}  // namespace iommulab::verify::table_dump_test
