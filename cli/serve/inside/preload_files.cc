// SPDX-License-Identifier: GPL-2.0-only
//
// Opening, and what is done with descriptors, in front of libc's own functions.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <vector>

#include "cli/serve/inside/preload.h"

namespace iommulab {
namespace {

/// What opening the path gives, as open() returns it; nothing where the host is to be asked, with
/// `path` then what to ask it for.
std::optional<int> open_served(std::string& path, int flags) {
  served_program& program = served_program::get();
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (!writes && path.starts_with("/sys/")) {
    const int64_t content = program.open_content(path);
    if (content >= 0) return static_cast<int>(content);
    path = program.host_path(path);
    return std::nullopt;
  }
  const int64_t opened = program.open(path, flags);
  if (opened == -EISDIR && !writes) {
    path = program.host_path(path);
    return std::nullopt;
  }
  return static_cast<int>(returned(opened));
}

/// The mode that stands behind the flags, where it does.
mode_t mode_behind(int flags, va_list& rest) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

template <typename Next>
int open_anywhere(int folder, const char* path, int flags, const Next& next) {
  std::string ours = served_path(path, folder);
  if (ours.empty()) return next(path);
  if (const auto opened = open_served(ours, flags)) return *opened;
  return next(ours.c_str());
}

/// A stream's own reads and writes are libc's and do not pass by our functions: it gets ours.
std::FILE* stream_of(int fd, const char* mode) {
  static constexpr auto number = [](void* cookie) {
    return static_cast<int>(reinterpret_cast<intptr_t>(cookie));
  };
  const cookie_io_functions_t functions = {
      .read = [](void* cookie, char* buffer,
                 size_t size) { return ::read(number(cookie), buffer, size); },
      .write = [](void* cookie, const char* buffer,
                  size_t size) { return ::write(number(cookie), buffer, size); },
      .seek = nullptr,
      .close = [](void* cookie) { return ::close(number(cookie)); },
  };
  return fopencookie(reinterpret_cast<void*>(static_cast<intptr_t>(fd)), mode, functions);
}

template <typename Next>
std::FILE* stream_anywhere(const char* path, const char* mode, const Next& next) {
  std::string ours = served_path(path);
  if (ours.empty()) return next(path);
  const bool writes = std::string_view(mode).find_first_of("wa+") != std::string_view::npos;
  const auto opened = open_served(ours, writes ? O_RDWR : O_RDONLY);
  if (!opened) return next(ours.c_str());
  if (*opened < 0) return nullptr;
  return is_served(*opened) ? stream_of(*opened, mode) : fdopen(*opened, mode);
}

void note_copy(int from, int copy) {
  if (copy >= 0 && is_served(from)) served_program::get().duplicate(from, copy);
}

/// What is at a descriptor that gives way to another one.
void note_replaced(int fd) {
  if (is_served(fd)) served_program::get().close(fd);
}

/// poll() with descriptors of the system's among others, once, without waiting.
template <typename Next>
int poll_once(pollfd* fds, nfds_t count, const Next& next) {
  std::vector<pollfd> others(fds, fds + count);
  int ready = 0;
  for (nfds_t i = 0; i < count; ++i) {
    if (!is_served(fds[i].fd)) continue;
    others[i].fd = -1;
    const uint32_t found = served_program::get().poll(fds[i].fd);
    fds[i].revents = static_cast<short>(found & static_cast<uint32_t>(fds[i].events));
    if (fds[i].revents != 0) ++ready;
  }
  const int of_others = next(others.data(), count);
  if (of_others < 0) return of_others;
  for (nfds_t i = 0; i < count; ++i) {
    if (others[i].fd != -1) fds[i].revents = others[i].revents;
  }
  return ready + of_others;
}

/// `timeout_ns` below 0: without end.
template <typename Next>
int poll_anywhere(pollfd* fds, nfds_t count, int64_t timeout_ns, const Next& once) {
  constexpr timespec nap{0, static_cast<long>(ns_per_ms)};
  for (int64_t waited = 0;; waited += nap.tv_nsec) {
    const int ready = poll_once(fds, count, once);
    if (ready != 0 || (timeout_ns >= 0 && waited >= timeout_ns)) return ready;
    nanosleep(&nap, nullptr);
  }
}

bool has_served(const pollfd* fds, nfds_t count) {
  for (nfds_t i = 0; i < count; ++i) {
    if (is_served(fds[i].fd)) return true;
  }
  return false;
}

void note_unmapping(void* address, size_t length) {
  if (inside_guard::is_inside()) return;
  served_program::keep_pinned(reinterpret_cast<uint64_t>(address), length);
}

}  // namespace
}  // namespace iommulab

using iommulab::is_served;
using iommulab::returned;
using iommulab::served_program;

// ---- Opening

#define IOMMULAB_OPEN(name)                                                                      \
  IOMMULAB_BEFORE_LIBC int name(const char* path, int flags, ...) {                              \
    IOMMULAB_NEXT(name);                                                                         \
    va_list rest;                                                                                \
    va_start(rest, flags);                                                                       \
    const mode_t mode = iommulab::mode_behind(flags, rest);                                      \
    va_end(rest);                                                                                \
    return iommulab::open_anywhere(AT_FDCWD, path, flags,                                        \
                                   [&](const char* where) { return next(where, flags, mode); }); \
  }
IOMMULAB_OPEN(open)
IOMMULAB_OPEN(open64)

#define IOMMULAB_OPENAT(name)                                                                      \
  IOMMULAB_BEFORE_LIBC int name(int folder, const char* path, int flags, ...) {                    \
    IOMMULAB_NEXT(name);                                                                           \
    va_list rest;                                                                                  \
    va_start(rest, flags);                                                                         \
    const mode_t mode = iommulab::mode_behind(flags, rest);                                        \
    va_end(rest);                                                                                  \
    return iommulab::open_anywhere(                                                                \
        folder, path, flags, [&](const char* where) { return next(folder, where, flags, mode); }); \
  }
IOMMULAB_OPENAT(openat)
IOMMULAB_OPENAT(openat64)

// What calls become that were compiled with _FORTIFY_SOURCE.
#define IOMMULAB_OPEN_2(name)                                                              \
  IOMMULAB_BEFORE_LIBC int name(const char* path, int flags);                              \
  IOMMULAB_BEFORE_LIBC int name(const char* path, int flags) {                             \
    IOMMULAB_NEXT(name);                                                                   \
    return iommulab::open_anywhere(AT_FDCWD, path, flags,                                  \
                                   [&](const char* where) { return next(where, flags); }); \
  }
IOMMULAB_OPEN_2(__open_2)
IOMMULAB_OPEN_2(__open64_2)

#define IOMMULAB_OPENAT_2(name)                                                                    \
  IOMMULAB_BEFORE_LIBC int name(int folder, const char* path, int flags);                          \
  IOMMULAB_BEFORE_LIBC int name(int folder, const char* path, int flags) {                         \
    IOMMULAB_NEXT(name);                                                                           \
    return iommulab::open_anywhere(folder, path, flags,                                            \
                                   [&](const char* where) { return next(folder, where, flags); }); \
  }
IOMMULAB_OPENAT_2(__openat_2)
IOMMULAB_OPENAT_2(__openat64_2)

#define IOMMULAB_FOPEN(name)                                                                \
  IOMMULAB_BEFORE_LIBC std::FILE* name(const char* path, const char* mode) {                \
    IOMMULAB_NEXT(name);                                                                    \
    return iommulab::stream_anywhere(path, mode,                                            \
                                     [&](const char* where) { return next(where, mode); }); \
  }
IOMMULAB_FOPEN(fopen)
IOMMULAB_FOPEN(fopen64)

// ---- Descriptors

IOMMULAB_BEFORE_LIBC int close(int fd) {
  IOMMULAB_NEXT(close);
  iommulab::note_replaced(fd);
  return next(fd);
}

IOMMULAB_BEFORE_LIBC int dup(int fd) noexcept {
  IOMMULAB_NEXT(dup);
  const int copy = next(fd);
  iommulab::note_copy(fd, copy);
  return copy;
}

IOMMULAB_BEFORE_LIBC int dup2(int fd, int to) noexcept {
  IOMMULAB_NEXT(dup2);
  if (fd != to) iommulab::note_replaced(to);
  const int copy = next(fd, to);
  if (fd != to) iommulab::note_copy(fd, copy);
  return copy;
}

IOMMULAB_BEFORE_LIBC int dup3(int fd, int to, int flags) noexcept {
  IOMMULAB_NEXT(dup3);
  if (fd != to) iommulab::note_replaced(to);
  const int copy = next(fd, to, flags);
  iommulab::note_copy(fd, copy);
  return copy;
}

#define IOMMULAB_FCNTL(name)                                                               \
  IOMMULAB_BEFORE_LIBC int name(int fd, int command, ...) {                                \
    IOMMULAB_NEXT(name);                                                                   \
    va_list rest;                                                                          \
    va_start(rest, command);                                                               \
    void* const argument = va_arg(rest, void*);                                            \
    va_end(rest);                                                                          \
    const int result = next(fd, command, argument);                                        \
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) iommulab::note_copy(fd, result); \
    return result;                                                                         \
  }
IOMMULAB_FCNTL(fcntl)
IOMMULAB_FCNTL(fcntl64)

IOMMULAB_BEFORE_LIBC int ioctl(int fd, unsigned long request, ...) noexcept {
  IOMMULAB_NEXT(ioctl);
  va_list rest;
  va_start(rest, request);
  const auto argument = va_arg(rest, unsigned long);
  va_end(rest);
  if (!is_served(fd)) return next(fd, request, argument);
  return static_cast<int>(
      returned(served_program::get().ioctl(fd, static_cast<uint32_t>(request), argument)));
}

IOMMULAB_BEFORE_LIBC ssize_t read(int fd, void* buffer, size_t count) {
  IOMMULAB_NEXT(read);
  if (!is_served(fd)) return next(fd, buffer, count);
  return returned(served_program::get().read(fd, buffer, count));
}

IOMMULAB_BEFORE_LIBC ssize_t write(int fd, const void* buffer, size_t count) {
  IOMMULAB_NEXT(write);
  if (!is_served(fd)) return next(fd, buffer, count);
  return returned(served_program::get().write(fd, buffer, count));
}

#define IOMMULAB_PREAD(name)                                                                   \
  IOMMULAB_BEFORE_LIBC ssize_t name(int fd, void* buffer, size_t count, off_t at) {            \
    IOMMULAB_NEXT(name);                                                                       \
    if (!is_served(fd)) return next(fd, buffer, count, at);                                    \
    return returned(served_program::get().read(fd, buffer, count, static_cast<uint64_t>(at))); \
  }
IOMMULAB_PREAD(pread)
IOMMULAB_PREAD(pread64)

#define IOMMULAB_PWRITE(name)                                                                   \
  IOMMULAB_BEFORE_LIBC ssize_t name(int fd, const void* buffer, size_t count, off_t at) {       \
    IOMMULAB_NEXT(name);                                                                        \
    if (!is_served(fd)) return next(fd, buffer, count, at);                                     \
    return returned(served_program::get().write(fd, buffer, count, static_cast<uint64_t>(at))); \
  }
IOMMULAB_PWRITE(pwrite)
IOMMULAB_PWRITE(pwrite64)

IOMMULAB_BEFORE_LIBC ssize_t __read_chk(int fd, void* buffer, size_t count, size_t room);
IOMMULAB_BEFORE_LIBC ssize_t __read_chk(int fd, void* buffer, size_t count, size_t room) {
  IOMMULAB_NEXT(__read_chk);
  if (!is_served(fd) || count > room) return next(fd, buffer, count, room);
  return returned(served_program::get().read(fd, buffer, count));
}

#define IOMMULAB_PREAD_CHK(name)                                                                 \
  IOMMULAB_BEFORE_LIBC ssize_t name(int fd, void* buffer, size_t count, off_t at, size_t room);  \
  IOMMULAB_BEFORE_LIBC ssize_t name(int fd, void* buffer, size_t count, off_t at, size_t room) { \
    IOMMULAB_NEXT(name);                                                                         \
    if (!is_served(fd) || count > room) return next(fd, buffer, count, at, room);                \
    return returned(served_program::get().read(fd, buffer, count, static_cast<uint64_t>(at)));   \
  }
IOMMULAB_PREAD_CHK(__pread_chk)
IOMMULAB_PREAD_CHK(__pread64_chk)

#define IOMMULAB_LSEEK(name)                                                   \
  IOMMULAB_BEFORE_LIBC off_t name(int fd, off_t offset, int whence) noexcept { \
    IOMMULAB_NEXT(name);                                                       \
    if (!is_served(fd)) return next(fd, offset, whence);                       \
    return returned(served_program::get().seek(fd, offset, whence));           \
  }
IOMMULAB_LSEEK(lseek)
IOMMULAB_LSEEK(lseek64)

// ---- Waiting

IOMMULAB_BEFORE_LIBC int poll(pollfd* fds, nfds_t count, int timeout_ms) {
  IOMMULAB_NEXT(poll);
  if (!iommulab::has_served(fds, count)) return next(fds, count, timeout_ms);
  const int64_t timeout_ns =
      timeout_ms < 0 ? -1 : timeout_ms * static_cast<int64_t>(iommulab::ns_per_ms);
  return iommulab::poll_anywhere(fds, count, timeout_ns,
                                 [&](pollfd* others, nfds_t n) { return next(others, n, 0); });
}

IOMMULAB_BEFORE_LIBC int ppoll(pollfd* fds, nfds_t count, const timespec* timeout,
                               const sigset_t* mask) {
  IOMMULAB_NEXT(ppoll);
  if (!iommulab::has_served(fds, count)) return next(fds, count, timeout, mask);
  const int64_t timeout_ns =
      timeout == nullptr
          ? -1
          : timeout->tv_sec * static_cast<int64_t>(iommulab::ns_per_second) + timeout->tv_nsec;
  constexpr timespec at_once{0, 0};
  return iommulab::poll_anywhere(fds, count, timeout_ns, [&](pollfd* others, nfds_t n) {
    return next(others, n, &at_once, mask);
  });
}

// ---- Memory

#define IOMMULAB_MMAP(name)                                                                        \
  IOMMULAB_BEFORE_LIBC void* name(void* address, size_t length, int protection, int flags, int fd, \
                                  off_t offset) noexcept {                                         \
    IOMMULAB_NEXT(name);                                                                           \
    if ((flags & MAP_ANONYMOUS) == 0 && is_served(fd)) {                                           \
      const int64_t result =                                                                       \
          served_program::get().mmap(fd, length, static_cast<uint64_t>(offset));                   \
      return returned(result) < 0 ? MAP_FAILED : reinterpret_cast<void*>(result);                  \
    }                                                                                              \
    if ((flags & MAP_FIXED) != 0) iommulab::note_unmapping(address, length);                       \
    return next(address, length, protection, flags, fd, offset);                                   \
  }

IOMMULAB_MMAP(mmap)
IOMMULAB_MMAP(mmap64)

IOMMULAB_BEFORE_LIBC int munmap(void* address, size_t length) noexcept {
  IOMMULAB_NEXT(munmap);
  iommulab::note_unmapping(address, length);
  return next(address, length);
}

namespace {

[[gnu::destructor]] void close_all() {
  served_program::finish();
}

}  // namespace
