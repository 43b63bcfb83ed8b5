// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/inside/injected_failures.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "vfio/process/uaccess.h"

namespace iommulab {

bool injected_failures::is_path(std::string_view path) {
  return path.starts_with("/proc/") && path.ends_with("/fail-nth");
}

int64_t injected_failures::read(task_struct& current, uint64_t buffer, uint64_t count,
                                uint64_t position) {
  const uint64_t passed = slab_.asked() - asked_before_;
  const std::string text = absl::StrCat(nth_ > passed ? nth_ - passed : 0, "\n");
  return simple_read_from_buffer(current, buffer, count, position, text);
}

int64_t injected_failures::write(task_struct& current, uint64_t buffer, uint64_t count,
                                 uint64_t /*position*/) {
  constexpr uint64_t most_digits = 20;
  std::string text(std::min(count, most_digits), '\0');
  const auto bytes = absl::MakeSpan(reinterpret_cast<std::byte*>(text.data()), text.size());
  if (current.mm->copy_from_user(bytes, buffer) != 0) return -EFAULT;
  uint64_t nth = 0;
  if (!absl::SimpleAtoi(text, &nth)) return -EINVAL;
  nth_ = nth;
  asked_before_ = slab_.asked();
  slab_.fail_at(nth);
  return static_cast<int64_t>(count);
}

}  // namespace iommulab
