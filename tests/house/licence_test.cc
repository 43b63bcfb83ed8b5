// SPDX-License-Identifier: GPL-2.0-only
//
// One licence, said alike everywhere: LICENSE, README.md, and a line at the head of every file that
// can hold one.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace iommulab {
namespace {

namespace fs = std::filesystem;

const fs::path root = IOMMULAB_SOURCE_DIR;
const std::string tag = std::string("SPDX-License-Identifier") + ": ";
constexpr const char* licence = "GPL-2.0-only";

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Builds, what was recorded elsewhere, and what an editor or a version control keeps.
bool is_foreign(const fs::path& folder) {
  static const std::set<std::string> foreign = {"build", "tests/golden"};
  const std::string name = folder.filename().string();
  return foreign.contains(fs::relative(folder, root).string()) ||
         (name.front() == '.' && name != ".ci");
}

/// Data and prose hold no line; LICENSE speaks for them.
bool holds_no_line(const fs::path& file) {
  static const std::set<std::string> kinds = {".md",  ".json", ".svg",    ".png", ".dma",
                                              ".txt", ".log",  ".ftrace", ".xz"};
  static const std::set<std::string> names = {"COPYING", "LICENSE", "packages", ".git",
                                              ".gitignore"};
  if (file.filename() == "CMakeLists.txt") return false;
  return kinds.contains(file.extension().string()) || names.contains(file.filename().string());
}

std::vector<fs::path> own_files() {
  std::vector<fs::path> files;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::end(it); ++it) {
    if (it->is_directory() && is_foreign(it->path())) it.disable_recursion_pending();
    if (it->is_regular_file()) files.push_back(it->path());
  }
  return files;
}

TEST(licence, is_named_at_the_head_of_every_source_file) {
  size_t seen = 0;
  for (const fs::path& file : own_files()) {
    if (holds_no_line(file)) continue;
    ++seen;
    std::istringstream text(text_of(file));
    std::string first;
    std::string second;
    std::getline(text, first);
    std::getline(text, second);
    // The first line of a script names its interpreter.
    EXPECT_TRUE(contains(first, tag + licence) || contains(second, tag + licence)) << file;
  }
  EXPECT_GT(seen, 500u);
}

TEST(licence, is_the_same_in_every_line) {
  const std::regex named(tag + "([A-Za-z0-9.+-]+)");
  for (const fs::path& file : own_files()) {
    const std::string text = text_of(file);
    for (std::sregex_iterator it(text.begin(), text.end(), named), end; it != end; ++it) {
      EXPECT_EQ((*it)[1], licence) << file;
    }
  }
}

TEST(licence, is_version_2_and_no_later_one_in_words) {
  std::string words = text_of(root / "LICENSE");
  std::replace(words.begin(), words.end(), '\n', ' ');
  EXPECT_TRUE(contains(words, tag + licence));
  EXPECT_TRUE(contains(words, "version 2 of the License"));
  EXPECT_TRUE(contains(words, "Apache License, version 2.0"));
  EXPECT_FALSE(contains(words, "later"));
  EXPECT_TRUE(contains(text_of(root / "README.md"), std::string("Licence: ") + licence));
  EXPECT_TRUE(contains(text_of(root / "COPYING"), "GNU GENERAL PUBLIC LICENSE"));
  EXPECT_TRUE(contains(text_of(root / "COPYING"), "Version 2, June 1991"));
}

}  // namespace
}  // namespace iommulab
