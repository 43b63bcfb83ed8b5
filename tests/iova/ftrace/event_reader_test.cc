// SPDX-License-Identifier: GPL-2.0-only
#include "iova/ftrace/event_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace iommulab::event_reader_test {
namespace {

constexpr char prefix[] = "  sshd-12 [003] d..2.  1.000000: ";

std::string line(const std::string& event) {
  return prefix + event + "\n";
}

dma_event_log read(const std::string& text) {
  const auto log = parse_dma_events("t", text);
  EXPECT_TRUE(log.ok()) << log.status().message();
  return log.ok() ? *log : dma_event_log{};
}

dma_event only(const std::string& event) {
  const dma_event_log log = read(line(event));
  EXPECT_EQ(log.events.size(), 1U) << event;
  return log.events.empty() ? dma_event{} : log.events.front();
}

std::string complaint(const std::string& text) {
  const auto log = parse_dma_events("t", text);
  EXPECT_FALSE(log.ok());
  return log.ok() ? "" : std::string(log.status().message());
}

// The forms of Linux v6.12 include/trace/events/dma.h.
TEST(dma_event_reader, reads_maps_and_unmaps_of_one_address) {
  const dma_event map = only(
      "dma_map_page: 0000:00:1f.2 dir=TO_DEVICE dma_addr=fffff800 size=4096 phys_addr=1234800 "
      "attrs=");
  EXPECT_EQ(map.what, dma_event::kind::map);
  EXPECT_EQ(map.cpu, 3U);
  EXPECT_EQ(map.line, 1U);
  EXPECT_EQ(map.address, 0xfffff800U);
  EXPECT_EQ(map.frames, 2U);  // 0x800 to 0x17ff
  EXPECT_FALSE(map.failed);
  EXPECT_FALSE(map.physical);
  EXPECT_EQ(only("dma_map_phys: d dir=TO_DEVICE dma_addr=1000 size=4096 phys_addr=1000 attrs=MMIO")
                .physical,
            true);
  for (const char* name : {"dma_unmap_page", "dma_unmap_phys", "dma_unmap_resource"}) {
    const dma_event unmap = only(std::string(name) +
                                 ": d dir=FROM_DEVICE dma_addr=fffff800 size=1 "
                                 "attrs=WEAK_ORDERING|SKIP_CPU_SYNC");
    EXPECT_EQ(unmap.what, dma_event::kind::unmap);
    EXPECT_EQ(unmap.address, 0xfffff800U);
  }
}

TEST(dma_event_reader, reads_coherent_memory) {
  const dma_event alloc = only(
      "dma_alloc: 0000:03:00.0 dir=BIDIRECTIONAL dma_addr=ffffc000 size=12288 "
      "virt_addr=00000000a1b2c3d4 flags=GFP_KERNEL|__GFP_ZERO attrs=");
  EXPECT_EQ(alloc.what, dma_event::kind::map);
  EXPECT_EQ(alloc.frames, 3U);
  EXPECT_FALSE(alloc.failed);
  for (const char* null : {"0000000000000000", "(null)", "(nil)", "0x0"}) {
    const dma_event refused = only(std::string("dma_alloc_pages: d dir=BIDIRECTIONAL dma_addr=0 "
                                               "size=4096 virt_addr=") +
                                   null + " flags=GFP_KERNEL attrs=NO_WARN");
    EXPECT_TRUE(refused.failed) << null;
    EXPECT_EQ(refused.frames, 1U);
  }
  EXPECT_EQ(only("dma_alloc_sgt: d dir=TO_DEVICE dma_addr=ffff0000 size=8192 "
                 "phys_addrs={0x1000,0x9000} flags=GFP_KERNEL attrs=")
                .frames,
            2U);
  EXPECT_TRUE(only("dma_alloc_sgt_err: d dir=TO_DEVICE dma_addr=0 size=8192 "
                   "virt_addr=0000000000000000 flags=GFP_KERNEL attrs=")
                  .failed);
  EXPECT_EQ(only("dma_free: d dir=BIDIRECTIONAL dma_addr=ffffc000 size=12288 "
                 "virt_addr=00000000a1b2c3d4 attrs=")
                .what,
            dma_event::kind::unmap);
  EXPECT_EQ(only("dma_free_sgt: d dir=TO_DEVICE dma_addr=ffff0000 size=8192 "
                 "phys_addrs={0x1000,0x9000}")
                .address,
            0xffff0000U);
}

// The kernel prints lists in braces; libtraceevent, with which trace-cmd and perf print, as decimal
// numbers.
TEST(dma_event_reader, reads_lists_of_the_kernel_and_of_libtraceevent) {
  const dma_event kernel = only(
      "dma_map_sg: d dir=TO_DEVICE dma_addrs={0xffffe200,0xfffff000} sizes={0x200,0x1001} "
      "phys_addrs={0x1200,0x3000,0x9000} attrs=");
  EXPECT_EQ(kernel.what, dma_event::kind::map_list);
  EXPECT_EQ(kernel.address, 0x1200U);
  EXPECT_EQ(kernel.frames, 3U);  // one, and two for the second buffer
  EXPECT_FALSE(kernel.truncated);
  const dma_event library = only(
      "dma_map_sg: d dir=TO_DEVICE dma_addrs=4294959616 4294963200 sizes=512 4097 "
      "phys_addrs=4608 12288 36864 attrs=");
  EXPECT_EQ(library.address, 0x1200U);
  EXPECT_EQ(library.frames, 3U);
  EXPECT_EQ(library.list, kernel.list);
  const dma_event unmap =
      only("dma_unmap_sg: d dir=TO_DEVICE phys_addrs={0x1200,0x3000,0x9000} attrs=");
  EXPECT_EQ(unmap.what, dma_event::kind::unmap_list);
  EXPECT_EQ(unmap.address, 0x1200U);
  EXPECT_EQ(unmap.list, kernel.list);
  EXPECT_NE(only("dma_unmap_sg: d dir=TO_DEVICE phys_addrs={0x1200,0x3000} attrs=").list,
            kernel.list);
}

TEST(dma_event_reader, knows_lists_that_the_kernel_cut) {
  EXPECT_TRUE(only("dma_map_sg: d dir=TO_DEVICE nents=128/200 ents=1/1 [TRUNCATED] "
                   "dma_addrs={0xffff0000} sizes={0x1000} phys_addrs={0x1000,0x2000} attrs=")
                  .truncated);
  EXPECT_TRUE(only("dma_map_sg: d dir=TO_DEVICE dma_addrs={0xffff0000} sizes={0x1000} "
                   "phys_addrs={0x1000,...} attrs=")
                  .truncated);
  // A map's list ends at 128 entries, that of its unmap may go on.
  std::string addresses;
  for (int i = 0; i < 128; ++i) addresses += (i == 0 ? "" : ",") + std::to_string(4096 * (i + 1));
  const uint64_t cut = only(
                           "dma_map_sg: d dir=TO_DEVICE dma_addrs={0x1000} sizes={0x1000} "
                           "phys_addrs={" +
                           addresses + "} attrs=")
                           .list;
  EXPECT_EQ(
      only("dma_unmap_sg: d dir=TO_DEVICE phys_addrs={" + addresses + ",0x99000} attrs=").list,
      cut);
}

TEST(dma_event_reader, knows_what_the_traced_kernel_refused) {
  const dma_event refused = only(
      "dma_map_page: d dir=TO_DEVICE dma_addr=ffffffffffffffff size=4096 phys_addr=1800 attrs=");
  EXPECT_TRUE(refused.failed);
  EXPECT_EQ(refused.frames, 2U);
  const dma_event_log lists =
      read(line("dma_map_sg_err: d dir=TO_DEVICE dma_addrs={0x1000,0x2000} err=-5 attrs="));
  EXPECT_EQ(lists.failed_lists, 1U);
  EXPECT_TRUE(lists.events.empty());
}

TEST(dma_event_reader, reads_the_events_of_the_iommu_api) {
  const dma_event map = only(
      "map: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x0000000001234000 "
      "size=4096");
  EXPECT_EQ(map.what, dma_event::kind::iommu_map);
  EXPECT_EQ(map.address, 0xfffff000U);
  EXPECT_EQ(map.frames, 1U);
  const dma_event unmap = only(
      "unmap: IOMMU: iova=0x00000000ffffe000 - 0x0000000100000000 size=8192 unmapped_size=8192");
  EXPECT_EQ(unmap.what, dma_event::kind::iommu_unmap);
  EXPECT_EQ(unmap.frames, 2U);
}

TEST(dma_event_reader, counts_what_it_passes_over) {
  const dma_event_log log = read(
      "# tracer: nop\n#\n"
      "# entries-in-buffer/entries-written: 5/9   #P:4\n"
      "cpus=4\n" +
      line("sched_switch: prev_comm=a") + line("map: another subsystem's") +
      line("vfs_read <-ksys_read") + "CPU:2 [LOST 7 EVENTS]\nCPU:1 [LOST EVENTS]\n" +
      " => iommu_dma_map_page\n" +
      line("dma_sync_single_for_cpu: d dir=FROM_DEVICE dma_addr=1000 size=64") +
      line("dma_sync_sg_for_device: d dir=FROM_DEVICE dma_addrs={0x1000} sizes={0x40}") +
      line("dma_unmap_page: 0000:00:02.0 dir=TO_DEVICE dma_addr=1000 size=1 attrs="));
  EXPECT_EQ(log.other_events, 3U);
  EXPECT_EQ(log.other_lines, 2U);
  EXPECT_EQ(log.gaps, 2U);
  EXPECT_EQ(log.lost, 7U);
  EXPECT_EQ(log.overwritten, 4U);
  EXPECT_EQ(log.syncs, 2U);
  EXPECT_EQ(log.lines, 13U);
  ASSERT_EQ(log.events.size(), 1U);
  EXPECT_EQ(log.events[0].line, 13U);
  EXPECT_EQ(log.devices, std::vector<std::string>{"0000:00:02.0"});
}

TEST(dma_event_reader, takes_line_ends_of_other_systems) {
  EXPECT_EQ(read("  a-1 [000] 1.0: dma_unmap_page: d dir=X dma_addr=1000 size=1 attrs=\r\n")
                .events.size(),
            1U);
}

TEST(dma_event_reader, refuses_half_lines_and_names_them) {
  const std::string whole =
      "dma_map_page: 0000:00:1f.2 dir=TO_DEVICE dma_addr=fffff000 size=4096 phys_addr=1234000 "
      "attrs=";
  const std::string good = line(whole);
  EXPECT_EQ(complaint(good + line("dma_map_page: d dir=TO_DEVICE dma_addr=fffff000 size=4096")),
            "t: line 2: dma_map_page is \"d dir=TO_DEVICE dma_addr=fffff000 size=4096\": has no "
            "phys_addr: the line is cut short");
  EXPECT_EQ(complaint(good + good.substr(0, good.size() - 1)),
            "t: line 2: last line is \"" + good.substr(0, 60) +
                "...\": the trace is cut short: the line does not end");
  EXPECT_EQ(complaint("096 phys_addr=1234000 attrs=\n" + good),
            "t: line 1: line is \"096 phys_addr=1234000 attrs=\": no CPU in brackets with a time "
            "behind it: it is cut short");
  EXPECT_EQ(complaint(line("dma_map_page: 0000:00:1f")),
            "t: line 1: event is \"0000:00:1f\": has no device with \"dir=\" behind it");
  EXPECT_EQ(complaint(line("dma_map_page: d dir=X dma_addr=xyz size=1 phys_addr=1 attrs=")),
            "t: line 1: dma_addr is \"xyz\": not a hexadecimal number of 64 bits");
  EXPECT_EQ(complaint(line("dma_map_page: d dir=X dma_addr=1 size=1k phys_addr=1 attrs=")),
            "t: line 1: size is \"1k\": not a number");
  EXPECT_EQ(complaint(line("dma_map_page: d dir=X dma_addr=1 size=281474976710657 phys_addr=1 "
                           "attrs=")),
            "t: line 1: size is \"281474976710657\": more than 48 address bits hold");
  EXPECT_EQ(complaint(line("dma_unmap_sg: d dir=X phys_addrs={0x1000,0x2")),
            "t: line 1: phys_addrs is \"{0x1000,0x2\": the list does not end");
  EXPECT_EQ(complaint(line("dma_unmap_sg: d dir=X phys_addrs={} attrs=")),
            "t: line 1: phys_addrs is \"\": the list is empty");
  EXPECT_EQ(complaint(line("dma_map_sg: d dir=X dma_addrs={0x1} sizes={0x1,0x2} phys_addrs={0x1} "
                           "attrs=")),
            "t: line 1: sizes is \"2 numbers\": there are 1 dma_addrs");
  EXPECT_EQ(complaint(line("map: IOMMU: iova=0x1000 - 0x3000 paddr=0x1000 size=40")),
            "t: line 1: event is \"IOMMU: iova=0x1000 - 0x3000 paddr=0x1000 size=40\": its size is "
            "not that of its range: the line is cut short");
  EXPECT_EQ(complaint(line("unmap: IOMMU: iova=0x1000 - 0x2000 size=4096")),
            "t: line 1: unmapped_size is \"\": is not there: the line is cut short");
}

TEST(dma_event_reader, refuses_a_trace_with_fewer_events_than_its_heading_says) {
  const std::string event = line("dma_unmap_page: d dir=X dma_addr=1000 size=1 attrs=");
  const std::string heading = "# entries-in-buffer/entries-written: 3/3   #P:4\n";
  EXPECT_EQ(read(heading + event + event + event).events.size(), 3U);
  EXPECT_EQ(complaint(heading + event + event),
            "t: line 1: entries-in-buffer is \"3\": the trace is cut short: there are 2");
  // Read while tracing went on: the printer says what got lost.
  EXPECT_EQ(read(heading + event + "CPU:1 [LOST 2 EVENTS]\n" + event).events.size(), 2U);
}

TEST(dma_event_reader, refuses_what_has_no_such_event) {
  EXPECT_EQ(
      complaint(line("sched_switch: a")),
      "t: no event of dma: or iommu: in 1 lines; `trace-cmd record -e dma` or `perf record -e "
      "'dma:*' -a` records them");
  EXPECT_EQ(
      complaint(""),
      "t: no event of dma: or iommu: in 0 lines; `trace-cmd record -e dma` or `perf record -e "
      "'dma:*' -a` records them");
}

// Whatever becomes of a trace, it is read, or refused with its name.
TEST(dma_event_reader, survives_damage) {
  const std::string sound =
      "# entries-in-buffer/entries-written: 6/6   #P:4\n" +
      line("dma_map_page: a dir=TO_DEVICE dma_addr=fffff000 size=4096 phys_addr=1234000 attrs=") +
      line(
          "dma_map_sg: a dir=X nents=2/2 ents=1/1 dma_addrs={0x1000} sizes={0x2000} "
          "phys_addrs={0x1000,0x2000} attrs=A|B") +
      line("dma_unmap_sg: a dir=X phys_addrs=4096 8192 attrs=") +
      line("map: IOMMU: iova=0x1000 - 0x2000 paddr=0x1000 size=4096") +
      line("dma_alloc: b dir=X dma_addr=0 size=9 virt_addr=(null) flags=G attrs=") +
      line("sched_switch: x") + "CPU:2 [LOST 7 EVENTS]\n";
  ASSERT_EQ(read(sound).events.size(), 5U);
  std::mt19937_64 random(4096);
  unsigned refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = sound;
    const size_t at = random() % damaged.size();
    switch (random() % 5) {
      case 0:
        damaged.resize(at);
        break;
      case 1:
        damaged[at] = static_cast<char>(random());
        break;
      case 2:
        damaged.erase(at, random() % 20);
        break;
      case 3: {
        const size_t from = random() % damaged.size();
        damaged.insert(at, damaged.substr(from, random() % 40));
        break;
      }
      default:
        const size_t count = random() % 30;
        damaged.insert(at, count, "0f{},= \n[:"[random() % 10]);
    }
    const auto log = parse_dma_events("t", damaged);
    if (log.ok()) continue;
    ++refused;
    ASSERT_TRUE(log.status().message().substr(0, 3) == "t: ") << log.status().message();
  }
  EXPECT_GT(refused, 5000U);
}

}  // namespace
}  // namespace iommulab::event_reader_test
