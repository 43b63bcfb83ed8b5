// SPDX-License-Identifier: GPL-2.0-only
//
// Recordings of a client, read: each operation has its marks in the call tree, and what damages a
// file is refused with its name and line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/stops/client_calls.h"
#include "lab/replay/stops/client_recording.h"
#include "support/golden.h"

namespace iommulab::verify::client_recordings_test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using text_lines = std::vector<std::string>;

constexpr const char* damaged_capture = "kernel/v6_12/iommufd/s1-map.calls";

/// Where the line is that is `text`, or begins with it when that ends in '*'.
size_t place_of(const text_lines& lines, std::string_view text) {
  const bool is_beginning = text.ends_with('*');
  if (is_beginning) text.remove_suffix(1);
  const auto at = std::find_if(lines.begin(), lines.end(), [&](const std::string& line) {
    return is_beginning ? line.starts_with(text) : line == text;
  });
  EXPECT_NE(at, lines.end()) << "no line " << text;
  return static_cast<size_t>(at - lines.begin());
}

// Each does something to the first line and, where it takes two, to the second.

void drop(text_lines& lines, const char* first, const char* /*second*/) {
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(place_of(lines, first)));
}
void swap_with(text_lines& lines, const char* first, const char* second) {
  std::swap(lines[place_of(lines, first)], lines[place_of(lines, second)]);
}
void replace_by(text_lines& lines, const char* first, const char* second) {
  lines[place_of(lines, first)] = second;
}
/// The file ends before that line.
void cut_before(text_lines& lines, const char* first, const char* /*second*/) {
  lines.resize(place_of(lines, first));
  lines.emplace_back();  // the last line has its end
}

struct damage {
  const char* name;
  const char* file;
  void (*edit)(text_lines& lines, const char* first, const char* second);
  const char* first;
  const char* second;
  const char* complaint;
};

constexpr damage damages[] = {
    {"first_begin", "fgraph.txt", drop, "/* OP begin 1 dev d0 0000:00:03.0 */", "",
     "line 22: mark is \"OP end 1\": this operation has not begun"},
    {"begin", "fgraph.txt", drop, "/* OP begin 7 mem m1 0x10000 */", "",
     "mark is \"OP end 7\": this operation has not begun"},
    {"begin_behind_sysfs", "fgraph.txt", drop, "/* OP begin 3 gtype d0 */", "",
     "mark is \"OP end 3\": this operation has not begun"},
    {"begin_of_sysfs", "fgraph.txt", drop, "/* OP begin 2 sysfs */", "",
     "the next mark is \"OP begin 2 sysfs\""},
    {"end", "fgraph.txt", drop, "/* OP end 6 */", "", "operation 6 has not ended"},
    {"end_of_bind", "fgraph.txt", drop, "/* OP end 4 */", "", "operation 4 has not ended"},
    {"last_end", "fgraph.txt", drop, "/* OP end 38 */", "",
     "the file is cut short: operation 38 lacks the mark of its end"},
    {"begins_swapped", "fgraph.txt", swap_with, "/* OP begin 6 mem m0 0x1000 */",
     "/* OP begin 7 mem m1 0x10000 */", "the next mark is \"OP begin 6 mem m0 0x1000\""},
    {"ends_swapped", "fgraph.txt", swap_with, "/* OP end 6 */", "/* OP end 7 */",
     "mark is \"OP end 7\": this operation has not begun"},
    {"begin_and_end_swapped", "fgraph.txt", swap_with, "/* OP begin 6 mem m0 0x1000 */",
     "/* OP end 6 */", "mark is \"OP end 6\": this operation has not begun"},
    {"another_operation", "fgraph.txt", replace_by, "/* OP begin 33 close v */",
     "/* OP begin 33 close i */", "the next mark is \"OP begin 33 close v\""},
    {"no_number", "fgraph.txt", replace_by, "/* OP begin 33 close v */", "/* OP begin x */",
     "the next mark is \"OP begin 33 close v\""},
    {"tail", "fgraph.txt", cut_before, "/* OP begin 38 sync end */", "",
     "the file is cut short: operation 38 lacks the mark of its beginning"},
    {"long_tail", "fgraph.txt", cut_before, "/* OP begin 17 *", "",
     "the file is cut short: operation 17 lacks the mark of its beginning"},
    {"tail_behind_sysfs", "fgraph.txt", cut_before, "/* OP begin 36 unbind d0 */", "",
     "the file is cut short: operation 36 lacks the mark of its beginning"},
    {"unknown_operation", "script.txt", replace_by, "gtype d0", "gtipe d0",
     "line 4: operation is \"gtipe\": no operation of this name"},
    {"unknown_option", "script.txt", replace_by, "# the seed's *", "#! unsave=0",
     "line 1: option is \"unsave=0\""},
    {"script_tail", "script.txt", cut_before, "sync end", "",
     "the script's next operation is \"\""},
    {"operation", "ops.txt", drop, "3 gtype d0 *", "",
     "the script's next operation is \"3 gtype d0 -> \""},
    {"operations_tail", "ops.txt", cut_before, "38 sync end *", "", "the file is cut short"},
    {"effects_tail", "effects.txt", cut_before, "38 sync end *", "", "the file is cut short"},
};

std::string complaint_about(const std::string& path) {
  const auto folder = capture_folder::open(path);
  if (!folder.ok()) return std::string(folder.status().message());
  const auto operations = read_client_operations(*folder);
  if (!operations.ok()) return std::string(operations.status().message());
  return std::string(read_client_calls(*folder, *operations).status().message());
}

class damaged_recording : public testing::TestWithParam<damage> {};

TEST_P(damaged_recording, is_refused_with_file_and_line) {
  const damage& d = GetParam();
  const fs::path original = golden::root() / damaged_capture;
  if (!fs::is_directory(original)) IOMMULAB_MISSING("no capture " << damaged_capture);
  const fs::path copy =
      fs::path(testing::TempDir()) / absl::StrCat("client_recording_", ::getpid());
  fs::remove_all(copy);
  fs::copy(original, copy, fs::copy_options::recursive);
  EXPECT_EQ(complaint_about(copy.string()), "");
  const auto text = golden::read_text(copy / d.file);
  ASSERT_TRUE(text.ok()) << text.status();
  text_lines lines = absl::StrSplit(*text, '\n');
  d.edit(lines, d.first, d.second);
  fs::remove(copy / absl::StrCat(d.file, ".xz"));
  std::ofstream(copy / d.file, std::ios::binary) << absl::StrJoin(lines, "\n");
  const std::string complaint = complaint_about(copy.string());
  EXPECT_THAT(complaint, HasSubstr((copy / "").string()));
  EXPECT_THAT(complaint, HasSubstr(": line "));
  EXPECT_THAT(complaint, HasSubstr(d.complaint));
  fs::remove_all(copy);
}

std::string damage_name(const testing::TestParamInfo<damage>& damaged) {
  return damaged.param.name;
}

INSTANTIATE_TEST_SUITE_P(golden, damaged_recording, testing::ValuesIn(damages), damage_name);

/// All that there are: a recording whose marks are others cannot be compared.
TEST(client_recordings, have_a_mark_for_each_operation) {
  size_t found = 0;
  for (const char* kind : {"groups", "iommufd", "vfio"}) {
    const fs::path folders = golden::root() / "kernel/v6_12" / kind;
    for (const std::string& name : golden::cases(folders)) {
      if (!golden::exists(folders / name / client_graph_file)) continue;
      ++found;
      const auto folder = capture_folder::open((folders / name).string());
      ASSERT_TRUE(folder.ok()) << folder.status();
      const auto operations = read_client_operations(*folder);
      ASSERT_TRUE(operations.ok()) << operations.status();
      const auto calls = read_client_calls(*folder, *operations);
      ASSERT_TRUE(calls.ok()) << calls.status();
      EXPECT_EQ(calls->size(), operations->size()) << name;
    }
  }
  if (found == 0) IOMMULAB_MISSING("no recording of a client's calls");
}

}  // namespace
}  // namespace iommulab::verify::client_recordings_test
