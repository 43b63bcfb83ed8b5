// SPDX-License-Identifier: GPL-2.0-only
#include "dma/direct/generic_coherent.h"

#include "core/dma/dma_mapping.h"
#include "core/trace.h"
#include "dma/contiguous/dma_contiguous.h"
#include "dma/memory/pages.h"

namespace iommulab {
namespace {

// One byte too strict, as 4.4 is: a buffer that ends with the mask's last byte counts as beyond.
bool beyond(phys_addr address, uint64_t size, uint64_t mask) {
  return address.value() + size > mask;
}

// A buffer from the contiguous area that the device can reach.
std::optional<phys_addr> take_contiguous(coherent_memory& m, uint64_t size, uint64_t mask) {
  const auto pages = dma_alloc_from_contiguous(m.contiguous, page_count(size), get_order(size));
  if (!pages || !beyond(*pages, size, mask)) return pages;
  dma_release_from_contiguous(m.contiguous, *pages, page_count(size));
  return std::nullopt;
}

}  // namespace

// Linux v4.4 arch/x86/kernel/pci-dma.c: dma_generic_alloc_coherent()
std::optional<phys_addr> dma_generic_alloc_coherent(coherent_memory& m, device& dev, uint64_t size,
                                                    dma_addr& handle, gfp_t flags) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "dma_generic_alloc_coherent", {"dev", dev}, {"size", size}, {"flag", flags});
  const uint64_t mask = dma_alloc_coherent_mask(dev, flags);
  flags &= ~gfp_zero;
  for (;;) {
    std::optional<phys_addr> pages;
    if (gfpflags_allow_blocking(flags)) pages = take_contiguous(m, size, mask);
    if (!pages) pages = m.pages.alloc_pages(get_order(size), flags);
    if (!pages) return this_call.result(std::nullopt);
    if (!beyond(*pages, size, mask)) {
      clear_memory(m, *pages, size);
      handle = dma_addr(pages->value());
      return this_call.result(pages);
    }
    m.pages.free_pages(*pages, get_order(size));
    if (mask >= dma_bit_mask(32) || (flags & gfp_dma) != 0) return this_call.result(std::nullopt);
    flags = (flags & ~gfp_dma32) | gfp_dma;
  }
}

// Linux v4.4 arch/x86/kernel/pci-dma.c: dma_generic_free_coherent()
void dma_generic_free_coherent(coherent_memory& m, device& dev, uint64_t size, phys_addr cpu_addr) {
  IOMMULAB_CALL(dev.bus->env.trace, "dma_generic_free_coherent", {"dev", dev}, {"size", size},
                {"vaddr", cpu_addr});
  if (dma_release_from_contiguous(m.contiguous, cpu_addr, page_count(size))) return;
  m.pages.free_pages(cpu_addr, get_order(size));
}

}  // namespace iommulab
