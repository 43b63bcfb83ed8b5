// SPDX-License-Identifier: GPL-2.0-only
//
// A running Linux 4.4 with VFIO loaded, and a process that uses it. 00:04.0 is a group of its own;
// 00:05.0 and 00:05.1 are one group.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "kernel/pci_drivers.h"
#include "support/small_machine.h"
#include "support/v4_4/system.h"
#include "vfio/process/task_struct.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"

namespace iommulab::v4_4::vfio_test {

using test::at;

inline constexpr uint64_t argument_va = 0x7f0000000000;
inline constexpr uint64_t memory_va = 0x7e0000000000;
inline constexpr source_id lone = at(0, 4);
inline constexpr source_id first_of_two = at(0, 5, 0);
inline constexpr source_id second_of_two = at(0, 5, 1);

inline pci_function_config network_function(source_id where, uint32_t bar) {
  return function_builder(where, 0x8086, 0x10d3, 0x020000).memory_bar(0, bar, 0x20000).build();
}

inline machine_config vfio_machine(bool remaps_interrupts = false) {
  test::small_machine m;
  m.add_function(network_function(lone, 0xfea00000));
  m.add_function(function_builder(first_of_two, 0x8086, 0x10d3, 0x020000)
                     .memory_bar(0, 0xfea20000, 0x20000)
                     .multifunction()
                     .build());
  m.add_function(network_function(second_of_two, 0xfea40000));
  if (remaps_interrupts) m.set_ecap(default_ecap().set_interrupt_remapping(true));
  machine_config config = m.build();
  if (remaps_interrupts) {
    // The table's flag, and its checksum.
    constexpr size_t flags_at = 37;
    constexpr size_t checksum_at = 9;
    config.dmar_table[flags_at] |= 1;
    config.dmar_table[checksum_at] = static_cast<uint8_t>(config.dmar_table[checksum_at] - 1);
  }
  return config;
}

struct vfio_system {
  explicit vfio_system(const kernel_profile& profile = v4_4::profile(),
                       vfio_module_options options = unsafe(),
                       machine_config machine = vfio_machine())
      : linux_(machine, "intel_iommu=on", trace_class::calls, profile) {
    linux_.boot();
    EXPECT_TRUE(k().load_vfio(options).ok());
    current.mm = std::make_shared<mm_struct>(k().user_pages());
    current.user = std::make_shared<user_struct>();
  }
  ~vfio_system() {
    current.files.exit_files();
    current.mm->exit();
  }
  static vfio_module_options unsafe() { return {.allow_unsafe_interrupts = true}; }

  kernel& k() { return linux_.k(); }
  device& dev(source_id id) { return linux_.function(id).dev; }

  absl::Status bind(source_id id) {
    device& d = dev(id);
    k().sysfs().write(d.sysfs_path + "/driver_override", "vfio-pci").IgnoreError();
    return k().sysfs().write("bus/pci/drivers_probe", d.name);
  }
  void unbind(source_id id) {
    EXPECT_TRUE(k().sysfs().write("bus/pci/drivers/vfio-pci/unbind", dev(id).name).ok());
  }
  void bind_other(source_id id, const std::string& driver) {
    EXPECT_EQ(device_bind_driver(dev(id), driver, [](device&) { return 0; }), 0);
  }

  int open(const std::string& node) { return k().nodes().open(current, node); }
  int open_container() { return open("/dev/vfio/vfio"); }
  int open_group(source_id id) { return open("/dev/vfio/" + std::to_string(dev(id).group->id)); }
  int64_t ioctl(int fd, uint32_t request, uint64_t arg) {
    file* const f = current.files.lookup(fd);
    return f == nullptr ? -EBADF : f->unlocked_ioctl(current, request, arg);
  }
  int64_t ioctl_with(int fd, uint32_t request, absl::Span<std::byte> bytes) {
    EXPECT_EQ(current.mm->map_bytes(argument_va, bytes), 0);
    const int64_t ret = ioctl(fd, request, argument_va);
    EXPECT_EQ(current.mm->unmap(argument_va, bytes.size()), 0);
    return ret;
  }
  template <typename T>
  int64_t ioctl_on(int fd, uint32_t request, T& cmd) {
    return ioctl_with(fd, request, bytes_of(cmd));
  }
  int64_t set_container(int group, int32_t container) {
    return ioctl_on(group, uapi::vfio_group_set_container, container);
  }
  int64_t unset_container(int group) { return ioctl(group, uapi::vfio_group_unset_container, 0); }
  int64_t set_iommu(int container, uint64_t type = uapi::vfio_type1v2_iommu) {
    return ioctl(container, uapi::vfio_set_iommu, type);
  }
  int64_t device_fd(int group, std::string name) {
    name.push_back('\0');
    return ioctl_with(group, uapi::vfio_group_get_device_fd,
                      absl::MakeSpan(reinterpret_cast<std::byte*>(name.data()), name.size()));
  }
  uint32_t status(int group) {
    uapi::vfio_group_status st{.argsz = sizeof(st)};
    EXPECT_EQ(ioctl_on(group, uapi::vfio_group_get_status, st), 0);
    return st.flags;
  }
  int64_t map(int container, uint64_t iova, uint64_t va, uint64_t size, uint32_t flags = 3) {
    uapi::vfio_iommu_type1_dma_map cmd{sizeof(cmd), flags, va, iova, size};
    return ioctl_on(container, uapi::vfio_iommu_map_dma, cmd);
  }
  int64_t unmap(int container, uint64_t iova, uint64_t size, uint32_t flags = 0) {
    uapi::vfio_iommu_type1_dma_unmap cmd{sizeof(cmd), flags, iova, size};
    const int64_t ret = ioctl_on(container, uapi::vfio_iommu_unmap_dma, cmd);
    unmapped = cmd.size;
    return ret;
  }

  /// A container with 00:04.0's group and an IOMMU.
  void take_lone(uint64_t type = uapi::vfio_type1v2_iommu) {
    ASSERT_TRUE(bind(lone).ok());
    c = open_container();
    g = open_group(lone);
    ASSERT_EQ(set_container(g, c), 0);
    ASSERT_EQ(set_iommu(c, type), 0);
  }
  /// `count` pages of the process that lie side by side, but for every `gap`-th.
  void give_memory(uint64_t va, size_t count, size_t gap = 0, bool writable = true) {
    std::vector<phys_addr> pages;
    const phys_addr block = *k().user_pages().alloc_block(6);
    for (size_t i = 0; i < 64; ++i) {
      const phys_addr page = block + i * page_size;
      if (pages.size() < count && (gap == 0 || i % gap != gap - 1)) {
        pages.push_back(page);
      } else {
        k().user_pages().put(page);
      }
    }
    ASSERT_EQ(pages.size(), count);
    ASSERT_EQ(current.mm->map_pages(va, pages, writable), 0);
  }
  void drop_cap(capability what) { current.effective.reset(static_cast<size_t>(what)); }
  /// How often a function was called, from event `first` on.
  size_t calls_of(std::string_view name, size_t first = 0) {
    size_t count = 0;
    const auto& all = linux_.events().events();
    for (size_t i = first; i < all.size(); ++i) {
      const auto* entered = all[i].as<events::call_enter>();
      if (entered != nullptr && entered->name == name) ++count;
    }
    return count;
  }
  size_t events() { return linux_.events().events().size(); }
  phys_addr reached(uint64_t iova) {
    iommulab::iommu_domain* const domain =
        k().generation().iommu_api().get_domain_for_dev(dev(lone));
    return domain == nullptr ? phys_addr()
                             : k().generation().iommu_api().iova_to_phys(*domain, dma_addr(iova));
  }

  test::linux_4_4::system linux_;
  task_struct current;
  uint64_t unmapped = 0;
  int c = -1;
  int g = -1;
};

}  // namespace iommulab::v4_4::vfio_test
