// SPDX-License-Identifier: GPL-2.0-only
//
// Domains: allocation, and mapping in pages. Linux v6.12 drivers/iommu/iommu.c.
#include <algorithm>
#include <bit>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v6_12/group.h"

namespace iommulab::v6_12 {
namespace {

environment& env_of_domain(const iommu_domain& domain) {
  return *domain.env;
}

}  // namespace

void note_owner(iommu_subsystem& iommu, iommu_ops& ops, iommu_domain_type type,
                iommu_domain& domain) {
  domain.type = type;
  domain.owner = &ops;
  domain.env = &iommu.env();
  domain.iommu = &iommu;
  if (domain.pgsize_bitmap == 0) domain.pgsize_bitmap = ops.pgsize_bitmap;
  if (domain.ops == nullptr) domain.ops = ops.default_domain_ops;
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_domain_alloc()
iommu_domain* core_release::domain_alloc(iommu_subsystem& iommu, iommu_ops& ops, device* dev,
                                         iommu_domain_type type, int& error) const {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "__iommu_domain_alloc", {"dev", dev}, {"type", iommulab::name(type)});
  error = 0;
  if (type == iommu_domain_type::identity && ops.identity_domain != nullptr) {
    return this_call.result(ops.identity_domain);
  }
  if (type == iommu_domain_type::blocked && ops.blocked_domain != nullptr) {
    return this_call.result(ops.blocked_domain);
  }
  // Drivers do not tell a domain with a flush queue from one without.
  const iommu_domain_type asked = type == iommu_domain_type::dma_fq ? iommu_domain_type::dma : type;
  iommu_domain* domain = is_paging_type(type) && ops.allocates_paging() && dev != nullptr
                             ? ops.domain_alloc_paging(*dev)
                             : ops.domain_alloc(asked);
  if (domain == nullptr) {
    error = -ENOMEM;
    return this_call.result(nullptr, error);
  }
  note_owner(iommu, ops, type, *domain);
  if (iommu_is_dma_domain(*domain) && iommu.dma != nullptr) {
    error = iommu.dma->get_dma_cookie(*domain);
    if (error != 0) {
      iommu_domain_free(*domain);
      return this_call.result(nullptr, error);
    }
  }
  return this_call.result(domain);
}

namespace {

// Linux v6.12 drivers/iommu/iommu.c: __iommu_domain_alloc_dev()
int note_ops_of(const device& dev, iommu_ops*& ops) {
  IOMMULAB_CALL(dev.bus->env.trace, "__iommu_domain_alloc_dev", {"dev", dev});
  if (dev_has_iommu(dev)) ops = &dev_iommu_ops(dev);
  return this_call.result(0);
}

/// A run of pages of one size.
struct page_run {
  uint64_t pgsize = 0;
  uint64_t count = 0;
};

constexpr uint64_t bits_up_to(uint64_t bit) {
  return bit | (bit - 1);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_pgsize(). The largest page size that fits the length and
// the addresses' alignment, and how many such pages it is to where a larger size fits.
page_run iommu_pgsize(const iommu_domain& domain, uint64_t iova, uint64_t paddr, uint64_t size) {
  tracer& trace = env_of_domain(domain).trace;
  IOMMULAB_CALL(trace, "iommu_pgsize", {"domain", domain}, {"iova", iova}, {"paddr", paddr},
                {"size", size});
  const uint64_t merged = iova | paddr;
  uint64_t sizes = domain.pgsize_bitmap & bits_up_to(std::bit_floor(size));
  if (merged != 0) sizes &= bits_up_to(merged & (~merged + 1));
  const uint64_t page = std::bit_floor(sizes);
  const uint64_t larger = domain.pgsize_bitmap & ~bits_up_to(page);
  if (larger != 0) {
    const uint64_t next = larger & (~larger + 1);
    // A larger page never fits where the addresses lie differently within it.
    if (((iova ^ paddr) & (next - 1)) == 0) {
      const uint64_t to_boundary = next - (merged & (next - 1));
      if (to_boundary + next >= next && to_boundary + next <= size) size = to_boundary;
    }
  }
  const page_run run{page, size >> std::countr_zero(page)};
  IOMMULAB_RESULT(trace, {"pgsize", run.pgsize}, {"count", run.count});
  return run;
}

uint64_t smallest_page(const iommu_domain& domain) {
  return domain.pgsize_bitmap & (~domain.pgsize_bitmap + 1);
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_unmap()
uint64_t unmap_gathering(iommu_domain& domain, dma_addr iova, uint64_t size,
                         iommu_iotlb_gather& gather) {
  environment& env = env_of_domain(domain);
  IOMMULAB_CALL(env.trace, "__iommu_unmap", {"domain", domain}, {"iova", iova}, {"size", size});
  if (!is_paging_type(domain.type)) return this_call.result(uint64_t{0});
  if (domain.pgsize_bitmap == 0) {
    env.log.warn_on("__iommu_unmap");
    return this_call.result(uint64_t{0});
  }
  const uint64_t smallest = smallest_page(domain);
  if (((iova.value() | size) & (smallest - 1)) != 0) {
    iommu_log(env).err("unaligned: iova 0x%x size 0x%x min_pagesz 0x%x", iova.value(), size,
                       smallest);
    return this_call.result(uint64_t{0});
  }
  uint64_t unmapped = 0;
  while (unmapped < size) {
    const uint64_t at = iova.value() + unmapped;
    const page_run run = iommu_pgsize(domain, at, at, size - unmapped);
    const uint64_t piece =
        domain.ops->unmap_pages(domain, dma_addr(at), run.pgsize, run.count, gather);
    if (piece == 0) break;
    unmapped += piece;
  }
  IOMMULAB_NOTE(env.trace, "unmap: iova=0x%016x - 0x%016x size=%d unmapped_size=%d", iova.value(),
                iova.value() + size, size, unmapped);
  return this_call.result(unmapped);
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_map()
int map_pages(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size, int prot) {
  environment& env = env_of_domain(domain);
  IOMMULAB_CALL(env.trace, "__iommu_map", {"domain", domain}, {"iova", iova}, {"paddr", paddr},
                {"size", size}, {"prot", prot});
  if (!is_paging_type(domain.type)) return this_call.result(-EINVAL);
  if (domain.pgsize_bitmap == 0) {
    env.log.warn_on("__iommu_map");
    return this_call.result(-ENODEV);
  }
  const uint64_t smallest = smallest_page(domain);
  if (((iova.value() | paddr.value() | size) & (smallest - 1)) != 0) {
    iommu_log(env).err("unaligned: iova 0x%x pa 0x%016x size 0x%x min_pagesz 0x%x", iova.value(),
                       paddr.value(), size, smallest);
    return this_call.result(-EINVAL);
  }
  uint64_t done = 0;
  while (done < size) {
    const page_run run =
        iommu_pgsize(domain, (iova + done).value(), (paddr + done).value(), size - done);
    uint64_t mapped = 0;
    const int ret = domain.ops->map_pages(domain, iova + done, paddr + done, run.pgsize, run.count,
                                          prot, mapped);
    done += mapped;
    if (ret != 0) {
      iommu_unmap(domain, iova, done);
      return this_call.result(ret);
    }
  }
  IOMMULAB_NOTE(env.trace, "map: iova=0x%016x - 0x%016x paddr=0x%016x size=%d", iova.value(),
                iova.value() + size, paddr.value(), size);
  return this_call.result(0);
}

}  // namespace

iommu_domain* iommu_group_domain_alloc(iommu_subsystem& iommu, iommu_group& group,
                                       iommu_domain_type type, int& error) {
  device& dev = *group.devices.front().dev;
  return iommu.release.domain_alloc(iommu, dev_iommu_ops(dev), &dev, type, error);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_domain_alloc()
iommu_domain* iommu_domain_alloc(iommu_subsystem& iommu, bus_type& bus) {
  IOMMULAB_CALL(bus.env.trace, "iommu_domain_alloc", {"bus", bus});
  iommu_ops* ops = nullptr;
  bus_for_each_dev(bus, [&ops](device& dev) { return note_ops_of(dev, ops); });
  if (ops == nullptr) return this_call.result(nullptr);
  int error = 0;
  return this_call.result(
      iommu.release.domain_alloc(iommu, *ops, nullptr, iommu_domain_type::unmanaged, error));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_paging_domain_alloc()
iommu_domain* iommu_paging_domain_alloc(device& dev, int& error) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_paging_domain_alloc", {"dev", dev});
  error = -ENODEV;
  if (!dev_has_iommu(dev)) return this_call.result(nullptr, error);
  iommu_subsystem& iommu = *dev.bus->iommu.subsystem;
  iommu_domain* domain = iommu.release.domain_alloc(iommu, dev_iommu_ops(dev), &dev,
                                                    iommu_domain_type::unmanaged, error);
  if (domain == nullptr) return this_call.result(nullptr, error);
  return this_call.result(domain);
}

void iommu_domain::free() {
  iommu_domain_free(*this);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_domain_free()
void iommu_domain_free(iommu_domain& domain) {
  // One that its driver never gave a core has nothing of it.
  if (domain.iommu == nullptr) {
    domain.ops->free(domain);
    return;
  }
  iommu_subsystem& iommu = *domain.iommu;
  IOMMULAB_CALL(iommu.env().trace, "iommu_domain_free", {"domain", domain});
  if (iommu.dma != nullptr) iommu.dma->put_dma_cookie(domain);
  domain.ops->free(domain);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_iova_to_phys()
phys_addr iommu_iova_to_phys(iommu_domain& domain, dma_addr iova) {
  IOMMULAB_CALL(env_of_domain(domain).trace, "iommu_iova_to_phys", {"domain", domain},
                {"iova", iova});
  if (domain.type == iommu_domain_type::identity) return this_call.result(phys_addr(iova.value()));
  if (domain.type == iommu_domain_type::blocked) return this_call.result(phys_addr(0));
  return this_call.result(domain.ops->iova_to_phys(domain, iova));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_map()
int iommu_map(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size, int prot) {
  IOMMULAB_CALL(env_of_domain(domain).trace, "iommu_map", {"domain", domain}, {"iova", iova},
                {"paddr", paddr}, {"size", size}, {"prot", prot});
  int ret = map_pages(domain, iova, paddr, size, prot);
  if (ret != 0) return this_call.result(ret);
  ret = domain.ops->iotlb_sync_map(domain, iova, size);
  if (ret != 0) iommu_unmap(domain, iova, size);
  return this_call.result(ret);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_unmap()
uint64_t iommu_unmap(iommu_domain& domain, dma_addr iova, uint64_t size) {
  IOMMULAB_CALL(env_of_domain(domain).trace, "iommu_unmap", {"domain", domain}, {"iova", iova},
                {"size", size});
  iommu_iotlb_gather gather;
  const uint64_t unmapped = unmap_gathering(domain, iova, size, gather);
  iommu_iotlb_sync(domain, gather);
  return this_call.result(unmapped);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_unmap_fast()
uint64_t iommu_unmap_fast(iommu_domain& domain, dma_addr iova, uint64_t size,
                          iommu_iotlb_gather& gather) {
  IOMMULAB_CALL(env_of_domain(domain).trace, "iommu_unmap_fast", {"domain", domain}, {"iova", iova},
                {"size", size});
  return this_call.result(unmap_gathering(domain, iova, size, gather));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_map_sg()
int64_t iommu_map_sg(iommu_domain& domain, dma_addr iova, absl::Span<const scatterlist> sg,
                     int prot) {
  IOMMULAB_CALL(env_of_domain(domain).trace, "iommu_map_sg", {"domain", domain}, {"iova", iova},
                {"nents", static_cast<unsigned>(sg.size())}, {"prot", prot});
  uint64_t mapped = 0;
  const auto give_up = [&](int error) {
    iommu_unmap(domain, iova, mapped);
    return int64_t{error};
  };
  phys_addr start;
  uint64_t length = 0;
  // The last piece is looked at once more, which ends its run: unless it has no byte and lies where
  // the run ends, which leaves that run out.
  for (size_t i = 0; !sg.empty() && i <= sg.size(); ++i) {
    const scatterlist& piece = sg[std::min(i, sg.size() - 1)];
    if (length != 0 && sg_phys(piece) != start + length) {
      if (const int ret = map_pages(domain, iova + mapped, start, length, prot); ret != 0) {
        return this_call.result(give_up(ret));
      }
      mapped += length;
      length = 0;
    }
    if (length == 0) start = sg_phys(piece);
    length += piece.length;
  }
  if (const int ret = domain.ops->iotlb_sync_map(domain, iova, mapped); ret != 0) {
    return this_call.result(give_up(ret));
  }
  return this_call.result(static_cast<int64_t>(mapped));
}

void iommu_flush_iotlb_all(iommu_domain& domain) {
  domain.ops->flush_iotlb_all(domain);
}

void iommu_iotlb_sync(iommu_domain& domain, iommu_iotlb_gather& gather) {
  domain.ops->iotlb_sync(domain, gather);
  gather.start = dma_addr(UINT64_MAX);
  gather.end = dma_addr(0);
  gather.pgsize = 0;
  gather.freelist.clear();
  gather.queued = false;
}

void iommu_iotlb_gather_add_range(iommu_iotlb_gather& gather, dma_addr iova, uint64_t size) {
  gather.start = std::min(gather.start, iova);
  gather.end = std::max(gather.end, iova + (size - 1));
}

void iommu_iotlb_gather_add_page(iommu_domain& domain, iommu_iotlb_gather& gather, dma_addr iova,
                                 uint64_t size) {
  const uint64_t end = iova.value() + size - 1;
  const bool is_disjoint = gather.end.value() != 0 && (end + 1 < gather.start.value() ||
                                                       iova.value() > gather.end.value() + 1);
  if ((gather.pgsize != 0 && gather.pgsize != size) || is_disjoint) {
    iommu_iotlb_sync(domain, gather);
  }
  gather.pgsize = size;
  iommu_iotlb_gather_add_range(gather, iova, size);
}

}  // namespace iommulab::v6_12
