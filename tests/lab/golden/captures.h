// SPDX-License-Identifier: GPL-2.0-only
//
// The recorded runs that a golden test goes over: whatever the folder holds.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "support/golden.h"

namespace iommulab::golden {

inline std::filesystem::path captures_root() {
  return root() / "kernel/v4_4";
}

/// The captures of each group ("boot", "dmalab" …), with their folders.
inline std::vector<std::string> captures(std::initializer_list<const char*> groups) {
  std::vector<std::string> folders;
  for (const char* group : groups) {
    const std::filesystem::path folder = captures_root() / group;
    for (const std::string& name : cases(folder)) folders.push_back((folder / name).string());
  }
  return folders;
}

/// The test of a capture: its group and its name.
inline std::string capture_name(const testing::TestParamInfo<std::string>& info) {
  const std::filesystem::path path(info.param);
  std::string name = path.parent_path().filename().string() + "_" + path.filename().string();
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

}  // namespace iommulab::golden
