// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/selftest/mock_device.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "core/sysfs.h"
#include "vfio/process/uaccess.h"
#include "vfio/v6_12/iommufd/device.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {

// ---- The unit

mock_iommu_ops::mock_iommu_ops(iommufd_module& module, const bus_type& bus, iommu_device& unit)
    : domain_ops(module), nested_ops(module), module_(module), bus_(bus), unit_(unit) {
  blocking_domain_.type = iommu_domain_type::blocked;
  blocking_domain_.ops = &blocking_ops_;
  blocking_domain_.env = &module.env;
  default_domain = &blocking_domain_;
  blocked_domain = &blocking_domain_;
  iommu_ops::pgsize_bitmap = mock_io_page_size;
  default_domain_ops = &domain_ops;
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_capable()
bool mock_iommu_ops::capable(device& dev, iommu_cap cap) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_capable", {"dev", dev}, {"cap", cap});
  if (cap == iommu_cap::cache_coherency) return this_call.result(true);
  if (cap != iommu_cap::dirty_tracking) return this_call.result(false);
  const uint32_t flags = static_cast<const mock_dev&>(dev).flags;
  return this_call.result((flags & uapi::mock_flags_device_no_dirty) == 0);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_hw_info()
int mock_iommu_ops::hw_info(device& dev, iommu_hw_info_data& info) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_hw_info", {"dev", dev});
  info.memory = slab_token(module_.slab);
  if (!info.memory) return this_call.result(-ENOMEM);
  const uapi::iommu_test_hw_info data{.flags = 0, .test_reg = uapi::iommu_hw_info_selftest_regval};
  const absl::Span<const std::byte> bytes = bytes_of(data);
  info.bytes.assign(bytes.begin(), bytes.end());
  info.type = uapi::iommu_hw_info_type_selftest;
  return this_call.result(0);
}

iommu_domain* mock_iommu_ops::domain_alloc_paging(device& dev) {
  return mock_domain_alloc_paging(module_, domain_ops, &dev);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_probe_device()
iommu_device* mock_iommu_ops::probe_device(device& dev, int& error) {
  IOMMULAB_CALL(module_.env.trace, "mock_probe_device", {"dev", dev});
  error = dev.bus == &bus_ ? 0 : -ENODEV;
  if (error != 0) return this_call.result(nullptr, error);
  return this_call.result(&unit_, "mock_iommu");
}

iommu_group* mock_iommu_ops::device_group(device& dev, int& error) {
  return generic_device_group(dev, error);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_domain_alloc_user()
iommu_domain* mock_iommu_ops::domain_alloc_user(device& dev, uint32_t flags, iommu_domain* parent,
                                                const iommu_user_data* user_data, int& error) {
  IOMMULAB_CALL(module_.env.trace, "mock_domain_alloc_user", {"dev", dev}, {"flags", flags});
  constexpr iommu_domain* none = nullptr;
  error = -EOPNOTSUPP;
  if (parent == nullptr) {
    const bool has_dirty_flag = (flags & hwpt_alloc_dirty_tracking) != 0;
    const bool no_dirty_ops =
        (static_cast<const mock_dev&>(dev).flags & uapi::mock_flags_device_no_dirty) != 0;
    if ((flags & ~(hwpt_alloc_nest_parent | hwpt_alloc_dirty_tracking)) != 0 ||
        user_data != nullptr || (has_dirty_flag && no_dirty_ops)) {
      return this_call.result(none, error);
    }
    mock_iommu_domain* const domain = mock_domain_alloc_paging(module_, domain_ops, &dev);
    error = domain == nullptr ? -ENOMEM : 0;
    if (domain == nullptr) return this_call.result(none, error);
    if (has_dirty_flag) domain->dirty_ops = &domain_ops;
    return this_call.result(domain, 0);
  }
  if (user_data->type != uapi::iommu_hwpt_data_selftest || flags != 0) {
    return this_call.result(none, error);
  }
  error = -EINVAL;
  uapi::iommu_hwpt_selftest user_cfg;
  if (parent->ops != &domain_ops || user_data->len != sizeof(user_cfg)) {
    return this_call.result(none, error);
  }
  error = user_data->copy(bytes_of(user_cfg));
  if (error != 0) return this_call.result(none, error);
  iommu_domain* const nested = mock_domain_alloc_nested(
      module_, nested_ops, static_cast<mock_iommu_domain&>(*parent), user_cfg, error);
  return this_call.result(nested, error);
}

iommufd_selftest::iommufd_selftest(iommufd_module& module)
    : bus(module.env, module.iommu.core.sysfs(), module.iommu.core, "iommufd_mock"),
      ops(module, bus, unit) {}

// ---- Devices

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_selftest_is_mock_dev()
bool iommufd_selftest_is_mock_dev(const device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommufd_selftest_is_mock_dev", {"dev", dev});
  return this_call.result(dev.bus->name == "iommufd_mock");
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_dev_release()
void mock_dev_release(iommufd_module& module, mock_dev& mdev) {
  IOMMULAB_CALL(module.env.trace, "mock_dev_release", {"dev", mdev});
  module.test->ids.erase(mdev.id);
  kernel_delete(module.slab, &mdev);
}

// Linux v6.12 drivers/base/core.c: device_add()
void mock_device_add(bus_type& bus, mock_dev& mdev) {
  mdev.sysfs_path = absl::StrCat("devices/", mdev.name);
  bus.sysfs.create_directory(mdev.sysfs_path).IgnoreError();
  bus.devices.push_back(&mdev);
  bus.env.trace.tell([&] { return events::device_change{events::device_action::add, mdev.name}; });
  bus.notifier.call(bus_notify::add_device, mdev);
}

// Linux v6.12 drivers/base/core.c: device_del()
void mock_device_del(bus_type& bus, mock_dev& mdev) {
  bus.notifier.call(bus_notify::del_device, mdev);
  std::erase(bus.devices, &mdev);
  bus.notifier.call(bus_notify::removed_device, mdev);
  bus.env.trace.tell([&] {
    return events::device_change{events::device_action::remove, mdev.name};
  });
  bus.sysfs.remove(mdev.sysfs_path).IgnoreError();
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_dev_create()
mock_dev* mock_dev_create(iommufd_module& module, uint32_t dev_flags, int& error) {
  IOMMULAB_CALL(module.env.trace, "mock_dev_create", {"dev_flags", dev_flags});
  constexpr mock_dev* none = nullptr;
  constexpr uint32_t known = uapi::mock_flags_device_no_dirty | uapi::mock_flags_device_huge_iova;
  error = -EINVAL;
  if ((dev_flags & ~known) != 0) return this_call.result(none, error);
  error = -ENOMEM;
  kernel_ptr<mock_dev> mdev = kernel_new<mock_dev>(module.slab);
  if (mdev == nullptr) return this_call.result(none, error);
  error = 0;
  mdev->flags = dev_flags;
  mdev->bus = &module.test->bus;
  while (!module.test->ids.insert(mdev->id).second) ++mdev->id;
  mdev->name = absl::StrCat("iommufd_mock", mdev->id);
  mock_device_add(module.test->bus, *mdev);
  return this_call.result(mdev.release(), 0);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: mock_dev_destroy()
void mock_dev_destroy(iommufd_module& module, mock_dev& mdev) {
  IOMMULAB_CALL(module.env.trace, "mock_dev_destroy", {"dev", mdev});
  mock_device_del(module.test->bus, mdev);
  mock_dev_release(module, mdev);
}

// ---- The module

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_init()
int iommufd_test_init(iommufd_module& module) {
  if (!module.has_selftest) return 0;
  IOMMULAB_CALL(module.env.trace, "iommufd_test_init");
  module.test = std::make_shared<iommufd_selftest>(module);
  iommufd_selftest& test = *module.test;
  int rc = iommu_device_sysfs_add(module.iommu.core, test.unit, "iommufd_selftest_iommu.0", "", {});
  if (rc == 0) {
    rc = iommu_device_register_bus(module.iommu, test.unit, test.ops, test.bus, test.notifier);
    if (rc != 0) iommu_device_sysfs_remove(module.iommu.core, test.unit);
  }
  if (rc != 0) module.test.reset();
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_exit()
void iommufd_test_exit(iommufd_module& module) {
  if (module.test == nullptr) return;
  IOMMULAB_CALL(module.env.trace, "iommufd_test_exit");
  iommufd_selftest& test = *module.test;
  iommu_device_sysfs_remove(module.iommu.core, test.unit);
  iommu_device_unregister_bus(module.iommu, test.unit, test.bus, test.notifier);
  module.test.reset();
}

}  // namespace iommulab::v6_12
