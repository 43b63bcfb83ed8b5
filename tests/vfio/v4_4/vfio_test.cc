// SPDX-License-Identifier: GPL-2.0-only
//
// Groups, containers and devices of 4.4's VFIO. Expected values: the sources of Linux 4.4.1 and
// 4.4.178.
#include "core/panic.h"
#include "vfio_system.h"

namespace iommulab::v4_4::vfio_test {
namespace {

TEST(vfio_group, is_viable_by_who_drives_its_devices) {
  vfio_system s;
  ASSERT_TRUE(s.bind(first_of_two).ok());
  const int g = s.open_group(first_of_two);
  ASSERT_EQ(s.dev(first_of_two).group, s.dev(second_of_two).group);
  EXPECT_EQ(s.status(g), uapi::vfio_group_flags_viable);  // the other has no driver
  s.bind_other(second_of_two, "e1000e");
  EXPECT_EQ(s.status(g), 0u);
  device_release_driver(s.dev(second_of_two));
  s.bind_other(second_of_two, "pci-stub");
  EXPECT_EQ(s.status(g), uapi::vfio_group_flags_viable);
}

/// Unlike later, what is not viable may have a container and an IOMMU, but no device.
TEST(vfio_group, that_is_not_viable_gives_no_device) {
  vfio_system s;
  ASSERT_TRUE(s.bind(first_of_two).ok());
  s.bind_other(second_of_two, "e1000e");
  const int c = s.open_container();
  const int g = s.open_group(first_of_two);
  EXPECT_EQ(s.set_container(g, c), 0);
  EXPECT_EQ(s.set_iommu(c), 0);
  EXPECT_EQ(s.status(g), uapi::vfio_group_flags_container_set);
  EXPECT_EQ(s.device_fd(g, "0000:00:05.0"), -EINVAL);
}

TEST(vfio_group, in_use_stops_the_kernel_when_a_driver_takes_a_device) {
  vfio_system s;
  ASSERT_TRUE(s.bind(first_of_two).ok());
  const int c = s.open_container();
  const int g = s.open_group(first_of_two);
  ASSERT_EQ(s.set_container(g, c), 0);
  EXPECT_THROW(s.bind_other(second_of_two, "e1000e"), kernel_bug);
}

TEST(vfio_group, comes_with_its_first_device_and_goes_with_the_last) {
  vfio_system s;
  const std::string node = "/dev/vfio/" + std::to_string(s.dev(first_of_two).group->id);
  EXPECT_FALSE(s.k().nodes().has(node));
  ASSERT_TRUE(s.bind(first_of_two).ok());
  ASSERT_TRUE(s.bind(second_of_two).ok());
  s.unbind(first_of_two);
  EXPECT_TRUE(s.k().nodes().has(node));
  s.unbind(second_of_two);
  EXPECT_FALSE(s.k().nodes().has(node));
}

TEST(vfio_errors, are_those_of_the_source) {
  vfio_system s;
  ASSERT_TRUE(s.bind(lone).ok());
  const int c = s.open_container();
  const int g = s.open_group(lone);
  EXPECT_EQ(s.open_group(lone), -EBUSY);
  EXPECT_EQ(s.ioctl(c, uapi::vfio_get_api_version, 0), 0);
  EXPECT_EQ(s.ioctl(c, uapi::vfio_check_extension, uapi::vfio_type1_iommu), 1);
  EXPECT_EQ(s.ioctl(c, uapi::vfio_check_extension, uapi::vfio_dma_cc_iommu), 0);
  EXPECT_EQ(s.ioctl(c, uapi::vfio_check_extension, uapi::vfio_unmap_all), 0);
  EXPECT_EQ(s.set_iommu(c), -EINVAL);  // no group yet
  uapi::vfio_iommu_type1_info info{.argsz = 16};
  EXPECT_EQ(s.ioctl_on(c, uapi::vfio_iommu_get_info, info), -EINVAL);
  uapi::vfio_group_status st{.argsz = 4};
  EXPECT_EQ(s.ioctl_on(g, uapi::vfio_group_get_status, st), -EINVAL);
  EXPECT_EQ(s.ioctl(g, uapi::vfio_group_get_status, 0), -EFAULT);
  EXPECT_EQ(s.set_container(g, -1), -EINVAL);
  EXPECT_EQ(s.set_container(g, 99), -EBADF);
  EXPECT_EQ(s.set_container(g, g), -EINVAL);
  EXPECT_EQ(s.unset_container(g), -EINVAL);
  EXPECT_EQ(s.device_fd(g, "0000:00:04.0"), -EINVAL);
  EXPECT_EQ(s.ioctl(g, uapi::vfio_set_iommu, 0), -ENOTTY);
  ASSERT_EQ(s.set_container(g, c), 0);
  EXPECT_EQ(s.set_container(g, c), -EINVAL);
  EXPECT_EQ(s.set_iommu(c, uapi::vfio_spapr_tce_iommu), -ENODEV);
  EXPECT_EQ(s.set_iommu(c, uapi::vfio_type1_nesting_iommu), -EINVAL);
  EXPECT_EQ(s.device_fd(g, "0000:00:04.0"), -EINVAL);  // no IOMMU yet
  ASSERT_EQ(s.set_iommu(c), 0);
  EXPECT_EQ(s.set_iommu(c), -EINVAL);
  EXPECT_EQ(s.ioctl(c, uapi::vfio_iommu_dirty_pages, 0), -ENOTTY);
  EXPECT_EQ(s.device_fd(g, "0000:00:05.0"), -ENODEV);
  const int64_t v = s.device_fd(g, "0000:00:04.0");
  ASSERT_GE(v, 0);
  EXPECT_EQ(s.unset_container(g), -EBUSY);
  EXPECT_EQ(s.current.files.close(g), 0);
  EXPECT_EQ(s.open_group(lone), -EBUSY);  // the device keeps the container
  EXPECT_EQ(s.current.files.close(static_cast<int>(v)), 0);
  EXPECT_GE(s.open_group(lone), 0);
}

TEST(vfio_info, has_no_capabilities_behind_it) {
  vfio_system s;
  s.take_lone();
  uapi::vfio_iommu_type1_info info{.argsz = sizeof(info), .flags = 7, .cap_offset = 0x55};
  ASSERT_EQ(s.ioctl_on(s.c, uapi::vfio_iommu_get_info, info), 0);
  EXPECT_EQ(info.flags, 0u);
  EXPECT_EQ(info.iova_pgsizes, ~uint64_t{0xfff});
  EXPECT_EQ(info.cap_offset, 0x55u);
  info.argsz = 15;
  EXPECT_EQ(s.ioctl_on(s.c, uapi::vfio_iommu_get_info, info), -EINVAL);
}

TEST(vfio_interrupts, have_to_be_remapped) {
  {
    vfio_system s(v4_4::profile(), {});
    ASSERT_TRUE(s.bind(lone).ok());
    const int c = s.open_container();
    const int g = s.open_group(lone);
    ASSERT_EQ(s.set_container(g, c), 0);
    EXPECT_EQ(s.set_iommu(c), -EPERM);
    EXPECT_TRUE(s.linux_.log_contains("vfio_iommu_type1_attach_group: No interrupt remapping"));
    EXPECT_EQ(s.status(g), uapi::vfio_group_flags_viable | uapi::vfio_group_flags_container_set);
  }
  vfio_system s(v4_4::profile(), {}, vfio_machine(true));
  s.take_lone();
}

TEST(vfio_device, that_is_open_stops_whoever_unbinds_it) {
  vfio_system s;
  s.take_lone();
  const auto v = static_cast<int>(s.device_fd(s.g, "0000:00:04.0"));
  ASSERT_GE(v, 0);
  EXPECT_THROW(s.unbind(lone), kernel_panic);
  s.current.files.close(v);
  s.current.files.close(s.g);
}

TEST(vfio_device, says_what_it_has) {
  vfio_system s;
  s.take_lone();
  const auto v = static_cast<int>(s.device_fd(s.g, "0000:00:04.0"));
  uapi::vfio_device_info info{.argsz = 16};
  ASSERT_EQ(s.ioctl_on(v, uapi::vfio_device_get_info, info), 0);
  EXPECT_EQ(info.flags & uapi::vfio_device_flags_pci, uapi::vfio_device_flags_pci);
  EXPECT_EQ(info.num_regions, 9u);
  EXPECT_EQ(info.num_irqs, 5u);
  uapi::vfio_region_info region{.argsz = sizeof(region)};
  ASSERT_EQ(s.ioctl_on(v, uapi::vfio_device_get_region_info, region), 0);
  EXPECT_EQ(region.size, 0x20000u);
  EXPECT_EQ(region.flags, 7u);
  region.index = 9;
  EXPECT_EQ(s.ioctl_on(v, uapi::vfio_device_get_region_info, region), -EINVAL);
  EXPECT_EQ(s.ioctl(v, uapi::vfio_device_feature_request, 0), -ENOTTY);
}

/// The whole life of a device with one mapping, with each allocation failing in turn.
template <typename Fail>
void fail_each(Fail fail) {
  vfio_system s;
  s.give_memory(memory_va, 5, 3);
  const auto cycle = [&s](bool wants_all) {
    bool all = s.bind(lone).ok() && !s.dev(lone).driver.empty();
    const int c = s.open_container();
    const int g = s.open_group(lone);
    all = all && c >= 0 && g >= 0 && s.set_container(g, c) == 0 && s.set_iommu(c) == 0;
    all = all && s.device_fd(g, "0000:00:04.0") >= 0;
    all = all && s.map(c, 0x100000, memory_va, 5 * page_size) == 0;
    s.current.files.exit_files();
    if (!s.dev(lone).driver.empty()) s.unbind(lone);
    EXPECT_TRUE(all || !wants_all);
    return all;
  };
  cycle(true);

  const int64_t objects = s.k().slab().live();
  const uint64_t pages = s.k().pages().live_pages();
  bool done = false;
  for (uint64_t n = 1; !done && n < 200; ++n) {
    fail(s, n);
    done = cycle(false);
    fail(s, 0);
    EXPECT_EQ(s.k().slab().live(), objects) << n;
    EXPECT_EQ(s.k().pages().live_pages(), pages) << n;
    EXPECT_EQ(s.k().user_pages().pins(), 0u) << n;
    EXPECT_EQ(s.current.mm->locked_vm, 0u) << n;
  }
  EXPECT_TRUE(done);
  cycle(true);
}

TEST(vfio_failures, of_objects_leak_nothing) {
  fail_each([](vfio_system& s, uint64_t n) { s.k().slab().fail_at(n); });
}

TEST(vfio_failures, of_pages_leak_nothing) {
  fail_each([](vfio_system& s, uint64_t n) { s.k().pages().fail_at(n); });
}

}  // namespace
}  // namespace iommulab::v4_4::vfio_test
