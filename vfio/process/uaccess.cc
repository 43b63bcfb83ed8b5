// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/process/uaccess.h"

#include <algorithm>
#include <array>

namespace iommulab {
namespace {

constexpr size_t chunk = 256;

}  // namespace

// Linux v6.12 include/linux/uaccess.h: copy_struct_from_user()
int copy_struct_from_user(task_struct& current, absl::Span<std::byte> to, uint64_t from,
                          uint64_t size) {
  const uint64_t common = std::min<uint64_t>(size, to.size());
  std::array<std::byte, chunk> rest{};
  for (uint64_t at = common; at < size;) {
    const uint64_t length = std::min<uint64_t>(chunk, size - at);
    const absl::Span<std::byte> part = absl::MakeSpan(rest).subspan(0, length);
    if (current.mm->copy_from_user(part, from + at) != 0) return -EFAULT;
    if (std::any_of(part.begin(), part.end(), [](std::byte b) { return b != std::byte{0}; })) {
      return -E2BIG;
    }
    at += length;
  }
  std::fill(to.begin() + static_cast<int64_t>(common), to.end(), std::byte{0});
  return current.mm->copy_from_user(to.subspan(0, common), from) == 0 ? 0 : -EFAULT;
}

int64_t simple_read_from_buffer(task_struct& current, uint64_t to, uint64_t count,
                                uint64_t position, std::string_view text) {
  if (position >= text.size()) return 0;
  const uint64_t length = std::min<uint64_t>(count, text.size() - position);
  const auto bytes =
      absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
  const bool is_whole = current.mm->copy_to_user(to, bytes.subspan(position, length)) == 0;
  return is_whole ? static_cast<int64_t>(length) : -EFAULT;
}

int clear_user(task_struct& current, uint64_t to, uint64_t size) {
  constexpr std::array<std::byte, chunk> zeros{};
  for (uint64_t at = 0; at < size;) {
    const uint64_t length = std::min<uint64_t>(chunk, size - at);
    if (current.mm->copy_to_user(to + at, absl::MakeConstSpan(zeros).subspan(0, length)) != 0) {
      return -EFAULT;
    }
    at += length;
  }
  return 0;
}

}  // namespace iommulab
