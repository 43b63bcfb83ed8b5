// SPDX-License-Identifier: GPL-2.0-only
//
// Who makes a system call: `current`. Its memory, user, capabilities, limits and open files.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>

#include "vfio/process/file.h"
#include "vfio/process/mm_struct.h"

namespace iommulab {

class eventfd_ctx;

/// Linux include/uapi/linux/capability.h, by number
enum class capability : uint8_t {
  ipc_lock = 14,
  sys_rawio = 17,
  sys_admin = 21,
  sys_resource = 24,
};

/// What all processes of a user share: struct user_struct.
struct user_struct {
  uint64_t locked_vm = 0;  ///< pages that are pinned for it
};

inline constexpr uint64_t rlim_infinity = UINT64_MAX;

struct task_struct {
  std::shared_ptr<mm_struct> mm;
  std::shared_ptr<user_struct> user;
  std::bitset<64> effective = std::bitset<64>().set();  ///< capabilities, by number
  uint64_t rlimit_memlock = rlim_infinity;              ///< soft RLIMIT_MEMLOCK, bytes
  files_struct files;
  /// The counter behind a descriptor that is not among `files`, of a program that has its eventfds
  /// elsewhere: null where it is none. Empty: there are no others.
  std::function<std::shared_ptr<eventfd_ctx>(int fd)> eventfd_elsewhere;

  [[nodiscard]] bool capable(capability what) const {
    return effective.test(static_cast<size_t>(what));
  }
};

}  // namespace iommulab
