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
  EXPECT_EQ(s->operations[0].died_in(), "intel_unmap");
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
  EXPECT_NE(complaint("# arena 0 size=x\n").find("take numbers"), std::string::npos);
  EXPECT_NE(complaint("# dev 0 00:04\n").find("line 1: dev is \"00:04\""), std::string::npos);
  EXPECT_NE(complaint("# dev 0 0000:00:04.0 mask\n").find("mask= and cmask="), std::string::npos);
  EXPECT_NE(complaint("  k: before all\n").find("before any operation"), std::string::npos);
  EXPECT_NE(complaint("map 1 -> ok ; ls=x tm=0 t=0 dt=0\n").find("state"), std::string::npos);
  EXPECT_NE(complaint("map 1 -> ok ; ls=0 tm=2 t=0 dt=0\n").find("state"), std::string::npos);
  EXPECT_NE(complaint("map 1 -> ok ; ls=0 tm=0 t=18446744073709551615 dt=1\n").find("that long"),
            std::string::npos);
  EXPECT_NE(complaint("5\n").find("operation"), std::string::npos);
}

TEST(script, is_looked_for) {
  const auto s = read_script("/nonexistent/ops.txt");
  ASSERT_FALSE(s.ok());
  EXPECT_NE(std::string(s.status().message()).find("/nonexistent/ops.txt"), std::string::npos);
}

}  // namespace
}  // namespace iommulab::dmalab::script_test
