// SPDX-License-Identifier: GPL-2.0-only
//
// What looks at paths, in front of libc's own functions: a path of the system becomes the one where
// it is laid out. A node of /dev is a file there, and is shown as the character device that it is.
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

#include "cli/serve/inside/preload.h"

namespace iommulab {
namespace {

constexpr unsigned misc_major = 10;
constexpr unsigned vfio_minor = 196;
constexpr mode_t node_mode = S_IFCHR | S_IRUSR | S_IWUSR;

bool is_node(const std::string& path, mode_t laid_out_as) {
  return path.starts_with("/dev/") && S_ISREG(laid_out_as);
}

template <typename Stat>
void show_node(const std::string& path, Stat& found) {
  if (!is_node(path, found.st_mode)) return;
  found.st_mode = node_mode;
  found.st_rdev = makedev(misc_major, vfio_minor);
}

/// `next` with the path as the host has it.
template <typename Next>
auto with_path(const char* path, const Next& next, int folder = AT_FDCWD) {
  const std::string ours = served_path(path, folder);
  return ours.empty() ? next(path) : next(served_program::get().host_path(ours).c_str());
}

template <typename Stat, typename Next>
int stat_anywhere(const char* path, Stat* found, const Next& next, int folder = AT_FDCWD) {
  const std::string ours = served_path(path, folder);
  if (ours.empty()) return next(path);
  const int result = next(served_program::get().host_path(ours).c_str());
  if (result == 0) show_node(ours, *found);
  return result;
}

/// The path that realpath() found, as the program knows it: in `resolved` where the program gave
/// one, else in memory of its own.
char* resolved_for_program(char* found, char* resolved) {
  if (found == nullptr || inside_guard::is_inside()) return found;
  const std::string path = served_program::get().program_path(found);
  if (resolved == nullptr) {
    free(found);
    return strdup(path.c_str());
  }
  std::memcpy(resolved, path.c_str(), path.size() + 1);
  return resolved;
}

}  // namespace
}  // namespace iommulab

using iommulab::stat_anywhere;
using iommulab::with_path;

#define IOMMULAB_STAT(name, type)                                                             \
  IOMMULAB_BEFORE_LIBC int name(const char* path, struct type* found) noexcept {              \
    IOMMULAB_NEXT(name);                                                                      \
    return stat_anywhere(path, found, [&](const char* where) { return next(where, found); }); \
  }
IOMMULAB_STAT(stat, stat)
IOMMULAB_STAT(stat64, stat64)
IOMMULAB_STAT(lstat, stat)
IOMMULAB_STAT(lstat64, stat64)

#define IOMMULAB_FSTATAT(name, type)                                                       \
  IOMMULAB_BEFORE_LIBC int name(int folder, const char* path, struct type* found,          \
                                int flags) noexcept {                                      \
    IOMMULAB_NEXT(name);                                                                   \
    return stat_anywhere(                                                                  \
        path, found, [&](const char* where) { return next(folder, where, found, flags); }, \
        folder);                                                                           \
  }
IOMMULAB_FSTATAT(fstatat, stat)
IOMMULAB_FSTATAT(fstatat64, stat64)

// Programs that were linked with a glibc before 2.33 call these.
#define IOMMULAB_XSTAT(name, type)                                                        \
  IOMMULAB_BEFORE_LIBC int name(int version, const char* path, struct type* found);       \
  IOMMULAB_BEFORE_LIBC int name(int version, const char* path, struct type* found) {      \
    IOMMULAB_NEXT(name);                                                                  \
    return stat_anywhere(path, found,                                                     \
                         [&](const char* where) { return next(version, where, found); }); \
  }
IOMMULAB_XSTAT(__xstat, stat)
IOMMULAB_XSTAT(__xstat64, stat64)
IOMMULAB_XSTAT(__lxstat, stat)
IOMMULAB_XSTAT(__lxstat64, stat64)

IOMMULAB_BEFORE_LIBC int statx(int folder, const char* path, int flags, unsigned int mask,
                               struct statx* found) noexcept {
  IOMMULAB_NEXT(statx);
  const std::string ours = iommulab::served_path(path, folder);
  if (ours.empty()) return next(folder, path, flags, mask, found);
  const std::string where = iommulab::served_program::get().host_path(ours);
  const int result = next(folder, where.c_str(), flags, mask, found);
  if (result == 0 && iommulab::is_node(ours, found->stx_mode)) {
    found->stx_mode = static_cast<uint16_t>(iommulab::node_mode);
    found->stx_rdev_major = iommulab::misc_major;
    found->stx_rdev_minor = iommulab::vfio_minor;
  }
  return result;
}

IOMMULAB_BEFORE_LIBC int access(const char* path, int mode) noexcept {
  IOMMULAB_NEXT(access);
  return with_path(path, [&](const char* where) { return next(where, mode); });
}

IOMMULAB_BEFORE_LIBC int faccessat(int folder, const char* path, int mode, int flags) noexcept {
  IOMMULAB_NEXT(faccessat);
  return with_path(
      path, [&](const char* where) { return next(folder, where, mode, flags); }, folder);
}

IOMMULAB_BEFORE_LIBC ssize_t readlink(const char* path, char* buffer, size_t size) noexcept {
  IOMMULAB_NEXT(readlink);
  return with_path(path, [&](const char* where) { return next(where, buffer, size); });
}

IOMMULAB_BEFORE_LIBC ssize_t readlinkat(int folder, const char* path, char* buffer,
                                        size_t size) noexcept {
  IOMMULAB_NEXT(readlinkat);
  return with_path(
      path, [&](const char* where) { return next(folder, where, buffer, size); }, folder);
}

IOMMULAB_BEFORE_LIBC char* realpath(const char* path, char* resolved) noexcept {
  IOMMULAB_NEXT(realpath);
  const std::string ours = iommulab::served_path(path);
  if (ours.empty()) return next(path, resolved);
  const std::string where = iommulab::served_program::get().host_path(ours);
  return iommulab::resolved_for_program(next(where.c_str(), resolved), resolved);
}

IOMMULAB_BEFORE_LIBC DIR* opendir(const char* path) {
  IOMMULAB_NEXT(opendir);
  return with_path(path, [&](const char* where) { return next(where); });
}

IOMMULAB_BEFORE_LIBC int scandir(const char* path, dirent*** names, int (*filter)(const dirent*),
                                 int (*compare)(const dirent**, const dirent**)) {
  IOMMULAB_NEXT(scandir);
  return with_path(path, [&](const char* where) { return next(where, names, filter, compare); });
}

IOMMULAB_BEFORE_LIBC int scandir64(const char* path, dirent64*** names,
                                   int (*filter)(const dirent64*),
                                   int (*compare)(const dirent64**, const dirent64**)) {
  IOMMULAB_NEXT(scandir64);
  return with_path(path, [&](const char* where) { return next(where, names, filter, compare); });
}

IOMMULAB_BEFORE_LIBC int chdir(const char* path) noexcept {
  IOMMULAB_NEXT(chdir);
  const std::string ours = iommulab::served_path(path);
  const int result = with_path(path, [&](const char* where) { return next(where); });
  if (result == 0 && !iommulab::inside_guard::is_inside()) {
    iommulab::served_program::set_folder(ours);
  }
  return result;
}

IOMMULAB_BEFORE_LIBC char* getcwd(char* buffer, size_t size) noexcept {
  IOMMULAB_NEXT(getcwd);
  if (iommulab::inside_guard::is_inside()) return next(buffer, size);
  const std::string ours = iommulab::served_program::folder();
  if (ours.empty()) return next(buffer, size);
  if (buffer == nullptr) return strdup(ours.c_str());
  if (ours.size() >= size) {
    errno = ERANGE;
    return nullptr;
  }
  std::memcpy(buffer, ours.c_str(), ours.size() + 1);
  return buffer;
}

IOMMULAB_BEFORE_LIBC ssize_t getxattr(const char* path, const char* attribute, void* value,
                                      size_t size) noexcept {
  IOMMULAB_NEXT(getxattr);
  return with_path(path, [&](const char* where) { return next(where, attribute, value, size); });
}

IOMMULAB_BEFORE_LIBC ssize_t lgetxattr(const char* path, const char* attribute, void* value,
                                       size_t size) noexcept {
  IOMMULAB_NEXT(lgetxattr);
  return with_path(path, [&](const char* where) { return next(where, attribute, value, size); });
}
