// SPDX-License-Identifier: GPL-2.0-only
//
// Files of a test's own.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace iommulab {

/// A file of this test's own.
inline std::string temporary(const std::string& name, const std::string& content) {
  std::string path = testing::TempDir() + "iommulab_" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace iommulab
