// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/tree_command.h"

#include "cli/iova/space_picture.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/files.h"
#include "support/golden.h"

namespace iommulab::tree_command_test {
namespace {

command_result tree(const iova_tree_arguments& arguments) {
  return run_command(run_iova_tree, arguments);
}

command_result tree_of(std::string operations, std::string allocator = "v4_4", uint64_t until = 0) {
  iova_tree_arguments a;
  a.operations = std::move(operations);
  a.allocator = std::move(allocator);
  if (until != 0) a.until = until;
  return tree(a);
}

TEST(iova_tree, draws_ranges_gaps_and_the_cached_node) {
  const command_result result = tree_of("reserve 0xfee00 0xfeeff; alloc 3; alloc 1; free 0");
  EXPECT_EQ(result.status, 0) << result.err;
  // 3 frames aligned to 4 end at 0xffffe; freed, they leave the cached node at the lower one.
  EXPECT_EQ(result.out,
            "v4_4 after 4 operations\n"
            "state: cached32=none\n"
            "       0xffffc      0xfffff          4 free ...\n"
            "       0xffffb      0xffffb          1 used #\n"
            "       0xfef00      0xffffa       4347 free .............\n"
            "       0xfee00      0xfeeff        256 used #########\n"
            "           0x1      0xfedff    1043967 free ....................\n"
            "2 ranges, 257 frames in use\n");
}

TEST(iova_tree, marks_the_cached_node_and_stops_where_told) {
  const command_result result = tree_of("alloc 3; alloc 1; free 0", "v4_4", 2);
  EXPECT_NE(result.out.find("v4_4 after 2 operations\nstate: cached32=0xffffb\n"),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("0xffffb          1 used #  <- cached32\n"), std::string::npos);
}

TEST(iova_tree, counts_requests_that_got_nothing) {
  EXPECT_TRUE(
      tree_of("alloc 1 0").out.starts_with("v4_4 after 1 operations, of which 1 got nothing\n"));
}

TEST(iova_tree, draws_allocators_that_have_no_cached_nodes) {
  const command_result result = tree_of("alloc 3; alloc 1", "maple");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.find("state:"), std::string::npos);
  EXPECT_NE(result.out.find("2 ranges, 4 frames in use\n"), std::string::npos);
}

TEST(iova_tree, draws_a_recorded_trace_up_to_a_line) {
  iova_tree_arguments a;
  a.trace = (golden::root() / "iova/4.4/i_split.trace").string();
  a.until = 4;
  // Line 3 gives 0xfffea 0xfffff, line 4 says that the cached node is at 0xfffea.
  const command_result result = tree(a);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "v4_4 after line 4 of " + a.trace +
                            ".xz\n"
                            "state: cached32=0xfffea\n"
                            "       0xfffea      0xfffff         22 used #####  <- cached32\n"
                            "           0x1      0xfffe9    1048553 free ....................\n"
                            "1 ranges, 22 frames in use\n");
}

TEST(iova_tree, shows_a_difference_and_fails_with_1) {
  iova_tree_arguments a;
  a.trace = temporary("tree_wrong.trace",
                      "# Linux 4.4 iova, trace wrong\ninit 4096 0x1 0xfffff\n"
                      "alloc 0 1 0xfffff 1 -> 0xffffe 0xffffe\n");
  const command_result result = tree(a);
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.out.find("differs at line 3: alloc 0 1 0xfffff 1\n"), std::string::npos);
}

TEST(iova_tree, draws_a_workload_and_leaves_out_what_has_no_room) {
  iova_tree_arguments a;
  a.workload = "steady-100";
  a.until = 100;
  a.rows = 10;
  const command_result result = tree(a);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("v6_12 after 100 operations of steady-100\n"));
  EXPECT_NE(result.out.find(" more\n"), std::string::npos);
  EXPECT_NE(result.out.find("101 ranges, 356 frames in use\n"), std::string::npos) << result.out;
}

TEST(iova_tree, draws_nothing_done_when_told_to_stop_before_the_first) {
  iova_tree_arguments a;
  a.operations = "alloc 3; alloc 1";
  a.allocator = "4.4";
  a.until = 0;
  EXPECT_EQ(tree(a).out,
            "v4_4 after 0 operations\n"
            "state: cached32=none\n"
            "           0x1      0xfffff    1048575 free ....................\n"
            "0 ranges, 0 frames in use\n");
}

TEST(iova_tree, has_json) {
  iova_tree_arguments a;
  a.operations = "alloc 3; alloc 1; free 0";
  a.allocator = "4.4";
  a.json = true;
  const auto document = nlohmann::json::parse(tree(a).out);
  EXPECT_EQ(document["schema"], "iommulab.iova_tree");
  EXPECT_EQ(document["allocator"], "v4_4");
  EXPECT_EQ(document["operations"], 3);
  EXPECT_EQ(document["state"], "cached32=none");
  ASSERT_EQ(document["ranges"].size(), 1U);
  EXPECT_EQ(document["ranges"][0]["lo"], "0xffffb");
  EXPECT_EQ(document["ranges"][0]["hi"], "0xffffb");
}

TEST(iova_tree, names_the_option_that_names_no_kernel) {
  iova_tree_arguments a;
  a.trace = temporary("tree_kernel.trace", "init 4096 0x1 0xfffff\n");
  a.allocator = "maple";
  expect_refusal(
      tree(a),
      "--allocator is \"maple\": unknown; there are v4_4, v4_4_178, v4_9, v4_19, v6_1, v6_12");
}

TEST(iova_tree, refuses_bad_use) {
  const std::string one = "give one of --recording, --workload and --operations";
  expect_refusal(tree({}), one);
  iova_tree_arguments two;
  two.workload = "steady-1";
  two.operations = "alloc 1";
  expect_refusal(tree(two), one);
  expect_refusal(tree_of("alloc 1", "none"),
                 "--allocator is \"none\": unknown; `iommulab iova list` names them");
  expect_refusal(tree_of("alloc 1; jump"),
                 "operation 2 is \"jump\": must be alloc SIZE [LIMIT], free N or reserve LO HI");
  expect_refusal(tree_of("alloc x"), "operation 1 is \"alloc x\": x is no number up to 2^52 - 1");
  expect_refusal(tree_of("alloc 0"), "operation 1 is \"alloc 0\": SIZE is 0");
  expect_refusal(tree_of("alloc 1;"), "operation 2 is \"\": empty");
  expect_refusal(tree_of("free 0"), "operation 1 is \"free 0\": alloc 0 is not live");
  expect_refusal(tree_of("alloc 1; free 0; free 0"),
                 "operation 3 is \"free 0\": alloc 0 is not live");
  expect_refusal(tree_of("reserve 2 1"), "operation 1 is \"reserve 2 1\": HI is less than LO");
  iova_tree_arguments missing;
  missing.trace = "missing";
  expect_refusal(tree(missing), "missing: no such file, nor with .xz");
  iova_tree_arguments early;
  early.trace = temporary("tree_early.trace", "# Linux 4.4 iova, trace t\ninit 4096 0x1 0xfffff\n");
  early.until = 1;
  expect_refusal(tree(early), early.trace + ": --last is \"1\": no operation before it");
}

TEST(space_picture, draws_an_empty_space) {
  EXPECT_EQ(space_picture_text({{4096, 1, 0xff}, {}, ""}, 10),
            "           0x1         0xff        255 free ........\n"
            "0 ranges, 0 frames in use\n");
}

}  // namespace
}  // namespace iommulab::tree_command_test
