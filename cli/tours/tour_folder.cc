// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/tour_folder.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "cli/output/write_file.h"
#include "core/status.h"

namespace iommulab::tours {
namespace {

namespace fs = std::filesystem;

absl::Status cannot(const std::string& do_what, const fs::path& path, int error) {
  return errno_status(error, path.string() + ": cannot be " + do_what + ": " +
                                 std::generic_category().message(error));
}

}  // namespace

absl::Status write_tour_files(const std::vector<tour_file>& files, const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return cannot("made", folder, failed.value());
  for (const tour_file& each : files) {
    absl::Status status = write_file((folder / each.name).string(), each.content);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<tour_folder>> tour_folder::make(
    const std::vector<tour_file>& files) {
  std::unique_ptr<tour_folder> made(new tour_folder);
  std::error_code failed;
  made->before_ = fs::current_path(failed);
  if (failed) return cannot("read", ".", failed.value());
  std::string name = (fs::temp_directory_path(failed) / "iommulab-tour-XXXXXX").string();
  if (failed || mkdtemp(name.data()) == nullptr) return cannot("made", name, errno);
  made->folder_ = name;
  if (absl::Status status = write_tour_files(files, name); !status.ok()) return status;
  fs::current_path(name, failed);
  if (failed) return cannot("entered", name, failed.value());
  return made;
}

tour_folder::~tour_folder() {
  std::error_code ignored;
  if (!before_.empty()) fs::current_path(before_, ignored);
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace iommulab::tours
