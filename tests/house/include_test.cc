// SPDX-License-Identifier: GPL-2.0-only
//
// Which way includes run. Rooms: a room includes headers of rooms below it only. Folders at every
// depth: no circle, where a folder's own files and each of its subfolders count apart, and none
// either where a subfolder counts as a part of its folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace iommulab::include_test {
namespace {

namespace fs = std::filesystem;

// From the bottom upwards. What stands above may include what stands below, not the other way.
constexpr std::array<const char*, 10> rooms = {"core", "platform", "iova", "intel", "dma",
                                               "vfio", "kernel",   "lab",  "bench", "cli"};

struct include_line {
  std::string from;  ///< file, from the root of the tree
  size_t line = 0;
  std::string to;
};

/// Where a file of the tree that is included is: from the root, among the tests, or beside who
/// includes it. Empty for a file of another tree.
std::string place_of(const fs::path& root, const fs::path& from, const std::string& included) {
  for (const fs::path& base : {root, root / "tests", from.parent_path()}) {
    const fs::path file = (base / included).lexically_normal();
    if (fs::exists(file)) return fs::relative(file, root).string();
  }
  return {};
}

/// `#include "…"` in one file, as far as it names a file of the tree.
std::vector<include_line> includes_of(const fs::path& root, const fs::path& file) {
  std::vector<include_line> found;
  std::ifstream in(file);
  std::string text;
  const std::string start = "#include \"";
  for (size_t number = 1; std::getline(in, text); ++number) {
    if (!text.starts_with(start)) continue;
    const std::string to = place_of(
        root, file, text.substr(start.size(), text.find('"', start.size()) - start.size()));
    if (to.empty()) continue;
    found.push_back({fs::relative(file, root).string(), number, to});
  }
  return found;
}

void add_includes_below(const fs::path& folder, std::vector<include_line>& lines) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string ending = entry.path().extension().string();
    if (ending != ".h" && ending != ".cc") continue;
    for (include_line& line : includes_of(IOMMULAB_SOURCE_DIR, entry.path())) {
      lines.push_back(std::move(line));
    }
  }
}

const std::vector<include_line>& includes() {
  static const auto all = [] {
    const fs::path root = IOMMULAB_SOURCE_DIR;
    std::vector<include_line> lines;
    for (const char* room : rooms) {
      if (fs::exists(root / room)) add_includes_below(root / room, lines);
    }
    return lines;
  }();
  return all;
}

const std::vector<include_line>& includes_of_tests() {
  static const auto all = [] {
    std::vector<include_line> lines;
    add_includes_below(fs::path(IOMMULAB_SOURCE_DIR) / "tests", lines);
    return lines;
  }();
  return all;
}

std::string folder_of(const std::string& file) {
  return fs::path(file).parent_path().string();
}

/// "platform/vtd/spec" of depth 2 is "platform/vtd".
std::string cut_to(const std::string& folder, size_t depth) {
  fs::path cut;
  for (const fs::path& part : fs::path(folder)) {
    if (depth-- == 0) break;
    cut /= part;
  }
  return cut.string();
}

size_t height_of(const std::string& file) {
  const std::string room = cut_to(file, 1);
  return static_cast<size_t>(std::find(rooms.begin(), rooms.end(), room) - rooms.begin());
}

using graph = std::map<std::string, std::set<std::string>>;

graph graph_of(const std::function<std::string(const std::string&)>& node_of) {
  graph edges;
  for (const include_line& line : includes()) {
    const std::string from = node_of(folder_of(line.from));
    const std::string to = node_of(folder_of(line.to));
    if (from != to) edges[from].insert(to);
  }
  return edges;
}

/// A way from `at` back to the first folder of `way`, found by going down; empty without one.
std::vector<std::string> circle_from(const graph& edges, std::vector<std::string>& way,
                                     std::set<std::string>& done) {
  const std::string at = way.back();
  const auto next = edges.find(at);
  if (next != edges.end()) {
    for (const std::string& to : next->second) {
      const auto seen = std::find(way.begin(), way.end(), to);
      if (seen != way.end()) {
        std::vector<std::string> circle(seen, way.end());
        circle.push_back(to);
        return circle;
      }
      if (done.contains(to)) continue;
      way.push_back(to);
      if (auto circle = circle_from(edges, way, done); !circle.empty()) return circle;
    }
  }
  done.insert(at);
  way.pop_back();
  return {};
}

/// The first circle of folders, as a sentence; empty when there is none.
std::string circle_in(const graph& edges) {
  std::set<std::string> done;
  for (const auto& [folder, to] : edges) {
    if (done.contains(folder)) continue;
    std::vector<std::string> way = {folder};
    const auto circle = circle_from(edges, way, done);
    if (!circle.empty()) return absl::StrJoin(circle, " -> ");
  }
  return "";
}

TEST(includes, are_found) {
  EXPECT_GT(includes().size(), 500u);
  EXPECT_TRUE(std::any_of(includes().begin(), includes().end(), [](const include_line& line) {
    return line.from == "kernel/kernel.h" && line.to == "kernel/profile/kernel_profile.h";
  }));
}

TEST(includes, run_from_the_upper_room_to_the_lower) {
  for (const include_line& line : includes()) {
    EXPECT_GE(height_of(line.from), height_of(line.to))
        << line.from << ":" << line.line << " includes " << line.to;
  }
}

TEST(includes, of_commands_are_for_the_tests_of_commands) {
  EXPECT_GT(includes_of_tests().size(), 300u);
  for (const include_line& line : includes_of_tests()) {
    if (line.from.starts_with("tests/cli/") || line.from.starts_with("tests/fuzz/")) continue;
    EXPECT_FALSE(line.to.starts_with("cli/"))
        << line.from << ":" << line.line << " includes " << line.to;
  }
}

TEST(includes, form_no_circle_of_folders) {
  EXPECT_EQ(circle_in(graph_of([](const std::string& folder) { return folder; })), "");
  for (size_t depth = 1; depth <= 3; ++depth) {
    EXPECT_EQ(circle_in(graph_of([&](const std::string& f) { return cut_to(f, depth); })), "")
        << "folders of depth " << depth << ", with all that is in them";
  }
}

/// The generation whose folder a file lies in, "v4_4"; empty for none.
std::string generation_of(const std::string& path) {
  static const std::regex folder(R"(/(v\d+_\d+(_\d+)?)/)");
  std::smatch match;
  return std::regex_search(path, match, folder) ? match[1].str() : std::string();
}

/// Whether `from`, a generation's file, may look into the folder of `to`'s: its own, or that of the
/// kernel on whose code it stands.
bool may_look(const std::string& from, const std::string& to) {
  static const std::map<std::string, std::string> stands_on = {{"v4_4_178", "v4_4"},
                                                               {"v6_1", "v6_12"}};
  const std::string own = generation_of(from);
  const auto under = stands_on.find(own);
  return own == generation_of(to) ||
         (under != stands_on.end() && under->second == generation_of(to));
}

TEST(includes, of_a_generation_are_its_own) {
  // Who else looks into a generation's folder: the list of kernels, and what measures its
  // functions.
  for (const include_line& line : includes()) {
    if (generation_of(line.to).empty()) continue;
    const bool may = may_look(line.from, line.to) || line.from == "kernel/catalogue.cc" ||
                     line.from.starts_with("bench/");
    EXPECT_TRUE(may) << line.from << ":" << line.line << " includes " << line.to;
  }
}

TEST(includes, of_a_generation_are_for_the_tests_in_its_folders) {
  size_t own = 0;
  for (const include_line& line : includes_of_tests()) {
    if (generation_of(line.to).empty()) continue;
    EXPECT_TRUE(may_look(line.from, line.to))
        << line.from << ":" << line.line << " includes " << line.to;
    ++own;
  }
  EXPECT_GT(own, 50u);
}

TEST(generations, look_at_the_one_they_stand_on) {
  EXPECT_TRUE(may_look("intel/v4_4/a.cc", "intel/v4_4/b.h"));
  EXPECT_TRUE(may_look("intel/v4_4_178/a.cc", "intel/v4_4/b.h"));
  EXPECT_FALSE(may_look("intel/v4_4/a.cc", "intel/v4_4_178/b.h"));
  EXPECT_TRUE(may_look("intel/v6_1/a.cc", "intel/v6_12/b.h"));
  EXPECT_FALSE(may_look("intel/v6_12/a.cc", "intel/v6_1/b.h"));
  EXPECT_FALSE(may_look("intel/v6_12/a.cc", "intel/v4_4/b.h"));
  EXPECT_FALSE(may_look("kernel/kernel.cc", "intel/v4_4/b.h"));
}

// The finder of circles itself, on circles that are known.
TEST(circles, are_found_where_they_are) {
  EXPECT_EQ(circle_in({{"a", {"b"}}, {"b", {"c"}}}), "");
  EXPECT_EQ(circle_in({{"a", {"b"}}, {"b", {"c"}}, {"c", {"b"}}}), "b -> c -> b");
  EXPECT_EQ(circle_in({{"x", {"y"}}, {"y", {"z", "w"}}, {"w", {"x"}}}), "w -> x -> y -> w");
}

}  // namespace
}  // namespace iommulab::include_test
