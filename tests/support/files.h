// SPDX-License-Identifier: GPL-2.0-or-later
//
// Running a subcommand, and what a refusal must look like.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace iommulab {

struct command_result {
  int status = -1;
  std::string out;
  std::string err;
};

template <class Arguments>
command_result run_command(int (*run)(const Arguments&, std::ostream&, std::ostream&),
                           const Arguments& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  command_result result;
  result.status = run(arguments, out, err);
  result.out = out.str();
  result.err = err.str();
  return result;
}

/// Status 2, nothing on stdout, exactly this line on stderr.
inline void expect_refusal(const command_result& result, const std::string& sentence) {
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "iommulab: " + sentence + "\n");
}

/// A file of this test's own.
inline std::string temporary(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + "cli_iova_" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace iommulab
