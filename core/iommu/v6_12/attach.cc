// SPDX-License-Identifier: GPL-2.0-only
//
// Which domain a group is in, and who may say so. Linux v6.12 drivers/iommu/iommu.c.
#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/iommu/v6_12/group.h"
#include "core/probe_result.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/iommu/iommu.c: __iommu_attach_device()
int attach_device_unlocked(iommu_domain& domain, device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "__iommu_attach_device", {"domain", domain}, {"dev", dev});
  const int ret = domain.ops->attach_dev(domain, dev);
  if (ret != 0) return this_call.result(ret);
  dev.iommu->attach_deferred = false;
  IOMMULAB_NOTE(env.trace, "attach_device_to_domain: device=%s", dev.name);
  return this_call.result(0);
}

/// __iommu_group_set_core_domain(): back to what the core has for the group.
void group_set_core_domain(iommu_group& group) {
  const group_state& state = state_of(group);
  release_of(group).set_domain_nofail(
      group, state.owner != nullptr ? state.blocking_domain : own_domain(group.default_domain));
}

/// __iommu_group_alloc_blocking_domain()
int alloc_blocking_domain(iommu_group& group) {
  group_state& state = state_of(group);
  if (state.blocking_domain != nullptr) return 0;
  iommu_subsystem& iommu = *group.core->subsystem;
  int error = 0;
  iommu_domain* domain = iommu_group_domain_alloc(iommu, group, iommu_domain_type::blocked, error);
  if (domain == nullptr) {
    // An empty domain blocks as well.
    domain = iommu_group_domain_alloc(iommu, group, iommu_domain_type::unmanaged, error);
    if (domain == nullptr) return error;
  }
  state.blocking_domain = domain;
  return 0;
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_take_dma_ownership()
int take_dma_ownership(iommu_group& group, const void* owner) {
  IOMMULAB_CALL(env_of_group(group).trace, "__iommu_take_dma_ownership", {"group", group});
  group_state& state = state_of(group);
  if ((group.domain != nullptr && group.domain != group.default_domain) ||
      !state.pasid_array.empty()) {
    return this_call.result(-EBUSY);
  }
  if (const int ret = alloc_blocking_domain(group); ret != 0) return this_call.result(ret);
  if (const int ret = release_of(group).set_domain(group, state.blocking_domain); ret != 0) {
    return this_call.result(ret);
  }
  state.owner = owner;
  ++state.owner_cnt;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_release_dma_ownership()
void release_dma_ownership(iommu_group& group) {
  environment& env = env_of_group(group);
  IOMMULAB_CALL(env.trace, "__iommu_release_dma_ownership", {"group", group});
  group_state& state = state_of(group);
  if (state.owner_cnt == 0 || state.owner == nullptr || !state.pasid_array.empty()) {
    env.log.warn_on("__iommu_release_dma_ownership");
    return;
  }
  state.owner_cnt = 0;
  state.owner = nullptr;
  release_of(group).set_domain_nofail(group, own_domain(group.default_domain));
}

/// __iommu_set_group_pasid(): all members that can have process address spaces, or none.
int set_group_pasid(iommu_domain& domain, iommu_group& group, ioasid pasid) {
  for (size_t i = 0; i < group.devices.size(); ++i) {
    device& dev = *group.devices[i].dev;
    if (dev.iommu->max_pasids == 0) continue;
    const int ret = domain.ops->set_dev_pasid(domain, dev, pasid, nullptr);
    if (ret == 0) continue;
    for (size_t done = 0; done < i; ++done) {
      device& other = *group.devices[done].dev;
      if (other.iommu->max_pasids == 0) continue;
      dev_iommu_ops(other).remove_dev_pasid(other, pasid, domain);
    }
    return ret;
  }
  return 0;
}

}  // namespace

int core_release::set_domain(iommu_group& group, iommu_domain* new_domain) const {
  return iommu_group_set_domain_internal(group, new_domain, set_domain_flags::none);
}

void core_release::set_domain_nofail(iommu_group& group, iommu_domain* new_domain) const {
  if (iommu_group_set_domain_internal(group, new_domain, set_domain_flags::must_succeed) != 0) {
    env_of_group(group).log.warn_on("__iommu_group_set_domain_nofail");
  }
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_attach_group()
int core_release::attach_group(iommu_domain& domain, iommu_group& group) const {
  IOMMULAB_CALL(env_of_group(group).trace, "__iommu_attach_group", {"domain", domain},
                {"group", group});
  if (group.domain != nullptr && group.domain != group.default_domain &&
      group.domain != state_of(group).blocking_domain) {
    return this_call.result(-EBUSY);
  }
  const device& dev = *group.devices.front().dev;
  if (!dev_has_iommu(dev) || &dev_iommu_ops(dev) != domain.owner) {
    return this_call.result(-EINVAL);
  }
  return this_call.result(set_domain(group, &domain));
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_device_set_domain()
int iommu_device_set_domain(iommu_group& group, device& dev, iommu_domain& new_domain,
                            set_domain_flags flags) {
  IOMMULAB_CALL(dev.bus->env.trace, "__iommu_device_set_domain", {"group", group}, {"dev", dev},
                {"domain", new_domain}, {"flags", flags});
  iommu_domain* blocking = state_of(group).blocking_domain;
  if (dev.iommu->require_direct &&
      (new_domain.type == iommu_domain_type::blocked || &new_domain == blocking)) {
    dev_printk(dev, log_level::warning,
               "Firmware has requested this device have a 1:1 IOMMU mapping, rejecting "
               "configuring the device without a 1:1 mapping. Contact your platform vendor.");
    return this_call.result(-EINVAL);
  }
  if (dev.iommu->attach_deferred) {
    if (&new_domain == group.default_domain) return this_call.result(0);
    dev.iommu->attach_deferred = false;
  }
  const int ret = attach_device_unlocked(new_domain, dev);
  // The domain that it stays in may go: better no DMA than one through freed tables.
  if (ret != 0 && flags == set_domain_flags::must_succeed && blocking != nullptr &&
      blocking != &new_domain) {
    attach_device_unlocked(*blocking, dev);
  }
  return this_call.result(ret);
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_group_set_domain_internal()
int iommu_group_set_domain_internal(iommu_group& group, iommu_domain* new_domain,
                                    set_domain_flags flags) {
  environment& env = env_of_group(group);
  IOMMULAB_CALL(env.trace, "__iommu_group_set_domain_internal", {"group", group},
                {"domain", new_domain}, {"flags", flags});
  if (group.domain == new_domain) return this_call.result(0);
  if (new_domain == nullptr) {
    env.log.warn_on("__iommu_group_set_domain_internal");
    return this_call.result(-EINVAL);
  }
  int result = 0;
  for (size_t i = 0; i < group.devices.size(); ++i) {
    const int ret = iommu_device_set_domain(group, *group.devices[i].dev, *new_domain, flags);
    if (ret == 0) continue;
    result = ret;
    if (flags == set_domain_flags::must_succeed) continue;
    // Back to where all were, the one that refused included. Nowhere before the first attach.
    for (size_t back = 0; group.domain != nullptr && back <= i; ++back) {
      if (iommu_device_set_domain(group, *group.devices[back].dev, *own_domain(group.domain),
                                  set_domain_flags::must_succeed) != 0) {
        env.log.warn_on("__iommu_group_set_domain_internal");
      }
    }
    return this_call.result(ret);
  }
  group.domain = new_domain;
  return this_call.result(result);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_attach_device()
int iommu_attach_device(iommu_domain& domain, device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_attach_device", {"domain", domain}, {"dev", dev});
  if (dev.group == nullptr) return this_call.result(-ENODEV);
  // A device goes nowhere without the other members of its group, which nobody asked to come.
  if (dev.group->devices.size() != 1) return this_call.result(-EINVAL);
  return this_call.result(release_of(*dev.group).attach_group(domain, *dev.group));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_deferred_attach()
int iommu_deferred_attach(device& dev, iommu_domain& domain) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_deferred_attach", {"dev", dev}, {"domain", domain});
  return this_call.result(dev.bus->iommu.subsystem->release.deferred_attach(dev, domain));
}

int core_release::deferred_attach(device& dev, iommu_domain& domain) const {
  if (dev.iommu == nullptr || !dev.iommu->attach_deferred) return 0;
  return attach_device_unlocked(domain, dev);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_detach_device()
void iommu_detach_device(iommu_domain& domain, device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "iommu_detach_device", {"domain", domain}, {"dev", dev});
  if (dev.group == nullptr) return;
  if (&domain != dev.group->domain || dev.group->devices.size() != 1) {
    env.log.warn_on("iommu_detach_device");
    return;
  }
  group_set_core_domain(*dev.group);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_get_domain_for_dev()
iommu_domain* iommu_get_domain_for_dev(device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_get_domain_for_dev", {"dev", dev});
  if (dev.group == nullptr) return this_call.result(nullptr);
  return this_call.result(own_domain(dev.group->domain));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_get_dma_domain()
iommu_domain& iommu_get_dma_domain(device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_get_dma_domain", {"dev", dev});
  return *this_call.result(own_domain(dev.group->default_domain));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_attach_group()
int iommu_attach_group(iommu_domain& domain, iommu_group& group) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_attach_group", {"domain", domain},
                {"group", group});
  return this_call.result(release_of(group).attach_group(domain, group));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_replace_domain()
int iommu_group_replace_domain(iommu_group& group, iommu_domain* new_domain) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_group_replace_domain", {"group", group},
                {"new_domain", new_domain});
  if (new_domain == nullptr) return this_call.result(-EINVAL);
  return this_call.result(release_of(group).set_domain(group, new_domain));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_detach_group()
void iommu_detach_group(iommu_domain& domain, iommu_group& group) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_detach_group", {"domain", domain},
                {"group", group});
  group_set_core_domain(group);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_device_use_default_domain()
int iommu_device_use_default_domain(device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_device_use_default_domain", {"dev", dev});
  if (dev.group == nullptr) return this_call.result(0);
  if (const int ret = release_of(*dev.group).may_use_default_domain(*dev.group); ret != 0) {
    return this_call.result(ret);
  }
  ++state_of(*dev.group).owner_cnt;
  return this_call.result(0);
}

int core_release::may_use_default_domain(const iommu_group& group) const {
  const group_state& state = state_of(group);
  if (group.default_domain == nullptr) return -eprobe_defer;
  const bool is_taken =
      state.owner_cnt != 0 && (group.domain != group.default_domain || state.owner != nullptr ||
                               !state.pasid_array.empty());
  return is_taken ? -EBUSY : 0;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_device_unuse_default_domain()
void iommu_device_unuse_default_domain(device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "iommu_device_unuse_default_domain", {"dev", dev});
  if (dev.group == nullptr) return;
  group_state& state = state_of(*dev.group);
  if (state.owner_cnt == 0 || !state.pasid_array.empty()) {
    env.log.warn_on("iommu_device_unuse_default_domain");
    return;
  }
  --state.owner_cnt;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_claim_dma_owner()
int iommu_group_claim_dma_owner(iommu_group& group, const void* owner) {
  environment& env = env_of_group(group);
  IOMMULAB_CALL(env.trace, "iommu_group_claim_dma_owner", {"group", group});
  if (owner == nullptr) {
    env.log.warn_on("iommu_group_claim_dma_owner");
    return this_call.result(-EINVAL);
  }
  if (state_of(group).owner_cnt != 0) return this_call.result(-EPERM);
  return this_call.result(take_dma_ownership(group, owner));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_device_claim_dma_owner()
int iommu_device_claim_dma_owner(device& dev, const void* owner) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "iommu_device_claim_dma_owner", {"dev", dev});
  if (owner == nullptr) {
    env.log.warn_on("iommu_device_claim_dma_owner");
    return this_call.result(-EINVAL);
  }
  if (dev.group == nullptr) return this_call.result(-ENODEV);
  group_state& state = state_of(*dev.group);
  if (state.owner_cnt == 0) return this_call.result(take_dma_ownership(*dev.group, owner));
  if (state.owner != owner) return this_call.result(-EPERM);
  ++state.owner_cnt;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_release_dma_owner()
void iommu_group_release_dma_owner(iommu_group& group) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_group_release_dma_owner", {"group", group});
  release_dma_ownership(group);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_device_release_dma_owner()
void iommu_device_release_dma_owner(device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_device_release_dma_owner", {"dev", dev});
  group_state& state = state_of(*dev.group);
  if (state.owner_cnt > 1) {
    --state.owner_cnt;
  } else {
    release_dma_ownership(*dev.group);
  }
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_dma_owner_claimed()
bool iommu_group_dma_owner_claimed(const iommu_group& group) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_group_dma_owner_claimed", {"group", group});
  return this_call.result(state_of(group).owner_cnt != 0);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_has_isolated_msi(). Without interrupt remapping,
// which is not ported, no device has: msi_device_has_isolated_msi().
bool iommu_group_has_isolated_msi(const iommu_group& group) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_group_has_isolated_msi", {"group", group});
  return this_call.result(group.devices.empty());
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_attach_device_pasid()
int iommu_attach_device_pasid(iommu_domain& domain, device& dev, ioasid pasid,
                              iommu_attach_handle* handle) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_attach_device_pasid", {"domain", domain}, {"dev", dev},
                {"pasid", pasid});
  if (!domain.ops->sets_dev_pasid()) return this_call.result(-EOPNOTSUPP);
  if (dev.group == nullptr) return this_call.result(-ENODEV);
  if (!dev_has_iommu(dev) || &dev_iommu_ops(dev) != domain.owner || pasid == iommu_no_pasid) {
    return this_call.result(-EINVAL);
  }
  iommu_group& group = *dev.group;
  const bool reaches_too_far = std::any_of(
      group.devices.begin(), group.devices.end(), [pasid](const iommu_group::member& m) {
        return m.dev->iommu->max_pasids > 0 && pasid >= m.dev->iommu->max_pasids;
      });
  if (reaches_too_far) return this_call.result(-EINVAL);
  if (handle != nullptr) handle->domain = &domain;
  auto& pasids = state_of(group).pasid_array;
  if (!pasids.emplace(pasid, handle).second) return this_call.result(-EBUSY);
  const int ret = set_group_pasid(domain, group, pasid);
  if (ret != 0) pasids.erase(pasid);
  return this_call.result(ret);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_detach_device_pasid()
void iommu_detach_device_pasid(iommu_domain& domain, device& dev, ioasid pasid) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_detach_device_pasid", {"domain", domain}, {"dev", dev},
                {"pasid", pasid});
  for (const iommu_group::member& member : dev.group->devices) {
    if (member.dev->iommu->max_pasids == 0) continue;
    dev_iommu_ops(*member.dev).remove_dev_pasid(*member.dev, pasid, domain);
  }
  state_of(*dev.group).pasid_array.erase(pasid);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_attach_handle_get()
iommu_attach_handle* iommu_attach_handle_get(iommu_group& group, ioasid pasid,
                                             iommu_domain_type type, int& error) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_attach_handle_get", {"group", group},
                {"pasid", pasid});
  const auto& pasids = state_of(group).pasid_array;
  const auto it = pasids.find(pasid);
  error = 0;
  if (it == pasids.end() || it->second == nullptr) {
    error = -ENOENT;
  } else if (type != iommu_domain_type::blocked && it->second->domain->type != type) {
    error = -EBUSY;
  }
  return this_call.result(error == 0 ? it->second : nullptr, error);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_attach_group_handle()
int iommu_attach_group_handle(iommu_domain& domain, iommu_group& group,
                              iommu_attach_handle* handle) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_attach_group_handle", {"domain", domain},
                {"group", group});
  if (handle != nullptr) handle->domain = &domain;
  auto& pasids = state_of(group).pasid_array;
  if (!pasids.emplace(iommu_no_pasid, handle).second) return this_call.result(-EBUSY);
  const int ret = release_of(group).attach_group(domain, group);
  if (ret != 0) pasids.erase(iommu_no_pasid);
  return this_call.result(ret);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_detach_group_handle()
void iommu_detach_group_handle(iommu_domain& domain, iommu_group& group) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_detach_group_handle", {"domain", domain},
                {"group", group});
  group_set_core_domain(group);
  state_of(group).pasid_array.erase(iommu_no_pasid);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_replace_group_handle()
int iommu_replace_group_handle(iommu_group& group, iommu_domain* new_domain,
                               iommu_attach_handle* handle) {
  IOMMULAB_CALL(env_of_group(group).trace, "iommu_replace_group_handle", {"group", group},
                {"new_domain", new_domain});
  if (new_domain == nullptr) return this_call.result(-EINVAL);
  if (handle != nullptr) handle->domain = new_domain;
  const int ret = release_of(group).set_domain(group, new_domain);
  if (ret != 0) return this_call.result(ret);
  auto& pasids = state_of(group).pasid_array;
  if (handle != nullptr) {
    pasids[iommu_no_pasid] = handle;
  } else {
    pasids.erase(iommu_no_pasid);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_alloc_global_pasid()
ioasid iommu_alloc_global_pasid(iommu_subsystem& iommu, const device& dev) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_alloc_global_pasid", {"dev", dev});
  for (ioasid id = iommu_no_pasid + 1; id < dev.iommu->max_pasids; ++id) {
    if (iommu.global_pasids.insert(id).second) return this_call.result(id);
  }
  return this_call.result(iommu_pasid_invalid);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_free_global_pasid()
void iommu_free_global_pasid(iommu_subsystem& iommu, ioasid pasid) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_free_global_pasid", {"pasid", pasid});
  if (pasid == iommu_pasid_invalid) {
    iommu.env().log.warn_on("iommu_free_global_pasid");
    return;
  }
  iommu.global_pasids.erase(pasid);
}

}  // namespace iommulab::v6_12
