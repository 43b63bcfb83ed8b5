// SPDX-License-Identifier: GPL-2.0-only
#include "dma/swiotlb/swiotlb.h"

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/panic.h"
#include "core/trace.h"
#include "dma/direct/generic_coherent.h"
#include "dma/memory/pages.h"

namespace iommulab {
namespace {

// A device sees memory at its own address: phys_to_dma(), dma_to_phys().
constexpr dma_addr phys_to_dma(phys_addr address) {
  return dma_addr(address.value());
}
constexpr phys_addr dma_to_phys(dma_addr address) {
  return phys_addr(address.value());
}

printk_log& log_of(const device& dev) {
  return dev.bus->env.log;
}

// Linux v4.4 lib/swiotlb.c: swiotlb_full(). Drivers that do not check for errors get the overflow
// buffer; a transfer that is larger would hit other memory.
void swiotlb_full(const device& dev, uint64_t size, dma_data_direction dir, bool do_panic) {
  log_of(dev).print(
      log_level::err,
      absl::StrFormat("DMA: Out of SW-IOMMU space for %d bytes at device %s", size, dev.name));
  if (size <= io_tlb_overflow || !do_panic) return;
  switch (dir) {
    case dma_data_direction::bidirectional:
      throw kernel_panic("DMA: Random memory could be DMA accessed");
    case dma_data_direction::from_device:
      throw kernel_panic("DMA: Random memory could be DMA written");
    case dma_data_direction::to_device:
      throw kernel_panic("DMA: Random memory could be DMA read");
    case dma_data_direction::none:
      return;
  }
}

}  // namespace

// Linux v4.4 arch/x86/kernel/pci-swiotlb.c: x86_swiotlb_alloc_coherent()
std::optional<phys_addr> swiotlb_dma_ops::alloc(device& dev, uint64_t size, dma_addr& handle,
                                                gfp_t flags) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "x86_swiotlb_alloc_coherent", {"hwdev", dev}, {"size", size},
                {"flags", flags});
  const auto buffer = dma_generic_alloc_coherent(memory_, dev, size, handle, flags);
  return this_call.result(buffer ? buffer : swiotlb_alloc_coherent(dev, size, handle, flags));
}

// Slots for coherent memory: nothing is copied in or out of them. None when they lie too high.
std::optional<phys_addr> swiotlb_dma_ops::slots_below(device& dev, uint64_t size, uint64_t mask) {
  const auto slots =
      table_.swiotlb_tbl_map_single(dev, phys_addr(0), size, dma_data_direction::from_device);
  if (!slots || slots->value() + size - 1 <= mask) return slots;
  log_of(dev).print(
      log_level::warning,
      absl::StrFormat("hwdev DMA mask = 0x%016x, dev_addr = 0x%016x", mask, slots->value()));
  table_.swiotlb_tbl_unmap_single(dev, *slots, size, dma_data_direction::to_device);
  return std::nullopt;
}

// Linux v4.4 lib/swiotlb.c: swiotlb_alloc_coherent()
std::optional<phys_addr> swiotlb_dma_ops::swiotlb_alloc_coherent(device& dev, uint64_t size,
                                                                 dma_addr& handle, gfp_t flags) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "swiotlb_alloc_coherent", {"hwdev", dev}, {"size", size}, {"flags", flags});
  const uint64_t mask = dev.coherent_dma_mask != 0 ? dev.coherent_dma_mask : dma_bit_mask(32);
  auto buffer = memory_.pages.alloc_pages(get_order(size), flags);
  if (buffer && buffer->value() + size - 1 > mask) {
    memory_.pages.free_pages(*buffer, get_order(size));
    buffer.reset();
  }
  if (!buffer) buffer = slots_below(dev, size, mask);
  if (!buffer) {
    log_of(dev).print(log_level::warning,
                      absl::StrFormat("%scoherent allocation failed for device %s size=%d",
                                      table_.release().prefix(), dev.name, size));
    return this_call.result(std::nullopt);
  }
  handle = phys_to_dma(*buffer);
  clear_memory(memory_, *buffer, size);
  return this_call.result(buffer);
}

// Linux v4.4 arch/x86/kernel/pci-swiotlb.c: x86_swiotlb_free_coherent()
void swiotlb_dma_ops::free(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle) {
  IOMMULAB_CALL(dev.bus->env.trace, "x86_swiotlb_free_coherent", {"dev", dev}, {"size", size},
                {"vaddr", cpu_addr}, {"dma_addr", handle});
  if (table_.is_swiotlb_buffer(dma_to_phys(handle))) {
    table_.swiotlb_tbl_unmap_single(dev, dma_to_phys(handle), size, dma_data_direction::to_device);
  } else {
    dma_generic_free_coherent(memory_, dev, size, cpu_addr);
  }
}

// Linux v4.4 lib/swiotlb.c: swiotlb_map_page()
dma_addr swiotlb_dma_ops::map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                                   dma_data_direction dir) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "swiotlb_map_page", {"dev", dev}, {"page", page}, {"offset", offset},
                {"size", size}, {"dir", dir});
  const phys_addr phys = page + offset;
  if (!force_ && dma_capable(dev, phys_to_dma(phys), size))
    return this_call.result(phys_to_dma(phys));
  const auto slots = table_.swiotlb_tbl_map_single(dev, phys, size, dir);
  if (!slots) {
    swiotlb_full(dev, size, dir, true);
    return this_call.result(phys_to_dma(table_.overflow_buffer()));
  }
  if (!dma_capable(dev, phys_to_dma(*slots), size)) {
    table_.swiotlb_tbl_unmap_single(dev, *slots, size, dir);
    return this_call.result(phys_to_dma(table_.overflow_buffer()));
  }
  return this_call.result(phys_to_dma(*slots));
}

// Linux v4.4 lib/swiotlb.c: swiotlb_unmap_page()
void swiotlb_dma_ops::unmap_page(device& dev, dma_addr handle, uint64_t size,
                                 dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "swiotlb_unmap_page", {"hwdev", dev}, {"dev_addr", handle},
                {"size", size}, {"dir", dir});
  if (!table_.is_swiotlb_buffer(dma_to_phys(handle))) return;
  table_.swiotlb_tbl_unmap_single(dev, dma_to_phys(handle), size, dir);
}

// Linux v4.4 lib/swiotlb.c: swiotlb_map_sg_attrs(). Whether the slots are within the device's reach
// is not asked, as there.
int swiotlb_dma_ops::map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "swiotlb_map_sg_attrs", {"hwdev", dev},
                {"nelems", static_cast<int>(sg.size())}, {"dir", dir});
  for (size_t i = 0; i < sg.size(); ++i) {
    scatterlist& s = sg[i];
    s.dma_address = phys_to_dma(sg_phys(s));
    s.dma_length = s.length;
    if (!force_ && dma_capable(dev, s.dma_address, s.length)) continue;
    const auto slots = table_.swiotlb_tbl_map_single(dev, sg_phys(s), s.length, dir);
    if (!slots) {
      swiotlb_full(dev, s.length, dir, false);
      unmap_sg(dev, sg.subspan(0, i), dir);
      sg[0].dma_length = 0;
      return this_call.result(0);
    }
    s.dma_address = phys_to_dma(*slots);
  }
  return this_call.result(static_cast<int>(sg.size()));
}

// Linux v4.4 lib/swiotlb.c: swiotlb_unmap_sg_attrs()
void swiotlb_dma_ops::unmap_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "swiotlb_unmap_sg_attrs", {"hwdev", dev},
                {"nelems", static_cast<int>(sg.size())}, {"dir", dir});
  for (const scatterlist& s : sg) {
    if (!table_.is_swiotlb_buffer(dma_to_phys(s.dma_address))) continue;
    table_.swiotlb_tbl_unmap_single(dev, dma_to_phys(s.dma_address), s.dma_length, dir);
  }
}

// Linux v4.4 lib/swiotlb.c: swiotlb_sync_single()
void swiotlb_dma_ops::sync(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir,
                           dma_sync_target target) {
  if (!table_.is_swiotlb_buffer(dma_to_phys(handle))) return;
  table_.swiotlb_tbl_sync_single(dev, dma_to_phys(handle), size, dir, target);
}

// Linux v4.4 lib/swiotlb.c: swiotlb_sync_single_for_cpu()
void swiotlb_dma_ops::sync_single_for_cpu(device& dev, dma_addr handle, uint64_t size,
                                          dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "swiotlb_sync_single_for_cpu", {"hwdev", dev},
                {"dev_addr", handle}, {"size", size}, {"dir", dir});
  sync(dev, handle, size, dir, dma_sync_target::cpu);
}

// Linux v4.4 lib/swiotlb.c: swiotlb_sync_single_for_device()
void swiotlb_dma_ops::sync_single_for_device(device& dev, dma_addr handle, uint64_t size,
                                             dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "swiotlb_sync_single_for_device", {"hwdev", dev},
                {"dev_addr", handle}, {"size", size}, {"dir", dir});
  sync(dev, handle, size, dir, dma_sync_target::device);
}

// Linux v4.4 lib/swiotlb.c: swiotlb_sync_sg_for_cpu()
void swiotlb_dma_ops::sync_sg_for_cpu(device& dev, absl::Span<scatterlist> sg,
                                      dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "swiotlb_sync_sg_for_cpu", {"hwdev", dev},
                {"nelems", static_cast<int>(sg.size())}, {"dir", dir});
  for (const scatterlist& s : sg) {
    sync(dev, s.dma_address, s.dma_length, dir, dma_sync_target::cpu);
  }
}

// Linux v4.4 lib/swiotlb.c: swiotlb_sync_sg_for_device()
void swiotlb_dma_ops::sync_sg_for_device(device& dev, absl::Span<scatterlist> sg,
                                         dma_data_direction dir) {
  IOMMULAB_CALL(dev.bus->env.trace, "swiotlb_sync_sg_for_device", {"hwdev", dev},
                {"nelems", static_cast<int>(sg.size())}, {"dir", dir});
  for (const scatterlist& s : sg) {
    sync(dev, s.dma_address, s.dma_length, dir, dma_sync_target::device);
  }
}

// Linux v4.4 lib/swiotlb.c: swiotlb_dma_mapping_error()
bool swiotlb_dma_ops::mapping_error(device& /*dev*/, dma_addr handle) {
  return dma_to_phys(handle) == table_.overflow_buffer();
}

}  // namespace iommulab
