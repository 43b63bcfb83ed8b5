// SPDX-License-Identifier: GPL-2.0-only
#include "lab/script/script.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace iommulab::dmalab::script_test {
namespace {

class script_file : public testing::Test {
 protected:
  absl::StatusOr<script> read(const std::string& text) {
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".dma");
    std::ofstream(path_) << text;
    return read_script(path_.string());
  }
  std::string complaint(const std::string& text) {
    const auto result = read(text);
    return result.ok() ? "no complaint" : std::string(result.status().message());
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::filesystem::path path_;
};

TEST_F(script_file, holds_operations_with_and_without_results) {
  const auto s = read(
      "# arena 0 phys=0x3d800000 size=0x400000\n"
      "# arena 1 size=0x1000\n"
      "# dev 0 0000:00:04.0 mask=0xffffffff cmask=0xffff\n"
      "# dev 1 0001:00:05.1\n"
      "# mode intel_iommu=on iommu=pt\n"
      "\n"
      "7 map 1 0 0 0x0 0x1000 1 -> phys=0x3d800000 dma=0xfffff000 err=0 ; ls=2 tm=1 t=5 dt=3\n"
      "  k: [    2.1] DMAR: line\n"
      "note a -> b\n"
      "unmap 1\n");
  ASSERT_TRUE(s.ok()) << s.status();
  ASSERT_EQ(s->arenas.size(), 2u);
  EXPECT_EQ(s->arenas[0].start, phys_addr(0x3d800000));
  EXPECT_EQ(s->arenas[0].size, 0x400000u);
  EXPECT_FALSE(s->arenas[1].start.has_value());
  ASSERT_EQ(s->devices.size(), 2u);
  EXPECT_EQ(s->devices[0].coherent_mask, 0xffffu);
  EXPECT_EQ(s->devices[1].id, (source_id{1, 0, pci_devfn(5, 1)}));
  EXPECT_EQ(s->command_line, "intel_iommu=on iommu=pt");
  ASSERT_EQ(s->operations.size(), 3u);
  const operation& map = s->operations[0];
  EXPECT_EQ(map.number, 7u);
  EXPECT_EQ(map.line, 7u);
  EXPECT_EQ(map.text, "map 1 0 0 0x0 0x1000 1");
  EXPECT_EQ(map.words.size(), 7u);
  EXPECT_EQ(map.result, "phys=0x3d800000 dma=0xfffff000 err=0");
  ASSERT_TRUE(map.state.has_value());
  EXPECT_EQ(map.state->list_size, 2);
  EXPECT_TRUE(map.state->timer_on);
  EXPECT_EQ(map.state->time_ns, 5u);
  EXPECT_EQ(map.state->spent_ns, 3u);
  ASSERT_EQ(map.log.size(), 1u);
  EXPECT_EQ(map.log[0].text, "[    2.1] DMAR: line");
  EXPECT_EQ(s->operations[1].result, "b");
  EXPECT_FALSE(s->operations[2].result.has_value());
  EXPECT_EQ(s->operations[2].number, 3u) << "unnumbered operations count";
}

TEST_F(script_file, knows_where_a_kernel_died) {
  const auto s = read(
      "4 unmapa 2 0x1000 0x1000 1 -> dma=0x1000\n"
      "  k: [    2.10] Kernel BUG at ffffffff81221641 [verbose debug info unavailable]\n"
      "  k: [    2.10] RIP: 0010:[<ffffffff81221641>]  [<ffffffff81221641>] "
      "intel_unmap.part.0.isra.0+0x181/0x1d0\n");
  ASSERT_TRUE(s.ok()) << s.status();
  EXPECT_TRUE(s->operations[0].died());
  EXPECT_FALSE(s->operations[0].death()) << "the report does not end";
}

TEST_F(script_file, has_the_death_of_a_kernel_where_its_report_is_whole) {
  const std::string operation = "4 unmapa 2 0x1000 0x1000 1 -> dma=0x1000\n";
  const std::string message = "  k: [    2.10] Kernel BUG at ffffffff81221641 [verbose]\n";
  const std::string first =
      "  k: [    2.10] RIP: 0010:[<ffffffff81221641>]  [<ffffffff81221641>] "
      "intel_unmap.part.0.isra.0+0x181/0x1d0\n";
  const std::string again =
      "  k: [    2.11] RIP  [<ffffffff81221641>] intel_unmap.part.0.isra.0+0x181/0x1d0\n";
  const std::string end = "  k: [    2.11] ---[ end trace 3a5c0b6b61782f4e ]---\n";
  const auto death = [&](const std::string& log) {
    const auto s = read(operation + log);
    EXPECT_TRUE(s.ok()) << s.status();
    return s.ok() ? s->operations[0].death() : std::nullopt;
  };
  const auto whole = death(message + first + again + end);
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->message, "Kernel BUG at ");
  EXPECT_EQ(whole->address, 0xffffffff81221641u);
  EXPECT_EQ(whole->function, "intel_unmap");
  EXPECT_FALSE(death(first + again + end)) << "no message";
  EXPECT_FALSE(death(message + first + end)) << "the function once";
  EXPECT_FALSE(death(message + first + again)) << "no end";
  const std::string other = "  k: [    2.11] RIP  [<ffffffff81221641>] intel_map+0x181/0x1d0\n";
  EXPECT_FALSE(death(message + first + other + end)) << "two functions";
  const std::string elsewhere = "  k: [    2.10] Kernel BUG at ffffffff81221642 [verbose]\n";
  EXPECT_FALSE(death(elsewhere + first + again + end)) << "two addresses";
}

TEST_F(script_file, tells_when_its_first_fault_was_handled) {
  const auto s = read(
      "1 edu 0 1 0x1000 0x40000 8 -> src=0x1000 ; ls=0 tm=0 t=4688011989 dt=127993516\n"
      "  k: [    4.700001] DMAR: of something else\n"
      "  k: [    4.787412] DMAR: DRHD: handling fault status reg 3\n"
      "  k: [    4.787435] DMAR: DMAR:[DMA Read] Request device [00:04.0] fault addr 1000 \n"
      "2 edu 0 1 0x1000 0x40000 8 -> src=0x1000 ; ls=0 tm=0 t=5088011989 dt=127993516\n"
      "  k: [    5.187413] DMAR: DRHD: handling fault status reg 2\n");
  ASSERT_TRUE(s.ok()) << s.status();
  EXPECT_EQ(first_fault_ns(*s), 4'787'412'000u);
  const auto none =
      read("1 wait 5 -> ok\n  k: [    4.7] DMAR: DRHD: handling fault status reg 2\n");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(first_fault_ns(*none), std::nullopt) << "no stamp with microseconds";
}

TEST_F(script_file, is_refused_with_line_and_field) {
  EXPECT_NE(complaint("# arena 1 size=0x1000\n").find("line 1: arena is \"1\""), std::string::npos);
  EXPECT_NE(complaint("# arena 0 size=0x1001\n").find("whole pages"), std::string::npos);
  EXPECT_NE(complaint("# arena 0 size=x\n").find("line 1: size of arena is \"x\": not a number"),
            std::string::npos);
  EXPECT_NE(complaint("# dev 0 00:04\n").find("line 1: dev is \"00:04\""), std::string::npos);
  EXPECT_NE(complaint("# dev 0 0000:00:04.0 mask\n").find("mask= and cmask="), std::string::npos);
  EXPECT_NE(complaint("  k: before all\n").find("before any operation"), std::string::npos);
  EXPECT_NE(complaint("map 1 -> ok ; ls=x tm=0 t=0 dt=0\n").find("state"), std::string::npos);
  EXPECT_NE(complaint("map 1 -> ok ; ls=0 tm=2 t=0 dt=0\n").find("state"), std::string::npos);
  EXPECT_NE(complaint("map 1 -> ok ; ls=0 tm=0 t=18446744073709551615 dt=1\n").find("that long"),
            std::string::npos);
  EXPECT_NE(complaint("5\n").find("operation"), std::string::npos);
}

// What the state of a record lacks, by name.
TEST_F(script_file, names_what_is_wrong_with_a_state) {
  const auto says = [&](const std::string& state, const std::string& what) {
    EXPECT_NE(complaint("map 1 -> ok ; " + state + "\n").find("line 1: " + what), std::string::npos)
        << complaint("map 1 -> ok ; " + state + "\n");
  };
  says("ls=9", "state is \"ls=9\": tm= is missing; a state is ls=, tm=, t= and dt=");
  says("ls=9 tm=1 dt=5", "state is \"ls=9 tm=1 dt=5\": t= is missing");
  says("ls=9 tm=2 t=0 dt=5", "tm of the state is \"2\": 0 is off, 1 is on");
  says("ls=x tm=0 t=0 dt=5", "ls of the state is \"x\": not a number");
  says("ls=2147483648 tm=0 t=0 dt=5", "ls of the state is \"2147483648\": so many cannot wait");
  says("ls=0 tm=0 t=0 dt=99999999999999999999",
       "dt of the state is \"99999999999999999999\": does not fit 64 bits");
}

constexpr const char* recording =
    "# dmalab jiffies=4294892822 HZ=250\n"
    "1 wait 5 -> ok ; ls=0 tm=0 t=10 dt=5000000\n"
    "2 wait 6 -> ok ; ls=0 tm=0 t=20 dt=6000000\n";

TEST_F(script_file, is_refused_where_it_shows_that_it_was_cut) {
  const std::string whole = std::string(recording) + "# end ops=2\n";
  EXPECT_TRUE(read(whole).ok());
  EXPECT_TRUE(read("note made by hand -> ok\n").ok()) << "no recording promises an end";
  EXPECT_TRUE(read("note made by hand").ok()) << "nothing was recorded";
  EXPECT_NE(complaint(recording).find("operations is \"2\": the file is cut short"),
            std::string::npos)
      << "no end";
  EXPECT_NE(complaint(std::string(recording) + "# end ops=3\n")
                .find("line 4: end is \"ops=3\": 2 operations are there: the file is cut short"),
            std::string::npos);
  EXPECT_NE(complaint("wait 5 -> ok\n# end ops=2\n").find("1 operations are there"),
            std::string::npos)
      << "it says so, whatever its head says";
  EXPECT_NE(complaint("# end ops=x\nwait 5\n").find("ops of end is \"x\": not a number"),
            std::string::npos);
  EXPECT_NE(complaint("wait 5 -> ok ; ls=0 tm=0 t=20 dt=60").find("its line has no end"),
            std::string::npos)
      << "dt was longer";
  EXPECT_NE(complaint("# dmalab jiffies=1 HZ=250\n1 wait 5 -> ok\n2 wait 6 -> ok ; ls=0 tm=0 t=2 "
                      "dt=6\n# end ops=2\n")
                .find("line 2: operation is \"wait 5\": its record is not whole"),
            std::string::npos);
  for (size_t length = 0; length + 1 < whole.size(); ++length) {
    EXPECT_FALSE(read(whole.substr(0, length)).ok()) << whole.substr(0, length);
  }
}

TEST_F(script_file, without_an_operation_is_none) {
  for (const char* text : {"", "\n\n", "# a remark\n", "# end ops=0\n"}) {
    EXPECT_NE(complaint(text).find("operations is \"\": there is none"), std::string::npos) << text;
  }
}

TEST(script, is_looked_for) {
  const auto s = read_script("/nonexistent/ops.txt");
  ASSERT_FALSE(s.ok());
  EXPECT_NE(std::string(s.status().message()).find("/nonexistent/ops.txt"), std::string::npos);
}

}  // namespace
}  // namespace iommulab::dmalab::script_test
