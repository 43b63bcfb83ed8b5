// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/trace_reader.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include "iova/trace/driver_domain.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/trace_lines.h"
#include "support/golden.h"

namespace iommulab::trace_reader_test {
namespace {

constexpr std::string_view init = "init 4096 0x1 0xfffff\n";

std::string refusal(std::string_view text) {
  const auto trace = parse_iova_trace("t", text);
  if (trace.ok()) return "accepted";
  EXPECT_EQ(status_errno(trace.status()), EINVAL);
  return std::string(trace.status().message());
}
std::string refusal_after_init(std::string_view text) {
  return refusal(lines({init, text}));
}

TEST(iova_trace_reader, keeps_line_arguments_and_answer_of_each_operation) {
  const auto trace = parse_iova_trace("t",
                                      "# Linux 4.19fix iova, trace t\n"
                                      "init 4096 0x1 0x100000\n"
                                      "\n"
                                      "# remark\n"
                                      "use 1\r\n"
                                      "init 1024 2 4194304\n"
                                      "alloc 7 3 0xfffff 1 -> 0xffffc 0xffffe\n"
                                      "alloc 8 3 0xfffff 1 -> FAIL\n"
                                      "find 0x10 -> none\n"
                                      "state -> cached32=0xffffc cached=anchor\n"
                                      "depot -> 1 0 3\n"
                                      "dump 2\n"
                                      "0x5 0x6\n"
                                      "0xffffc 0xffffe\n"
                                      "end\n"
                                      "free 7");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->version, "4.19fix");
  ASSERT_EQ(trace->steps.size(), 10u);
  const iova_trace_step& alloc = trace->steps[3];
  EXPECT_EQ(alloc.what, iova_trace_op::alloc);
  EXPECT_EQ(alloc.line, 7u);
  EXPECT_EQ(alloc.domain, 1);
  EXPECT_EQ(alloc.arguments, (std::array<uint64_t, 4>{7, 3, 0xfffff, 1}));
  EXPECT_TRUE(alloc.answered);
  EXPECT_EQ(alloc.answer, (iova_range{0xffffc, 0xffffe}));
  EXPECT_FALSE(trace->steps[4].answered);
  EXPECT_EQ(iova_trace_answer(*trace, trace->steps[5]), "none");
  EXPECT_EQ(iova_trace_answer(*trace, trace->steps[6]), "cached32=0xffffc cached=anchor");
  EXPECT_EQ(trace->numbers, (std::vector<uint64_t>{1, 0, 3}));
  EXPECT_EQ(trace->ranges, (std::vector<iova_range>{{5, 6}, {0xffffc, 0xffffe}}));
  EXPECT_EQ(trace->steps[9].slot, alloc.slot);
  EXPECT_EQ(trace->steps[9].line, 16u);
}

TEST(iova_trace_reader, numbers_live_allocations_densely) {
  const auto trace = parse_iova_trace("t", lines({init,
                                                  "alloc 18446744073709551615 1 0xff 0 -> "
                                                  "0xff 0xff\n"
                                                  "free 18446744073709551615\n"
                                                  "alloc 5 1 0xff 0 -> 0xff 0xff\n"}));
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->slots, 1u);
}

TEST(iova_trace_reader, refuses_what_it_does_not_know) {
  EXPECT_EQ(refusal_after_init("nonsense 1\n"), "t: line 2: operation is \"nonsense\": unknown");
  EXPECT_EQ(refusal_after_init("free\n"),
            "t: line 2: operation is \"free\": free takes 1 numbers, not 0");
  EXPECT_EQ(refusal_after_init("find 1 2 -> none\n"),
            "t: line 2: operation is \"find 1 2\": find takes 1 numbers, not 2");
  EXPECT_EQ(refusal_after_init(" -> FAIL\n"), "t: line 2: operation is \"\": unknown");
}

TEST(iova_trace_reader, refuses_bad_and_huge_numbers) {
  EXPECT_EQ(refusal("init 4096 x 0xfffff\n"), "t: line 1: START_PFN is \"x\": not a number");
  EXPECT_EQ(refusal("init 4096 0x 0xfffff\n"), "t: line 1: START_PFN is \"0x\": not a number");
  EXPECT_EQ(refusal("init 4096 -1 0xfffff\n"), "t: line 1: START_PFN is \"-1\": not a number");
  EXPECT_EQ(refusal("init 3000 0x1 0xfffff\n"),
            "t: line 1: operation is \"init 3000 0x1 0xfffff\": GRANULE is not a power of two");
  EXPECT_EQ(refusal("init 8192 0x1 0xfffff\n"),
            "t: line 1: GRANULE is \"8192\": must be 1 to 4096");
  EXPECT_EQ(refusal_after_init("find 0x10000000000000000 -> none\n"),
            "t: line 2: PFN is \"0x10000000000000000\": does not fit 64 bits");
  EXPECT_EQ(refusal_after_init("find 0x10000000000000 -> none\n"),
            "t: line 2: PFN is \"0x10000000000000\": must be 0x0 to 0xfffffffffffff");
  EXPECT_EQ(refusal_after_init("alloc 0 0 0xfffff 0 -> FAIL\n"),
            "t: line 2: SIZE is \"0\": must be 1 to 4503599627370495");
  EXPECT_EQ(refusal_after_init("alloc 0 1 0xfffff 2 -> FAIL\n"),
            "t: line 2: ALIGNED is \"2\": must be 0 to 1");
  EXPECT_EQ(refusal_after_init("use 8\n"), "t: line 2: DOMAIN is \"8\": must be 0 to 7");
  EXPECT_EQ(refusal_after_init("rcache_init 65\n"), "t: line 2: NCPU is \"65\": must be 1 to 64");
}

TEST(iova_trace_reader, refuses_bad_answers) {
  EXPECT_EQ(refusal_after_init("find 1\n"),
            "t: line 2: operation is \"find 1\": has no \" -> \" with what the kernel answered");
  EXPECT_EQ(refusal_after_init("free_pfn 1 -> 1\n"),
            "t: line 2: operation is \"free_pfn 1 -> 1\": has an answer, which this operation does "
            "not give");
  EXPECT_EQ(refusal_after_init("find 1 -> FAIL\n"),
            "t: line 2: range is \"FAIL\": is not two numbers");
  EXPECT_EQ(refusal_after_init("find 1 -> 0x2 0x1\n"),
            "t: line 2: range is \"0x2 0x1\": ends before it begins");
  EXPECT_EQ(refusal_after_init("find 1 -> 0x2 y\n"), "t: line 2: HI is \"y\": not a number");
}

TEST(iova_trace_reader, refuses_a_dump_that_is_cut_short) {
  EXPECT_EQ(refusal_after_init("dump 2\n0x1 0x1\n"),
            "t: line 3: dump is \"2\": the file ends after 1 of its ranges, without \"end\"");
  EXPECT_EQ(refusal_after_init("dump 1\n0x1 0x1\n"),
            "t: line 3: dump is \"1\": the file ends after 1 of its ranges, without \"end\"");
  EXPECT_EQ(refusal_after_init("dump 1\n0x1 0x1\nfree 3\n"),
            "t: line 4: dump is \"free 3\": \"end\" is due here");
  EXPECT_EQ(refusal_after_init("dump 2\n0x1 0x1\nend\n"),
            "t: line 4: range is \"end\": is not two numbers");
  EXPECT_EQ(refusal_after_init("dump 4294967295\n"),
            "t: line 2: dump is \"4294967295\": the file ends after 0 of its ranges, without "
            "\"end\"");
  EXPECT_EQ(refusal_after_init("dump 4294967296\n"),
            "t: line 2: COUNT is \"4294967296\": must be 0 to 4294967295");
}

TEST(iova_trace_reader, refuses_steps_that_make_no_sense) {
  constexpr std::string_view one = "alloc 1 1 0xff 0 -> 0xff 0xff\n";
  EXPECT_EQ(refusal("find 1 -> none\n"),
            "t: line 1: operation is \"find 1 -> none\": domain 0 has had no init");
  EXPECT_EQ(refusal_after_init("free 3\n"),
            "t: line 2: operation is \"free 3\": id 3 is no live allocation of domain 0");
  EXPECT_EQ(refusal_after_init("alloc 3 1 0xff 0 -> FAIL\nfree 3\n"),
            "t: line 3: operation is \"free 3\": id 3 is no live allocation of domain 0");
  EXPECT_EQ(refusal_after_init(lines({one, one})),
            "t: line 3: operation is \"alloc 1 1 0xff 0 -> 0xff 0xff\": id 1 is in use already");
  EXPECT_EQ(refusal_after_init(lines({one, "free 1\nfree 1\n"})),
            "t: line 4: operation is \"free 1\": id 1 is no live allocation of domain 0");
  EXPECT_EQ(refusal_after_init(lines({one, init, "free 1\n"})),
            "t: line 4: operation is \"free 1\": id 1 is no live allocation of domain 0");
  EXPECT_EQ(refusal_after_init(lines({one, "use 1\n", init, "free 1\n"})),
            "t: line 5: operation is \"free 1\": id 1 is no live allocation of domain 1");
  EXPECT_EQ(refusal_after_init(lines({one, "rcache_init 1\nfree_fast 1\n"})),
            "t: line 4: operation is \"free_fast 1\": id 1 was given by alloc");
  EXPECT_EQ(refusal_after_init("alloc_fast 1 1 0xff 1 -> FAIL\n"),
            "t: line 2: operation is \"alloc_fast 1 1 0xff 1 -> FAIL\": the domain has had no "
            "rcache_init");
  EXPECT_EQ(refusal_after_init("rcache_init 2\ncpu 2\nalloc_fast 1 1 0xff 1 -> FAIL\n"),
            "t: line 4: operation is \"alloc_fast 1 1 0xff 1 -> FAIL\": the domain's caches have "
            "no cpu 2");
  EXPECT_EQ(refusal_after_init("rcache_init 1\nrcache_init 1\n"),
            "t: line 3: operation is \"rcache_init 1\": the domain has its caches already");
  EXPECT_EQ(refusal_after_init("copy_reserved 0 0\n"),
            "t: line 2: operation is \"copy_reserved 0 0\": a domain is not copied to itself");
  EXPECT_EQ(
      refusal_after_init("copy_reserved 0 1\n"),
      "t: line 2: operation is \"copy_reserved 0 1\": one of the two domains has had no init");
  EXPECT_EQ(refusal_after_init("reserve 2 1 -> FAIL\n"),
            "t: line 2: operation is \"reserve 2 1 -> FAIL\": HI is less than LO");
}

TEST(iova_trace_reader, says_which_file_it_cannot_read) {
  EXPECT_EQ(status_errno(read_iova_trace("missing").status()), ENOENT);
  const std::string path = testing::TempDir() + "iova_trace_reader_broken.trace.xz";
  std::ofstream(path) << "no xz";
  const auto broken = read_iova_trace(path);
  EXPECT_EQ(status_errno(broken.status()), EINVAL);
  EXPECT_NE(broken.status().message().find(path), std::string::npos);
}

/// A recorded file cut off anywhere, or with a byte changed, is read or refused; what is read can
/// be played.
TEST(iova_trace_reader, survives_damage_anywhere) {
  const auto text = golden::read_text("iova/4.4/i_split.trace");
  ASSERT_TRUE(text.ok()) << text.status();
  const std::string whole = text->substr(0, text->find('\n', 6000) + 1);
  size_t refused = 0;
  size_t differing = 0;
  const auto look = [&](const std::string& damaged) {
    const auto trace = parse_iova_trace("damaged", damaged);
    refused += !trace.ok();
    if (!trace.ok()) return;
    const auto replay = play_on_linux(*trace, *find_iova_trace_version("4.4"), make_driver_domain);
    differing += !replay.ok() || replay->difference;
  };
  for (size_t length = 0; length < whole.size(); length += 11) look(whole.substr(0, length));
  for (size_t at = 0; at < whole.size(); at += 5) {
    for (const int flip : {0x15, 0x01}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      look(changed);
    }
  }
  EXPECT_GT(refused, 500u);
  EXPECT_GT(differing, 100u);
}

TEST(iova_trace_writer, writes_what_was_read) {
  const auto text = golden::read_text("iova/4.4/i_split.trace");
  ASSERT_TRUE(text.ok()) << text.status();
  auto trace = parse_iova_trace("i_split", *text);
  ASSERT_TRUE(trace.ok()) << trace.status();
  std::string without_remarks;
  for (const std::string_view line : golden::lines(*text)) {
    if (!without_remarks.empty() && line.starts_with('#')) continue;
    without_remarks += line;
    without_remarks += '\n';
  }
  EXPECT_EQ(iova_trace_text(*trace), without_remarks);
}

}  // namespace
}  // namespace iommulab::trace_reader_test
