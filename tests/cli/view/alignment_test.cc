// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/alignment.h"

#include <gtest/gtest.h>

namespace iommulab::view {
namespace {

TEST(alignment_test, rows_of_what_both_have) {
  EXPECT_EQ(alignment_of({"a", "b", "c", "d"}, {"a", "b", "x", "d"}),
            json::parse("[[1, 1, 2], [4, 4, 1]]"));
  EXPECT_EQ(alignment_of({"a", "b"}, {"x", "a", "b"}), json::parse("[[1, 2, 2]]"));
  EXPECT_EQ(alignment_of({}, {"x"}), json::array());
  EXPECT_EQ(alignment_of({"a"}, {"b"}), json::array());
}

TEST(alignment_test, a_call_is_its_function_and_anything_else_its_line_without_numbers) {
  trace_event call;
  call.what = events::call_enter{"init_dmars", {}};
  EXPECT_EQ(step_of(call, "init_dmars(x=0x1)"), "call_enter init_dmars");
  call.what = events::call_exit{"init_dmars", {}};
  EXPECT_EQ(step_of(call, "}"), "call_exit init_dmars");
  trace_event write;
  write.what = events::reg_write{};
  EXPECT_EQ(step_of(write, "/* write32 dmar0 GCMD 0x18 = 0x84000000 TE|QIE */"),
            "reg_write /* write32 dmar0 GCMD 0x = 0x TE|QIE */");
}

}  // namespace
}  // namespace iommulab::view
