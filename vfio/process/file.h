// SPDX-License-Identifier: GPL-2.0-only
//
// Open files and a process's descriptors for them, by the kernel's names. What an open device does
// is a class derived from `file`; it goes with the last reference, be that a descriptor or another
// object's.
//
// A file that loses its last reference within a system call is released when that call is through,
// so that no release runs inside another: Linux v6.12 fs/file_table.c: fput(), kernel/task_work.c.
// Of several, the last comes first; what they let go of comes behind all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace iommulab {

struct task_struct;
class file;

/// Files of a process that lost their last reference within the call under way.
struct file_works {
  std::vector<file*> files;
  std::vector<file*> under_way;  ///< of those, the ones that are being released; the last is next
  bool process_is_gone = false;  ///< nobody runs them: a file is released at once
};

/// Linux include/linux/fs.h: struct file with its file_operations. Results are 0 or more, or
/// negative errnos; addresses are the caller's.
class file {
 public:
  file() = default;
  virtual ~file() = default;
  file(const file&) = delete;
  file& operator=(const file&) = delete;

  virtual int64_t unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg);
  virtual int64_t read(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position);
  virtual int64_t write(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position);
  /// `length` bytes from `offset` of the file are to be seen at `address`.
  virtual int64_t mmap(task_struct& current, uint64_t address, uint64_t length, uint64_t offset);
  /// EPOLLIN and the like, of what can be had at once.
  virtual uint32_t poll() { return 0; }
  /// The last reference has gone; the object goes behind this.
  virtual void release() {}

 private:
  friend file& get_file(file& f);
  friend void fput(file* f);
  friend class files_struct;
  unsigned references_ = 1;
  std::shared_ptr<file_works> works_;  ///< of the process that got it; null: it is released at once
};

file& get_file(file& f);
/// Null is passed over.
void fput(file* f);

/// Linux include/linux/fdtable.h: struct files_struct
class files_struct {
 public:
  files_struct() = default;
  ~files_struct();
  files_struct(const files_struct&) = delete;
  files_struct& operator=(const files_struct&) = delete;

  /// Descriptors below are taken by what is not here.
  void begin_at(int first) { first_ = first; }
  /// Who gives descriptors out, or a negative errno; empty, as at first: the lowest free one is
  /// next.
  std::function<int()> unused_descriptor;
  /// A new descriptor is this file's, and holds the caller's reference.
  int install(file& f);
  /// The same for a descriptor that the caller has: what it led to is closed.
  void install_at(int fd, file& f);
  /// The file behind a descriptor, without a reference; null when there is none.
  [[nodiscard]] file* lookup(int fd) const;
  /// close(): 0 or -EBADF.
  int close(int fd);
  /// A system call is through. Whoever calls a file's operations calls this behind it.
  /// Linux v6.12 kernel/task_work.c: task_work_run()
  void task_work_run();
  /// The process has ended: what is open is released, last descriptor first.
  void exit_files();
  /// What is open is forgotten without a release: the kernel has stopped.
  void abandon();
  [[nodiscard]] const std::map<int, file*>& open() const { return open_; }

 private:
  int first_ = 3;
  std::shared_ptr<file_works> works_ = std::make_shared<file_works>();
  std::map<int, file*> open_;
};

}  // namespace iommulab
