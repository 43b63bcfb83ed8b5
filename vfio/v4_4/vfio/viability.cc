// SPDX-License-Identifier: GPL-2.0-only
//
// Whether users may have a group: who drives its devices. Linux v4.4 drivers/vfio/vfio.c.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/pci/pci.h"
#include "vfio/v4_4/vfio/group.h"
#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4 {
namespace {

/// Drivers that keep others away and do nothing: vfio_driver_whitelist.
constexpr std::string_view vfio_driver_whitelist[] = {"pci-stub"};

/// Bridges belong to the way to the devices, whoever drives them.
/// Linux v4.4 drivers/vfio/vfio.c: vfio_dev_whitelisted()
bool vfio_dev_whitelisted(const vfio_module& module, const device& dev) {
  IOMMULAB_CALL(module.env.trace, "vfio_dev_whitelisted", {"dev", dev}, {"drv", dev.driver});
  if (dev_is_pci(dev) && dev.pci->hdr_type != pci_header_type::normal) {
    return this_call.result(true);
  }
  const auto& list = vfio_driver_whitelist;
  return this_call.result(std::find(std::begin(list), std::end(list), dev.driver) !=
                          std::end(list));
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_nb_add_dev()
void vfio_group_nb_add_dev(vfio_group& group, const device& dev) {
  vfio_module& module = group.module;
  IOMMULAB_CALL(module.env.trace, "vfio_group_nb_add_dev", {"group", group}, {"dev", dev});
  if (vfio_device* known = vfio_group_get_device(group, dev)) {
    module.env.log.warn_on("vfio_group_nb_add_dev");
    vfio_device_put(*known);
    return;
  }
  if (group.container_users == 0) return;
  module.env.log.print(log_level::warning,
                       absl::StrFormat("Device %s added to live group %d!", dev.name,
                                       iommu_group_id(*group.iommu_group)));
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_nb_verify()
int vfio_group_nb_verify(vfio_group& group, device& dev) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_nb_verify", {"group", group}, {"dev", dev});
  if (group.container_users == 0) return this_call.result(0);
  return this_call.result(vfio_dev_viable(dev, group));
}

void forget_unbound(vfio_group& group, const device& dev) {
  auto& list = group.unbound_list;
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&dev](const auto* each) { return each->dev == &dev; });
  if (found == list.end()) return;
  kernel_delete(group.module.slab, *found);
  list.erase(found);
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio.c: vfio_dev_viable()
int vfio_dev_viable(device& dev, vfio_group& group) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_dev_viable", {"dev", dev}, {"group", group});
  const auto& unbound = group.unbound_list;
  const bool is_leaving = std::any_of(unbound.begin(), unbound.end(),
                                      [&dev](const auto* each) { return each->dev == &dev; });
  if (is_leaving || dev.driver.empty() || vfio_dev_whitelisted(group.module, dev)) {
    return this_call.result(0);
  }
  vfio_device* const known = vfio_group_get_device(group, dev);
  if (known == nullptr) return this_call.result(-EINVAL);
  vfio_device_put(*known);
  return this_call.result(0);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_viable()
bool vfio_group_viable(vfio_group& group) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_viable", {"group", group});
  const int ret = iommu_group_for_each_dev(
      *group.iommu_group, [&group](device& dev) { return vfio_dev_viable(dev, group); });
  return this_call.result(ret == 0);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_iommu_group_notifier()
notify_result vfio_iommu_group_notifier(vfio_module& module, vfio_group& group,
                                        iommu_group_notify action, device& dev) {
  IOMMULAB_CALL(module.env.trace, "vfio_iommu_group_notifier", {"dev", dev});
  if (vfio_group_try_get(module, group) == nullptr)
    return this_call.result(notify_result::ok, "ok");
  switch (action) {
    case iommu_group_notify::add_device:
      vfio_group_nb_add_dev(group, dev);
      break;
    case iommu_group_notify::bound_driver:
      // A driver of the kernel has a device whose DMA is a user's.
      iommu_group_id(*group.iommu_group);
      bug_on(vfio_group_nb_verify(group, dev) != 0, "vfio_iommu_group_notifier");
      break;
    case iommu_group_notify::unbound_driver:
      iommu_group_id(*group.iommu_group);
      forget_unbound(group, dev);
      break;
    case iommu_group_notify::bind_driver:
    case iommu_group_notify::unbind_driver:
      iommu_group_id(*group.iommu_group);
      break;
    case iommu_group_notify::del_device:
      break;
  }
  module.release.put_notified_group(group);
  return this_call.result(notify_result::ok, "ok");
}

}  // namespace iommulab::v4_4
