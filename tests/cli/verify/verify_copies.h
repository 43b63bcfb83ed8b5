// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab verify` on copies of captures that may be altered.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/command.h"
#include "support/golden.h"

namespace iommulab {

/// What the command does with these arguments, each a word of its command line.
command_result verify(std::vector<std::string> arguments);

/// Copies of captures under another name, with the machine of the hanging ones beside them.
class verify_copies : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  static std::filesystem::path capture(const std::string& name);
  /// False when the golden root lacks the capture, or r0. The copy is the folder from now on.
  bool copy(const std::string& name, const std::string& as);
  [[nodiscard]] std::string path(const std::string& file) const { return folder_ + "/" + file; }
  void remove(const std::string& file) const;
  void write(const std::string& file, const std::string& text) const;
  [[nodiscard]] std::string read(const std::string& file) const;
  void expect_refused(const std::string& sentence) const;

  std::filesystem::path root_;
  std::string folder_;
};

}  // namespace iommulab
