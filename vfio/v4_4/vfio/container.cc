// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/vfio/container.h"

#include <algorithm>

#include "vfio/uapi/vfio.h"
#include "vfio/v4_4/vfio/group.h"

namespace iommulab::v4_4 {
namespace {

constexpr const char* container_node = "/dev/vfio/vfio";

// Linux v4.4 drivers/vfio/vfio.c: vfio_container_release()
void vfio_container_release(vfio_container& container) {
  vfio_module& module = container.module;
  IOMMULAB_CALL(module.env.trace, "vfio_container_release");
  kernel_delete(module.slab, &container);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_ioctl_check_extension()
int64_t vfio_ioctl_check_extension(vfio_container& container, task_struct& current, uint64_t arg) {
  vfio_module& module = container.module;
  IOMMULAB_CALL(module.env.trace, "vfio_ioctl_check_extension", {"arg", arg});
  if (container.iommu_driver != nullptr) {
    return this_call.result(container.iommu_driver->ops->ioctl(container.iommu_data, current,
                                                               uapi::vfio_check_extension, arg));
  }
  int64_t ret = 0;
  for (const vfio_iommu_driver* driver : module.iommu_drivers_list) {
    ret = driver->ops->ioctl(nullptr, current, uapi::vfio_check_extension, arg);
    if (ret > 0) break;
  }
  return this_call.result(ret);
}

// Linux v4.4 drivers/vfio/vfio.c: __vfio_container_attach_groups()
int vfio_container_attach_groups(vfio_container& container, vfio_iommu_driver& driver,
                                 vfio_iommu& data) {
  IOMMULAB_CALL(container.module.env.trace, "__vfio_container_attach_groups",
                {"driver", driver.ops->name()});
  int ret = -ENODEV;
  const auto& groups = container.group_list;
  for (auto at = groups.begin(); at != groups.end(); ++at) {
    ret = driver.ops->attach_group(data, *(*at)->iommu_group);
    if (ret == 0) continue;
    while (at != groups.begin()) driver.ops->detach_group(data, *(*--at)->iommu_group);
    break;
  }
  return this_call.result(ret);
}

/// The first driver that says it has the extension is the one, whatever comes of it.
/// Linux v4.4 drivers/vfio/vfio.c: vfio_ioctl_set_iommu()
int64_t vfio_ioctl_set_iommu(vfio_container& container, task_struct& current, uint64_t arg) {
  vfio_module& module = container.module;
  IOMMULAB_CALL(module.env.trace, "vfio_ioctl_set_iommu", {"arg", arg});
  // Who may use a group may use an IOMMU: without one nobody makes it allocate anything.
  if (container.group_list.empty() || container.iommu_driver != nullptr) {
    return this_call.result(-EINVAL);
  }
  for (vfio_iommu_driver* driver : module.iommu_drivers_list) {
    if (driver->ops->ioctl(nullptr, current, uapi::vfio_check_extension, arg) <= 0) continue;
    int error = 0;
    vfio_iommu* const data = driver->ops->open(arg, error);
    if (data == nullptr) return this_call.result(error);
    const int ret = vfio_container_attach_groups(container, *driver, *data);
    if (ret != 0) {
      driver->ops->release(*data);
      return this_call.result(ret);
    }
    container.iommu_driver = driver;
    container.iommu_data = data;
    return this_call.result(0);
  }
  return this_call.result(-ENODEV);
}

/// Linux v4.4 drivers/vfio/vfio.c: vfio_fops. No driver has read, write or mmap.
class vfio_fops final : public file {
 public:
  vfio_fops(vfio_container& container, const task_struct& opener)
      : container_(container), opener_(opener.mm) {}
  int64_t unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) override;
  void release() override;
  [[nodiscard]] vfio_container& container() const { return container_; }

 private:
  vfio_container& container_;
  std::weak_ptr<mm_struct> opener_;
};

// Linux v4.4 drivers/vfio/vfio.c: vfio_fops_unl_ioctl()
int64_t vfio_fops::unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  container_.module.current_mm = current.mm;
  IOMMULAB_CALL(container_.module.env.trace, "vfio_fops_unl_ioctl", {"cmd", cmd}, {"arg", arg});
  int64_t ret = -EINVAL;
  switch (cmd) {
    case uapi::vfio_get_api_version:
      ret = uapi::vfio_api_version;
      break;
    case uapi::vfio_check_extension:
      ret = vfio_ioctl_check_extension(container_, current, arg);
      break;
    case uapi::vfio_set_iommu:
      ret = vfio_ioctl_set_iommu(container_, current, arg);
      break;
    default:
      if (container_.iommu_driver == nullptr) break;
      ret = container_.iommu_driver->ops->ioctl(container_.iommu_data, current, cmd, arg);
  }
  return this_call.result(ret);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_fops_release()
void vfio_fops::release() {
  container_.module.current_mm = opener_;
  IOMMULAB_CALL(container_.module.env.trace, "vfio_fops_release");
  vfio_container_put(container_);
}

// Linux v4.4 drivers/vfio/vfio.c: __vfio_group_unset_container()
void group_unset_container(vfio_group& group) {
  IOMMULAB_CALL(group.module.env.trace, "__vfio_group_unset_container", {"group", group});
  vfio_container& container = *group.container;
  vfio_iommu_driver* const driver = container.iommu_driver;
  if (driver != nullptr) driver->ops->detach_group(*container.iommu_data, *group.iommu_group);
  group.container = nullptr;
  container.group_list.remove(&group);
  // Without a group there is no IOMMU any more.
  if (driver != nullptr && container.group_list.empty()) {
    driver->ops->release(*container.iommu_data);
    container.iommu_driver = nullptr;
    container.iommu_data = nullptr;
  }
  vfio_container_put(container);
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio.c: vfio_container_get()
void vfio_container_get(vfio_container& container) {
  IOMMULAB_CALL(container.module.env.trace, "vfio_container_get");
  ++container.kref;
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_container_put()
void vfio_container_put(vfio_container& container) {
  IOMMULAB_CALL(container.module.env.trace, "vfio_container_put");
  if (--container.kref == 0) vfio_container_release(container);
}

vfio_container* container_of_file(file& f) {
  auto* const opened = dynamic_cast<vfio_fops*>(&f);
  return opened == nullptr ? nullptr : &opened->container();
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_register_iommu_driver()
int vfio_register_iommu_driver(vfio_module& module, vfio_iommu_driver_ops& ops) {
  IOMMULAB_CALL(module.env.trace, "vfio_register_iommu_driver", {"ops", ops.name()});
  kernel_ptr<vfio_iommu_driver> driver = kernel_new<vfio_iommu_driver>(module.slab);
  if (driver == nullptr) return this_call.result(-ENOMEM);
  driver->ops = &ops;
  auto& list = module.iommu_drivers_list;
  if (std::any_of(list.begin(), list.end(), [&ops](const auto* d) { return d->ops == &ops; })) {
    return this_call.result(-EINVAL);
  }
  list.push_front(driver.release());
  return this_call.result(0);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_unregister_iommu_driver()
void vfio_unregister_iommu_driver(vfio_module& module, const vfio_iommu_driver_ops& ops) {
  IOMMULAB_CALL(module.env.trace, "vfio_unregister_iommu_driver", {"ops", ops.name()});
  auto& list = module.iommu_drivers_list;
  const auto found =
      std::find_if(list.begin(), list.end(), [&ops](const auto* d) { return d->ops == &ops; });
  if (found == list.end()) return;
  kernel_delete(module.slab, *found);
  list.erase(found);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_fops_open()
file* vfio_fops_open(vfio_module& module, task_struct& current, int& error) {
  IOMMULAB_CALL(module.env.trace, "vfio_fops_open");
  vfio_container* const container = kernel_new<vfio_container>(module.slab, module).release();
  error = container == nullptr ? -ENOMEM : 0;
  if (container == nullptr) return this_call.result(nullptr, error);
  return this_call.result(new vfio_fops(*container, current), error);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_unset_container()
int vfio_group_unset_container(vfio_group& group) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_unset_container", {"group", group});
  if (group.container_users == 0) return this_call.result(-EINVAL);
  if (group.container_users != 1) return this_call.result(-EBUSY);
  group.container_users = 0;
  group_unset_container(group);
  return this_call.result(0);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_try_dissolve_container()
void vfio_group_try_dissolve_container(vfio_group& group) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_try_dissolve_container", {"group", group});
  if (group.container_users == 0) return;
  if (--group.container_users == 0) group_unset_container(group);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_set_container()
int vfio_group_set_container(vfio_group& group, task_struct& current, int container_fd) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_set_container", {"group", group},
                {"container_fd", container_fd});
  if (group.container_users != 0) return this_call.result(-EINVAL);
  file* const f = current.files.lookup(container_fd);
  if (f == nullptr) return this_call.result(-EBADF);
  vfio_container* const container = container_of_file(*f);
  if (container == nullptr) return this_call.result(-EINVAL);
  if (vfio_iommu_driver* driver = container->iommu_driver) {
    const int ret = driver->ops->attach_group(*container->iommu_data, *group.iommu_group);
    if (ret != 0) return this_call.result(ret);
  }
  group.container = container;
  container->group_list.push_front(&group);
  vfio_container_get(*container);
  ++group.container_users;
  return this_call.result(0);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_init()
int vfio_init(vfio_module& module) {
  IOMMULAB_CALL(module.env.trace, "vfio_init");
  module.nodes.add(container_node, [&module](task_struct& current, int& error) {
    return vfio_fops_open(module, current, error);
  });
  module.env.log.print(log_level::info, "VFIO - User Level meta-driver version: 0.3");
  return this_call.result(0);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_cleanup()
void vfio_cleanup(vfio_module& module) {
  IOMMULAB_CALL(module.env.trace, "vfio_cleanup");
  if (!module.group_list.empty()) module.env.log.warn_on("vfio_cleanup");
  vfio_release_left_groups(module);
  module.nodes.remove(container_node);
}

}  // namespace iommulab::v4_4
