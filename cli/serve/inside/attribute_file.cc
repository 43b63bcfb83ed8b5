// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/inside/attribute_file.h"

#include <unistd.h>

#include <cerrno>

#include "core/status.h"
#include "vfio/process/uaccess.h"

namespace iommulab {

attribute_file::~attribute_file() {
  close(pipe_);
}

absl::Status attribute_file::store_written() {
  std::string text(page_size, '\0');
  const ssize_t length = ::read(pipe_, text.data(), text.size());
  if (length <= 0) return absl::OkStatus();
  text.resize(static_cast<size_t>(length));
  return tree_.write(path_, text);
}

int64_t attribute_file::read(task_struct& current, uint64_t buffer, uint64_t count,
                             uint64_t position) {
  const auto text = tree_.read(path_);
  if (!text.ok()) return -status_errno(text.status());
  return simple_read_from_buffer(current, buffer, count, position, *text);
}

int64_t attribute_file::write(task_struct& current, uint64_t buffer, uint64_t count,
                              uint64_t /*position*/) {
  if (count > page_size) return -EINVAL;
  std::string text(count, '\0');
  const auto bytes = absl::MakeSpan(reinterpret_cast<std::byte*>(text.data()), text.size());
  if (current.mm->copy_from_user(bytes, buffer) != 0) return -EFAULT;
  const absl::Status status = tree_.write(path_, text);
  return status.ok() ? static_cast<int64_t>(count) : -status_errno(status);
}

}  // namespace iommulab
