// SPDX-License-Identifier: GPL-2.0-only
//
// Which domain a group is in. Linux v6.1 drivers/iommu/iommu.c.
#include <cerrno>

#include "core/iommu/iommu_internal.h"
#include "core/iommu/v6_1/group.h"
#include "core/iommu/v6_1/release.h"

namespace iommulab::v6_1 {

using v6_12::env_of_group;
using v6_12::iommu_domain;
using v6_12::iommu_ops;
using v6_12::iommu_subsystem;
using v6_12::own_domain;
using v6_12::state_of;

namespace {

/// iommu_is_default_domain(): one pass-through domain is as good as another.
bool iommu_is_default_domain(const iommu_group& group) {
  const auto is_identity = [](const iommulab::iommu_domain* domain) {
    return domain != nullptr && domain->type == iommu_domain_type::identity;
  };
  return group.domain == group.default_domain ||
         (is_identity(group.domain) && is_identity(group.default_domain));
}

int attach_all(iommu_group& group, iommu_domain& domain) {
  return group_for_each_dev_unlocked(group,
                                     [&](device& dev) { return attach_device(domain, dev); });
}

}  // namespace

bool iommu_is_attach_deferred(device& dev) {
  return v6_12::dev_iommu_ops(dev).is_attach_deferred(dev);
}

// Linux v6.1 drivers/iommu/iommu.c: __iommu_attach_device()
int attach_device(iommu_domain& domain, device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "__iommu_attach_device", {"domain", domain}, {"dev", dev});
  const int ret = domain.ops->attach_dev(domain, dev);
  if (ret == 0) IOMMULAB_NOTE(env.trace, "attach_device_to_domain: device=%s", dev.name);
  return this_call.result(ret);
}

// Linux v6.1 drivers/iommu/iommu.c: __iommu_domain_alloc()
iommu_domain* core_release::domain_alloc(iommu_subsystem& iommu, iommu_ops& ops, device* dev,
                                         iommu_domain_type type, int& error) const {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "__iommu_domain_alloc", {"dev", dev}, {"type", name(type)});
  // It answers with a domain or with none; who claims a group's DMA says -EINVAL then.
  error = -EINVAL;
  iommu_domain* domain = ops.domain_alloc(type);
  if (domain == nullptr) return this_call.result(nullptr);
  note_owner(iommu, ops, type, *domain);
  if (iommu_is_dma_domain(*domain) && iommu.dma != nullptr &&
      iommu.dma->get_dma_cookie(*domain) != 0) {
    iommu_domain_free(*domain);
    return this_call.result(nullptr);
  }
  error = 0;
  return this_call.result(domain);
}

// Linux v6.1 drivers/iommu/iommu.c: __iommu_attach_group()
int core_release::attach_group(iommu_domain& domain, iommu_group& group) const {
  environment& env = env_of_group(group);
  IOMMULAB_CALL(env.trace, "__iommu_attach_group", {"domain", domain}, {"group", group});
  if (group.domain != nullptr && group.domain != group.default_domain &&
      group.domain != state_of(group).blocking_domain) {
    return this_call.result(-EBUSY);
  }
  const int ret = attach_all(group, domain);
  if (ret == 0) {
    group.domain = &domain;
    return this_call.result(0);
  }
  // All go back to where they were, which the driver cannot refuse.
  iommu_domain* old = own_domain(group.domain);
  group.domain = nullptr;
  if (set_domain(group, old) != 0) env.log.warn_on("__iommu_attach_group");
  return this_call.result(ret);
}

// Linux v6.1 drivers/iommu/iommu.c: __iommu_group_set_domain()
int core_release::set_domain(iommu_group& group, iommu_domain* new_domain) const {
  IOMMULAB_CALL(env_of_group(group).trace, "__iommu_group_set_domain", {"group", group},
                {"new_domain", new_domain});
  if (group.domain == new_domain) return this_call.result(0);
  if (new_domain == nullptr) {
    iommu_domain& old = *own_domain(group.domain);
    group_for_each_dev_unlocked(group, [&](device& dev) {
      if (iommu_is_attach_deferred(dev)) return 0;
      old.ops->detach_dev(old, dev);
      IOMMULAB_NOTE(dev.bus->env.trace, "detach_device_from_domain: device=%s", dev.name);
      return 0;
    });
    group.domain = nullptr;
    return this_call.result(0);
  }
  const int ret = attach_all(group, *new_domain);
  if (ret == 0) group.domain = new_domain;
  return this_call.result(ret);
}

void core_release::set_domain_nofail(iommu_group& group, iommu_domain* new_domain) const {
  if (set_domain(group, new_domain) != 0) {
    env_of_group(group).log.warn_on("__iommu_group_set_core_domain");
  }
}

int core_release::deferred_attach(device& dev, iommu_domain& domain) const {
  return iommu_is_attach_deferred(dev) ? attach_device(domain, dev) : 0;
}

int core_release::may_use_default_domain(const iommu_group& group) const {
  const v6_12::group_state& state = state_of(group);
  const bool is_taken =
      state.owner_cnt != 0 && (state.owner != nullptr || !iommu_is_default_domain(group));
  return is_taken ? -EBUSY : 0;
}

}  // namespace iommulab::v6_1
