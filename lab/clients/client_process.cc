// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/client_process.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "core/ensure.h"
#include "core/panic.h"
#include "core/pci/registers.h"
#include "lab/clients/client_places.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"

namespace iommulab {

client_process::client_process(kernel& system, int first_descriptor)
    : system_(system), arguments_(client_places::argument_size) {
  task_.mm = std::make_shared<mm_struct>(system.user_pages());
  task_.user = std::make_shared<user_struct>();
  task_.files.begin_at(first_descriptor);
  mm().map_bytes(client_places::arguments, absl::MakeSpan(arguments_));
}

client_process::~client_process() {
  // Behind a panic the kernel may stop again; what it cannot let go of is forgotten.
  if (!is_ending_) run_guarded([this] { finish(); });
  if (!has_ended_) task_.files.abandon();
  // The kernel may still hold the memory, and who chose its pages goes with the process.
  mm().choose_page = nullptr;
}

void client_process::finish() {
  if (std::exchange(is_ending_, true)) return;
  task_.files.exit_files();
  mm().exit();
  if (owns_zero_page_) system_.user_pages().put(mm().zero_page);
  has_ended_ = true;
}

int client_process::open(const std::string& path) {
  return system_.nodes().open(task_, path);
}

int client_process::close(int fd) {
  return task_.files.close(fd);
}

int64_t client_process::ioctl(int fd, uint32_t request, uint64_t argument) {
  file* const f = task_.files.lookup(fd);
  if (f == nullptr) return -EBADF;
  const int64_t result = f->unlocked_ioctl(task_, request, argument);
  task_.files.task_work_run();
  return result;
}

int64_t client_process::ioctl_on(int fd, uint32_t request, absl::Span<std::byte> structure) {
  ensure(structure.size() <= arguments_.size(), "a structure fits what is handed to a call");
  std::fill(arguments_.begin(), arguments_.end(), std::byte{0});
  std::copy(structure.begin(), structure.end(), arguments_.begin());
  const int64_t result = ioctl(fd, request, client_places::arguments);
  std::copy_n(arguments_.begin(), structure.size(), structure.begin());
  return result;
}

client_process::region client_process::get_region_info(int fd, uint32_t index) {
  uapi::vfio_region_info info;
  info.argsz = sizeof(info);
  info.index = index;
  const int64_t result = ioctl_on(fd, uapi::vfio_device_get_region_info, bytes_of(info));
  return {result, result < 0 ? 0 : info.offset};
}

std::optional<uint16_t> client_process::set_pci_command(int fd, uint64_t config, uint16_t bits) {
  file* const f = task_.files.lookup(fd);
  uint16_t command = 0;
  const uint64_t place = config + pci_reg::command;
  const auto length = static_cast<int64_t>(sizeof(command));
  if (f == nullptr) return std::nullopt;
  if (f->read(task_, client_places::arguments, sizeof(command), place) != length) {
    return std::nullopt;
  }
  std::memcpy(&command, arguments_.data(), sizeof(command));
  command = static_cast<uint16_t>(command | bits);
  std::memcpy(arguments_.data(), &command, sizeof(command));
  if (f->write(task_, client_places::arguments, sizeof(command), place) != length) {
    return std::nullopt;
  }
  return command;
}

std::optional<phys_addr> client_process::zero_page() {
  if (mm().zero_page == phys_addr()) {
    const auto page = system_.user_pages().alloc();
    if (!page) return std::nullopt;
    mm().zero_page = *page;
    owns_zero_page_ = true;
  }
  return mm().zero_page;
}

}  // namespace iommulab
