// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/linux_player.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "iova/trace/driver_domain.h"
#include "iova/trace/trace_lines.h"
#include "iova/trace/trace_reader.h"

namespace iommulab::linux_player_test {
namespace {

absl::StatusOr<iova_replay> play(std::string_view operations) {
  const auto trace = parse_iova_trace("t", lines({"init 4096 0x1 0xfffff\n", operations}));
  if (!trace.ok()) return trace.status();
  return play_on_linux(*trace, *find_iova_trace_version("v4_4"), make_driver_domain);
}

iova_difference difference(std::string_view operations) {
  const auto replay = play(operations);
  EXPECT_TRUE(replay.ok()) << replay.status();
  if (!replay.ok() || !replay->difference) return {};
  return *replay->difference;
}

// What 4.4 does on an empty domain: the highest frames below the limit, downward.
constexpr std::string_view two =
    "alloc 1 1 0xfffff 0 -> 0xfffff 0xfffff\n"
    "alloc 2 2 0xfffff 0 -> 0xffffd 0xffffe\n";

TEST(linux_player, plays_every_operation_of_4_4) {
  const auto replay = play(lines({two,
                                  "state -> cached32=0xffffd\n"
                                  "find 0xffffe -> 0xffffd 0xffffe\n"
                                  "find 0x5 -> none\n"
                                  "reserve 0x10 0x20 -> 0x10 0x20\n"
                                  "split 2 0xffffe 0xffffe -> 0xffffe 0xffffe\n"
                                  "dump 3\n0x10 0x20\n0xffffd 0xffffd\n0xfffff 0xfffff\nend\n"
                                  "free_pfn 0xffffd\n"
                                  "free 1\n"
                                  "use 1\ninit 4096 0x1 0xfffff\nuse 0\ncopy_reserved 0 1\nuse 1\n"
                                  "dump 1\n0x10 0x20\nend\n"
                                  "init 4096 0x1 0xfffff\ndump 0\nend\n"}));
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_EQ(replay->operations, 19u);
  EXPECT_FALSE(replay->difference) << iova_difference_text(*replay->difference);
}

TEST(linux_player, shows_a_wrong_range_with_what_lies_around_it) {
  const iova_difference d =
      difference(lines({two, "alloc 3 1 0xfffff 0 -> 0xffffb 0xffffb\nfree 3\n"}));
  EXPECT_EQ(d.line, 4u);
  EXPECT_EQ(d.operation, "alloc 3 1 0xfffff 0");
  EXPECT_EQ(d.expected, "0xffffb 0xffffb");
  EXPECT_EQ(d.got, "0xffffc 0xffffc");
  EXPECT_EQ(d.state, "cached32=0xffffc");
  EXPECT_EQ(d.neighbours,
            (std::vector<iova_range>{{0xffffc, 0xffffc}, {0xffffd, 0xffffe}, {0xfffff, 0xfffff}}));
  EXPECT_EQ(iova_difference_text(d),
            "line 4: alloc 3 1 0xfffff 0\n"
            "  expected: 0xffffb 0xffffb\n"
            "  got:      0xffffc 0xffffc\n"
            "  state:    cached32=0xffffc\n"
            "  in use around 0xffffc:\n"
            "  > 0xffffc 0xffffc\n"
            "    0xffffd 0xffffe\n"
            "    0xfffff 0xfffff\n");
}

TEST(linux_player, finds_every_kind_of_difference) {
  EXPECT_EQ(difference("alloc 0 1 0xfffff 0 -> FAIL").got, "0xfffff 0xfffff");
  EXPECT_EQ(difference("alloc 0 1 0x1 0 -> 0x1 0x1").got, "FAIL");
  EXPECT_EQ(difference("state -> cached32=0x5").got, "cached32=none");
  EXPECT_EQ(difference("find 7 -> 0x1 0x8").got, "none");
  EXPECT_EQ(difference("reserve 1 2 -> 0x1 0x3").got, "0x1 0x2");
  EXPECT_EQ(difference(lines({two, "split 2 0xffffe 0xffffe -> 0xffffd 0xffffd"})).got,
            "0xffffe 0xffffe");
  EXPECT_EQ(difference("dump 1\n0x1 0x2\nend").got, "0 ranges, of which range 1: none");
  EXPECT_EQ(difference(lines({two, "dump 1\n0xffffd 0xffffe\nend"})).got,
            "2 ranges, of which range 2: 0xfffff 0xfffff");
  EXPECT_EQ(difference(lines({two, "dump 2\n0xffffd 0xffffd\n0xfffff 0xfffff\nend"})).expected,
            "2 ranges, of which range 1: 0xffffd 0xffffd");
}

TEST(linux_player, refuses_what_the_version_does_not_have) {
  for (const char* line : {"rcache_init 1", "depot -> 0"}) {
    const auto replay = play(line);
    EXPECT_EQ(status_errno(replay.status()), EINVAL) << line;
  }
  EXPECT_EQ(play("rcache_init 1").status().message(),
            "t: line 2: operation is \"rcache_init 1\": v4_4 has no such function");
}

TEST(linux_player, refuses_what_earlier_steps_made_impossible) {
  EXPECT_EQ(play(lines({two, "free_pfn 0xffffe\nfree 2"})).status().message(),
            "t: line 5: operation is \"free 2\": a free_pfn before has freed it");
  EXPECT_EQ(play(lines({two, "free_pfn 0xffffe\nsplit 2 1 2 -> FAIL"})).status().message(),
            "t: line 5: operation is \"split 2 0x1 0x2\": a free_pfn before has freed it");
  EXPECT_EQ(play(lines({two, "split 2 0xffffc 0xffffd -> FAIL"})).status().message(),
            "t: line 4: operation is \"split 2 0xffffc 0xffffd\": the range is 0xffffd 0xffffe");
}

TEST(linux_player, says_when_a_domain_cannot_be_made) {
  const auto trace = parse_iova_trace("t", "init 4096 0x1 0xfffff\n");
  const auto replay = play_on_linux(*trace, *find_iova_trace_version("v4_4"),
                                    [] { return std::unique_ptr<linux_iova_domain>(); });
  EXPECT_EQ(status_errno(replay.status()), ENOMEM);
}

TEST(iova_neighbours, are_three_on_each_side) {
  std::vector<iova_range> all;
  for (uint64_t i = 1; i <= 10; ++i) all.push_back({i * 10, i * 10 + 5});
  const auto around = iova_neighbours(all, 52);
  EXPECT_EQ(around.front(), (iova_range{30, 35}));
  EXPECT_EQ(around.back(), (iova_range{80, 85}));
  EXPECT_EQ(iova_neighbours(all, 0).size(), 3u);
  EXPECT_EQ(iova_neighbours(all, 1000).size(), 3u);
  EXPECT_TRUE(iova_neighbours({}, 7).empty());
}

}  // namespace
}  // namespace iommulab::linux_player_test
