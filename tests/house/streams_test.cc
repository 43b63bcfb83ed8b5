// SPDX-License-Identifier: GPL-2.0-only
//
// What commands show goes through std::cout and std::cerr, behind which it is cleaned (cli/output);
// C's streams go past that. And no control sequence is written but by write_control().
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

namespace iommulab {
namespace {

namespace fs = std::filesystem;

TEST(streams, of_c_are_not_used_by_commands) {
  const std::regex past_the_filter(
      R"(\b(f?printf|fputs|puts|putchar|perror|fflush)\(|\b(stdout|stderr)\b|<< ("\\r|'\\r))");
  const std::regex comment(R"(^\s*//.*)");
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(IOMMULAB_SOURCE_DIR "/cli")) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".cc" && extension != ".h") continue;
    ++files;
    std::ifstream in(entry.path());
    size_t number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (std::regex_match(line, comment)) continue;
      EXPECT_FALSE(std::regex_search(line, past_the_filter))
          << entry.path() << ':' << number << ": " << line;
    }
  }
  EXPECT_GT(files, 100u);
}

}  // namespace
}  // namespace iommulab
