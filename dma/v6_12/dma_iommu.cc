// SPDX-License-Identifier: GPL-2.0-only
//
// A domain's addresses are set up, ranges are allocated, mapped, unmapped and freed; coherent
// memory. Linux v6.12 drivers/iommu/dma-iommu.c.
#include "dma/v6_12/dma_iommu.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/dma/dma_mapping.h"
#include "core/iommu/v6_12/strtobool.h"
#include "dma/contiguous/dma_contiguous.h"
#include "dma/memory/pages.h"
#include "dma/v6_12/dma_iommu_internal.h"

namespace iommulab::v6_12 {
namespace {

constexpr gfp_t zone_flags = gfp_dma | gfp_dma32 | gfp_highmem;

/// Doorbells that the unit itself takes are where they are.
int cookie_init_hw_msi_region(iommu_dma_cookie& cookie, phys_addr start, uint64_t end) {
  iova_domain& iovad = cookie.iovad;
  start = start - iovad.offset(start.value());
  const uint64_t pages = iovad.align(end - start.value()) >> iovad.shift;
  for (uint64_t i = 0; i < pages; ++i) {
    slab_token memory(cookie.slab);
    if (!memory) return -ENOMEM;
    const phys_addr page = start + i * iovad.granule;
    cookie.msi_page_list.push_back({page, dma_addr(page.value()), std::move(memory)});
  }
  return 0;
}

/// iova_reserve_pci_windows(): what the host bridge hands down never comes up to the unit.
void reserve_pci_windows(const pci_dev& pdev, iova_domain& iovad) {
  const pci_bus* root = pdev.bus;
  while (!pci_is_root_bus(*root)) root = root->parent;
  for (const pci_host_window& window : root->windows) {
    reserve_iova(iovad, iovad.pfn(window.start.value()), iovad.pfn(window.end.value()));
  }
}

/// iova_reserve_iommu_regions()
int reserve_iommu_regions(device& dev, iommu_dma_cookie& cookie) {
  iova_domain& iovad = cookie.iovad;
  if (dev_is_pci(dev)) reserve_pci_windows(*dev.pci, iovad);
  std::vector<iommu_resv_region> regions;
  iommu_get_resv_regions(dev, regions);
  int ret = 0;
  for (const iommu_resv_region& region : regions) {
    if (region.type == iommu_resv_type::sw_msi) continue;
    const uint64_t end = region.start.value() + region.length;
    reserve_iova(iovad, iovad.pfn(region.start.value()), iovad.pfn(end - 1));
    if (region.type == iommu_resv_type::msi) {
      ret = cookie_init_hw_msi_region(cookie, region.start, end);
    }
    if (ret != 0) break;
  }
  iommu_put_resv_regions(dev, regions);
  return ret;
}

/// iommu_dma_init_options()
iommu_dma_options options_for(const device& dev) {
  if (!dev.iommu->shadow_on_flush) return {};
  return {iommu_dma_queue_type::single, 32768, 1000};
}

/// iommu_dma_init_domain(): done once a domain, for its first device.
int init_domain(dma_iommu& dma, iommu_domain& domain, device& dev) {
  environment& env = dma.iommu.env();
  if (domain.iova_cookie == nullptr || domain.iova_cookie->type != iommu_dma_cookie_type::iova) {
    return -EINVAL;
  }
  iommu_dma_cookie& cookie = *domain.iova_cookie;
  iova_domain& iovad = cookie.iovad;
  const auto order = static_cast<unsigned>(std::countr_zero(domain.pgsize_bitmap));
  // Page 0 stays free, so that address 0 is none.
  const uint64_t base_pfn = std::max<uint64_t>(1, domain.geometry.aperture_start.value() >> order);
  if (iovad.start_pfn != 0) {
    if (uint64_t{1} << order != iovad.granule || base_pfn != iovad.start_pfn) {
      env.log.print(log_level::warning, "Incompatible range for DMA domain");
      return -EFAULT;
    }
    // Without caches there is nothing to allocate from; the kernel would find out in a crash.
    return iovad.ranges == nullptr ? -ENOMEM : 0;
  }
  init_iova_domain(iovad, env.trace, uint64_t{1} << order, base_pfn);
  if (const int ret = iova_domain_init_rcaches(iovad, dma.cpus, dma.iommu.slab, dma.release.iova);
      ret != 0) {
    return ret;
  }
  cookie.options = options_for(dev);
  // Without a queue the domain is strict.
  if (domain.type == iommu_domain_type::dma_fq &&
      ((dma.release.asks_for_deferred_flush &&
        !device_iommu_capable(dev, iommu_cap::deferred_flush)) ||
       iommu_dma_init_fq(env, domain, dma.cpus) != 0)) {
    domain.type = iommu_domain_type::dma;
  }
  return reserve_iommu_regions(dev, cookie);
}

scatterlist whole_pages(phys_addr page, uint64_t size) {
  scatterlist piece;
  piece.page = page;
  piece.length = static_cast<uint32_t>(size);
  return piece;
}

/// Pages of a coherent buffer, in the buffer's order; the first one's address is its name.
using buffer_pages = std::vector<scatterlist>;

void free_single_pages(dma_iommu& dma, const buffer_pages& pages) {
  for (size_t i = pages.size(); i-- > 0;) dma.memory.pages.free_pages(pages[i].page, 0);
}

/// dma_free_contiguous()
void free_block(dma_iommu& dma, phys_addr first, uint64_t size) {
  if (!dma_release_from_contiguous(dma.memory.contiguous, first, page_count(size))) {
    dma.memory.pages.free_pages(first, get_order(size));
  }
}

void free_buffer(dma_iommu& dma, const buffer_pages& pages, uint64_t size) {
  if (dma.scattered_pages()) {
    free_single_pages(dma, pages);
  } else {
    free_block(dma, pages.front().page, size);
  }
}

/// __iommu_dma_alloc_pages(). Empty when there is no memory.
buffer_pages alloc_buffer(dma_iommu& dma, uint64_t size, gfp_t gfp) {
  page_allocator& pages = dma.memory.pages;
  if (!dma.scattered_pages()) {
    std::optional<phys_addr> block = pages.alloc_pages(get_order(size), gfp);
    // Larger than any block: the kernel finds enough pages, we only the area for such buffers.
    if (!block) {
      block = dma_alloc_from_contiguous(dma.memory.contiguous, page_count(size), get_order(size));
      if (block) clear_memory(dma.memory, *block, page_count(size) << page_shift);
    }
    if (!block) return {};
    return {whole_pages(*block, page_count(size) << page_shift)};
  }
  buffer_pages buffer;
  for (uint64_t i = 0; i < page_count(size); ++i) {
    const std::optional<phys_addr> page = pages.alloc_pages(0, gfp);
    if (!page) {
      free_single_pages(dma, buffer);
      return {};
    }
    buffer.push_back(whole_pages(*page, page_size));
  }
  return buffer;
}

// Linux v6.12 drivers/iommu/dma-iommu.c: __iommu_dma_alloc_noncontiguous()
std::optional<phys_addr> alloc_noncontiguous(dma_iommu& dma, device& dev, uint64_t size,
                                             dma_addr& handle, gfp_t gfp) {
  IOMMULAB_CALL(dma.iommu.env().trace, "__iommu_dma_alloc_noncontiguous", {"dev", dev},
                {"size", size}, {"gfp", gfp});
  const auto none = [&]() -> std::optional<phys_addr> {
    this_call.result(nullptr);
    return std::nullopt;
  };
  iommu_domain& domain = iommu_get_dma_domain(dev);
  iommu_dma_cookie& cookie = *domain.iova_cookie;
  if (dma.parameters.is_kdump_kernel && iommu_deferred_attach(dev, domain) != 0) return none();

  const buffer_pages buffer = alloc_buffer(dma, size, gfp);
  if (buffer.empty()) return none();
  const uint64_t padded = cookie.iovad.align(size);
  const dma_addr iova = iommu_dma_alloc_iova(dma, domain, padded, dev.coherent_dma_mask, dev);
  if (iova == dma_addr(0)) {
    free_buffer(dma, buffer, size);
    return none();
  }
  const int64_t mapped =
      iommu_map_sg(domain, iova, buffer, prot_for(dma_data_direction::bidirectional));
  if (mapped < 0 || static_cast<uint64_t>(mapped) < padded) {
    iommu_dma_free_iova(cookie, iova, padded, nullptr);
    free_buffer(dma, buffer, size);
    return none();
  }
  handle = iova;
  if (dma.scattered_pages()) dma.remember_pages(buffer);
  return this_call.result(std::optional<phys_addr>(buffer.front().page));
}

// Linux v6.12 drivers/iommu/dma-iommu.c: __iommu_dma_free()
void free_memory(dma_iommu& dma, uint64_t size, phys_addr cpu_addr) {
  IOMMULAB_CALL(dma.iommu.env().trace, "__iommu_dma_free", {"size", size}, {"cpu_addr", cpu_addr});
  const buffer_pages scattered = dma.forget_pages(cpu_addr);
  if (scattered.empty()) {
    free_block(dma, cpu_addr, size);
  } else {
    free_single_pages(dma, scattered);
  }
}

/// iommu_dma_get_msi_page()
std::optional<dma_addr> msi_page_of(dma_iommu& dma, device& dev, phys_addr msi_addr,
                                    iommu_domain& domain) {
  iommu_dma_cookie& cookie = *domain.iova_cookie;
  const uint64_t size =
      cookie.type == iommu_dma_cookie_type::iova ? cookie.iovad.granule : page_size;
  msi_addr = phys_addr(msi_addr.value() & ~(size - 1));
  for (const iommu_dma_cookie::msi_page& page : cookie.msi_page_list) {
    if (page.phys == msi_addr) return page.iova;
  }
  slab_token memory(cookie.slab);
  if (!memory) return std::nullopt;
  const dma_addr iova = iommu_dma_alloc_iova(dma, domain, size, dma_get_mask(dev), dev);
  if (iova == dma_addr(0)) return std::nullopt;
  constexpr int prot = iommu_write | iommu_noexec | iommu_mmio;
  if (iommu_map(domain, iova, msi_addr, size, prot) != 0) {
    iommu_dma_free_iova(cookie, iova, size, nullptr);
    return std::nullopt;
  }
  cookie.msi_page_list.push_back({msi_addr, iova, std::move(memory)});
  return iova;
}

}  // namespace

int prot_for(dma_data_direction dir) {
  switch (dir) {
    case dma_data_direction::bidirectional:
      return iommu_cache | iommu_read | iommu_write;
    case dma_data_direction::to_device:
      return iommu_cache | iommu_read;
    case dma_data_direction::from_device:
      return iommu_cache | iommu_write;
    case dma_data_direction::none:
      break;
  }
  return 0;
}

dma_iommu::dma_iommu(iommu_subsystem& iommu_, coherent_memory& memory_, io_tlb* bounce_,
                     const dma_iommu_parameters& parameters_, unsigned cpus_,
                     const dma_release& release_)
    : release(release_),
      iommu(iommu_),
      memory(memory_),
      bounce(bounce_),
      parameters(parameters_),
      cpus(cpus_) {
  iommu.dma = this;
}

dma_iommu::~dma_iommu() {
  if (iommu.dma == this) iommu.dma = nullptr;
  for (size_t i = 0; i < cookies_.size(); ++i) iommu.slab.freed();
}

iommu_dma_cookie* dma_iommu::cookie_alloc(iommu_dma_cookie_type type) {
  if (iommu.slab.should_fail()) return nullptr;
  auto made = std::make_unique<iommu_dma_cookie>(iommu.env(), memory.pages, iommu.slab, type);
  made->timers = &timers_;
  made->serial = cookies_made_;
  return (cookies_[cookies_made_++] = std::move(made)).get();
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_get_dma_cookie()
int dma_iommu::get_dma_cookie(iommu_domain& domain) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_get_dma_cookie", {"domain", domain});
  if (domain.iova_cookie != nullptr) return this_call.result(-EEXIST);
  domain.iova_cookie = cookie_alloc(iommu_dma_cookie_type::iova);
  return this_call.result(domain.iova_cookie == nullptr ? -ENOMEM : 0);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_get_msi_cookie()
int iommu_get_msi_cookie(dma_iommu& dma, iommu_domain& domain, dma_addr base) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_get_msi_cookie", {"domain", domain}, {"base", base});
  if (domain.type != iommu_domain_type::unmanaged) return this_call.result(-EINVAL);
  if (domain.iova_cookie != nullptr) return this_call.result(-EEXIST);
  iommu_dma_cookie* cookie = dma.cookie_alloc(iommu_dma_cookie_type::msi);
  if (cookie == nullptr) return this_call.result(-ENOMEM);
  cookie->msi_iova = base;
  domain.iova_cookie = cookie;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_put_dma_cookie()
void dma_iommu::put_dma_cookie(iommu_domain& domain) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_put_dma_cookie", {"domain", domain});
  iommu_dma_cookie* cookie = std::exchange(domain.iova_cookie, nullptr);
  if (cookie == nullptr) return;
  if (cookie->type == iommu_dma_cookie_type::iova && cookie->iovad.granule != 0) {
    put_iova_domain(cookie->iovad);
  }
  cookies_.erase(cookie->serial);
  iommu.slab.freed();
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_setup_dma_ops()
void dma_iommu::setup_dma_ops(device& dev) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_setup_dma_ops", {"dev", dev});
  iommu_domain& domain = *iommu_get_domain_for_dev(dev);
  if (dev_is_pci(dev)) dev.iommu->pci_32bit_workaround = !parameters.forcedac;
  dev.dma_iommu = iommu_is_dma_domain(domain);
  if (dev.dma_iommu && init_domain(*this, domain, dev) != 0) {
    env.log.print(
        log_level::warning,
        absl::StrFormat("Failed to set up IOMMU for device %s; retaining platform DMA ops",
                        dev.name));
    dev.dma_iommu = false;
  }
}

int dma_iommu::init_fq(iommu_domain& domain) {
  return iommu_dma_init_fq(iommu.env(), domain, cpus);
}

void dma_iommu::remember_pages(std::vector<scatterlist> pages) {
  const spin_guard guard(buffers_lock_);
  const uint64_t first = pages.front().page.value();
  buffers_[first] = std::move(pages);
}

std::vector<scatterlist> dma_iommu::forget_pages(phys_addr first) {
  if (!scattered_pages_) return {};
  const spin_guard guard(buffers_lock_);
  const auto at = buffers_.find(first.value());
  if (at == buffers_.end()) return {};
  std::vector<scatterlist> pages = std::move(at->second);
  buffers_.erase(at);
  return pages;
}

void add_iommu_dma_early_params(command_line& line, dma_iommu_parameters& parameters,
                                printk_log& log) {
  // Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_forcedac_setup()
  line.early_param("iommu.forcedac", [&parameters, &log](std::optional<std::string_view> value) {
    const std::optional<bool> forced = strtobool(value);
    if (!forced) return -EINVAL;
    parameters.forcedac = *forced;
    if (*forced) log.print(log_level::info, "Forcing DAC for PCI devices");
    return 0;
  });
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_init()
int iommu_dma_init(dma_iommu& dma) {
  tracer& trace = dma.iommu.env().trace;
  IOMMULAB_CALL(trace, "iommu_dma_init");
  {
    // The nodes of a domain are the allocator's own business here.
    const call_scope cache(trace, "iova_cache_get");
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_alloc_iova()
dma_addr iommu_dma_alloc_iova(dma_iommu& dma, iommu_domain& domain, uint64_t size,
                              uint64_t dma_limit, device& dev) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_alloc_iova", {"domain", domain}, {"size", size},
                {"dma_limit", dma_limit}, {"dev", dev});
  iommu_dma_cookie& cookie = *domain.iova_cookie;
  if (cookie.type == iommu_dma_cookie_type::msi) {
    const dma_addr iova = cookie.msi_iova;
    cookie.msi_iova = iova + size;
    return this_call.result(iova);
  }
  iova_domain& iovad = cookie.iovad;
  const uint64_t pages = size >> iovad.shift;
  dma_limit = dma_limit_of(dev, dma_limit);
  if (domain.geometry.force_aperture) {
    dma_limit = std::min(dma_limit, domain.geometry.aperture_end.value());
  }
  const auto address = [&](uint64_t pfn) { return this_call.result(dma_addr(pfn << iovad.shift)); };
  // Devices that promise more than 32 bits do not always keep it.
  if (dma_limit > dma_bit_mask(32) && dev.iommu->pci_32bit_workaround) {
    const uint64_t pfn =
        alloc_iova_fast(iovad, pages, dma_bit_mask(32) >> iovad.shift, /*flush_rcache=*/false);
    if (pfn != 0) return address(pfn);
    if (dma.release.gives_up_below_4g) {
      dev.iommu->pci_32bit_workaround = false;
      dev_printk(dev, log_level::notice, "Using %d-bit DMA addresses", std::bit_width(dma_limit));
    }
  }
  return address(alloc_iova_fast(iovad, pages, dma_limit >> iovad.shift, /*flush_rcache=*/true));
}

void iommu_dma_free_iova(iommu_dma_cookie& cookie, dma_addr iova, uint64_t size,
                         iommu_iotlb_gather* gather) {
  iova_domain& iovad = cookie.iovad;
  if (cookie.type == iommu_dma_cookie_type::msi) {
    cookie.msi_iova = cookie.msi_iova - size;
  } else if (gather != nullptr && gather->queued) {
    queue_iova(cookie, iovad.pfn(iova.value()), size >> iovad.shift, gather->freelist);
  } else {
    free_iova_fast(iovad, iovad.pfn(iova.value()), size >> iovad.shift);
  }
}

// Linux v6.12 drivers/iommu/dma-iommu.c: __iommu_dma_unmap()
void iommu_dma_unmap(dma_iommu& dma, device& dev, dma_addr address, uint64_t size) {
  environment& env = dma.iommu.env();
  IOMMULAB_CALL(env.trace, "__iommu_dma_unmap", {"dev", dev}, {"dma_addr", address},
                {"size", size});
  iommu_domain& domain = iommu_get_dma_domain(dev);
  iommu_dma_cookie& cookie = *domain.iova_cookie;
  const uint64_t offset = cookie.iovad.offset(address.value());
  const dma_addr start = address - offset;
  size = cookie.iovad.align(size + offset);
  iommu_iotlb_gather gather;
  gather.queued = cookie.fq_domain.load(std::memory_order_acquire) != nullptr;
  if (iommu_unmap_fast(domain, start, size, gather) != size) env.log.warn_on("__iommu_dma_unmap");
  if (!gather.queued) iommu_iotlb_sync(domain, gather);
  iommu_dma_free_iova(cookie, start, size, &gather);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: __iommu_dma_map()
dma_addr iommu_dma_map(dma_iommu& dma, device& dev, phys_addr phys, uint64_t size, int prot,
                       uint64_t dma_mask) {
  IOMMULAB_CALL(dma.iommu.env().trace, "__iommu_dma_map", {"dev", dev}, {"phys", phys},
                {"size", size}, {"prot", prot}, {"dma_mask", dma_mask});
  iommu_domain& domain = iommu_get_dma_domain(dev);
  iommu_dma_cookie& cookie = *domain.iova_cookie;
  if (dma.parameters.is_kdump_kernel && iommu_deferred_attach(dev, domain) != 0) {
    return this_call.result(dma_mapping_error_address);
  }
  const uint64_t offset = cookie.iovad.offset(phys.value());
  size = cookie.iovad.align(size + offset);
  const dma_addr iova = iommu_dma_alloc_iova(dma, domain, size, dma_mask, dev);
  if (iova == dma_addr(0)) return this_call.result(dma_mapping_error_address);
  if (iommu_map(domain, iova, phys - offset, size, prot) != 0) {
    iommu_dma_free_iova(cookie, iova, size, nullptr);
    return this_call.result(dma_mapping_error_address);
  }
  return this_call.result(iova + offset);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_alloc()
std::optional<phys_addr> iommu_dma_alloc(dma_iommu& dma, device& dev, uint64_t size,
                                         dma_addr& handle, gfp_t gfp) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_alloc", {"dev", dev}, {"size", size},
                {"gfp", gfp});
  const auto none = [&]() -> std::optional<phys_addr> {
    this_call.result(nullptr);
    return std::nullopt;
  };
  gfp = (gfp & ~zone_flags) | gfp_zero;
  if (gfpflags_allow_blocking(gfp)) {
    return this_call.result(alloc_noncontiguous(dma, dev, size, handle, gfp));
  }
  // iommu_dma_alloc_pages(). The area for contiguous buffers is for who can wait.
  const std::optional<phys_addr> memory = dma.memory.pages.alloc_pages(get_order(size), gfp);
  if (!memory) return none();
  handle = iommu_dma_map(dma, dev, *memory, size, prot_for(dma_data_direction::bidirectional),
                         dev.coherent_dma_mask);
  if (handle == dma_mapping_error_address) {
    free_memory(dma, size, *memory);
    return none();
  }
  return this_call.result(memory);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_free()
void iommu_dma_free(dma_iommu& dma, device& dev, uint64_t size, phys_addr cpu_addr,
                    dma_addr handle) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_free", {"dev", dev}, {"size", size},
                {"cpu_addr", cpu_addr}, {"handle", handle});
  iommu_dma_unmap(dma, dev, handle, size);
  free_memory(dma, size, cpu_addr);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_map_resource()
dma_addr iommu_dma_map_resource(dma_iommu& dma, device& dev, phys_addr phys, uint64_t size,
                                dma_data_direction dir) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_map_resource", {"dev", dev}, {"phys", phys},
                {"size", size}, {"dir", dir});
  const int prot = (prot_for(dir) & ~iommu_cache) | iommu_mmio;
  return this_call.result(iommu_dma_map(dma, dev, phys, size, prot, dma_get_mask(dev)));
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_unmap_resource()
void iommu_dma_unmap_resource(dma_iommu& dma, device& dev, dma_addr handle, uint64_t size,
                              dma_data_direction dir) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_unmap_resource", {"dev", dev}, {"handle", handle},
                {"size", size}, {"dir", dir});
  iommu_dma_unmap(dma, dev, handle, size);
}

// Linux v6.12 drivers/iommu/dma-iommu.c: iommu_dma_prepare_msi()
int iommu_dma_prepare_msi(dma_iommu& dma, device& dev, phys_addr msi_addr,
                          std::optional<dma_addr>& iova) {
  IOMMULAB_CALL(dma.iommu.env().trace, "iommu_dma_prepare_msi", {"dev", dev},
                {"msi_addr", msi_addr});
  iova.reset();
  iommu_domain* domain = iommu_get_domain_for_dev(dev);
  if (domain == nullptr || domain->iova_cookie == nullptr) return this_call.result(0);
  iova = msi_page_of(dma, dev, msi_addr, *domain);
  return this_call.result(iova ? 0 : -ENOMEM);
}

}  // namespace iommulab::v6_12
