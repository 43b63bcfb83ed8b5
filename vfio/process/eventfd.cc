// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/process/eventfd.h"

#include <cerrno>
#include <utility>

#include "vfio/process/uaccess.h"

namespace iommulab {
namespace {

/// What the counter never reaches by writing.
constexpr uint64_t overflow = UINT64_MAX;

// Linux include/uapi/linux/eventpoll.h
constexpr uint32_t epollin = 0x1;
constexpr uint32_t epollout = 0x4;
constexpr uint32_t epollerr = 0x8;

}  // namespace

eventfd_ctx::wait_entry::wait_entry(std::shared_ptr<eventfd_ctx> of, std::function<void()> wake)
    : of_(std::move(of)), wake_(std::move(wake)) {
  of_->waiters_.push_back(this);
}

eventfd_ctx::wait_entry::~wait_entry() {
  of_->waiters_.remove(this);
}

void eventfd_ctx::signal(uint64_t n) {
  count_ += n <= overflow - count_ ? n : overflow - count_;
  // Who wakes up may stop waiting.
  const std::list<wait_entry*> waiters = waiters_;
  for (wait_entry* each : waiters) each->wake_();
}

uint64_t eventfd_ctx::take() {
  const uint64_t taken = is_semaphore_ && count_ != 0 ? 1 : count_;
  count_ -= taken;
  return taken;
}

eventfd_file::eventfd_file(uint64_t count, unsigned flags)
    : ctx_(std::make_shared<eventfd_ctx>(count, (flags & efd_semaphore) != 0)) {}

int64_t eventfd_file::read(task_struct& current, uint64_t buffer, uint64_t count,
                           uint64_t /*position*/) {
  if (count < sizeof(uint64_t)) return -EINVAL;
  if (ctx_->count() == 0) return -EAGAIN;
  const uint64_t taken = ctx_->take();
  return copy_to_user(current, buffer, taken) == 0 ? int64_t{sizeof(taken)} : -EFAULT;
}

int64_t eventfd_file::write(task_struct& current, uint64_t buffer, uint64_t count,
                            uint64_t /*position*/) {
  uint64_t added = 0;
  if (count < sizeof(added)) return -EINVAL;
  if (copy_from_user(current, added, buffer) != 0) return -EFAULT;
  if (added == overflow) return -EINVAL;
  if (overflow - ctx_->count() <= added) return -EAGAIN;
  ctx_->signal(added);
  return sizeof(added);
}

uint32_t eventfd_file::poll() {
  const uint64_t count = ctx_->count();
  uint32_t events = 0;
  if (count > 0) events |= epollin;
  if (count == overflow) events |= epollerr;
  if (overflow - 1 > count) events |= epollout;
  return events;
}

int eventfd(task_struct& current, uint64_t count, unsigned flags) {
  return current.files.install(*new eventfd_file(count, flags));
}

std::shared_ptr<eventfd_ctx> eventfd_ctx_fdget(task_struct& current, int fd, int& error) {
  file* const f = current.files.lookup(fd);
  if (f == nullptr && current.eventfd_elsewhere) {
    std::shared_ptr<eventfd_ctx> elsewhere = current.eventfd_elsewhere(fd);
    error = elsewhere == nullptr ? -EINVAL : 0;
    return elsewhere;
  }
  error = f == nullptr ? -EBADF : 0;
  if (f == nullptr) return nullptr;
  auto* const opened = dynamic_cast<eventfd_file*>(f);
  error = opened == nullptr ? -EINVAL : 0;
  return opened == nullptr ? nullptr : opened->ctx();
}

}  // namespace iommulab
