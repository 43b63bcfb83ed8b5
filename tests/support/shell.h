// SPDX-License-Identifier: GPL-2.0-only
//
// A line for the shell, run in a folder of the test's own.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/command.h"
#include "support/files.h"

namespace iommulab {

class shell : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = testing::TempDir() + "iommulab_shell_" + name;
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// What bash does with the line; status -1 when a signal ended it.
  [[nodiscard]] command_result run_line(const std::string& line) const {
    std::ofstream(folder_ + "/script")
        << "cd '" << folder_ << "' && exec " << line << " >out 2>err\n";
    const int status = std::system(("bash '" + folder_ + "/script'").c_str());
    command_result result;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.out = content_of(folder_ + "/out");
    result.err = content_of(folder_ + "/err");
    return result;
  }

  std::string folder_;
};

}  // namespace iommulab
