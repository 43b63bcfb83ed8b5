// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/run_boot.h"

#include <algorithm>
#include <sstream>

#include "support/golden.h"

namespace iommulab {

command_result boot(const boot_arguments& arguments) {
  return run_command(run_boot_command, arguments);
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

}  // namespace iommulab
