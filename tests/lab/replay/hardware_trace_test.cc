// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/hardware_trace.h"

#include <gtest/gtest.h>

#include "lab/replay/captures.h"

namespace iommulab::verify::hardware_trace_test {
namespace {

trace_event access(trace_kind kind, uint64_t offset, uint8_t size, uint64_t value,
                   const char* unit = "dmar0") {
  const events::reg_access access = {unit, offset, size, value};
  trace_event event;
  if (kind == trace_kind::reg_read) {
    event.what = events::reg_read{access};
  } else {
    event.what = events::reg_write{access};
  }
  return event;
}

/// Lines up to the third access of PMEN, or to the boot mark.
std::vector<std::string> start_up_lines(const std::string& path) {
  std::vector<std::string> lines = scan(path, "vtd-trace.txt");
  for (const std::string& mark : scan(path, "vtd-marks.txt")) {
    if (mark.rfind("boot: after line ", 0) == 0) lines.resize(std::stoul(mark.substr(17)));
  }
  size_t pmen = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(" addr 0x64 ") != std::string::npos && ++pmen == 3) lines.resize(i + 1);
  }
  return lines;
}

TEST(hardware_trace_test, every_capture_has_as_many_accesses_and_descriptors_as_its_lines_say) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  size_t with_translation = 0;
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    const auto trace = read_start_up_trace(*folder);
    ASSERT_TRUE(trace.ok()) << trace.status();
    const std::vector<std::string> lines = start_up_lines(path);
    EXPECT_EQ(trace->accesses.size(),
              count(lines, "vtd_reg_read addr") + count(lines, "vtd_reg_write addr"))
        << path;
    EXPECT_EQ(trace->descriptors.size(), count(lines, "vtd_inv_desc invalidate desc")) << path;
    if (trace->descriptors.empty()) continue;
    ++with_translation;
    EXPECT_EQ(trace->accesses.back().offset, 0x64u) << path;
    EXPECT_FALSE(trace->accesses.back().is_write) << path;
    const page_roles roles = roles_of(*trace);
    ASSERT_TRUE(roles.queue && roles.root && roles.status_words) << path;
    EXPECT_EQ(count(
                  lines, "vtd_inv_qi_setup addr 0x" +
                             [&] {
                               char text[32];
                               (void)std::snprintf(text, sizeof text, "%lx ", *roles.queue);
                               return std::string(text);
                             }()),
              1u)
        << path;
  }
  if (with_translation == 0) IOMMULAB_MISSING("no capture has translation on");
}

TEST(hardware_trace_test, register_lines_are_the_captures_own_lines_when_pages_are_exact) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    const auto trace = read_start_up_trace(*folder);
    ASSERT_TRUE(trace.ok()) << trace.status();
    const std::vector<std::string> lines = scan(path, "vtd-trace.txt");
    for (const numbered_line& line : register_lines(*trace, page_names::exact())) {
      ASSERT_LE(line.line, lines.size());
      EXPECT_EQ(line.text, lines[line.line - 1]) << path;
    }
  }
}

TEST(hardware_trace_test, an_unaligned_read_of_ours_shows_as_the_two_that_the_model_saw) {
  const std::vector<trace_event> events = {access(trace_kind::reg_read, 0x1c, 8, 7),
                                           access(trace_kind::reg_read, 0x1c, 4, 7),
                                           access(trace_kind::reg_read, 0x20, 8, 7)};
  const numbered_lines lines = register_lines(trace_of_run(events, {}), page_names::exact());
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].text, "vtd_reg_read addr 0x18 size 0x8");
  EXPECT_EQ(lines[1].text, "vtd_reg_read addr 0x20 size 0x8");
  EXPECT_EQ(lines[2].text, "vtd_reg_read addr 0x1c size 0x4");
  EXPECT_EQ(lines[3].text, "vtd_reg_read addr 0x20 size 0x8");
  EXPECT_EQ(lines[1].line, 1u);
  EXPECT_EQ(lines[2].line, 2u);
}

TEST(hardware_trace_test, pages_are_named_by_what_they_are_for) {
  std::vector<trace_event> events = {access(trace_kind::reg_write, 0x90, 8, 0x5000),
                                     access(trace_kind::reg_write, 0x20, 8, 0x9800),
                                     access(trace_kind::reg_write, 0x40, 4, 0xfee0100c)};
  trace_event wait;
  wait.what = events::descriptor{"dmar0", 0, 0x11, 0};
  events.push_back(wait);
  wait.what = events::descriptor{"dmar0", 1, 0x200000025, 0x77c04};  // the second one's word
  events.push_back(wait);
  const hardware_trace trace = trace_of_run(events, {});
  const page_names names = page_names::by_appearance(roles_of(trace));
  const numbered_lines registers = register_lines(trace, names);
  ASSERT_EQ(registers.size(), 3u);
  EXPECT_EQ(registers[0].text, "vtd_reg_write addr 0x90 size 0x8 value queue");
  EXPECT_EQ(registers[1].text, "vtd_reg_write addr 0x20 size 0x8 value root+0x800");
  EXPECT_EQ(registers[2].text, "vtd_reg_write addr 0x40 size 0x4 value 0xfee0100c");
  const numbered_lines queue = queue_lines(trace, names);
  ASSERT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue[0].text, "vtd_inv_desc type context-cache high 0x0 low 0x11");
  EXPECT_EQ(queue[1].text, "vtd_inv_desc type wait high status_words+0x4 low 0x200000025");
}

TEST(hardware_trace_test, units_that_the_capture_did_not_watch_are_left_out) {
  std::vector<trace_event> events = {access(trace_kind::reg_read, 0x8, 8, 0, "dmar1"),
                                     access(trace_kind::reg_read, 0x10, 8, 0)};
  const std::vector<std::string> others = {"dmar1"};
  const hardware_trace trace = trace_of_run(events, others);
  ASSERT_EQ(trace.accesses.size(), 1u);
  EXPECT_EQ(trace.accesses[0].offset, 0x10u);
}

}  // namespace
}  // namespace iommulab::verify::hardware_trace_test
