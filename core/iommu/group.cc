// SPDX-License-Identifier: GPL-2.0-only
//
// Groups: their life, members, and notifications. Linux v4.4 drivers/iommu/iommu.c.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/iommu/iommu.h"
#include "core/iommu/iommu_internal.h"
#include "core/status.h"
#include "core/sysfs.h"

namespace iommulab {

std::string_view name(iommu_domain_type type) {
  switch (type) {
    case iommu_domain_type::blocked:
      return "blocked";
    case iommu_domain_type::unmanaged:
      return "unmanaged";
    case iommu_domain_type::dma:
      return "DMA";
    case iommu_domain_type::identity:
      return "identity";
    case iommu_domain_type::dma_fq:
      return "DMA-FQ";
  }
  return "unknown";
}

namespace {

constexpr char groups_directory[] = "kernel/iommu_groups";

}  // namespace

void group_put_reference(iommu_group& group) {
  if (--group.references == 0) group.core->release(group);
}

int link_group_member(iommu_group& group, device& dev, std::string& name) {
  sysfs_tree& sysfs = group.core->sysfs();
  const std::string own_link = absl::StrCat(dev.sysfs_path, "/iommu_group");
  absl::Status status = sysfs.create_link(own_link, group.sysfs_path);
  if (!status.ok()) return -status_errno(status);

  // A device that left without leaving its group still holds the name: the newcomer's link gets an
  // instance number.
  name = dev.name;
  const auto link = [&] { return absl::StrCat(group.sysfs_path, "/devices/", name); };
  for (int i = 0;; ++i) {
    status = sysfs.create_link(link(), dev.sysfs_path);
    if (status.ok()) return 0;
    if (status_errno(status) != EEXIST) {
      sysfs.remove(own_link).IgnoreError();
      return -status_errno(status);
    }
    name = absl::StrCat(dev.name, ".", i);
  }
}

void unlink_group_member(iommu_group& group, const iommu_group::member& member) {
  sysfs_tree& sysfs = group.core->sysfs();
  sysfs.remove(absl::StrCat(group.sysfs_path, "/devices/", member.name)).IgnoreError();
  sysfs.remove(absl::StrCat(member.dev->sysfs_path, "/iommu_group")).IgnoreError();
}

void add_group_member(iommu_group& group, iommu_group::member member) {
  const device& dev = *member.dev;
  group.devices.push_back(std::move(member));
  group.core->env().trace.tell([&] {
    return events::group_change{events::group_action::join, group.id, dev.name};
  });
}

std::optional<iommu_group::member> take_group_member(iommu_group& group, const device& dev) {
  const auto at = std::find_if(group.devices.begin(), group.devices.end(),
                               [&dev](const iommu_group::member& m) { return m.dev == &dev; });
  if (at == group.devices.end()) return std::nullopt;
  iommu_group::member taken = std::move(*at);
  group.devices.erase(at);
  group.core->env().trace.tell([&] {
    return events::group_change{events::group_action::leave, group.id, dev.name};
  });
  return taken;
}

iommu_core::iommu_core(environment& env, sysfs_tree& sysfs) : env_(env), sysfs_(sysfs) {}
iommu_core::~iommu_core() = default;

// Linux v4.4 drivers/iommu/iommu.c: iommu_init()
void iommu_init(iommu_core& core) {
  IOMMULAB_CALL(core.env().trace, "iommu_init");
  core.sysfs().create_directory(groups_directory).IgnoreError();
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_alloc()
iommu_group* iommu_core::group_alloc() {
  IOMMULAB_CALL(env_.trace, "iommu_group_alloc");
  if (!sysfs_.exists(groups_directory)) return this_call.result(nullptr);
  const int id = given_back_.empty() ? next_number_ : *given_back_.begin();
  auto group = std::make_unique<iommu_group>();
  group->id = id;
  group->references = 1;
  group->core = this;
  group->sysfs_path = absl::StrCat(groups_directory, "/", id);
  if (!sysfs_.create_directory(absl::StrCat(group->sysfs_path, "/devices")).ok()) {
    return this_call.result(nullptr);
  }
  if (id == next_number_) {
    ++next_number_;
  } else {
    given_back_.erase(given_back_.begin());
  }
  env_.trace.tell([&] { return events::group_change{events::group_action::create, id}; });
  groups_.push_back(std::move(group));
  return this_call.result(groups_.back().get());
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_release()
void iommu_core::release(iommu_group& group) {
  IOMMULAB_CALL(env_.trace, "iommu_group_release", {"group", group});
  env_.trace.tell([&] { return events::group_change{events::group_action::free, group.id}; });
  sysfs_.remove(group.sysfs_path).IgnoreError();
  if (group.default_domain != nullptr) group.default_domain->free();
  if (group.state != nullptr) group.state->group_released();
  given_back_.insert(group.id);
  std::erase_if(groups_, [&group](const auto& g) { return g.get() == &group; });
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_get()
iommu_group* iommu_group_get(device& dev) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "iommu_group_get", {"dev", dev});
  if (dev.group != nullptr) ++dev.group->references;
  return this_call.result(dev.group);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_put()
void iommu_group_put(iommu_group* group) {
  if (group == nullptr) return;
  // The scope outlives the group, so that it must not be reached through it.
  IOMMULAB_CALL(group->core->env().trace, "iommu_group_put", {"group", group});
  group_put_reference(*group);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_id()
int iommu_group_id(const iommu_group& group) {
  tracer& trace = group.core->env().trace;
  IOMMULAB_CALL(trace, "iommu_group_id", {"group", group});
  return this_call.result(group.id);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_register_notifier()
void iommu_group_register_notifier(iommu_group& group, iommu_group_notifier_block& nb) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_register_notifier", {"group", group});
  group.notifier.register_block(nb);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_unregister_notifier()
void iommu_group_unregister_notifier(iommu_group& group, iommu_group_notifier_block& nb) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_unregister_notifier", {"group", group});
  group.notifier.unregister_block(nb);
}

// Linux v4.4 drivers/iommu/iommu.c: __iommu_group_for_each_dev()
int group_for_each_dev_unlocked(iommu_group& group, absl::FunctionRef<int(device&)> fn) {
  tracer& trace = group.core->env().trace;
  IOMMULAB_CALL(trace, "__iommu_group_for_each_dev", {"group", group});
  for (const iommu_group::member& member : group.devices) {
    const int ret = fn(*member.dev);
    if (ret != 0) return this_call.result(ret);
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_for_each_dev()
int iommu_group_for_each_dev(iommu_group& group, absl::FunctionRef<int(device&)> fn) {
  tracer& trace = group.core->env().trace;
  IOMMULAB_CALL(trace, "iommu_group_for_each_dev", {"group", group});
  return this_call.result(group_for_each_dev_unlocked(group, fn));
}

}  // namespace iommulab
