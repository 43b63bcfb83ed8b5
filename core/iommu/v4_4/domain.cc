// SPDX-License-Identifier: GPL-2.0-only
//
// Domains: allocation, attachment, and mapping in pages. Linux v4.4 drivers/iommu/iommu.c.
#include <algorithm>
#include <bit>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v4_4/internal.h"

namespace iommulab::v4_4 {
namespace {

/// __IOMMU_DOMAIN_PAGING: the domain translates through tables.
bool is_paging(const iommu_domain& domain) {
  return (static_cast<uint32_t>(domain.type) & 1u) != 0;
}

environment& env_of(const iommu_domain& domain) {
  return *domain.env;
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_device_count()
size_t device_count(const iommu_group& group) {
  tracer& trace = group.core->env().trace;
  IOMMULAB_CALL(trace, "iommu_group_device_count", {"group", group});
  return this_call.result(group.devices.size());
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_do_attach_device()
int do_attach_device(iommu_domain& domain, device& dev) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "iommu_group_do_attach_device", {"dev", dev}, {"domain", domain});
  return this_call.result(attach_device_unlocked(domain, dev));
}

// Linux v4.4 drivers/iommu/iommu.c: __iommu_detach_device()
void detach_device_unlocked(iommu_domain& domain, device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "__iommu_detach_device", {"domain", domain}, {"dev", dev});
  if (!domain.ops->detach_dev) return;
  domain.ops->detach_dev(domain, dev);
  IOMMULAB_NOTE(env.trace, "detach_device_from_domain: IOMMU: device=%s", dev.name);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_do_detach_device()
int do_detach_device(iommu_domain& domain, device& dev) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "iommu_group_do_detach_device", {"dev", dev}, {"domain", domain});
  detach_device_unlocked(domain, dev);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/iommu.c: __iommu_attach_group()
int attach_group_unlocked(iommu_domain& domain, iommu_group& group) {
  tracer& trace = group.core->env().trace;
  IOMMULAB_CALL(trace, "__iommu_attach_group", {"domain", domain}, {"group", group});
  if (group.default_domain != nullptr && group.domain != group.default_domain) {
    return this_call.result(-EBUSY);
  }
  const int ret = group_for_each_dev_unlocked(
      group, [&domain](device& dev) { return do_attach_device(domain, dev); });
  if (ret == 0) group.domain = &domain;
  return this_call.result(ret);
}

// Linux v4.4 drivers/iommu/iommu.c: __iommu_detach_group()
void detach_group_unlocked(iommu_domain& domain, iommu_group& group) {
  environment& env = group.core->env();
  IOMMULAB_CALL(env.trace, "__iommu_detach_group", {"domain", domain}, {"group", group});
  if (group.default_domain == nullptr) {
    group_for_each_dev_unlocked(group,
                                [&domain](device& dev) { return do_detach_device(domain, dev); });
    group.domain = nullptr;
    return;
  }
  if (group.domain == group.default_domain) return;
  iommu_domain& fallback = *own_domain(group.default_domain);
  const int ret = group_for_each_dev_unlocked(
      group, [&fallback](device& dev) { return do_attach_device(fallback, dev); });
  if (ret != 0) {
    env.log.warn_on("__iommu_detach_group");
    return;
  }
  group.domain = group.default_domain;
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_pgsize(). The largest page size of the driver's that fits
// the length and the addresses' alignment.
uint64_t pgsize(const iommu_domain& domain, uint64_t addr_merge, uint64_t size) {
  tracer& trace = env_of(domain).trace;
  IOMMULAB_CALL(trace, "iommu_pgsize", {"domain", domain}, {"addr_merge", addr_merge},
                {"size", size});
  uint64_t largest = std::bit_floor(size);
  if (addr_merge != 0) largest = std::min(largest, addr_merge & (~addr_merge + 1));
  return this_call.result(std::bit_floor(domain.ops->pgsize_bitmap & (largest | (largest - 1))));
}

uint64_t smallest_page(const iommu_domain& domain) {
  return domain.ops->pgsize_bitmap & (~domain.ops->pgsize_bitmap + 1);
}

constexpr uint64_t negative(int error) {
  return static_cast<uint64_t>(-int64_t{error});
}

}  // namespace

// Linux v4.4 drivers/iommu/iommu.c: __iommu_domain_alloc()
iommu_domain* domain_alloc_of_type(bus_type& bus, iommu_domain_type type) {
  tracer& trace = bus.env.trace;
  IOMMULAB_CALL(trace, "__iommu_domain_alloc", {"bus", bus}, {"type", type});
  if (bus.ops == nullptr || !bus.ops->domain_alloc) return this_call.result(nullptr);
  iommu_domain* domain = bus.ops->domain_alloc(type);
  if (domain == nullptr) return this_call.result(nullptr);
  domain->ops = bus.ops;
  domain->type = type;
  domain->env = &bus.env;
  return this_call.result(domain);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_domain_alloc()
iommu_domain* iommu_domain_alloc(bus_type& bus) {
  tracer& trace = bus.env.trace;
  IOMMULAB_CALL(trace, "iommu_domain_alloc", {"bus", bus});
  return this_call.result(domain_alloc_of_type(bus, iommu_domain_type::unmanaged));
}

void iommu_domain::free() {
  iommu_domain_free(*this);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_domain_free()
void iommu_domain_free(iommu_domain& domain) {
  IOMMULAB_CALL(env_of(domain).trace, "iommu_domain_free", {"domain", domain});
  domain.ops->domain_free(domain);
}

// Linux v4.4 drivers/iommu/iommu.c: __iommu_attach_device()
int attach_device_unlocked(iommu_domain& domain, device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "__iommu_attach_device", {"domain", domain}, {"dev", dev});
  if (!domain.ops->attach_dev) return this_call.result(-ENODEV);
  const int ret = domain.ops->attach_dev(domain, dev);
  if (ret == 0) {
    IOMMULAB_NOTE(env.trace, "attach_device_to_domain: IOMMU: device=%s", dev.name);
  }
  return this_call.result(ret);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_attach_device()
int iommu_attach_device(iommu_domain& domain, device& dev) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "iommu_attach_device", {"domain", domain}, {"dev", dev});
  iommu_group* const group = iommu_group_get(dev);
  if (group == nullptr) return this_call.result(attach_device_unlocked(domain, dev));
  // A device goes nowhere without the other members of its group, which nobody asked to come.
  const bool is_alone = device_count(*group) == 1;
  const int ret = is_alone ? attach_group_unlocked(domain, *group) : -EINVAL;
  iommu_group_put(group);
  return this_call.result(ret);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_detach_device()
void iommu_detach_device(iommu_domain& domain, device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "iommu_detach_device", {"domain", domain}, {"dev", dev});
  iommu_group* group = iommu_group_get(dev);
  if (group == nullptr) {
    detach_device_unlocked(domain, dev);
    return;
  }
  if (device_count(*group) == 1) {
    detach_group_unlocked(domain, *group);
  } else {
    env.log.warn_on("iommu_detach_device");
  }
  iommu_group_put(group);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_attach_group()
int iommu_attach_group(iommu_domain& domain, iommu_group& group) {
  tracer& trace = group.core->env().trace;
  IOMMULAB_CALL(trace, "iommu_attach_group", {"domain", domain}, {"group", group});
  return this_call.result(attach_group_unlocked(domain, group));
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_detach_group()
void iommu_detach_group(iommu_domain& domain, iommu_group& group) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_detach_group", {"domain", domain},
                {"group", group});
  detach_group_unlocked(domain, group);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_get_domain_for_dev()
iommu_domain* iommu_get_domain_for_dev(device& dev) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "iommu_get_domain_for_dev", {"dev", dev});
  iommu_group* group = iommu_group_get(dev);
  if (group == nullptr) return this_call.result(nullptr);
  iommu_domain* domain = own_domain(group->domain);
  iommu_group_put(group);
  return this_call.result(domain);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_iova_to_phys()
phys_addr iommu_iova_to_phys(iommu_domain& domain, dma_addr iova) {
  tracer& trace = env_of(domain).trace;
  IOMMULAB_CALL(trace, "iommu_iova_to_phys", {"domain", domain}, {"iova", iova});
  if (!domain.ops->iova_to_phys) return this_call.result(phys_addr(0));
  return this_call.result(domain.ops->iova_to_phys(domain, iova));
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_map()
int iommu_map(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size, int prot) {
  environment& env = env_of(domain);
  IOMMULAB_CALL(env.trace, "iommu_map", {"domain", domain}, {"iova", iova}, {"paddr", paddr},
                {"size", size}, {"prot", prot});
  const iommu_ops& ops = *domain.ops;
  if (!ops.map || ops.pgsize_bitmap == 0) return this_call.result(-ENODEV);
  if (!is_paging(domain)) return this_call.result(-EINVAL);
  const uint64_t smallest = smallest_page(domain);
  if (((iova.value() | paddr.value() | size) & (smallest - 1)) != 0) {
    iommu_log(env).err("unaligned: iova 0x%x pa 0x%016x size 0x%x min_pagesz 0x%x", iova.value(),
                       paddr.value(), size, smallest);
    return this_call.result(-EINVAL);
  }
  uint64_t done = 0;
  int ret = 0;
  while (done < size) {
    const uint64_t page =
        pgsize(domain, (iova + done).value() | (paddr + done).value(), size - done);
    ret = ops.map(domain, iova + done, paddr + done, page, prot);
    if (ret != 0) break;
    done += page;
  }
  if (ret != 0) {
    iommu_unmap(domain, iova, done);
    return this_call.result(ret);
  }
  // The kernel's trace point prints the physical address behind the mapping.
  IOMMULAB_NOTE(env.trace, "map: IOMMU: iova=0x%016x paddr=0x%016x size=%d", iova.value(),
                (paddr + done).value(), size);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_unmap()
uint64_t iommu_unmap(iommu_domain& domain, dma_addr iova, uint64_t size) {
  environment& env = env_of(domain);
  IOMMULAB_CALL(env.trace, "iommu_unmap", {"domain", domain}, {"iova", iova}, {"size", size});
  const iommu_ops& ops = *domain.ops;
  if (!ops.unmap || ops.pgsize_bitmap == 0) return this_call.result(negative(ENODEV));
  if (!is_paging(domain)) return this_call.result(negative(EINVAL));
  const uint64_t smallest = smallest_page(domain);
  if (((iova.value() | size) & (smallest - 1)) != 0) {
    iommu_log(env).err("unaligned: iova 0x%x size 0x%x min_pagesz 0x%x", iova.value(), size,
                       smallest);
    return this_call.result(negative(EINVAL));
  }
  uint64_t unmapped = 0;
  while (unmapped < size) {
    const uint64_t page = pgsize(domain, (iova + unmapped).value(), size - unmapped);
    const uint64_t piece = ops.unmap(domain, iova + unmapped, page);
    if (piece == 0) break;
    unmapped += piece;
  }
  IOMMULAB_NOTE(env.trace, "unmap: IOMMU: iova=0x%016x size=%d unmapped_size=%d", iova.value(),
                size, unmapped);
  return this_call.result(unmapped);
}

}  // namespace iommulab::v4_4
