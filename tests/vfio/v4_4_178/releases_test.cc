// SPDX-License-Identifier: GPL-2.0-only
//
// What VFIO of 4.4.178 does otherwise than that of 4.4.1: rows of kernel/v4_4_178/changes.cc.
// Expected values: the two sources.
#include "support/v4_4_178/releases.h"

#include "vfio/v4_4/vfio_system.h"

namespace iommulab::v4_4_178::vfio_test {
namespace {

using namespace v4_4::vfio_test;
using test::linux_4_4::release;
using test::linux_4_4::releases;

/// What cannot be written back: 4.4.1 returns how many bytes, 4.4.178 an error.
TEST(vfio_info, that_cannot_be_written) {
  for (const bool later : releases) {
    vfio_system s(release(later));
    s.take_lone();
    s.give_memory(argument_va, 1, 0, false);
    const auto page = *s.current.mm->translate(argument_va);
    std::byte* const bytes = s.k().memory().at(page, 4);
    bytes[0] = std::byte{24};
    EXPECT_EQ(s.ioctl(s.c, uapi::vfio_iommu_get_info, argument_va), later ? -EFAULT : 16);
  }
}

/// 4.4.1 maps what the limit allows and fails then; 4.4.178 fails before it maps anything.
TEST(type1_limits, are_the_callers) {
  for (const bool later : releases) {
    vfio_system s(release(later));
    s.take_lone();
    s.give_memory(memory_va, 8);
    s.drop_cap(capability::ipc_lock);
    s.current.rlimit_memlock = 6 * page_size + 1;
    const size_t first = s.events();
    EXPECT_EQ(s.map(s.c, 0x100000, memory_va, 8 * page_size), -ENOMEM);
    EXPECT_EQ(s.calls_of("iommu_map", first), later ? 0u : 1u);
    EXPECT_EQ(s.linux_.logged("vfio_pin_pages: RLIMIT_MEMLOCK (24576) exceeded"), later ? 1 : 2);
    EXPECT_EQ(s.k().user_pages().pins(), 0u);
    EXPECT_EQ(s.current.mm->locked_vm, 0u);
    EXPECT_EQ(s.map(s.c, 0x100000, memory_va, 6 * page_size), 0);
    EXPECT_EQ(s.current.mm->locked_vm, 6u);
    s.current.effective.set();
    EXPECT_EQ(s.map(s.c, 0x200000, memory_va + 6 * page_size, 2 * page_size), 0);
    EXPECT_EQ(s.current.mm->locked_vm, 8u);
  }
}

/// VFIO_DEVICE_SET_IRQS without data: 4.4.1 looks at no numbers.
TEST(vfio_irqs, that_a_device_has_not) {
  for (const bool later : releases) {
    vfio_system s(release(later));
    s.take_lone();
    const auto v = static_cast<int>(s.device_fd(s.g, "0000:00:04.0"));
    ASSERT_GE(v, 0);
    uapi::vfio_irq_set set{
        .argsz = sizeof(set),
        .flags = uapi::vfio_irq_set_data_none | uapi::vfio_irq_set_action_trigger,
        .index = uapi::vfio_pci_req_irq_index,
        .start = 0,
        .count = 1};
    // Without an eventfd there is nothing to signal.
    EXPECT_EQ(s.ioctl_on(v, uapi::vfio_device_set_irqs, set), later ? -EINVAL : 0);
    set.index = uapi::vfio_pci_intx_irq_index;
    set.count = 2;
    EXPECT_EQ(s.ioctl_on(v, uapi::vfio_device_set_irqs, set), -EINVAL);
  }
}

TEST(vfio_group_notifier, puts_its_group_later) {
  for (const bool later : releases) {
    vfio_system s(release(later));
    s.take_lone();
    EXPECT_EQ(s.calls_of("vfio_group_schedule_put") != 0, later);
  }
}

}  // namespace
}  // namespace iommulab::v4_4_178::vfio_test
