// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reading/byte_source.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

absl::Status system_error(int error) {
  return errno_status(error, std::generic_category().message(error));
}

sigset_t only_interrupt() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  return set;
}

bool is_regular(int descriptor) {
  struct stat there {};
  return fstat(descriptor, &there) == 0 && S_ISREG(there.st_mode);
}

}  // namespace

absl::StatusOr<size_t> stream_source::read(absl::Span<char> room) {
  in_.read(room.data(), static_cast<std::streamsize>(room.size()));
  if (in_.bad()) return errno_status(EIO, "cannot be read");
  return static_cast<size_t>(in_.gcount());
}

descriptor_source::descriptor_source(int descriptor) : descriptor_(descriptor) {
  if (fcntl(descriptor_, F_GETFD) < 0 || is_regular(descriptor_)) return;
  const sigset_t interrupt = only_interrupt();
  signals_ = signalfd(-1, &interrupt, SFD_CLOEXEC);
  if (signals_ >= 0) sigprocmask(SIG_BLOCK, &interrupt, nullptr);
}

descriptor_source::~descriptor_source() {
  if (signals_ >= 0) {
    const sigset_t interrupt = only_interrupt();
    if (!interrupted_) sigprocmask(SIG_UNBLOCK, &interrupt, nullptr);
    close(signals_);
  }
  if (owned_) close(descriptor_);
}

absl::StatusOr<std::unique_ptr<descriptor_source>> descriptor_source::open(
    const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat there {};
  int error = descriptor < 0 ? errno : 0;
  if (error == 0 && fstat(descriptor, &there) == 0 && S_ISDIR(there.st_mode)) error = EISDIR;
  if (error != 0) {
    if (descriptor >= 0) close(descriptor);
    return errno_status(
        error, absl::StrFormat(
                   "%s: cannot be read: %s", path,
                   error == EISDIR ? "it is a directory" : std::generic_category().message(error)));
  }
  auto source = std::make_unique<descriptor_source>(descriptor);
  source->owned_ = true;
  return source;
}

bool descriptor_source::happens_within(int milliseconds) {
  std::array<pollfd, 2> watched = {{{descriptor_, POLLIN, 0}, {signals_, POLLIN, 0}}};
  const int events = poll(watched.data(), watched.size(), milliseconds);
  if (events > 0 && watched[1].revents != 0) interrupted_ = true;
  return events != 0;
}

bool descriptor_source::pauses() {
  constexpr int a_while = 300;
  return signals_ >= 0 && !interrupted_ && !happens_within(a_while);
}

absl::StatusOr<size_t> descriptor_source::read(absl::Span<char> room) {
  if (signals_ >= 0) happens_within(-1);
  while (!interrupted_) {
    const ssize_t got = ::read(descriptor_, room.data(), room.size());
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return system_error(errno);
  }
  return 0;
}

}  // namespace iommulab
