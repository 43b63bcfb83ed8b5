// SPDX-License-Identifier: GPL-2.0-only
//
// Groups: their files in sysfs, members, and the regions that these reserve. Linux v6.12
// drivers/iommu/iommu.c.
#include "core/iommu/v6_12/group.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/iommu/iommu_internal.h"
#include "core/status.h"
#include "core/sysfs.h"

namespace iommulab::v6_12 {

std::string_view name(iommu_resv_type type) {
  switch (type) {
    case iommu_resv_type::direct:
      return "direct";
    case iommu_resv_type::direct_relaxable:
      return "direct-relaxable";
    case iommu_resv_type::reserved:
      return "reserved";
    case iommu_resv_type::msi:
    case iommu_resv_type::sw_msi:
      return "msi";
  }
  return "unknown";
}

namespace {

tracer& trace_of(const iommu_group& group) {
  return group.core->env().trace;
}

/// sysfs_streq(): a newline at the end does not count.
bool sysfs_equal(std::string_view text, std::string_view word) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text == word;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_show_type()
std::string iommu_group_show_type(const iommu_group& group) {
  IOMMULAB_CALL(trace_of(group), "iommu_group_show_type", {"group", group});
  std::string text = "unknown";
  if (group.default_domain != nullptr) text = iommulab::name(group.default_domain->type);
  text += '\n';
  return this_call.result(text, static_cast<int>(text.size()));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_show_resv_regions()
std::string iommu_group_show_resv_regions(iommu_group& group) {
  IOMMULAB_CALL(trace_of(group), "iommu_group_show_resv_regions", {"group", group});
  std::vector<iommu_resv_region> regions;
  iommu_get_group_resv_regions(group, regions);
  std::string text;
  for (const iommu_resv_region& region : regions) {
    absl::StrAppendFormat(&text, "0x%016x 0x%016x %s\n", region.start.value(),
                          (region.start + region.length - 1).value(), name(region.type));
  }
  return this_call.result(text, static_cast<int>(text.size()));
}

/// The files of a group's directory, and who reads and writes them.
/// Linux v6.12 drivers/iommu/iommu.c: iommu_group_attr_show(), iommu_group_attr_store()
bool create_files(iommu_subsystem& iommu, iommu_group& group) {
  sysfs_tree& sysfs = iommu.core.sysfs();
  const auto show = [&group](auto read) {
    return [&group, read] {
      IOMMULAB_CALL(trace_of(group), "iommu_group_attr_show", {"group", group});
      const std::string text = read(group);
      return this_call.result(text, static_cast<int>(text.size()));
    };
  };
  const auto store_type = [&iommu, &group](std::string_view text) {
    IOMMULAB_CALL(trace_of(group), "iommu_group_attr_store", {"group", group}, {"buf", text});
    const ssize_t ret = iommu.release.store_type(iommu, group, text);
    absl::Status status;
    if (ret < 0) {
      status = errno_status(static_cast<int>(-ret),
                            absl::StrFormat("sysfs: %s/type: cannot become %s", group.sysfs_path,
                                            std::string(text.substr(0, text.find('\n')))));
    }
    return this_call.result(status, int64_t{ret});
  };
  return sysfs
             .create_file(absl::StrCat(group.sysfs_path, "/reserved_regions"),
                          show(iommu_group_show_resv_regions))
             .ok() &&
         sysfs
             .create_file(absl::StrCat(group.sysfs_path, "/type"), show(iommu_group_show_type),
                          store_type)
             .ok();
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_insert_resv_region(). `regions` is sorted by address,
// and by type where addresses are equal; of one type no two overlap or touch.
void insert_resv_region(const iommu_resv_region& added, std::vector<iommu_resv_region>& regions) {
  const auto at = std::find_if(regions.begin(), regions.end(), [&](const iommu_resv_region& r) {
    return added.start < r.start || (added.start == r.start && added.type <= r.type);
  });
  regions.insert(at, added);

  std::vector<iommu_resv_region> merged;
  for (const iommu_resv_region& region : regions) {
    const auto below = std::find_if(merged.rbegin(), merged.rend(), [&](const auto& earlier) {
      return region.type == added.type && earlier.type == region.type;
    });
    const uint64_t end = (region.start + region.length - 1).value();
    if (below != merged.rend()) {
      const uint64_t below_end = (below->start + below->length - 1).value();
      if (region.start.value() <= below_end + 1) {
        below->length = std::max(below_end, end) - below->start.value() + 1;
        continue;
      }
    }
    merged.push_back(region);
  }
  regions = std::move(merged);
}

}  // namespace

iommu_group* iommu_group_alloc(iommu_subsystem& iommu, int& error) {
  slab_token memory(iommu.slab);
  error = -ENOMEM;
  if (!memory) return nullptr;
  iommu_group* group = iommu.core.group_alloc();
  if (group == nullptr) return nullptr;
  auto state = std::make_unique<group_state>();
  state->memory = std::move(memory);
  group->state = std::move(state);
  if (!create_files(iommu, *group)) {
    group_put_reference(*group);
    return nullptr;
  }
  error = 0;
  return group;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_alloc_device()
int iommu_group_alloc_device(iommu_subsystem& iommu, iommu_group& group, device& dev,
                             iommu_group::member& made) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_group_alloc_device", {"group", group}, {"dev", dev});
  slab_token memory(iommu.slab);
  int ret = memory ? 0 : -ENOMEM;
  std::string name;
  if (ret == 0) ret = link_group_member(group, dev, name);
  if (ret != 0) {
    if (memory) {
      dev_printk(dev, log_level::err, "Failed to add to iommu group %d: %d", group.id, ret);
    }
    return this_call.result(ret);
  }
  memory.keep();
  made = {&dev, std::move(name)};
  IOMMULAB_NOTE(env.trace, "add_device_to_group: groupID=%d device=%s", group.id, dev.name);
  dev_printk(dev, log_level::info, "Adding to iommu group %d", group.id);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_group_free_device()
void iommu_group_free_device(iommu_subsystem& iommu, iommu_group& group,
                             const iommu_group::member& member) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "__iommu_group_free_device", {"group", group}, {"dev", member.dev});
  unlink_group_member(group, member);
  IOMMULAB_NOTE(env.trace, "remove_device_from_group: groupID=%d device=%s", group.id,
                member.dev->name);
  if (group.devices.empty() &&
      (state_of(group).owner_cnt != 0 || group.domain != group.default_domain)) {
    env.log.warn_on("__iommu_group_free_device");
  }
  iommu.slab.freed();
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_ref_get()
iommu_group* iommu_group_ref_get(iommu_group& group) {
  IOMMULAB_CALL(trace_of(group), "iommu_group_ref_get", {"group", group});
  ++group.references;
  return this_call.result(&group);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_get_resv_regions()
void iommu_get_resv_regions(device& dev, std::vector<iommu_resv_region>& regions) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_get_resv_regions", {"dev", dev});
  dev_iommu_ops(dev).get_resv_regions(dev, regions);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_put_resv_regions()
void iommu_put_resv_regions(device& dev, std::vector<iommu_resv_region>& regions) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_put_resv_regions", {"dev", dev});
  regions.clear();
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_alloc_resv_region()
std::optional<iommu_resv_region> iommu_alloc_resv_region(iommu_subsystem& iommu, phys_addr start,
                                                         uint64_t length, int prot,
                                                         iommu_resv_type type) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_alloc_resv_region", {"start", start}, {"length", length},
                {"prot", prot}, {"type", name(type)});
  std::optional<iommu_resv_region> region;
  if (!slab_token(iommu.slab)) return this_call.result(region, nullptr);
  region = iommu_resv_region{start, length, prot, type};
  return this_call.result(region, start);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_get_group_resv_regions()
int iommu_get_group_resv_regions(iommu_group& group, std::vector<iommu_resv_region>& regions) {
  IOMMULAB_CALL(trace_of(group), "iommu_get_group_resv_regions", {"group", group});
  iommu_subsystem& iommu = *group.core->subsystem;
  for (const iommu_group::member& member : group.devices) {
    if (!dev_has_iommu(*member.dev)) break;
    std::vector<iommu_resv_region> of_device;
    dev_iommu_ops(*member.dev).get_resv_regions(*member.dev, of_device);
    for (const iommu_resv_region& region : of_device) {
      // iommu_insert_resv_region() copies the region.
      const std::optional<iommu_resv_region> copy =
          iommu_alloc_resv_region(iommu, region.start, region.length, region.prot, region.type);
      if (!copy) return this_call.result(-ENOMEM);
      insert_resv_region(*copy, regions);
    }
  }
  return this_call.result(0);
}

int map_direct_regions(iommu_domain& domain, absl::Span<const iommu_resv_region> regions) {
  const uint64_t page = domain.pgsize_bitmap & (~domain.pgsize_bitmap + 1);
  const auto aligned = [page](uint64_t address) { return (address + page - 1) & ~(page - 1); };
  for (const iommu_resv_region& region : regions) {
    if (region.type != iommu_resv_type::direct &&
        region.type != iommu_resv_type::direct_relaxable) {
      continue;
    }
    const uint64_t end = aligned(region.start.value() + region.length);
    // Runs between what another device of the group has mapped already.
    uint64_t unmapped = 0;
    for (uint64_t address = aligned(region.start.value()); address <= end; address += page) {
      if (address != end && domain.ops->iova_to_phys(domain, dma_addr(address)) == phys_addr(0)) {
        unmapped += page;
        continue;
      }
      if (unmapped == 0) continue;
      const uint64_t first = address - unmapped;
      const int ret = iommu_map(domain, dma_addr(first), phys_addr(first), unmapped, region.prot);
      if (ret != 0) return ret;
      unmapped = 0;
    }
  }
  return 0;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_create_device_direct_mappings()
int iommu_create_device_direct_mappings(iommu_subsystem& iommu, iommu_domain& domain, device& dev) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_create_device_direct_mappings", {"domain", domain}, {"dev", dev});
  const bool translates = iommu_is_dma_domain(domain);
  if (translates && domain.pgsize_bitmap == 0) {
    env.log.warn_on("iommu_create_device_direct_mappings");
    return this_call.result(-EINVAL);
  }
  std::vector<iommu_resv_region> regions;
  dev_iommu_ops(dev).get_resv_regions(dev, regions);
  for (const iommu_resv_region& region : regions) {
    if (region.type == iommu_resv_type::direct) dev.iommu->require_direct = true;
  }
  if (!translates) return this_call.result(0);
  if (const int ret = map_direct_regions(domain, regions); ret != 0) return this_call.result(ret);
  if (!regions.empty()) domain.ops->flush_iotlb_all(domain);
  return this_call.result(0);
}

std::optional<iommu_domain_type> type_of_text(std::string_view text) {
  if (sysfs_equal(text, "identity")) return iommu_domain_type::identity;
  if (sysfs_equal(text, "DMA")) return iommu_domain_type::dma;
  if (sysfs_equal(text, "DMA-FQ")) return iommu_domain_type::dma_fq;
  if (sysfs_equal(text, "auto")) return iommu_domain_type::blocked;
  return std::nullopt;
}

bool may_change_type(const iommu_subsystem& iommu) {
  return iommu.cap_sys_admin && iommu.cap_sys_rawio;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_store_type()
ssize_t core_release::store_type(iommu_subsystem& iommu, iommu_group& group,
                                 std::string_view text) const {
  IOMMULAB_CALL(iommu.env().trace, "iommu_group_store_type", {"group", group}, {"buf", text});
  const auto result = [&](ssize_t ret) { return this_call.result(ret); };
  if (!may_change_type(iommu)) return result(-EACCES);
  if (group.default_domain == nullptr) return result(-EINVAL);
  const std::optional<iommu_domain_type> wanted = type_of_text(text);
  if (!wanted) return result(-EINVAL);
  const auto count = static_cast<ssize_t>(text.size());

  // A flush queue can be added while the domain is in use.
  if (wanted == iommu_domain_type::dma_fq && group.default_domain->type == iommu_domain_type::dma) {
    iommu_domain& domain = *own_domain(group.default_domain);
    const int ret = iommu.dma == nullptr ? -EINVAL : iommu.dma->init_fq(domain);
    if (ret != 0) return result(ret);
    domain.type = iommu_domain_type::dma_fq;
    return result(count);
  }
  if (group.devices.empty() || state_of(group).owner_cnt != 0) return result(-EPERM);
  const int ret = iommu_setup_default_domain(iommu, group, *wanted);
  if (ret != 0) return result(ret);
  if (iommu.dma != nullptr) {
    for (const iommu_group::member& member : group.devices) iommu.dma->setup_dma_ops(*member.dev);
  }
  return result(count);
}

}  // namespace iommulab::v6_12
