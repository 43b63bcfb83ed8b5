// SPDX-License-Identifier: GPL-2.0-only
//
// A group's default domain becomes one of another type. Linux v6.1 drivers/iommu/iommu.c.
#include <cerrno>

#include "core/dev_printk.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v6_1/group.h"
#include "core/iommu/v6_1/release.h"

namespace iommulab::v6_1 {

using v6_12::iommu_domain;
using v6_12::iommu_subsystem;
using v6_12::own_domain;

namespace {

// Linux v6.1 drivers/iommu/iommu.c: iommu_change_dev_def_domain(). `type` is blocked for whatever
// the device was started with.
int iommu_change_dev_def_domain(iommu_subsystem& iommu, iommu_group& group, device& dev,
                                iommu_domain_type type) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_change_dev_def_domain", {"group", group}, {"dev", dev},
                {"type", name(type)});
  if (group.default_domain != group.domain) {
    dev_printk(dev, log_level::err, "Group not assigned to default domain");
    return this_call.result(-EBUSY);
  }
  const iommu_domain_type needed = iommu_get_def_domain_type(dev);
  if (type == iommu_domain_type::blocked) {
    type = needed != iommu_domain_type::blocked ? needed : iommu.defaults.def_domain_type;
  } else if (needed != iommu_domain_type::blocked && needed != type) {
    dev_printk(dev, log_level::err, "Device cannot be in %s domain",
               v6_12::iommu_domain_type_str(type));
    return this_call.result(-EINVAL);
  }
  iommu_domain& old = *own_domain(group.default_domain);
  if (old.type == type) return this_call.result(0);

  // A flush queue can be added while the domain is in use.
  if (type == iommu_domain_type::dma_fq && old.type == iommu_domain_type::dma) {
    const int ret = iommu.dma == nullptr ? -EINVAL : iommu.dma->init_fq(old);
    if (ret == 0) old.type = iommu_domain_type::dma_fq;
    return this_call.result(ret);
  }

  int ret = iommu_group_alloc_default_domain(iommu, group, type);
  if (ret != 0) return this_call.result(ret);
  iommu_domain& made = *own_domain(group.default_domain);
  ret = iommu_create_device_direct_mappings(iommu, group, dev);
  if (ret == 0) ret = attach_device(made, dev);
  if (ret != 0) {
    iommu_domain_free(made);
    group.default_domain = &old;
    group.domain = &old;
    return this_call.result(ret);
  }
  group.domain = &made;
  v6_12::dev_iommu_ops(dev).probe_finalize(dev);
  iommu_domain_free(old);
  return this_call.result(0);
}

}  // namespace

// Linux v6.1 drivers/iommu/iommu.c: iommu_group_store_type()
ssize_t core_release::store_type(iommu_subsystem& iommu, iommu_group& group,
                                 std::string_view text) const {
  IOMMULAB_CALL(iommu.env().trace, "iommu_group_store_type", {"group", group}, {"buf", text});
  const auto result = [&](ssize_t ret) { return this_call.result(ret); };
  if (!v6_12::may_change_type(iommu)) return result(-EACCES);
  if (group.default_domain == nullptr) return result(-EINVAL);
  const std::optional<iommu_domain_type> wanted = v6_12::type_of_text(text);
  if (!wanted) return result(-EINVAL);
  if (group.devices.size() != 1) {
    iommu_log(iommu.env()).err("Cannot change default domain: Group has more than one device");
    return result(-EINVAL);
  }
  device& dev = *group.devices.front().dev;
  const bool adds_queue =
      *wanted == iommu_domain_type::dma_fq && group.default_domain->type == iommu_domain_type::dma;
  if (!dev.driver.empty() && !adds_queue) {
    iommu_log(iommu.env()).err("Device is still bound to driver");
    return result(-EBUSY);
  }
  const int ret = iommu_change_dev_def_domain(iommu, group, dev, *wanted);
  return result(ret != 0 ? ret : static_cast<ssize_t>(text.size()));
}

}  // namespace iommulab::v6_1
