// SPDX-License-Identifier: GPL-2.0-only
//
// Coherent memory for a device that sees physical memory itself. Linux v4.4
// arch/x86/kernel/pci-dma.c, by name.
#pragma once

#include <cstdint>
#include <optional>

#include "core/device.h"
#include "core/dma/gfp.h"
#include "core/types.h"
#include "dma/memory/coherent_memory.h"

namespace iommulab {

/// Zeroed memory that ends below the device's coherent mask, from the contiguous area when the
/// caller may sleep; a device with less than 32 bits gets another chance below 16 MiB. The handle
/// is its physical address. Nothing when there is none.
std::optional<phys_addr> dma_generic_alloc_coherent(coherent_memory& m, device& dev, uint64_t size,
                                                    dma_addr& handle, gfp_t flags);
void dma_generic_free_coherent(coherent_memory& m, device& dev, uint64_t size, phys_addr cpu_addr);

}  // namespace iommulab
