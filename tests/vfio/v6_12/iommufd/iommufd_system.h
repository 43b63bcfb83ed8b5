// SPDX-License-Identifier: GPL-2.0-only
//
// iommufd over 6.12's core and a driver without hardware, and a process that uses it.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <vector>

#include "core/iommu/v6_12/core_system.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/task_struct.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/iommufd.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/iommufd/access.h"
#include "vfio/v6_12/iommufd/iommufd.h"

namespace iommulab::v6_12::iommufd_test {

inline constexpr uint64_t argument_va = 0x7f0000000000;
inline constexpr uint64_t memory_va = 0x7e0000000000;

struct iommufd_system : core_test::core_system {
  explicit iommufd_system(bool vfio_container = false)
      : core_test::core_system(core_test::two_and_a_pair()),
        ram(*physical_memory::create(ranges())),
        allocator(*ram, trace),
        users(allocator),
        module{sys.env, iommu, slab, users, nodes, true, vfio_container} {
    driver.is_coherent = true;
    EXPECT_EQ(start(), 0);
    EXPECT_EQ(iommufd_init(module), 0);
    current.mm = std::make_shared<mm_struct>(users);
    current.user = std::make_shared<user_struct>();
  }
  ~iommufd_system() {
    current.files.exit_files();
    iommufd_exit(module);
  }
  static std::vector<memory_range> ranges() {
    return {{phys_addr(0), uint64_t{64} << 20, memory_range::kind::ram}};
  }

  int open(std::string_view node = "/dev/iommu") { return nodes.open(current, node); }

  /// 0 or more, or a negative errno; `cmd` is what the user's structure is afterwards.
  template <typename T>
  int64_t ioctl(int fd, uint32_t request, T& cmd) {
    EXPECT_EQ(current.mm->map_bytes(argument_va, bytes_of(cmd)), 0);
    const int64_t ret = current.files.lookup(fd)->unlocked_ioctl(current, request, argument_va);
    EXPECT_EQ(current.mm->unmap(argument_va, sizeof(cmd)), 0);
    return ret;
  }

  uint32_t ioas(int fd) {
    uapi::iommu_ioas_alloc cmd{sizeof(cmd)};
    return ioctl(fd, uapi::iommu_ioas_alloc_request, cmd) == 0 ? cmd.out_ioas_id : 0;
  }
  int64_t destroy(int fd, uint32_t object) {
    uapi::iommu_destroy cmd{sizeof(cmd), object};
    return ioctl(fd, uapi::iommu_destroy_request, cmd);
  }
  int64_t map(int fd, uint32_t ioas_id, uint64_t va, uint64_t length, uint64_t iova,
              uint32_t flags = 7) {
    uapi::iommu_ioas_map cmd{sizeof(cmd), flags, ioas_id, 0, va, length, iova};
    const int64_t ret = ioctl(fd, uapi::iommu_ioas_map_request, cmd);
    mapped_at = cmd.iova;
    return ret;
  }
  int64_t copy(int fd, uint32_t dst, uint32_t src, uint64_t length, uint64_t diova, uint64_t siova,
               uint32_t flags = 7) {
    uapi::iommu_ioas_copy cmd{sizeof(cmd), flags, dst, src, length, diova, siova};
    const int64_t ret = ioctl(fd, uapi::iommu_ioas_copy_request, cmd);
    mapped_at = cmd.dst_iova;
    return ret;
  }
  int64_t unmap(int fd, uint32_t ioas_id, uint64_t iova, uint64_t length) {
    uapi::iommu_ioas_unmap cmd{sizeof(cmd), ioas_id, iova, length};
    const int64_t ret = ioctl(fd, uapi::iommu_ioas_unmap_request, cmd);
    unmapped = cmd.length;
    return ret;
  }
  /// The number, or a negative errno.
  int64_t hwpt(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t flags = 0) {
    uapi::iommu_hwpt_alloc cmd{sizeof(cmd), flags, dev_id, pt_id};
    const int64_t ret = ioctl(fd, uapi::iommu_hwpt_alloc_request, cmd);
    return ret == 0 ? cmd.out_hwpt_id : ret;
  }
  /// Null with `error` set.
  iommufd_device* bind(int fd, device& dev) {
    iommufd_ctx* const ictx = iommufd_ctx_from_fd(trace, current, fd, error);
    iommufd_device* const idev = iommufd_device_bind(*ictx, dev, id, error);
    iommufd_ctx_put(ictx);
    return idev;
  }

  /// Pages of the process, none next to the one before.
  void give_memory(uint64_t va, size_t count, bool writable = true) {
    std::vector<phys_addr> pages;
    for (size_t i = 0; i < 2 * count; ++i) {
      const phys_addr page = *users.alloc();
      if (i % 2 == 0) {
        pages.push_back(page);
      } else {
        spare.push_back(page);
      }
    }
    ASSERT_EQ(current.mm->map_pages(va, pages, writable), 0);
  }

  tracer trace;
  std::unique_ptr<physical_memory> ram;
  page_allocator allocator;
  user_pages users;
  device_nodes nodes;
  iommufd_module module;
  task_struct current;
  std::vector<phys_addr> spare;
  uint64_t mapped_at = 0;
  uint64_t unmapped = 0;
  uint32_t id = 0;
  int error = 0;
};

}  // namespace iommulab::v6_12::iommufd_test
