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

#include "kernel/catalogue.h"
#include "support/golden.h"
#include "support/long_run.h"

namespace iommulab::golden {

inline std::filesystem::path captures_root() {
  return root() / "kernel/v4_4";
}

/// The folders of every capture of a kernel that there is: kernel/VERSION/GROUP/NAME.
inline std::vector<std::string> captures() {
  std::vector<std::string> folders;
  const std::filesystem::path kernels = root() / "kernel";
  for (const std::string& version : cases(kernels)) {
    if (find_kernel_profile(version) == nullptr) continue;
    for (const std::string& group : cases(kernels / version)) {
      const std::filesystem::path folder = kernels / version / group;
      for (const std::string& name : cases(folder)) folders.push_back((folder / name).string());
    }
  }
  return folders;
}

/// Those of `captures()` that are run: under a sanitizer, where each takes ten times as long, one
/// in four, unless everything was asked for.
inline std::vector<std::string> captures_to_run() {
  std::vector<std::string> all = captures();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr size_t share = 4;
  if (is_long_run()) return all;
  std::vector<std::string> some;
  for (size_t i = 0; i < all.size(); i += share) some.push_back(all[i]);
  return some;
#else
  return all;
#endif
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
