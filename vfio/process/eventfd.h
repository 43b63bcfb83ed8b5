// SPDX-License-Identifier: GPL-2.0-only
//
// eventfd(): a counter that one side adds to and the other reads. Linux fs/eventfd.c.
//
// The counter is shared: by the file, and by whoever took it from a descriptor
// (eventfd_ctx_fdget()), so that it outlives the file. One thread at a time: a read that would wait
// fails with -EAGAIN, as with EFD_NONBLOCK.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>

#include "vfio/process/file.h"
#include "vfio/process/task_struct.h"

namespace iommulab {

class eventfd_ctx {
 public:
  /// Called whenever the counter has grown: who polls. An object of it ends that with its life.
  class wait_entry {
   public:
    wait_entry(std::shared_ptr<eventfd_ctx> of, std::function<void()> wake);
    ~wait_entry();
    wait_entry(const wait_entry&) = delete;
    wait_entry& operator=(const wait_entry&) = delete;
    [[nodiscard]] eventfd_ctx& of() const { return *of_; }

   private:
    friend class eventfd_ctx;
    std::shared_ptr<eventfd_ctx> of_;
    std::function<void()> wake_;
  };

  explicit eventfd_ctx(uint64_t count, bool is_semaphore)
      : count_(count), is_semaphore_(is_semaphore) {}

  /// eventfd_signal(): one more, or as many as there can be.
  void signal(uint64_t n = 1);
  /// eventfd_ctx_do_read(): all of it, or one of a semaphore; 0 when there is nothing.
  uint64_t take();
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  uint64_t count_;
  bool is_semaphore_;
  std::list<wait_entry*> waiters_;
};

/// EFD_SEMAPHORE
inline constexpr unsigned efd_semaphore = 1;

class eventfd_file final : public file {
 public:
  explicit eventfd_file(uint64_t count, unsigned flags = 0);

  int64_t read(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  int64_t write(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  uint32_t poll() override;
  [[nodiscard]] const std::shared_ptr<eventfd_ctx>& ctx() const { return ctx_; }

 private:
  std::shared_ptr<eventfd_ctx> ctx_;
};

/// eventfd2(): the new descriptor.
int eventfd(task_struct& current, uint64_t count, unsigned flags = 0);
/// The counter behind a descriptor. Null with `error` set: -EBADF, or -EINVAL for another kind of
/// file. Linux fs/eventfd.c: eventfd_ctx_fdget()
std::shared_ptr<eventfd_ctx> eventfd_ctx_fdget(task_struct& current, int fd, int& error);

}  // namespace iommulab
