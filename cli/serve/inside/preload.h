// SPDX-License-Identifier: GPL-2.0-only
//
// What the functions that stand before libc's have in common.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "cli/serve/inside/host_calls.h"
#include "cli/serve/inside/path_mirror.h"
#include "cli/serve/inside/served_program.h"

/// A function of libc's that the program finds here first.
#define IOMMULAB_BEFORE_LIBC extern "C" [[gnu::visibility("default")]]
/// The one behind it.
#define IOMMULAB_NEXT(name) \
  static auto* const next = ::iommulab::next_function<decltype(name)>(#name)

namespace iommulab {

/// Whether the program, not the system, asks for a descriptor of the system's.
inline bool is_served(int fd) {
  return !inside_guard::is_inside() && served_program::is_ours(fd);
}

/// The plain path where it is the program that asks, and the system's that it asks for; else empty.
/// A relative path begins at `folder`, a descriptor.
inline std::string served_path(const char* path, int folder = AT_FDCWD) {
  if (path == nullptr || path[0] == '\0' || inside_guard::is_inside()) return {};
  std::string plain =
      path[0] == '/' ? path_mirror::plain(path) : served_program::path_from(folder, path);
  return !plain.empty() && served_program::is_ours(plain) ? plain : std::string();
}

/// As a function of libc's returns it.
inline int64_t returned(int64_t result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

}  // namespace iommulab
