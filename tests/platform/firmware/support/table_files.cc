// SPDX-License-Identifier: GPL-2.0-or-later
#include "platform/firmware/support/table_files.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace iommulab::testing {
namespace {

namespace fs = std::filesystem;

/// The first of the folders that exists with `below` in it. A folder named by the environment is
/// the only one looked at.
std::optional<fs::path> choose(const char* variable, const std::vector<fs::path>& defaults,
                               const fs::path& below) {
  std::vector<fs::path> candidates = defaults;
  if (const char* const given = std::getenv(variable)) candidates = {given};
  for (const fs::path& candidate : candidates) {
    if (fs::is_directory(candidate / below)) return candidate / below;
  }
  return std::nullopt;
}

const fs::path source_folder = IOMMULAB_SOURCE_DIR;

}  // namespace

std::optional<fs::path> golden_kernel_folder() {
  return choose("IOMMULAB_GOLDEN",
                {source_folder / "tests/golden", source_folder / "../shared/golden"},
                "kernel/v4_4");
}

std::optional<fs::path> corpus_dmar_folder() {
  return choose("IOMMULAB_CORPUS", {source_folder / "../shared/corpus"}, "dmar");
}

std::vector<fs::path> files_named(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (std::find(names.begin(), names.end(), name) != names.end()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<uint8_t> bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream) << file;
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  return {text.begin(), text.end()};
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

tsv_table::tsv_table(const fs::path& file) {
  for (const std::string& line : lines_of(file)) {
    std::vector<std::string> cells = absl::StrSplit(line, '\t');
    if (columns_.empty()) {
      columns_ = std::move(cells);
    } else {
      rows_.push_back(std::move(cells));
    }
  }
}

std::string tsv_table::cell(std::size_t row, const std::string& column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  EXPECT_NE(found, columns_.end()) << column;
  const auto index = static_cast<std::size_t>(found - columns_.begin());
  return index < rows_.at(row).size() ? rows_[row][index] : "";
}

}  // namespace iommulab::testing
