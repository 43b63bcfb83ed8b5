// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/boot/run_boot.h"

#include <algorithm>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/golden.h"

namespace iommulab {

command_result boot(const boot_arguments& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  command_result result;
  result.status = run_boot_command(arguments, out, err);
  result.out = out.str();
  result.err = err.str();
  return result;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

size_t count(const std::vector<std::string>& lines, const std::string& text) {
  return static_cast<size_t>(
      std::count_if(lines.begin(), lines.end(),
                    [&](const std::string& line) { return line.find(text) != std::string::npos; }));
}

std::string trimmed(const std::string& line) {
  const size_t start = line.find_first_not_of(' ');
  return start == std::string::npos ? "" : line.substr(start);
}

std::string capture(const std::string& name) {
  return (golden::root() / "kernel/v4_4" / name).string();
}

void expect_refusal(const command_result& result, int status, const std::string& reason) {
  EXPECT_EQ(result.status, status);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_THAT(result.err, ::testing::StartsWith("iommulab: "));
  EXPECT_THAT(result.err, ::testing::HasSubstr(reason));
}

}  // namespace iommulab
