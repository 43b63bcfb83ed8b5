// SPDX-License-Identifier: GPL-2.0-only
//
// The recorded runs that a golden test goes over: whatever the folder holds.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

#include "support/golden.h"

namespace iommulab::golden {

inline std::filesystem::path captures_root() {
  return root() / "kernel/v4_4";
}

/// The folders of every capture: kernel/VERSION/GROUP/NAME.
inline std::vector<std::string> captures() {
  std::vector<std::string> folders;
  const std::filesystem::path kernels = root() / "kernel";
  for (const std::string& version : cases(kernels)) {
    for (const std::string& group : cases(kernels / version)) {
      const std::filesystem::path folder = kernels / version / group;
      for (const std::string& name : cases(folder)) folders.push_back((folder / name).string());
    }
  }
  return folders;
}

/// The test of a capture: version, group and name.
inline std::string capture_name(const testing::TestParamInfo<std::string>& info) {
  const std::filesystem::path path(info.param);
  const std::filesystem::path group = path.parent_path();
  std::string name = group.parent_path().filename().string() + "_" + group.filename().string() +
                     "_" + path.filename().string();
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

}  // namespace iommulab::golden
