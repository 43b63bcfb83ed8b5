// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/allocator_player.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "iova/support/naive_allocator.h"
#include "iova/trace/trace_lines.h"
#include "iova/trace/trace_reader.h"
#include "support/golden.h"
#include "support/long_run.h"

namespace iommulab::allocator_player_test {
namespace {

/// Breaks the rule that its name says at the second allocation.
enum class fault { none, overlap, limit, start, alignment, lost, ghost, refusal };

template <fault broken>
class faulty_allocator final : public naive_allocator {
 public:
  using naive_allocator::naive_allocator;
  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) override {
    if (++asked_ != 2) return naive_allocator::alloc(size, limit_pfn, size_aligned);
    switch (broken) {
      case fault::overlap:
        return {ranges().back().lo, nullptr};
      case fault::limit:
        return {limit_pfn + 1, nullptr};
      case fault::start:
        return {0, nullptr};
      case fault::alignment:
        return {0x1001, nullptr};
      case fault::refusal:
        return {};
      default:
        return naive_allocator::alloc(size, limit_pfn, size_aligned);
    }
  }
  [[nodiscard]] std::vector<iova_range> ranges() const override {
    std::vector<iova_range> all = naive_allocator::ranges();
    if (broken == fault::lost && !all.empty()) all.pop_back();
    if (broken == fault::ghost) all.insert(all.begin(), iova_range{0x10, 0x11});
    return all;
  }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const override {
    if (broken == fault::lost) return std::nullopt;
    if (broken == fault::ghost && frame == 0x10) return iova_range{0x10, 0x11};
    return naive_allocator::find(frame);
  }

 private:
  unsigned asked_ = 0;
};

template <fault broken>
constexpr iova_catalogue_entry entry = {
    "faulty", "", "", false, false, [](const iova_setup& setup) {
      return std::unique_ptr<iova_allocator>(new faulty_allocator<broken>(setup.space));
    }};

absl::StatusOr<iova_validity> play(const iova_catalogue_entry& allocator,
                                   std::string_view operations) {
  const auto trace = parse_iova_trace("t", lines({"init 4096 0x1 0xfffff\n", operations}));
  if (!trace.ok()) return trace.status();
  return play_on_allocator(*trace, *find_iova_trace_version("4.4"), allocator);
}

constexpr std::string_view two =
    "alloc 1 2 0xfffff 1 -> 0xffffe 0xfffff\n"
    "alloc 2 2 0xfffff 1 -> 0xffffc 0xffffd\n";

template <fault broken>
iova_difference difference(std::string_view more = "") {
  const auto result = play(entry<broken>, lines({two, more}));
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok() || !result->replay.difference) return {};
  return *result->replay.difference;
}

TEST(allocator_player, notes_each_rule_that_is_broken) {
  EXPECT_EQ(difference<fault::none>().line, 0u);
  EXPECT_EQ(difference<fault::overlap>().got, "0xffffe 0xfffff, which meets 0xffffe 0xfffff");
  EXPECT_EQ(difference<fault::overlap>().line, 3u);
  EXPECT_EQ(difference<fault::limit>().expected, "a range at or below the limit");
  EXPECT_EQ(difference<fault::start>().expected, "a range from 0x1 on");
  EXPECT_EQ(difference<fault::alignment>().expected, "a range that begins at a multiple of 0x2");
  EXPECT_EQ(difference<fault::lost>("find 0xffffd -> 0xffffc 0xffffd\n").got, "none");
  EXPECT_EQ(difference<fault::ghost>("find 0x10 -> none\n").got, "0x10 0x11");
  constexpr std::string_view dump = "dump 2\n0xffffc 0xffffd\n0xffffe 0xfffff\nend\n";
  EXPECT_EQ(difference<fault::lost>(dump).got, "0xffffe is not among its ranges");
  EXPECT_EQ(difference<fault::ghost>(dump).got, "6");
  EXPECT_EQ(difference<fault::ghost>(dump).expected, "4 frames in use");
}

TEST(allocator_player, counts_requests_that_only_one_of_the_two_could_serve) {
  const auto refused = play(entry<fault::refusal>, lines({two, "free 2\nfree 1\n"}));
  ASSERT_TRUE(refused.ok());
  EXPECT_FALSE(refused->replay.difference);
  EXPECT_EQ(refused->granted, 1u);
  EXPECT_EQ(refused->refused, 1u);
  const auto found =
      play(entry<fault::none>, lines({two,
                                      "alloc 3 1 0xff 0 -> FAIL\ndump 2\n0xffffc 0xffffd\n"
                                      "0xffffe 0xfffff\nend\n"}));
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->replay.difference) << iova_difference_text(*found->replay.difference);
  EXPECT_EQ(found->found, 1u);
  EXPECT_EQ(found->granted, 3u);
}

TEST(allocator_player, says_when_a_domain_cannot_be_made) {
  constexpr iova_catalogue_entry none = {
      "none", "",    "",
      false,  false, [](const iova_setup&) { return std::unique_ptr<iova_allocator>(); }};
  EXPECT_EQ(status_errno(play(none, "").status()), ENOMEM);
}

// The map is slow: a run that is not long plays the shorter traces only.
TEST(allocator_player, finds_a_right_allocator_valid_on_every_recorded_trace) {
  const size_t most_steps = is_long_run() ? 20000 : 3000;
  size_t played = 0;
  for (const std::string& version : golden::cases("iova")) {
    for (const std::string& file : golden::files("iova/" + version, ".trace")) {
      const auto trace = read_iova_trace((golden::root() / "iova" / version / file).string());
      ASSERT_TRUE(trace.ok()) << trace.status();
      if (trace->steps.size() > most_steps) continue;
      const auto result =
          play_on_allocator(*trace, *find_iova_trace_version(version), entry<fault::none>);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_FALSE(result->replay.difference)
          << version << ' ' << file << ": " << iova_difference_text(*result->replay.difference);
      EXPECT_GT(result->granted, 0u) << file;
      ++played;
    }
  }
  EXPECT_GT(played, 0u);
}

}  // namespace
}  // namespace iommulab::allocator_player_test
