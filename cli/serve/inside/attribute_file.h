// SPDX-License-Identifier: GPL-2.0-only
//
// A file of sysfs that is opened to be written: a write is the attribute's store().
//
// What libc writes on its own, as it does for standard output that was led here, goes past our
// functions and into a pipe. It is stored when the file is closed; that it was refused can be said
// then, but not returned.
#pragma once

#include <string>

#include "core/sysfs.h"
#include "vfio/process/file.h"
#include "vfio/process/task_struct.h"

namespace iommulab {

class attribute_file final : public file {
 public:
  /// `path` as the tree has it; the tree outlives the file. `pipe` is the end that is read, and the
  /// file's from now on.
  attribute_file(sysfs_tree& tree, std::string path, int pipe)
      : tree_(tree), path_(std::move(path)), pipe_(pipe) {}
  ~attribute_file() override;

  int64_t read(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  int64_t write(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;

  /// Stores what came through the pipe. The attribute's error.
  absl::Status store_written();

 private:
  sysfs_tree& tree_;
  std::string path_;
  int pipe_;
};

}  // namespace iommulab
