// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/support/table_files.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "support/golden.h"

namespace iommulab::testing {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> if_there(const fs::path& folder) {
  return fs::is_directory(folder) ? std::optional(folder) : std::nullopt;
}

}  // namespace

std::optional<fs::path> golden_kernel_folder() {
  return if_there(golden::root() / "kernel/v4_4");
}

std::optional<fs::path> corpus_dmar_folder() {
  return if_there(golden::corpus_root() / "dmar");
}

std::vector<fs::path> files_named(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
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
  const auto text = golden::read_text(file);
  EXPECT_TRUE(text.ok()) << text.status();
  if (!text.ok()) return {};
  const auto views = golden::lines(*text);
  return {views.begin(), views.end()};
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
