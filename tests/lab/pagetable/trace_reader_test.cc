// SPDX-License-Identifier: GPL-2.0-only
//
// What is no trace gets one sentence that names the line, the field and the value.
#include "lab/pagetable/trace_reader.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace iommulab::trace_reader_test {
namespace {

struct bad_trace {
  const char* text;  ///< behind "init 48 0"
  const char* complaint;
};
std::ostream& operator<<(std::ostream& out, const bad_trace& bad) {
  return out << bad.text;
}

class bad_traces : public testing::TestWithParam<bad_trace> {};

TEST_P(bad_traces, are_refused_with_a_sentence) {
  const auto trace = parse_page_table_trace({"t", std::string("init 48 0\n") + GetParam().text});
  ASSERT_FALSE(trace.ok());
  EXPECT_EQ(std::string(trace.status().message()), std::string("t: ") + GetParam().complaint);
}

constexpr bad_trace bad[] = {
    {"frob 1\n", "line 2: operation is \"frob\": unknown"},
    {"walk\n", "line 2: PFN is \"\": the line ends before it"},
    {"walk 0xg -> 1 0x0\n", "line 2: PFN is \"0xg\": not a number"},
    {"walk 0x10000000000000000 -> none\n",
     "line 2: PFN is \"0x10000000000000000\": does not fit 64 bits"},
    {"walk 0x1\n",
     "line 2: operation is \"walk 0x1\": \"->\" and an answer are due behind its numbers"},
    {"walk 0x1 -> 5 0x0\n", "line 2: LEVEL is \"5\": must be 0x1 to 0x4"},
    {"walk 0x1 -> 1 0x0 2\n", "line 2: operation is \" 2\": more than belongs to the line"},
    {"init 48 3\n", "line 2: SUPERPAGE is \"3\": must be 0x0 to 0x2"},
    {"init 29 0\n", "line 2: GAW is \"29\": must be 0x1e to 0x39"},
    {"init 58 0\n", "line 2: GAW is \"58\": must be 0x1e to 0x39"},
    {"map 0x1 0x1 0 3 -> 0 0\n", "line 2: NR is \"0\": must be 0x1 to 0xfffffffffffff"},
    {"map 0xfffffffff 0x1 2 3 -> 0 0\n",
     "line 2: operation is \"map 0xfffffffff 0x1 2 3 -> 0 0\": the range ends beyond the domain's "
     "48 bits"},
    {"map 0x1 0xffffffffff 2 3 -> 0 0\n",
     "line 2: NR is \"2\": the range ends beyond 52 bits of address"},
    {"map 0x1 0x1 1 3 -> -x 0\n", "line 2: RC is \"x\": not a number"},
    {"unmap 0x2 0x1 -> 0\n", "line 2: LAST is \"0x1\": lies below START"},
    {"clear 0x0 0x1000000000\n",
     "line 2: operation is \"clear 0x0 0x1000000000\": the range ends beyond the domain's 48 bits"},
    {"map_sg 0x1 3 2 0x1 0x0 0x1 -> 0 0 0x1000\n", "line 2: PHYS is \"->\": not a number"},
    {"map_sg 0x1 3 1 0x1 0x0 0x1 -> 0 0\n", "line 2: DMA_ADDR is \"\": the line ends before it"},
    {"map_sg 0x1 3 1 0xffffffffff 0x1 0x1000 -> 0 0 0x1000\n",
     "line 2: LEN is \"4096\": the piece ends beyond 52 bits of address"},
    {"map_sg 0xfffffffff 3 1 0x1 0x1 0x1000 -> 0 0 0x1000\n",
     "line 2: operation is \"map_sg 0xfffffffff 3 1 0x1 0x1 0x1000 -> 0 0 0x1000\": the range ends "
     "beyond the domain's 48 bits"},
    {"dump 1\n", "line 2: dump is \"1\": the file ends after 0 of its entries, without \"end\""},
    {"dump 1\n4 0 0x3\n",
     "line 3: dump is \"1\": the file ends after 1 of its entries, without \"end\""},
    {"dump 1\n4 0 0x3\n3 0.0 0x3\nend\n", "line 4: dump is \"3 0.0 0x3\": \"end\" is due here"},
    {"dump 1\n4 512 0x3\n", "line 3: PATH is \"512\": an index is missing, or is not 0 to 511"},
    {"dump 1\n3 0 0x3\n",
     "line 3: PATH is \"0\": 2 indexes with dots between lead to level 3 of 4"},
    {"dump 1\n4 0.1 0x3\n",
     "line 3: PATH is \"0.1\": 1 indexes with dots between lead to level 4 of 4"},
    {"dump 1\n3 0.0 0x3 4\n", "line 3: entry is \" 4\": more than belongs to the line"},
    {"unmap 0x0 0xfffffffff -> 1\nwalk 0x1 -> none\n",
     "line 3: operation is \"walk 0x1 -> none\": the whole table went before, and no init "
     "followed"},
};
INSTANTIATE_TEST_SUITE_P(all, bad_traces, testing::ValuesIn(bad));

TEST(page_table_trace, begins_with_a_domain) {
  const auto trace = parse_page_table_trace({"t", "tables -> 1\n"});
  ASSERT_FALSE(trace.ok());
  EXPECT_EQ(std::string(trace.status().message()),
            "t: line 1: operation is \"tables -> 1\": stands before the first init");
}

TEST(page_table_trace, keeps_what_stands_in_the_line) {
  const auto trace = parse_page_table_trace(
      {"t", "# x\n\ninit 39 2\nmap_sg 0x2 1 2 0x3 0xfff 0x2 0x5 0x0 7 -> -12 4 0x2fff 0x4000\n"});
  ASSERT_TRUE(trace.ok()) << trace.status();
  ASSERT_EQ(trace->steps.size(), 2u);
  const page_table_step& step = trace->steps[1];
  EXPECT_EQ(step.line, 4u);
  EXPECT_EQ(step.arguments[2], 3u) << "pages: two of the first piece, one of the second";
  EXPECT_EQ(step.answer, (page_table_answer{.result = -12, .detail = 4, .none = false}));
  ASSERT_EQ(trace->pieces.size(), 2u);
  EXPECT_EQ(trace->pieces[0].page, phys_addr(0x3000));
  EXPECT_EQ(trace->pieces[0].offset, 0xfffu);
  EXPECT_EQ(trace->pieces[1].length, 7u);
  EXPECT_EQ(trace->piece_addrs[1], dma_addr(0x4000));
}

}  // namespace
}  // namespace iommulab::trace_reader_test
