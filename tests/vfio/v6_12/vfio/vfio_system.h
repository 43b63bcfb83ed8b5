// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO over 6.12's core and a driver without hardware, and a process that uses it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/iommu/v6_12/core_system.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/eventfd.h"
#include "vfio/process/task_struct.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/modules.h"

namespace iommulab::v6_12::vfio_test {

inline constexpr uint64_t argument_va = 0x7f0000000000;
inline constexpr uint64_t memory_va = 0x7e0000000000;

/// 00:03.0 and 00:04.0 alone in their groups, and nothing bound.
struct vfio_system : core_test::core_system {
  explicit vfio_system(bool allow_unsafe_interrupts = true)
      : core_test::core_system({endpoint(at(0, 3)).build(), endpoint(at(0, 4)).build()}),
        ram(*physical_memory::create(ranges())),
        allocator(*ram, trace),
        users(allocator) {
    driver.is_coherent = true;
    EXPECT_EQ(start(), 0);
    vfio_module_options options;
    options.allow_unsafe_interrupts = allow_unsafe_interrupts;
    modules.emplace(options, iommu, sys.sysfs, users, nodes);
    current.mm = std::make_shared<mm_struct>(users);
    current.user = std::make_shared<user_struct>();
  }
  ~vfio_system() {
    current.files.exit_files();
    modules.reset();
  }
  static std::vector<memory_range> ranges() {
    return {{phys_addr(0), uint64_t{64} << 20, memory_range::kind::ram}};
  }
  pci_dev& pdev(uint8_t slot) { return sys.dev(at(0, slot)); }

  int open(const std::string& node) { return nodes.open(current, node); }
  int open_group(uint8_t slot) {
    return open("/dev/vfio/" + std::to_string(pdev(slot).dev.group->id));
  }

  int64_t ioctl(int fd, uint32_t request, uint64_t arg) {
    return current.files.lookup(fd)->unlocked_ioctl(current, request, arg);
  }
  /// 0 or more, or a negative errno; `cmd` is what the user's structure is afterwards.
  template <typename T>
  int64_t ioctl_with(int fd, uint32_t request, T& cmd) {
    return ioctl_with(fd, request, bytes_of(cmd));
  }
  int64_t ioctl_with(int fd, uint32_t request, absl::Span<std::byte> bytes) {
    EXPECT_EQ(current.mm->map_bytes(argument_va, bytes), 0);
    const int64_t ret = ioctl(fd, request, argument_va);
    EXPECT_EQ(current.mm->unmap(argument_va, bytes.size()), 0);
    return ret;
  }
  int64_t set_container(int group, int container) {
    int32_t fd = container;
    return ioctl_with(group, uapi::vfio_group_set_container, fd);
  }
  int64_t unset_container(int group) { return ioctl(group, uapi::vfio_group_unset_container, 0); }
  int64_t device_fd(int group, std::string name) {
    name.push_back('\0');
    return ioctl_with(group, uapi::vfio_group_get_device_fd,
                      absl::MakeSpan(reinterpret_cast<std::byte*>(name.data()), name.size()));
  }
  int64_t map(int container, uint64_t iova, uint64_t va, uint64_t size, uint32_t flags = 3) {
    uapi::vfio_iommu_type1_dma_map cmd{sizeof(cmd), flags, va, iova, size};
    return ioctl_with(container, uapi::vfio_iommu_map_dma, cmd);
  }
  int64_t unmap(int container, uint64_t iova, uint64_t size, uint32_t flags = 0) {
    uapi::vfio_iommu_type1_dma_unmap cmd{sizeof(cmd), flags, iova, size};
    const int64_t ret = ioctl_with(container, uapi::vfio_iommu_unmap_dma, cmd);
    unmapped = cmd.size;
    return ret;
  }
  int64_t dirty(int container, uint32_t flags) {
    uapi::vfio_iommu_type1_dirty_bitmap cmd{sizeof(cmd), flags};
    return ioctl_with(container, uapi::vfio_iommu_dirty_pages, cmd);
  }

  /// Pages of the process; of three in a row, two lie side by side in memory.
  void give_memory(uint64_t va, size_t count, bool writable = true) {
    std::vector<phys_addr> pages;
    const phys_addr block = *users.alloc_block(10);
    for (size_t i = 0; i < 1024; ++i) {
      const phys_addr page = block + i * page_size;
      if (pages.size() < count && i % 3 != 2) {
        pages.push_back(page);
      } else {
        users.put(page);
      }
    }
    ASSERT_EQ(pages.size(), count);
    ASSERT_EQ(current.mm->map_pages(va, pages, writable), 0);
  }
  void expect_no_warning() const {
    for (const std::string& line : log()) {
      EXPECT_EQ(line.find("WARNING"), std::string::npos) << line;
    }
  }

  tracer trace;
  std::unique_ptr<physical_memory> ram;
  page_allocator allocator;
  user_pages users;
  device_nodes nodes;
  std::optional<vfio_modules> modules;
  task_struct current;
  uint64_t unmapped = 0;
};

}  // namespace iommulab::v6_12::vfio_test
