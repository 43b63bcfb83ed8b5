// SPDX-License-Identifier: GPL-2.0-only
//
// One request to an iommufd: a structure of the user's, of which the kernel has a copy with zeroes
// where the user's is shorter.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "vfio/process/uaccess.h"
#include "vfio/v6_12/iommufd/objects.h"

namespace iommulab::v6_12 {

/// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: struct iommufd_ucmd
struct iommufd_ucmd {
  /// Room for the longest structure.
  static constexpr size_t max_size = 72;

  /// The structure that the user gave.
  template <typename T>
  [[nodiscard]] T command() const {
    static_assert(sizeof(T) <= max_size);
    T copy;
    std::memcpy(&copy, cmd.data(), sizeof(T));
    return copy;
  }

  iommufd_ctx& ictx;
  task_struct& current;
  uint64_t ubuffer = 0;    ///< the user's address
  uint32_t user_size = 0;  ///< of the structure as the user knows it
  std::array<std::byte, max_size> cmd{};
};

/// The structure goes back to the user, as much of it as the user knows: 0 or -EFAULT.
/// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_ucmd_respond()
template <typename T>
int iommufd_ucmd_respond(const iommufd_ucmd& ucmd, const T& cmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_ucmd_respond", {"cmd_len", sizeof(T)});
  return this_call.result(
      copy_to_user(ucmd.current, ucmd.ubuffer, cmd, std::min<size_t>(ucmd.user_size, sizeof(T))));
}

}  // namespace iommulab::v6_12
