// SPDX-License-Identifier: GPL-2.0-only
#include "dma/direct/nommu.h"

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/trace.h"
#include "dma/direct/generic_coherent.h"

namespace iommulab {
namespace {

// Linux v4.4 arch/x86/kernel/pci-nommu.c: check_addr(). Devices of less than 32 bits are turned
// away without a word.
bool check_addr(const char* name, const device& dev, dma_addr bus, uint64_t size) {
  if (dma_capable(dev, bus, size)) [[likely]]
    return true;
  if (dev.dma_mask >= dma_bit_mask(32)) {
    dev.bus->env.log.print(log_level::err,
                           absl::StrFormat("nommu_%s: overflow %x+%d of device mask %x", name,
                                           bus.value(), size, dev.dma_mask));
  }
  return false;
}

}  // namespace

std::optional<phys_addr> nommu_dma_ops::alloc(device& dev, uint64_t size, dma_addr& handle,
                                              gfp_t flags) {
  return dma_generic_alloc_coherent(memory_, dev, size, handle, flags);
}

void nommu_dma_ops::free(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr /*handle*/) {
  dma_generic_free_coherent(memory_, dev, size, cpu_addr);
}

// Linux v4.4 arch/x86/kernel/pci-nommu.c: nommu_map_page()
dma_addr nommu_dma_ops::map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                                 dma_data_direction /*dir*/) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "nommu_map_page", {"dev", dev}, {"page", page}, {"offset", offset},
                {"size", size});
  const dma_addr bus((page + offset).value());
  if (size == 0) dev.bus->env.log.warn_on("nommu_map_page");
  return this_call.result(check_addr("map_single", dev, bus, size) ? bus : dma_addr(0));
}

// Linux v4.4 arch/x86/kernel/pci-nommu.c: nommu_map_sg()
int nommu_dma_ops::map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction /*dir*/) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "nommu_map_sg", {"hwdev", dev}, {"nents", static_cast<int>(sg.size())});
  if (sg.empty() || sg[0].length == 0) dev.bus->env.log.warn_on("nommu_map_sg");
  for (scatterlist& s : sg) {
    s.dma_address = dma_addr(sg_phys(s).value());
    if (!check_addr("map_sg", dev, s.dma_address, s.length)) return this_call.result(0);
    s.dma_length = s.length;
  }
  return this_call.result(static_cast<int>(sg.size()));
}

}  // namespace iommulab
