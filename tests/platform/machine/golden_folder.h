// SPDX-License-Identifier: GPL-2.0-only
//
// The captured machines.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "core/text_source.h"
#include "support/golden.h"

namespace iommulab {

/// Folders of captures that have a pci.txt, in order of name; empty when there is no golden data.
inline std::vector<std::string> golden_captures() {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  const fs::path kernel = golden::root() / "kernel/v4_4";
  if (!fs::is_directory(kernel)) return found;
  for (const fs::directory_entry& kind : fs::directory_iterator(kernel)) {
    if (!kind.is_directory()) continue;
    for (const fs::directory_entry& run : fs::directory_iterator(kind)) {
      if (source_exists((run.path() / "pci.txt").string())) found.push_back(run.path().string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// "boot_default_calls": a test's name for a folder.
inline std::string golden_test_name(const std::string& folder) {
  const std::filesystem::path path(folder);
  std::string name = path.parent_path().filename().string() + "_" + path.filename().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

}  // namespace iommulab
