// SPDX-License-Identifier: GPL-2.0-only
//
// Open files and a process's descriptors for them, by the kernel's names. What an open device does
// is a class derived from `file`; it goes with the last reference, be that a descriptor or another
// object's.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

namespace iommulab {

struct task_struct;

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
  unsigned references_ = 1;
};

file& get_file(file& f);
/// Null is passed over.
void fput(file* f);

/// Linux include/linux/fdtable.h: struct files_struct
class files_struct {
 public:
  files_struct() = default;
  ~files_struct() { exit_files(); }
  files_struct(const files_struct&) = delete;
  files_struct& operator=(const files_struct&) = delete;

  /// Descriptors below are taken by what is not here.
  void begin_at(int first) { first_ = first; }
  /// The lowest free descriptor is this file's, and holds the caller's reference.
  int install(file& f);
  /// The file behind a descriptor, without a reference; null when there is none.
  [[nodiscard]] file* lookup(int fd) const;
  /// close(): 0 or -EBADF.
  int close(int fd);
  /// The process has ended: what is open is released, last descriptor first.
  void exit_files();
  [[nodiscard]] const std::map<int, file*>& open() const { return open_; }

 private:
  int first_ = 3;
  std::map<int, file*> open_;
};

}  // namespace iommulab
