// SPDX-License-Identifier: GPL-2.0-only
//
// Groups, containers and devices as a user sees them, and that nothing is left when memory runs out
// half-way. Expected values: Linux 6.12's source, and what was recorded of it.
#include <array>

#include "vfio_system.h"

namespace iommulab::v6_12::vfio_test {
namespace {

TEST(vfio_groups, come_with_their_first_device_and_go_with_the_last) {
  vfio_system s;
  EXPECT_EQ(s.open_group(3), -ENOENT);
  ASSERT_EQ(s.modules->probe(s.pdev(3)), 0);
  EXPECT_TRUE(s.nodes.has("/dev/vfio/devices/vfio0"));
  EXPECT_TRUE(s.sys.sysfs.exists(s.pdev(3).dev.sysfs_path + "/vfio-dev/vfio0/dev"));
  EXPECT_EQ(s.sys.sysfs.read("class/vfio/0/dev").value(), "243:0\n");
  const int g = s.open_group(3);
  EXPECT_EQ(g, 3);
  EXPECT_EQ(s.open_group(3), -EBUSY);
  s.current.files.close(g);
  s.modules->remove(s.pdev(3));
  EXPECT_EQ(s.open_group(3), -ENOENT);
  EXPECT_FALSE(s.nodes.has("/dev/vfio/devices/vfio0"));
  EXPECT_FALSE(s.sys.sysfs.exists(s.pdev(3).dev.sysfs_path + "/vfio-dev"));
  s.expect_no_warning();
}

TEST(vfio_groups, outlast_the_devices_that_were_opened_through_them) {
  vfio_system s;
  ASSERT_EQ(s.modules->probe(s.pdev(3)), 0);
  s.give_memory(memory_va, 8);
  const int c = s.open("/dev/vfio/vfio");
  const int g = s.open_group(3);
  ASSERT_EQ(s.set_container(g, c), 0);
  ASSERT_EQ(s.ioctl(c, uapi::vfio_set_iommu, uapi::vfio_type1v2_iommu), 0);
  const auto v = static_cast<int>(s.device_fd(g, "0000:00:03.0"));
  ASSERT_EQ(s.map(c, 0, memory_va, 8 * page_size), 0);
  s.current.files.close(g);
  s.current.files.close(c);
  EXPECT_EQ(s.users.pins(), 8u);
  EXPECT_EQ(s.open_group(3), -EBUSY);
  s.current.files.close(v);
  EXPECT_EQ(s.users.pins(), 0u);
  EXPECT_EQ(s.current.mm->locked_vm, 0u);
  const int again = s.open_group(3);
  EXPECT_GE(again, 0);
  s.expect_no_warning();
  s.current.files.close(again);
  s.modules->remove(s.pdev(3));
}

TEST(vfio_devices, that_are_open_go_when_they_are_closed) {
  vfio_system s;
  ASSERT_EQ(s.modules->probe(s.pdev(3)), 0);
  const int v = s.open("/dev/vfio/devices/vfio0");
  s.modules->remove(s.pdev(3));
  EXPECT_EQ(s.log().back(),
            "pci 0000:00:03.0: No device request channel registered, blocked until released by "
            "user");
  EXPECT_EQ(s.open("/dev/vfio/devices/vfio0"), -ENOENT);
  const int64_t live = s.slab.live();
  s.current.files.close(v);
  EXPECT_LT(s.slab.live(), live);
  // Its number is free again.
  ASSERT_EQ(s.modules->probe(s.pdev(4)), 0);
  EXPECT_TRUE(s.nodes.has("/dev/vfio/devices/vfio0"));
  s.modules->remove(s.pdev(4));
  s.expect_no_warning();
}

TEST(vfio_devices, master_the_bus_only_when_their_user_says_so) {
  vfio_system s;
  constexpr uint16_t command = 0x04;
  constexpr uint16_t master = 0x4;
  pci_config_space& config = *s.pdev(3).config;
  config.write16(command, 0x7);
  ASSERT_EQ(s.modules->probe(s.pdev(3)), 0);
  const int i = s.open("/dev/iommu");
  const int v = s.open("/dev/vfio/devices/vfio0");
  uapi::vfio_device_bind_iommufd bind{sizeof(bind), 0, i, 0};
  ASSERT_EQ(s.ioctl_with(v, uapi::vfio_device_bind_iommufd_request, bind), 0);
  EXPECT_EQ(config.read16(command) & master, 0);
  uint16_t value = 0x7;
  ASSERT_EQ(s.current.mm->map_bytes(argument_va, bytes_of(value)), 0);
  const uint64_t position = (uint64_t{uapi::vfio_pci_config_region_index} << 40) + command;
  EXPECT_EQ(s.current.files.lookup(v)->write(s.current, argument_va, 2, position), 2);
  EXPECT_EQ(config.read16(command) & master, master);
  value = 0;
  EXPECT_EQ(s.current.files.lookup(v)->read(s.current, argument_va, 2, position), 2);
  EXPECT_EQ(value & master, master);
  s.current.files.close(v);
  EXPECT_EQ(config.read16(command) & master, 0);
  s.modules->remove(s.pdev(3));
}

TEST(vfio_interrupts, are_signals_of_eventfds) {
  vfio_system s;
  ASSERT_EQ(s.modules->probe(s.pdev(3)), 0);
  const int i = s.open("/dev/iommu");
  const int v = s.open("/dev/vfio/devices/vfio0");
  uapi::vfio_device_bind_iommufd bind{sizeof(bind), 0, i, 0};
  ASSERT_EQ(s.ioctl_with(v, uapi::vfio_device_bind_iommufd_request, bind), 0);
  const int e = eventfd(s.current, 0);
  struct {
    uapi::vfio_irq_set set;
    int32_t fd;
  } cmd{{sizeof(cmd), uapi::vfio_irq_set_data_eventfd | uapi::vfio_irq_set_action_trigger,
         uapi::vfio_pci_req_irq_index, 0, 1},
        e};
  EXPECT_EQ(s.ioctl_with(v, uapi::vfio_device_set_irqs, cmd), 0);
  cmd.fd = v;
  EXPECT_EQ(s.ioctl_with(v, uapi::vfio_device_set_irqs, cmd), -EINVAL);
  cmd.fd = 99;
  EXPECT_EQ(s.ioctl_with(v, uapi::vfio_device_set_irqs, cmd), -EBADF);
  uapi::vfio_irq_set raise{sizeof(raise),
                           uapi::vfio_irq_set_data_none | uapi::vfio_irq_set_action_trigger,
                           uapi::vfio_pci_req_irq_index, 0, 1};
  EXPECT_EQ(s.ioctl_with(v, uapi::vfio_device_set_irqs, raise), 0);
  EXPECT_EQ(s.ioctl_with(v, uapi::vfio_device_set_irqs, raise), 0);
  const auto* opened = dynamic_cast<eventfd_file*>(s.current.files.lookup(e));
  EXPECT_EQ(opened->ctx()->count(), 2u);
  raise.index = uapi::vfio_pci_msi_irq_index;
  EXPECT_EQ(s.ioctl_with(v, uapi::vfio_device_set_irqs, raise), -EINVAL);
  s.current.files.exit_files();
  s.modules->remove(s.pdev(3));
}

/// Goes through all that a user can ask for; each step may fail.
void use_everything(vfio_system& s) {
  const bool has_first = s.modules->probe(s.pdev(3)) == 0;
  const bool has_second = s.modules->probe(s.pdev(4)) == 0;
  const int c = s.open("/dev/vfio/vfio");
  const int g = has_first ? s.open_group(3) : -1;
  const int h = has_second ? s.open_group(4) : -1;
  if (c >= 0 && g >= 0 && s.set_container(g, c) == 0 &&
      s.ioctl(c, uapi::vfio_set_iommu, uapi::vfio_type1v2_iommu) == 0) {
    std::array<std::byte, 512> info{};
    info[1] = std::byte{2};
    s.map(c, 0x100000, memory_va, 16 * page_size);
    s.dirty(c, uapi::vfio_iommu_dirty_pages_flag_start);
    s.map(c, 0x200000, memory_va + 16 * page_size, 16 * page_size);
    s.ioctl_with(c, uapi::vfio_iommu_get_info, absl::MakeSpan(info));
    if (h >= 0) s.set_container(h, c);
    s.device_fd(g, "0000:00:03.0");
    s.unmap(c, 0x200000, 16 * page_size);
    s.unset_container(g);
  }
  s.current.files.exit_files();
  const int i = s.open("/dev/iommu");
  const int v = has_first ? s.open("/dev/vfio/devices/vfio0") : -1;
  if (i >= 0 && v >= 0) {
    uapi::vfio_device_bind_iommufd bind{sizeof(bind), 0, i, 0};
    s.ioctl_with(v, uapi::vfio_device_bind_iommufd_request, bind);
  }
  s.current.files.exit_files();
  if (has_second) s.modules->remove(s.pdev(4));
  if (has_first) s.modules->remove(s.pdev(3));
}

TEST(vfio_failures, of_each_allocation_leave_nothing) {
  vfio_system s;
  s.give_memory(memory_va, 32);
  const size_t domains = s.driver.domains.size();
  use_everything(s);
  const uint64_t before = s.slab.allocations();
  const uint64_t live_pages = s.allocator.live_pages();
  use_everything(s);
  const uint64_t all = s.slab.allocations() - before;
  EXPECT_GT(all, 40u);
  for (uint64_t n = 1; n <= all; ++n) {
    const int64_t live = s.slab.live();
    s.slab.fail_at(n);
    use_everything(s);
    s.slab.fail_never();
    EXPECT_EQ(s.slab.live(), live) << n;
    EXPECT_EQ(s.users.pins(), 0u) << n;
    EXPECT_EQ(s.current.mm->locked_vm, 0u) << n;
    EXPECT_EQ(s.driver.domains.size(), domains) << n;
    EXPECT_EQ(s.allocator.live_pages(), live_pages) << n;
  }
  s.expect_no_warning();
}

}  // namespace
}  // namespace iommulab::v6_12::vfio_test
