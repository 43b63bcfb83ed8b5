// SPDX-License-Identifier: GPL-2.0-only
#include "core/dma/dma_mapping.h"

#include <bit>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/dma/dma_debug_hooks.h"
#include "core/panic.h"
#include "core/trace.h"

namespace iommulab {
namespace {

constexpr unsigned isa_bits = 24;
constexpr unsigned sac_bits = 32;

/// The system's that the device is in.
tracer& tracer_of(const device& dev) {
  return dev.bus->env.trace;
}

void check_direction(dma_data_direction dir, const char* function) {
  bug_on(dir > dma_data_direction::from_device, function);
}

/// Calls `hook` on who checks the API's callers, if anybody does.
template <typename Hook>
void tell_dma_debug(const device& dev, Hook hook) {
  dma_debug_hooks* const checks = dev.bus->env.dma_debug;
  if (checks != nullptr) [[unlikely]]
    hook(*checks);
}

/// What both kinds of mask are: the operations must be able to serve a device that reaches no more.
int set_mask(device& dev, uint64_t device::*kind, uint64_t mask) {
  const bool is_served = dma_supported(dev, mask);
  if (is_served) dev.*kind = mask;
  return is_served ? 0 : -EIO;
}

}  // namespace

dma_map_ops& get_dma_ops(const device& dev) {
  dma_map_ops* ops = dev.dma_ops != nullptr ? dev.dma_ops : dev.bus->dma_ops;
  bug_on(ops == nullptr, "get_dma_ops: the bus has no DMA operations");
  return *ops;
}

// Linux v4.4 include/asm-generic/dma-mapping-common.h: dma_map_single()
dma_addr dma_map_single(device& dev, phys_addr cpu_addr, uint64_t size, dma_data_direction dir) {
  IOMMULAB_CALL(tracer_of(dev), "dma_map_single", {"dev", dev}, {"ptr", cpu_addr}, {"size", size},
                {"dir", dir});
  check_direction(dir, "dma_map_single: invalid direction");
  const phys_addr page = cpu_addr.page_base();
  const uint64_t offset = cpu_addr.page_offset();
  const dma_addr address = get_dma_ops(dev).map_page(dev, page, offset, size, dir);
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) {
    checks.debug_dma_map_page(dev, page, offset, size, dir, address, /*map_single=*/true);
  });
  return this_call.result(address);
}

// Linux v4.4 include/asm-generic/dma-mapping-common.h: dma_unmap_single()
void dma_unmap_single(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir) {
  IOMMULAB_CALL(tracer_of(dev), "dma_unmap_single", {"dev", dev}, {"addr", handle}, {"size", size},
                {"dir", dir});
  check_direction(dir, "dma_unmap_single: invalid direction");
  get_dma_ops(dev).unmap_page(dev, handle, size, dir);
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) {
    checks.debug_dma_unmap_page(dev, handle, size, dir, /*map_single=*/true);
  });
}

// Linux v4.4 include/asm-generic/dma-mapping-common.h: dma_map_page()
dma_addr dma_map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                      dma_data_direction dir) {
  IOMMULAB_CALL(tracer_of(dev), "dma_map_page", {"dev", dev}, {"page", page}, {"offset", offset},
                {"size", size}, {"dir", dir});
  check_direction(dir, "dma_map_page: invalid direction");
  const dma_addr address = get_dma_ops(dev).map_page(dev, page, offset, size, dir);
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) {
    checks.debug_dma_map_page(dev, page, offset, size, dir, address, /*map_single=*/false);
  });
  return this_call.result(address);
}

// Linux v4.4 include/asm-generic/dma-mapping-common.h: dma_unmap_page()
void dma_unmap_page(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir) {
  IOMMULAB_CALL(tracer_of(dev), "dma_unmap_page", {"dev", dev}, {"addr", handle}, {"size", size},
                {"dir", dir});
  check_direction(dir, "dma_unmap_page: invalid direction");
  get_dma_ops(dev).unmap_page(dev, handle, size, dir);
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) {
    checks.debug_dma_unmap_page(dev, handle, size, dir, /*map_single=*/false);
  });
}

// Linux v4.4 include/asm-generic/dma-mapping-common.h: dma_map_sg()
int dma_map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  IOMMULAB_CALL(tracer_of(dev), "dma_map_sg", {"dev", dev}, {"nents", static_cast<int>(sg.size())},
                {"dir", dir});
  check_direction(dir, "dma_map_sg: invalid direction");
  const int ents = get_dma_ops(dev).map_sg(dev, sg, dir);
  tell_dma_debug(dev,
                 [&](dma_debug_hooks& checks) { checks.debug_dma_map_sg(dev, sg, ents, dir); });
  return this_call.result(ents);
}

// Linux v4.4 include/asm-generic/dma-mapping-common.h: dma_unmap_sg()
void dma_unmap_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  IOMMULAB_CALL(tracer_of(dev), "dma_unmap_sg", {"dev", dev},
                {"nents", static_cast<int>(sg.size())}, {"dir", dir});
  check_direction(dir, "dma_unmap_sg: invalid direction");
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) { checks.debug_dma_unmap_sg(dev, sg, dir); });
  get_dma_ops(dev).unmap_sg(dev, sg, dir);
}

void dma_sync_single_for_cpu(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir) {
  dma_sync_single_range_for_cpu(dev, handle, 0, size, dir);
}

void dma_sync_single_for_device(device& dev, dma_addr handle, uint64_t size,
                                dma_data_direction dir) {
  dma_sync_single_range_for_device(dev, handle, 0, size, dir);
}

void dma_sync_single_range_for_cpu(device& dev, dma_addr handle, uint64_t offset, uint64_t size,
                                   dma_data_direction dir) {
  check_direction(dir, "dma_sync_single_for_cpu: invalid direction");
  get_dma_ops(dev).sync_single_for_cpu(dev, handle + offset, size, dir);
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) {
    checks.debug_dma_sync_single_range_for_cpu(dev, handle, offset, size, dir);
  });
}

void dma_sync_single_range_for_device(device& dev, dma_addr handle, uint64_t offset, uint64_t size,
                                      dma_data_direction dir) {
  check_direction(dir, "dma_sync_single_for_device: invalid direction");
  get_dma_ops(dev).sync_single_for_device(dev, handle + offset, size, dir);
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) {
    checks.debug_dma_sync_single_range_for_device(dev, handle, offset, size, dir);
  });
}

void dma_sync_sg_for_cpu(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  check_direction(dir, "dma_sync_sg_for_cpu: invalid direction");
  get_dma_ops(dev).sync_sg_for_cpu(dev, sg, dir);
  tell_dma_debug(dev,
                 [&](dma_debug_hooks& checks) { checks.debug_dma_sync_sg_for_cpu(dev, sg, dir); });
}

void dma_sync_sg_for_device(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  check_direction(dir, "dma_sync_sg_for_device: invalid direction");
  get_dma_ops(dev).sync_sg_for_device(dev, sg, dir);
  tell_dma_debug(
      dev, [&](dma_debug_hooks& checks) { checks.debug_dma_sync_sg_for_device(dev, sg, dir); });
}

bool dma_mapping_error(device& dev, dma_addr handle) {
  tell_dma_debug(dev,
                 [&](dma_debug_hooks& checks) { checks.debug_dma_mapping_error(dev, handle); });
  return get_dma_ops(dev).mapping_error(dev, handle);
}

// Linux v4.4 include/asm-generic/dma-mapping-common.h: dma_alloc_coherent(), dma_alloc_attrs(). As
// in x86's arch_dma_alloc_attrs() the zone follows from the mask, whatever the caller asked for.
std::optional<phys_addr> dma_alloc_coherent(device& dev, uint64_t size, dma_addr& handle,
                                            gfp_t flags) {
  IOMMULAB_CALL(tracer_of(dev), "dma_alloc_coherent", {"dev", dev}, {"size", size},
                {"flag", flags});
  dma_map_ops& ops = get_dma_ops(dev);
  flags = dma_alloc_coherent_gfp_flags(dev, flags & ~(gfp_dma | gfp_highmem | gfp_dma32));
  if (dev.dma_mask == 0) return this_call.result(std::nullopt);
  const std::optional<phys_addr> memory = ops.alloc(dev, size, handle, flags);
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) {
    checks.debug_dma_alloc_coherent(dev, size, handle, memory);
  });
  return this_call.result(memory);
}

// Linux v4.4 include/asm-generic/dma-mapping-common.h: dma_free_coherent()
void dma_free_coherent(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle) {
  IOMMULAB_CALL(tracer_of(dev), "dma_free_coherent", {"dev", dev}, {"size", size},
                {"cpu_addr", cpu_addr}, {"dma_handle", handle});
  tell_dma_debug(dev, [&](dma_debug_hooks& checks) {
    checks.debug_dma_free_coherent(dev, size, cpu_addr, handle);
  });
  get_dma_ops(dev).free(dev, size, cpu_addr, handle);
}

int dma_set_mask(device& dev, uint64_t mask) {
  return set_mask(dev, &device::dma_mask, mask);
}

int dma_set_coherent_mask(device& dev, uint64_t mask) {
  return set_mask(dev, &device::coherent_dma_mask, mask);
}

int dma_set_mask_and_coherent(device& dev, uint64_t mask) {
  const int result = dma_set_mask(dev, mask);
  if (result == 0) dma_set_coherent_mask(dev, mask);
  return result;
}

bool dma_supported(device& dev, uint64_t mask) {
  dma_map_ops& ops = get_dma_ops(dev);
  if (mask > dma_bit_mask(sac_bits) && dev.bus->env.dac.forbid_dac > 0) {
    dev_printk(dev, log_level::info, "PCI: Disallowing DAC for device");
    return false;
  }
  return ops.dma_supported(dev, mask);
}

// Linux v4.4 arch/x86/kernel/pci-dma.c: the rest of dma_supported(), for operations without a
// function of their own. Masks between 32 and 40 bits are taken for ones that cost no second cycle.
bool dma_map_ops::dma_supported(device& dev, uint64_t mask) {
  constexpr unsigned dac_bits = 40;
  if (mask < dma_bit_mask(isa_bits)) return false;
  if (dev.bus->env.dac.iommu_sac_force && mask >= dma_bit_mask(dac_bits)) {
    dev_printk(dev, log_level::info, "Force SAC with mask %x", mask);
    return false;
  }
  return true;
}

uint64_t dma_get_required_mask(const device& dev) {
  const uint64_t last = (dev.bus->env.max_pfn - 1) << page_shift;
  return (uint64_t{1} << std::bit_width(last)) - 1;
}

uint64_t dma_get_mask(const device& dev) {
  return dev.dma_mask != 0 ? dev.dma_mask : dma_bit_mask(sac_bits);
}

bool dma_capable(const device& dev, dma_addr address, uint64_t size) {
  return dev.dma_mask != 0 && address.value() + size - 1 <= dma_limit_of(dev, dev.dma_mask);
}

uint64_t dma_alloc_coherent_mask(const device& dev, gfp_t flags) {
  if (dev.coherent_dma_mask != 0) return dev.coherent_dma_mask;
  return dma_bit_mask((flags & gfp_dma) != 0 ? isa_bits : sac_bits);
}

gfp_t dma_alloc_coherent_gfp_flags(const device& dev, gfp_t flags) {
  const uint64_t mask = dma_alloc_coherent_mask(dev, flags);
  if (mask <= dma_bit_mask(isa_bits)) flags |= gfp_dma;
  if (mask <= dma_bit_mask(sac_bits) && (flags & gfp_dma) == 0) flags |= gfp_dma32;
  return flags;
}

}  // namespace iommulab
