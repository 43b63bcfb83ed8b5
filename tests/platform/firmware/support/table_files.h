// SPDX-License-Identifier: GPL-2.0-only
//
// Where the tables lie that did not come from our builder: what real kernels were given, and what
// real machines have.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::testing {

/// The folder golden/kernel/v4_4: from IOMMULAB_GOLDEN, else tests/golden;
/// nothing when none of them has it.
std::optional<std::filesystem::path> golden_kernel_folder();

/// The folder of real tables: from IOMMULAB_CORPUS, else ../shared/corpus; nothing when absent.
std::optional<std::filesystem::path> corpus_dmar_folder();

/// All files below `folder` with one of the names, sorted; none when there is no such folder.
std::vector<std::filesystem::path> files_named(const std::filesystem::path& folder,
                                               const std::vector<std::string>& names);

/// All bytes; the test fails when the file cannot be read.
std::vector<uint8_t> bytes_of(const std::filesystem::path& file);
/// All lines, without their ends.
std::vector<std::string> lines_of(const std::filesystem::path& file);
/// A file of tab-separated values: rows of cells by column.
class tsv_table {
 public:
  explicit tsv_table(const std::filesystem::path& file);
  [[nodiscard]] std::size_t rows() const { return rows_.size(); }
  /// The cell; the test fails when there is no such column.
  [[nodiscard]] std::string cell(std::size_t row, const std::string& column) const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace iommulab::testing
