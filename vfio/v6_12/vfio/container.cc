// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/vfio/container.h"

#include <algorithm>

#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/vfio/group.h"

namespace iommulab::v6_12 {
namespace {

constexpr const char* container_node = "/dev/vfio/vfio";

/// CONFIG_VFIO_NOIOMMU is off, so every driver serves every container.
/// Linux v6.12 drivers/vfio/container.c: vfio_iommu_driver_allowed()
bool vfio_iommu_driver_allowed(const vfio_container& container, const vfio_iommu_driver& driver) {
  IOMMULAB_CALL(container.module->env.trace, "vfio_iommu_driver_allowed",
                {"driver", driver.ops->name()});
  return this_call.result(true);
}

// Linux v6.12 drivers/vfio/container.c: vfio_container_get()
void vfio_container_get(vfio_container& container) {
  IOMMULAB_CALL(container.module->env.trace, "vfio_container_get");
  ++container.kref;
}

// Linux v6.12 drivers/vfio/container.c: vfio_container_release()
void vfio_container_release(vfio_container& container) {
  vfio_module& module = *container.module;
  IOMMULAB_CALL(module.env.trace, "vfio_container_release");
  kernel_delete(module.slab, &container);
}

// Linux v6.12 drivers/vfio/container.c: vfio_container_put()
void vfio_container_put(vfio_container& container) {
  IOMMULAB_CALL(container.module->env.trace, "vfio_container_put");
  if (--container.kref == 0) vfio_container_release(container);
}

/// Whoever says first that it has the extension is believed, as long as the container has no
/// driver. Linux v6.12 drivers/vfio/container.c: vfio_container_ioctl_check_extension()
int64_t vfio_container_ioctl_check_extension(vfio_container& container, task_struct& current,
                                             uint64_t arg) {
  vfio_module& module = *container.module;
  IOMMULAB_CALL(module.env.trace, "vfio_container_ioctl_check_extension", {"arg", arg});
  if (container.iommu_driver != nullptr) {
    return this_call.result(container.iommu_driver->ops->ioctl(container.iommu_data, current,
                                                               uapi::vfio_check_extension, arg));
  }
  int64_t ret = 0;
  for (vfio_iommu_driver* driver : module.iommu_drivers_list) {
    if (!container.group_list.empty() && !vfio_iommu_driver_allowed(container, *driver)) continue;
    ret = driver->ops->ioctl(nullptr, current, uapi::vfio_check_extension, arg);
    if (ret > 0) break;
  }
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/container.c: __vfio_container_attach_groups()
int vfio_container_attach_groups(vfio_container& container, task_struct& current,
                                 vfio_iommu_driver& driver, vfio_iommu& data) {
  IOMMULAB_CALL(container.module->env.trace, "__vfio_container_attach_groups",
                {"driver", driver.ops->name()});
  int ret = -ENODEV;
  const auto& groups = container.group_list;
  for (auto at = groups.begin(); at != groups.end(); ++at) {
    ret = driver.ops->attach_group(data, current, *(*at)->group, (*at)->type);
    if (ret == 0) continue;
    while (at != groups.begin()) driver.ops->detach_group(data, *(*--at)->group);
    break;
  }
  return this_call.result(ret);
}

// Linux v6.12 drivers/vfio/container.c: vfio_ioctl_set_iommu()
int64_t vfio_ioctl_set_iommu(vfio_container& container, task_struct& current, uint64_t arg) {
  vfio_module& module = *container.module;
  IOMMULAB_CALL(module.env.trace, "vfio_ioctl_set_iommu", {"arg", arg});
  // Who may use a group may use an IOMMU: without one nobody makes it allocate anything.
  if (container.group_list.empty() || container.iommu_driver != nullptr) {
    return this_call.result(-EINVAL);
  }
  int64_t ret = -ENODEV;
  for (vfio_iommu_driver* driver : module.iommu_drivers_list) {
    if (!vfio_iommu_driver_allowed(container, *driver)) continue;
    if (driver->ops->ioctl(nullptr, current, uapi::vfio_check_extension, arg) <= 0) continue;
    int error = 0;
    vfio_iommu* const data = driver->ops->open(arg, error);
    if (data == nullptr) {
      ret = error;
      continue;
    }
    ret = vfio_container_attach_groups(container, current, *driver, *data);
    if (ret != 0) {
      driver->ops->release(*data);
      continue;
    }
    container.iommu_driver = driver;
    container.iommu_data = data;
    break;
  }
  return this_call.result(ret);
}

/// Linux v6.12 drivers/vfio/container.c: vfio_fops
class vfio_fops final : public file {
 public:
  explicit vfio_fops(vfio_container& container) : container_(container) {}
  int64_t unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) override;
  void release() override;
  [[nodiscard]] vfio_container& container() const { return container_; }

 private:
  vfio_container& container_;
};

// Linux v6.12 drivers/vfio/container.c: vfio_fops_unl_ioctl()
int64_t vfio_fops::unlocked_ioctl(task_struct& current, uint32_t cmd, uint64_t arg) {
  IOMMULAB_CALL(container_.module->env.trace, "vfio_fops_unl_ioctl", {"cmd", cmd}, {"arg", arg});
  int64_t ret = -EINVAL;
  switch (cmd) {
    case uapi::vfio_get_api_version:
      ret = uapi::vfio_api_version;
      break;
    case uapi::vfio_check_extension:
      ret = vfio_container_ioctl_check_extension(container_, current, arg);
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

// Linux v6.12 drivers/vfio/container.c: vfio_fops_release()
void vfio_fops::release() {
  IOMMULAB_CALL(container_.module->env.trace, "vfio_fops_release");
  vfio_container_put(container_);
}

// Linux v6.12 drivers/vfio/container.c: vfio_fops_open()
file* vfio_fops_open(vfio_module& module, int& error) {
  IOMMULAB_CALL(module.env.trace, "vfio_fops_open");
  vfio_container* const container = kernel_new<vfio_container>(module.slab).release();
  error = container == nullptr ? -ENOMEM : 0;
  if (container == nullptr) return this_call.result(nullptr, error);
  container->module = &module;
  return this_call.result(new vfio_fops(*container), error);
}

}  // namespace

// Linux v6.12 drivers/vfio/container.c: vfio_register_iommu_driver()
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

// Linux v6.12 drivers/vfio/container.c: vfio_unregister_iommu_driver()
void vfio_unregister_iommu_driver(vfio_module& module, const vfio_iommu_driver_ops& ops) {
  IOMMULAB_CALL(module.env.trace, "vfio_unregister_iommu_driver", {"ops", ops.name()});
  auto& list = module.iommu_drivers_list;
  const auto found =
      std::find_if(list.begin(), list.end(), [&ops](const auto* d) { return d->ops == &ops; });
  if (found == list.end()) return;
  kernel_delete(module.slab, *found);
  list.erase(found);
}

// Linux v6.12 drivers/vfio/container.c: vfio_container_from_file()
vfio_container* vfio_container_from_file(vfio_module& module, file& f) {
  IOMMULAB_CALL(module.env.trace, "vfio_container_from_file");
  if (module.options.container_is_iommufd) return this_call.result(nullptr, false);
  auto* const opened = dynamic_cast<vfio_fops*>(&f);
  vfio_container* const container = opened == nullptr ? nullptr : &opened->container();
  return this_call.result(container, container != nullptr);
}

// Linux v6.12 drivers/vfio/container.c: vfio_container_attach_group()
int vfio_container_attach_group(vfio_container& container, task_struct& current,
                                vfio_group& group) {
  IOMMULAB_CALL(container.module->env.trace, "vfio_container_attach_group", {"group", group});
  const bool is_real = group.type == vfio_group_type::iommu;
  if (is_real) {
    const int ret = iommu_group_claim_dma_owner(*group.group, &group);
    if (ret != 0) return this_call.result(ret);
  }
  if (container.iommu_driver != nullptr) {
    const int ret = container.iommu_driver->ops->attach_group(*container.iommu_data, current,
                                                              *group.group, group.type);
    if (ret != 0) {
      if (is_real) iommu_group_release_dma_owner(*group.group);
      return this_call.result(ret);
    }
  }
  group.container = &container;
  group.container_users = 1;
  container.group_list.push_front(&group);
  vfio_container_get(container);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/container.c: vfio_group_detach_container()
void vfio_group_detach_container(vfio_group& group) {
  vfio_module& module = *group.module;
  IOMMULAB_CALL(module.env.trace, "vfio_group_detach_container", {"group", group});
  vfio_container& container = *group.container;
  if (group.container_users != 1) module.env.log.warn_on("vfio_group_detach_container");
  vfio_iommu_driver* const driver = container.iommu_driver;
  if (driver != nullptr) driver->ops->detach_group(*container.iommu_data, *group.group);
  if (group.type == vfio_group_type::iommu) iommu_group_release_dma_owner(*group.group);
  group.container = nullptr;
  group.container_users = 0;
  container.group_list.remove(&group);
  // Without a group there is no IOMMU any more.
  if (driver != nullptr && container.group_list.empty()) {
    driver->ops->release(*container.iommu_data);
    container.iommu_driver = nullptr;
    container.iommu_data = nullptr;
  }
  vfio_container_put(container);
}

// Linux v6.12 drivers/vfio/container.c: vfio_group_use_container()
int vfio_group_use_container(vfio_group& group) {
  IOMMULAB_CALL(group.module->env.trace, "vfio_group_use_container", {"group", group});
  if (group.container->iommu_driver == nullptr) return this_call.result(-EINVAL);
  get_file(*group.opened_file);
  ++group.container_users;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/container.c: vfio_group_unuse_container()
void vfio_group_unuse_container(vfio_group& group) {
  IOMMULAB_CALL(group.module->env.trace, "vfio_group_unuse_container", {"group", group});
  if (group.container_users <= 1) group.module->env.log.warn_on("vfio_group_unuse_container");
  --group.container_users;
  fput(group.opened_file);
}

// Linux v6.12 drivers/vfio/container.c: vfio_device_container_register()
void vfio_device_container_register(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_container_register", {"device", vdev});
  const vfio_container& container = *vdev.group->container;
  if (container.iommu_driver == nullptr) return;
  container.iommu_driver->ops->register_device(*container.iommu_data, vdev);
}

// Linux v6.12 drivers/vfio/container.c: vfio_device_container_unregister()
void vfio_device_container_unregister(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_container_unregister", {"device", vdev});
  const vfio_container& container = *vdev.group->container;
  if (container.iommu_driver == nullptr) return;
  container.iommu_driver->ops->unregister_device(*container.iommu_data, vdev);
}

// Linux v6.12 drivers/vfio/container.c: vfio_device_container_pin_pages()
int vfio_device_container_pin_pages(vfio_device& vdev, uint64_t iova, int npage, int prot,
                                    std::vector<phys_addr>& pages) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_container_pin_pages", {"device", vdev},
                {"iova", iova}, {"npage", npage}, {"prot", prot});
  const vfio_container& container = *vdev.group->container;
  if (npage > vfio_pin_pages_max_entries) return this_call.result(-E2BIG);
  if (container.iommu_driver == nullptr) return this_call.result(-ENOTTY);
  return this_call.result(container.iommu_driver->ops->pin_pages(
      *container.iommu_data, *vdev.group->group, iova, npage, prot, pages));
}

// Linux v6.12 drivers/vfio/container.c: vfio_device_container_unpin_pages()
void vfio_device_container_unpin_pages(vfio_device& vdev, uint64_t iova, int npage) {
  environment& env = vdev.module->env;
  IOMMULAB_CALL(env.trace, "vfio_device_container_unpin_pages", {"device", vdev}, {"iova", iova},
                {"npage", npage});
  if (npage <= 0 || npage > vfio_pin_pages_max_entries) {
    env.log.warn_on("vfio_device_container_unpin_pages");
    return;
  }
  const vfio_container& container = *vdev.group->container;
  container.iommu_driver->ops->unpin_pages(*container.iommu_data, iova, npage);
}

// Linux v6.12 drivers/vfio/container.c: vfio_device_container_dma_rw()
int vfio_device_container_dma_rw(vfio_device& vdev, task_struct& current, uint64_t iova,
                                 absl::Span<std::byte> data, bool write) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_container_dma_rw", {"device", vdev},
                {"iova", iova}, {"len", data.size()}, {"write", write});
  const vfio_container& container = *vdev.group->container;
  if (container.iommu_driver == nullptr) return this_call.result(-ENOTTY);
  return this_call.result(
      container.iommu_driver->ops->dma_rw(*container.iommu_data, current, iova, data, write));
}

// Linux v6.12 drivers/vfio/container.c: vfio_container_init()
int vfio_container_init(vfio_module& module) {
  if (module.options.container_is_iommufd) return 0;
  IOMMULAB_CALL(module.env.trace, "vfio_container_init");
  module.nodes.add(container_node, [&module](task_struct& /*current*/, int& error) {
    return vfio_fops_open(module, error);
  });
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/container.c: vfio_container_cleanup()
void vfio_container_cleanup(vfio_module& module) {
  if (module.options.container_is_iommufd) return;
  IOMMULAB_CALL(module.env.trace, "vfio_container_cleanup");
  module.nodes.remove(container_node);
}

}  // namespace iommulab::v6_12
