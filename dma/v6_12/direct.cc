// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v6_12/direct.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/dma/dma_mapping.h"
#include "dma/contiguous/dma_contiguous.h"
#include "dma/memory/pages.h"
#include "dma/v6_12/dma_iommu.h"

namespace iommulab::v6_12 {
namespace {

constexpr unsigned zone_dma_bits = 24;

dma_addr address_of(phys_addr phys) {
  return dma_addr(phys.value());
}

bool is_bounce_slot(const dma_direct& dma, dma_addr address) {
  return dma.bounce != nullptr && dma.bounce->is_swiotlb_buffer(phys_addr(address.value()));
}

/// dma_coherent_ok()
bool is_reached(const device& dev, phys_addr phys, uint64_t size) {
  return phys.value() + size - 1 <= dma_limit_of(dev, dev.coherent_dma_mask);
}

/// dma_direct_optimal_gfp_mask(): the highest zone that is sure to suit.
gfp_t zone_for(uint64_t limit) {
  if (limit <= dma_bit_mask(zone_dma_bits)) return gfp_dma;
  return limit <= dma_bit_mask(32) ? gfp_dma32 : 0;
}

std::optional<phys_addr> take_contiguous(dma_direct& dma, uint64_t size, gfp_t gfp) {
  if (!gfpflags_allow_blocking(gfp) || size <= page_size) return std::nullopt;
  return dma_alloc_from_contiguous(dma.memory.contiguous, page_count(size), get_order(size));
}

/// dma_free_contiguous()
void free_contiguous(dma_direct& dma, phys_addr phys, uint64_t size) {
  if (!dma_release_from_contiguous(dma.memory.contiguous, phys, page_count(size))) {
    dma.memory.pages.free_pages(phys, get_order(size));
  }
}

/// __dma_direct_alloc_pages(): a zone lower whenever what came is out of reach.
std::optional<phys_addr> alloc_reachable(dma_direct& dma, device& dev, uint64_t size, gfp_t gfp) {
  const uint64_t limit = dma_limit_of(dev, dev.coherent_dma_mask);
  gfp |= zone_for(limit);
  if (const auto memory = take_contiguous(dma, size, gfp)) {
    if (is_reached(dev, *memory, size)) return memory;
    free_contiguous(dma, *memory, size);
  }
  for (;;) {
    const auto memory = dma.memory.pages.alloc_pages(get_order(size), gfp);
    if (!memory || is_reached(dev, *memory, size)) return memory;
    dma.memory.pages.free_pages(*memory, get_order(size));
    if (limit < UINT64_MAX && (gfp & (gfp_dma32 | gfp_dma)) == 0) {
      gfp |= gfp_dma32;
    } else if ((gfp & gfp_dma) == 0) {
      gfp = (gfp & ~gfp_dma32) | gfp_dma;
    } else {
      return std::nullopt;
    }
  }
}

// Linux v6.12 kernel/dma/swiotlb.c: swiotlb_map()
dma_addr swiotlb_map(dma_direct& dma, device& dev, phys_addr phys, uint64_t size,
                     dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "swiotlb_map", {"dev", dev}, {"paddr", phys}, {"size", size},
                {"dir", dir});
  const std::optional<phys_addr> slots = dma.bounce->swiotlb_tbl_map_single(dev, phys, size, dir);
  if (!slots) return this_call.result(dma_mapping_error_address);
  const dma_addr address = address_of(*slots);
  if (dma_capable(dev, address, size)) return this_call.result(address);
  // DMA_ATTR_SKIP_CPU_SYNC: nothing is copied back.
  dma.bounce->swiotlb_tbl_unmap_single(dev, *slots, size, dma_data_direction::to_device);
  if (!std::exchange(dma.warned_of_slots, true)) {
    dev.bus->env.log.warn(absl::StrFormat(
        "%s %s: swiotlb addr 0x%016x+%u overflow (mask %x, bus limit %x).", dev_driver_string(dev),
        dev.name, address.value(), size, dev.dma_mask, dev.bus_dma_limit));
  }
  return this_call.result(dma_mapping_error_address);
}

}  // namespace

// Linux v6.12 kernel/dma/direct.c: dma_direct_alloc()
std::optional<phys_addr> dma_direct_alloc(dma_direct& dma, device& dev, uint64_t size,
                                          dma_addr& handle, gfp_t gfp) {
  IOMMULAB_CALL(dev.bus->env.trace, "dma_direct_alloc", {"dev", dev}, {"size", size}, {"gfp", gfp});
  gfp &= ~(gfp_zero | gfp_dma | gfp_dma32 | gfp_highmem);
  size = page_count(size) << page_shift;
  const std::optional<phys_addr> memory = alloc_reachable(dma, dev, size, gfp);
  if (!memory) return this_call.result(memory, nullptr);
  clear_memory(dma.memory, *memory, size);
  handle = address_of(*memory);
  return this_call.result(memory);
}

// Linux v6.12 kernel/dma/direct.c: dma_direct_free()
void dma_direct_free(dma_direct& dma, device& dev, uint64_t size, phys_addr cpu_addr) {
  IOMMULAB_CALL(dev.bus->env.trace, "dma_direct_free", {"dev", dev}, {"size", size},
                {"cpu_addr", cpu_addr});
  free_contiguous(dma, cpu_addr, size);
}

dma_addr dma_direct_map_page(dma_direct& dma, device& dev, phys_addr page, uint64_t offset,
                             uint64_t size, dma_data_direction dir) {
  const phys_addr phys = page + offset;
  if (dma.force_bounce && dma.bounce != nullptr) return swiotlb_map(dma, dev, phys, size, dir);
  if (dma_capable(dev, address_of(phys), size)) return address_of(phys);
  if (dma.bounce != nullptr) return swiotlb_map(dma, dev, phys, size, dir);
  if (!std::exchange(dma.warned_of_overflow, true)) {
    dev.bus->env.log.warn(absl::StrFormat(
        "%s %s: DMA addr 0x%016x+%u overflow (mask %x, bus limit %x).", dev_driver_string(dev),
        dev.name, phys.value(), size, dev.dma_mask, dev.bus_dma_limit));
  }
  return dma_mapping_error_address;
}

void dma_direct_unmap_page(dma_direct& dma, device& dev, dma_addr address, uint64_t size,
                           dma_data_direction dir) {
  if (!is_bounce_slot(dma, address)) return;
  dma.bounce->swiotlb_tbl_unmap_single(dev, phys_addr(address.value()), size, dir);
}

// Linux v6.12 kernel/dma/direct.c: dma_direct_map_sg()
int dma_direct_map_sg(dma_direct& dma, device& dev, absl::Span<scatterlist> sg,
                      dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "dma_direct_map_sg", {"dev", dev},
                {"nents", static_cast<int>(sg.size())}, {"dir", dir});
  for (size_t i = 0; i < sg.size(); ++i) {
    scatterlist& piece = sg[i];
    piece.dma_address = dma_direct_map_page(dma, dev, piece.page, piece.offset, piece.length, dir);
    if (piece.dma_address == dma_mapping_error_address) {
      dma_direct_unmap_sg(dma, dev, sg.first(i), dma_data_direction::to_device);
      return this_call.result(-EIO);
    }
    piece.dma_length = piece.length;
  }
  return this_call.result(static_cast<int>(sg.size()));
}

// Linux v6.12 kernel/dma/direct.c: dma_direct_unmap_sg()
void dma_direct_unmap_sg(dma_direct& dma, device& dev, absl::Span<scatterlist> sg,
                         dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "dma_direct_unmap_sg", {"dev", dev},
                {"nents", static_cast<int>(sg.size())}, {"dir", dir});
  for (const scatterlist& piece : sg) {
    dma_direct_unmap_page(dma, dev, piece.dma_address, piece.dma_length, dir);
  }
}

void dma_direct_sync_single(dma_direct& dma, device& dev, dma_addr address, uint64_t size,
                            dma_data_direction dir, dma_sync_target target) {
  if (!is_bounce_slot(dma, address)) return;
  dma.bounce->swiotlb_tbl_sync_single(dev, phys_addr(address.value()), size, dir, target);
}

// Linux v6.12 kernel/dma/direct.c: dma_direct_supported()
bool dma_direct_supported(const device& dev, uint64_t mask) {
  IOMMULAB_CALL(dev.bus->env.trace, "dma_direct_supported", {"dev", dev}, {"mask", mask});
  if (mask >= dma_bit_mask(32)) return this_call.result(true);
  const uint64_t all_of_memory = (dev.bus->env.max_pfn - 1) << page_shift;
  return this_call.result(mask >= std::min(all_of_memory, dma_bit_mask(zone_dma_bits)));
}

}  // namespace iommulab::v6_12
