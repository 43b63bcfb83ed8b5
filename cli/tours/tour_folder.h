// SPDX-License-Identifier: GPL-2.0-only
//
// Where a tour's commands find the tour's files.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/tours/tour.h"

namespace iommulab::tours {

/// Writes the files into `folder`, which is made if need be. The error names what cannot be
/// written.
absl::Status write_tour_files(const std::vector<tour_file>& files,
                              const std::filesystem::path& folder);

/// A folder of the tour's own, which is the process's as long as the object lives.
class tour_folder {
 public:
  static absl::StatusOr<std::unique_ptr<tour_folder>> make(const std::vector<tour_file>& files);
  ~tour_folder();
  tour_folder(const tour_folder&) = delete;
  tour_folder& operator=(const tour_folder&) = delete;

 private:
  tour_folder() = default;

  std::filesystem::path before_;
  std::filesystem::path folder_;  ///< empty: none was made
};

}  // namespace iommulab::tours
