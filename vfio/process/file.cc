// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/process/file.h"

#include <cerrno>
#include <memory>
#include <utility>

namespace iommulab {

int64_t file::unlocked_ioctl(task_struct& /*current*/, uint32_t /*cmd*/, uint64_t /*arg*/) {
  return -ENOTTY;
}

int64_t file::read(task_struct& /*current*/, uint64_t /*buffer*/, uint64_t /*count*/,
                   uint64_t /*position*/) {
  return -EINVAL;
}

int64_t file::write(task_struct& /*current*/, uint64_t /*buffer*/, uint64_t /*count*/,
                    uint64_t /*position*/) {
  return -EINVAL;
}

int64_t file::mmap(task_struct& /*current*/, uint64_t /*address*/, uint64_t /*length*/,
                   uint64_t /*offset*/) {
  return -ENODEV;
}

file& get_file(file& f) {
  ++f.references_;
  return f;
}

void fput(file* f) {
  if (f == nullptr || --f->references_ != 0) return;
  if (f->works_ != nullptr && !f->works_->process_is_gone) {
    f->works_->files.push_back(f);
    return;
  }
  const std::unique_ptr<file> last(f);
  last->release();
}

files_struct::~files_struct() {
  exit_files();
  works_->process_is_gone = true;
}

void files_struct::abandon() {
  for (const auto& [fd, f] : std::exchange(open_, {})) delete f;
  for (file* f : std::exchange(works_->files, {})) delete f;
  for (file* f : std::exchange(works_->under_way, {})) delete f;
}

void files_struct::task_work_run() {
  std::vector<file*>& now = works_->under_way;
  while (!now.empty() || !works_->files.empty()) {
    if (now.empty()) now = std::exchange(works_->files, {});
    // A release in which the kernel stops leaves the others here.
    const std::unique_ptr<file> last(now.back());
    now.pop_back();
    last->release();
  }
}

void files_struct::install_at(int fd, file& f) {
  close(fd);
  open_[fd] = &f;
  f.works_ = works_;
}

int files_struct::install(file& f) {
  if (unused_descriptor) {
    const int fd = unused_descriptor();
    if (fd >= 0) {
      install_at(fd, f);
    } else {
      fput(&f);
    }
    return fd;
  }
  int fd = first_;
  for (const auto& [taken, of] : open_) {
    if (taken != fd) break;
    ++fd;
  }
  open_[fd] = &f;
  f.works_ = works_;
  return fd;
}

file* files_struct::lookup(int fd) const {
  const auto found = open_.find(fd);
  return found == open_.end() ? nullptr : found->second;
}

int files_struct::close(int fd) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return -EBADF;
  file* const closed = found->second;
  open_.erase(found);
  fput(closed);
  task_work_run();
  return 0;
}

void files_struct::exit_files() {
  // All descriptors go before anything is released.
  for (const auto& [fd, f] : std::exchange(open_, {})) fput(f);
  task_work_run();
}

}  // namespace iommulab
