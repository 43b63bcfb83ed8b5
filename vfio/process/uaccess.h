// SPDX-License-Identifier: GPL-2.0-only
//
// Structures that a system call is given an address of, by the kernel's names.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "absl/types/span.h"
#include "vfio/process/task_struct.h"

namespace iommulab {

/// The bytes of a structure that has no padding to hide.
template <typename T>
absl::Span<std::byte> bytes_of(T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<std::byte*>(&value), sizeof(T)};
}
template <typename T>
absl::Span<const std::byte> bytes_of(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const std::byte*>(&value), sizeof(T)};
}

/// The first `size` bytes of `to`, from the user's; 0 or -EFAULT.
template <typename T>
int copy_from_user(task_struct& current, T& to, uint64_t from, size_t size = sizeof(T)) {
  return current.mm->copy_from_user(bytes_of(to).subspan(0, size), from) == 0 ? 0 : -EFAULT;
}
template <typename T>
int copy_to_user(task_struct& current, uint64_t to, const T& from, size_t size = sizeof(T)) {
  return current.mm->copy_to_user(to, bytes_of(from).subspan(0, size)) == 0 ? 0 : -EFAULT;
}

/// `size` bytes of the user's, where `to` has room for `known`: what the user has beyond must be
/// zero, else -E2BIG; what `to` has beyond becomes zero. 0 or -EFAULT, -E2BIG.
/// Linux v6.12 include/linux/uaccess.h: copy_struct_from_user()
int copy_struct_from_user(task_struct& current, absl::Span<std::byte> to, uint64_t from,
                          uint64_t size);
/// What a read() of `text` at `position` gives: bytes copied, 0 at its end, -EFAULT.
/// Linux v6.12 fs/libfs.c: simple_read_from_buffer()
int64_t simple_read_from_buffer(task_struct& current, uint64_t to, uint64_t count,
                                uint64_t position, std::string_view text);
/// clear_user(): 0 or -EFAULT.
int clear_user(task_struct& current, uint64_t to, uint64_t size);

}  // namespace iommulab
