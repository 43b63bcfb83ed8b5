// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/call_listing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "lab/replay/captures.h"
#include "lab/replay/recorded_pages.h"

namespace iommulab::verify::call_listing_test {
namespace {

using kind = call_event::kind;

std::vector<std::string> texts(const numbered_lines& lines) {
  std::vector<std::string> found;
  for (const numbered_line& line : lines) found.push_back(line.text);
  return found;
}

/// The lines of the start-up's calls as ftrace wrote them, from the bar on.
std::vector<std::string> start_up_lines(const std::vector<std::string>& graph) {
  std::vector<std::string> lines;
  bool inside = false;
  for (const std::string& line : graph) {
    const size_t bar = line.find("|  ");
    if (bar == std::string::npos) continue;
    std::string body = line.substr(bar + 3);
    // Where ftrace lost sight of the opening line, it names the function at its end.
    if (const size_t name = body.find("} /* "); name != std::string::npos) body.resize(name + 1);
    if (body == "iommu_init();" || body == "iommu_dev_init();") lines.push_back(body);
    if (body == "intel_iommu_init() {") inside = true;
    if (inside) lines.push_back(body);
    if (body == "}") inside = false;
  }
  return lines;
}

TEST(call_listing_test, every_capture_is_rendered_as_ftrace_wrote_it) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  size_t with_calls = 0;
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    if (!folder->has("fgraph-boot.txt")) continue;
    ++with_calls;
    const auto graph = read_call_graph(*folder, "fgraph-boot.txt");
    ASSERT_TRUE(graph.ok()) << graph.status();
    const auto traced = read_traced_functions(*folder);
    ASSERT_TRUE(traced.ok()) << traced.status();
    const std::vector<call_event> start_up = keep_start_up(*graph);
    const numbered_lines lines = call_lines(start_up, page_names::exact());
    EXPECT_EQ(texts(lines), start_up_lines(scan(path, "fgraph-boot.txt"))) << path;
    // The capture names nothing that its tracer is said not to have seen.
    EXPECT_EQ(keep_traced(start_up, *traced).size(), start_up.size()) << path;
  }
  if (with_calls == 0) IOMMULAB_MISSING("no capture has a call tree");
}

TEST(call_listing_test, every_function_graph_of_every_capture_can_be_read) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    for (const std::string& file : folder->files()) {
      if (file.rfind("fgraph-", 0) != 0) continue;
      const auto graph = read_call_graph(*folder, file);
      ASSERT_TRUE(graph.ok()) << graph.status();
      const std::vector<std::string> lines = scan(path, file);
      const auto notes = std::count_if(graph->begin(), graph->end(),
                                       [](const call_event& e) { return e.what == kind::note; });
      const size_t named_ends = count(lines, "} /* ");
      EXPECT_EQ(static_cast<size_t>(notes), count(lines, "/* ") - named_ends) << path << file;
    }
  }
}

TEST(call_listing_test, calls_that_no_tracer_saw_are_spliced_out_and_their_notes_move_up) {
  const std::vector<call_event> ours = {
      {kind::enter, 1, "pci_iommu_init"},
      {kind::enter, 2, "intel_iommu_init"},
      {kind::enter, 3, "inlined"},
      {kind::enter, 4, "alloc_pgtable_page"},
      {kind::note, 5, "alloc_pgtable_page node=-1 -> 0x1000"},
      {kind::exit, 6, "alloc_pgtable_page"},
      {kind::enter, 7, "domain_init"},
      {kind::note, 8, "told to students only"},
      {kind::exit, 9, "domain_init"},
      {kind::exit, 10, "inlined"},
      {kind::exit, 11, "intel_iommu_init"},
      {kind::exit, 12, "pci_iommu_init"},
  };
  const function_names traced = {"intel_iommu_init", "domain_init"};
  const numbered_lines lines =
      call_lines(keep_start_up(keep_traced(ours, traced)), page_names::by_appearance({}));
  EXPECT_EQ(texts(lines), (std::vector<std::string>{
                              "intel_iommu_init() {",
                              "  /* alloc_pgtable_page node=-1 -> P1 */",
                              "  domain_init();",
                              "}",
                          }));
  EXPECT_EQ(lines[2].line, 7u);
}

TEST(call_listing_test, what_is_left_open_is_closed) {
  const std::vector<call_event> ours = {{kind::enter, 1, "intel_iommu_init"},
                                        {kind::enter, 2, "init_dmars"},
                                        {kind::note, 3, "qi low=0x11 high=0x0"}};
  EXPECT_EQ(texts(call_lines(keep_start_up(ours), page_names::exact())),
            (std::vector<std::string>{"intel_iommu_init() {", "  init_dmars() {",
                                      "    /* qi low=0x11 high=0x0 */", "  }", "}"}));
}

TEST(call_listing_test, the_start_up_part_of_a_run_ends_with_intel_iommu_init) {
  std::vector<trace_event> events(4);
  events[0].what = events::call_enter{"intel_iommu_init"};
  events[1].what = events::reg_read{};
  events[2].what = events::call_exit{"intel_iommu_init"};
  events[3].what = events::reg_read{};
  EXPECT_EQ(start_up_part(events).size(), 3u);
  EXPECT_EQ(start_up_part(absl::MakeConstSpan(events).first(2)).size(), 2u);
}

TEST(recorded_pages_test, a_capture_gives_queue_status_words_and_every_table_in_order) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    const auto pages = recorded_pages(*folder);
    ASSERT_TRUE(pages.ok()) << pages.status();
    const std::vector<std::string> graph = scan(path, "fgraph-boot.txt");
    const size_t tables = count(graph, "/* alloc_pgtable_page ");
    if (tables == 0) {
      EXPECT_TRUE(pages->empty()) << path;
      continue;
    }
    ASSERT_EQ(pages->size(), tables + 2) << path;
    EXPECT_EQ((*pages)[0].what, recorded_page::kind::queue);
    EXPECT_EQ((*pages)[1].what, recorded_page::kind::status_words);
    EXPECT_EQ((*pages)[1].address % 1024, 0u) << path;  // the block is 1024 bytes
    const auto in_start_up = static_cast<size_t>(
        std::count_if(pages->begin(), pages->end(),
                      [](const recorded_page& page) { return !page.after_start_up; }));
    EXPECT_EQ(in_start_up, count(start_up_lines(graph), "/* alloc_pgtable_page ") + 2) << path;
    // Whatever table the dump shows was asked for.
    std::set<uint64_t> known;
    for (const recorded_page& page : *pages) known.insert(page.address);
    for (const std::string& line : scan(path, "pt-boot.txt")) {
      unsigned long table = 0;
      char level = 0;
      if (std::sscanf(line.c_str(), "%c 0x%lx", &level, &table) != 2) continue;
      EXPECT_TRUE(known.contains(table)) << path << ": " << line;
      if (level == 'R') {
        EXPECT_EQ(table, (*pages)[2].address) << path;
      }
    }
  }
}

}  // namespace
}  // namespace iommulab::verify::call_listing_test
