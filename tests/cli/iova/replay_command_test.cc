// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/replay_command.h"

#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/files.h"
#include "support/golden.h"

namespace iommulab::replay_command_test {
namespace {

command_result replay(std::vector<std::string> files, std::string version = "",
                      std::string allocator = "") {
  iova_replay_arguments a;
  a.files = std::move(files);
  a.version = std::move(version);
  if (!allocator.empty()) a.allocators = {std::move(allocator)};
  return run_command(run_iova_replay, a);
}

std::string golden_file(const std::string& name) {
  return (golden::root() / "iova" / name).string();
}

constexpr char good[] =
    "# Linux 4.4 iova, trace good\n"
    "init 4096 0x1 0xfffff\n"
    "alloc 0 1 0xfffff 1 -> 0xfffff 0xfffff\n"
    "free 0\n"
    "# end ops=3\n";

TEST(iova_replay, says_of_each_file_that_it_is_equal) {
  const std::string one = golden_file("4.4/i_split.trace.xz");
  const std::string two = golden_file("6.12/f_fast_nic.trace.xz");
  const command_result result = replay({one, two});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_NE(result.out.find(one + ": "), std::string::npos);
  EXPECT_NE(
      result.out.find(" operations on v4_4: equal; its end is not marked, COUNTS has as many\n"),
      std::string::npos);
  EXPECT_NE(
      result.out.find(" operations on v6_12: equal; its end is not marked, COUNTS has as many\n"),
      std::string::npos);
}

TEST(iova_replay, shows_the_first_difference_and_fails_with_1) {
  const std::string file = temporary("wrong.trace",
                                     "# Linux 4.4 iova, trace wrong\n"
                                     "init 4096 0x1 0xfffff\n"
                                     "alloc 0 1 0xfffff 1 -> 0xffffe 0xffffe\n"
                                     "free 0\n"
                                     "# end ops=3\n");
  const command_result result = replay({file});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out, file +
                            ": on v4_4: differs at line 3: alloc 0 1 0xfffff 1\n"
                            "  expected: 0xffffe 0xffffe\n"
                            "  got:      0xfffff 0xfffff\n"
                            "  state:    cached32=0xfffff\n"
                            "  in use around 0xfffff:\n"
                            "  > 0xfffff 0xfffff\n");
}

TEST(iova_replay, takes_the_version_from_comment_folder_or_option) {
  const std::string named = temporary("named.trace", good);
  EXPECT_EQ(replay({named}).out, named + ": 3 operations on v4_4: equal\n");
  EXPECT_EQ(replay({named}, "4.4.178").out, named + ": 3 operations on v4_4_178: equal\n");
  const std::string nameless = temporary("nameless.trace", std::string(good).substr(29));
  EXPECT_EQ(replay({nameless}, "v4_4").status, 0);
  expect_refusal(replay({nameless}),
                 nameless +
                     ": neither its first comment nor its folder says which kernel it was "
                     "recorded from: give --version");
}

/// A recorded trace up to its line `lines`.
std::string first_lines(const std::string& name, size_t lines) {
  const std::string text = golden::read_text(golden_file(name)).value();
  size_t end = 0;
  for (size_t i = 0; i < lines; ++i) end = text.find('\n', end) + 1;
  return text.substr(0, end);
}

TEST(iova_replay, refuses_a_trace_that_is_cut_short) {
  const std::string unfinished = temporary("unfinished.trace", std::string(good) + "# rem");
  expect_refusal(replay({unfinished}), unfinished +
                                           ": line 6: last line is \"# rem\": the trace is cut "
                                           "short: the line does not end");
  const std::string counted = temporary("counted.trace",
                                        "# Linux 4.4 iova, trace counted\n"
                                        "init 4096 0x1 0xfffff\n"
                                        "# end ops=3\n");
  expect_refusal(replay({counted}), counted +
                                        ": line 3: operations is \"1\": its last line says that "
                                        "there are 3");
  const std::string uncounted = temporary("uncounted.trace",
                                          "# Linux 4.4 iova\n"
                                          "init 4096 0x1 0xfffff\n"
                                          "# end ops=\n");
  expect_refusal(replay({uncounted}), uncounted + ": line 3: end is \"# end ops=\": not a number");
  // The list beside the recordings knows this one by what it calls itself, wherever it lies.
  const std::string half = temporary("half.trace", first_lines("4.4/i_split.trace", 4000));
  const command_result result = replay({half});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("says that there are "), std::string::npos) << result.err;
}

TEST(iova_replay, says_that_an_end_is_not_marked) {
  const std::string untold = temporary("untold.trace",
                                       "# Linux 4.4 iova\n"
                                       "init 4096 0x1 0xfffff\n"
                                       "alloc 0 1 0xfffff 1 -> 0xfffff 0xfffff\n");
  const command_result result = replay({untold});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, untold + ": 2 operations on v4_4: equal; its end is not marked\n");
  EXPECT_NE(replay({untold}, "", "maple").out.find("; its end is not marked\n"), std::string::npos);
}

TEST(iova_replay, refuses_what_has_no_operation) {
  for (const char* text : {"", "# Linux 4.4 iova, trace nothing\n", "# end ops=0\n"}) {
    const std::string file = temporary("empty.trace", text);
    for (const char* version : {"", "v4_4", "v4_4_178", "v4_9", "v4_19", "v6_1", "v6_12"}) {
      expect_refusal(replay({file}, version), file + ": operations is \"\": there is none");
    }
  }
}

TEST(iova_replay, checks_other_allocators_for_validity) {
  const std::string file = golden_file("6.12/g_nic.trace.xz");
  for (const char* allocator : {"eiovar", "gap_tree", "gap_tree32", "maple", "v4_9"}) {
    const command_result result = replay({file}, "", allocator);
    EXPECT_EQ(result.status, 0) << result.out;
    EXPECT_NE(result.out.find(std::string(" operations on ") + allocator + ": valid; "),
              std::string::npos)
        << result.out;
  }
}

TEST(iova_replay, takes_a_kernel_in_every_spelling_and_prints_one) {
  const std::string file = temporary("spelled.trace", std::string(good).substr(29));
  for (const char* version : {"v4_4", "4.4", "v4.4", "4_4"}) {
    EXPECT_EQ(replay({file}, version).out, file + ": 3 operations on v4_4: equal\n") << version;
  }
  EXPECT_NE(replay({file}, "4.4", "6.12").out.find(" operations on v6_12: valid; "),
            std::string::npos);
}

TEST(iova_replay, has_json) {
  iova_replay_arguments a;
  a.files = {temporary("one.trace", good), temporary("two.trace",
                                                     "# Linux 4.4 iova, trace wrong\n"
                                                     "init 4096 0x1 0xfffff\n"
                                                     "alloc 0 1 0xfffff 1 -> 0xffffe 0xffffe\n"
                                                     "# end ops=2\n")};
  a.json = true;
  const command_result result = run_command(run_iova_replay, a);
  EXPECT_EQ(result.status, 1) << result.err;
  const auto document = nlohmann::json::parse(result.out);
  EXPECT_EQ(document["schema"], "iommulab.iova_replay");
  ASSERT_EQ(document["files"].size(), 2U);
  EXPECT_EQ(document["files"][0]["result"], "equal");
  EXPECT_EQ(document["files"][0]["operations"], 3);
  EXPECT_EQ(document["files"][0]["kernel"], "v4_4");
  const auto& difference = document["files"][1]["difference"];
  EXPECT_EQ(document["files"][1]["result"], "differs");
  EXPECT_EQ(difference["line"], 3);
  EXPECT_EQ(difference["expected"], "0xffffe 0xffffe");
  EXPECT_EQ(difference["got"], "0xfffff 0xfffff");
  EXPECT_EQ(difference["neighbours"][0]["lo"], "0xfffff");
  a.files.resize(1);
  a.allocators = {"maple"};
  const auto valid = nlohmann::json::parse(run_command(run_iova_replay, a).out);
  EXPECT_EQ(valid["files"][0]["result"], "valid");
  EXPECT_EQ(valid["files"][0]["granted"], 1);
}

TEST(iova_replay, refuses_bad_use_and_shows_nothing_of_good_files_before) {
  const std::string file = temporary("good.trace", good);
  expect_refusal(replay({file, "missing"}), "missing: no such file, nor with .xz");
  expect_refusal(
      replay({file}, "v5"),
      "--version is \"v5\": unknown; there are v4_4, v4_4_178, v4_9, v4_19, v6_1, v6_12");
  expect_refusal(replay({file}, "", "nonsense"),
                 "--allocator is \"nonsense\": unknown; `iommulab iova list` names them");
  const std::string broken = temporary("broken.trace", std::string(good) + "free 7\n");
  expect_refusal(replay({file, broken}), broken +
                                             ": line 6: operation is \"free 7\": id 7 is no "
                                             "live allocation of domain 0");
  const std::string cut = temporary("cut.trace", std::string(good) + "dump 3\n0x1 0x2\n");
  expect_refusal(replay({cut}), cut +
                                    ": line 7: dump is \"3\": the file ends after 1 of its "
                                    "ranges, without \"end\"");
  const std::string unsound = temporary("unsound.trace.xz", "no xz data");
  EXPECT_EQ(replay({unsound}).status, 2);
  const std::string split = golden_file("4.4/i_split.trace.xz");
  const command_result later = replay({split}, "v6_12");
  EXPECT_NE(later.status, 0);
}

}  // namespace
}  // namespace iommulab::replay_command_test
