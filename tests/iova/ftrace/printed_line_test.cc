// SPDX-License-Identifier: GPL-2.0-only
#include "iova/ftrace/printed_line.h"

#include <gtest/gtest.h>

#include <string>

namespace iommulab::printed_line_test {
namespace {

using kind = printed_line::kind;

struct expected_event {
  const char* line;
  uint32_t cpu;
  const char* system;
  const char* event;
  const char* payload;
};

TEST(printed_line, knows_the_events_of_every_printer) {
  // Linux kernel/trace/trace_output.c: trace_print_context(), with and without irq-info and
  // record-tgid; trace-cmd report; perf script, also with a period.
  const expected_event events[] = {
      {"            sshd-1234    [003] d..2.  1234.567890: dma_map_page: 0000:00:1f.2 dir=X", 3, "",
       "dma_map_page", "0000:00:1f.2 dir=X"},
      {"            sshd-1234    (   1230) [012] dNh2.  1234.567890: map: IOMMU: iova=1", 12, "",
       "map", "IOMMU: iova=1"},
      {"          <idle>-0     [000]  1234.567890: dma_unmap_sg: a b", 0, "", "dma_unmap_sg",
       "a b"},
      {"            sshd-1234  [007]  1234.567890123: dma_map_page:         0000:00:1f.2 dir=X", 7,
       "", "dma_map_page", "0000:00:1f.2 dir=X"},
      {"sshd  1234 [003]  1234.567890:              dma:dma_map_page: 0000:00:1f.2 dir=X", 3, "dma",
       "dma_map_page", "0000:00:1f.2 dir=X"},
      {"Web Content  1234/1240 [103]  1234.567890:          1 iommu:unmap: IOMMU: iova=1", 103,
       "iommu", "unmap", "IOMMU: iova=1"},
      {"kworker/u8:3-[7] [x]-12 [001] .....  99: dma_free: p", 1, "", "dma_free", "p"},
      {" a-1 [1023] d..2. 1.5: syscalls_enter: ", 1023, "", "syscalls_enter", ""},
  };
  for (const expected_event& each : events) {
    const printed_line line = split_printed_line(each.line);
    EXPECT_EQ(line.what, kind::event) << each.line;
    EXPECT_EQ(line.cpu, each.cpu) << each.line;
    EXPECT_EQ(line.system, each.system) << each.line;
    EXPECT_EQ(line.event, each.event) << each.line;
    EXPECT_EQ(line.payload, each.payload) << each.line;
  }
}

TEST(printed_line, knows_where_events_are_lost) {
  const auto lost = [](const char* text) {
    const printed_line line = split_printed_line(text);
    EXPECT_EQ(line.what, kind::lost) << text;
    return line.lost;
  };
  EXPECT_EQ(lost("CPU:3 [LOST 128 EVENTS]"), 128U);
  EXPECT_EQ(lost("CPU:3 [LOST EVENTS]"), 0U);
  EXPECT_EQ(lost("CPU:7 [204600 EVENTS DROPPED]"), 204600U);
  EXPECT_EQ(lost("CPU:0 [EVENTS DROPPED]"), 0U);
  EXPECT_EQ(lost("swapper     0 [002]   123.456789: PERF_RECORD_LOST lost 12"), 12U);
  EXPECT_EQ(lost("   sshd-1 [000] d..2. 1.000000: dma_map_sg: a[LINE TOO BIG]"), 1U);
}

TEST(printed_line, leaves_other_lines_alone) {
  const auto what = [](const char* text) { return split_printed_line(text).what; };
  EXPECT_EQ(what(""), kind::comment);
  EXPECT_EQ(what("   "), kind::comment);
  EXPECT_EQ(what("# tracer: nop"), kind::comment);
  EXPECT_EQ(what("cpus=8"), kind::other);
  EXPECT_EQ(what("CPU:3 12 EVENTS DROPPED]"), kind::other) << "no bracket opens";
  EXPECT_EQ(what("CPU:3 [12 EVENTS"), kind::other);
  EXPECT_EQ(what(" => iommu_dma_map_page"), kind::other);
  EXPECT_EQ(what("\tffffffff8111 dma_map_page_attrs+0x1 ([kernel.kallsyms])"), kind::other);
  EXPECT_EQ(what(" 3)   0.5 us    |  dma_map_page_attrs();"), kind::other);
  EXPECT_EQ(what("sshd-1234 [003"), kind::other);
  EXPECT_EQ(what("sshd-1234 [003]"), kind::other);
  EXPECT_EQ(what("sshd-1234 [003] d..2. 12"), kind::other);
  EXPECT_EQ(what("sshd-1234 [003] d..2. 12.5: vfs_read <-ksys_read"), kind::unnamed);
  EXPECT_EQ(what("sshd-1234 [003] d..2. 12.5:"), kind::unnamed);
}

}  // namespace
}  // namespace iommulab::printed_line_test
