// SPDX-License-Identifier: GPL-2.0-only
//
// The system inside a program, and the program as the system sees it: its memory, its descriptors,
// its user. Every function is one system call of the program's; results are 0 or more, or negative
// errnos. Nothing is booted until the first call that needs it.
//
// Any thread of the program may call; one mutex lets one in at a time. Virtual time follows the
// host's clock: a call first lets pass what has passed outside.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "cli/serve/inside/call_report.h"
#include "cli/serve/inside/host_memory.h"
#include "cli/serve/inside/path_mirror.h"
#include "cli/serve/served_options.h"
#include "kernel/kernel.h"
#include "vfio/process/task_struct.h"

namespace iommulab {

class served_program {
 public:
  /// The one of this process, booted now if it was not. A machine that cannot be was refused before
  /// the program began; should it fail all the same, the process ends with a sentence.
  static served_program& get();
  /// Whether a plain path (path_mirror.h) is one of the system's. Boots nothing.
  static bool is_ours(const std::string& path);
  /// Whether a descriptor leads to a file of the system. Takes no lock and boots nothing.
  static bool is_ours(int fd);

  int64_t open(const std::string& path, int flags);
  /// A file of sysfs as it reads now, in a descriptor of the host's; -ENOENT where there is none to
  /// be read.
  int64_t open_content(const std::string& path);
  /// The file behind `fd` has a second descriptor: `copy`, which the host gave out.
  void duplicate(int fd, int copy);
  int64_t close(int fd);
  int64_t ioctl(int fd, uint32_t request, uint64_t argument);
  /// At the descriptor's own position, which moves on; with `position` there, and it stays.
  int64_t read(int fd, void* buffer, size_t count, std::optional<uint64_t> position = {});
  int64_t write(int fd, const void* buffer, size_t count, std::optional<uint64_t> position = {});
  int64_t seek(int fd, int64_t offset, int whence);
  int64_t mmap(int fd, uint64_t length, uint64_t offset);
  /// EPOLLIN and the like.
  uint32_t poll(int fd);

  /// The program unmaps a range of its memory, or maps something else there. Boots nothing.
  static void keep_pinned(uint64_t start, uint64_t length);
  std::string host_path(const std::string& path);
  /// The other way round, for what lies where the system's paths are laid out; others stay. Boots
  /// nothing.
  static std::string program_path(std::string_view host_path);
  /// The program is in this folder of the system's now; empty: in one of the host's.
  static void set_folder(const std::string& path);
  static std::string folder();
  /// What a relative path from a folder of the program's (AT_FDCWD: the one it is in) leads to,
  /// where that folder is the system's; empty where it is the host's. Boots nothing.
  static std::string path_from(int folder, std::string_view path);

  /// The process ends: what is open is closed.
  static void finish();

 private:
  struct call;  // one call under way
  served_program(std::unique_ptr<kernel> system, const served_options& options);

  /// file::read() or file::write()
  using move_function = int64_t (file::*)(task_struct&, uint64_t, uint64_t, uint64_t);
  int64_t move(std::string_view verb, move_function how, int fd, uint64_t address, size_t count,
               std::optional<uint64_t> position);
  void pass_time();
  int take_descriptor();
  std::shared_ptr<eventfd_ctx> eventfd_of_host(int fd);
  void tick_from_now_on();
  static void prepare_fork();
  static void after_fork_in_parent();
  static void after_fork_in_child();

  std::unique_ptr<kernel> system_;
  host_memory* memory_;  ///< task_'s
  task_struct task_;
  path_mirror mirror_;
  call_report report_;
  std::string folder_;
  bool has_injected_failures_;
  std::map<int, std::string> paths_;   ///< by descriptor, as they were opened
  std::map<int, uint64_t> positions_;  ///< of descriptors that were read or written
  int next_descriptor_ = -1;           ///< what take_descriptor() gives out; -1: one of its own
  uint64_t last_ns_ = 0;               ///< of the host's clock, at the last call
  bool ticks_ = false;
  std::string stopped_;  ///< why the kernel stopped; calls fail from then on
};

}  // namespace iommulab
