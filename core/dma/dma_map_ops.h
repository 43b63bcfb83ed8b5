// SPDX-License-Identifier: GPL-2.0-only
//
// What stands behind the DMA API: one implementation a kind of hardware (an IOMMU, none, bounce
// buffers). The IOMMU driver of a system installs its own in bus_type::dma_ops.
//
// Memory is named by physical address throughout: the kernel's virtual addresses of memory are the
// same number plus a constant.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "core/device.h"
#include "core/dma/gfp.h"
#include "core/dma/scatterlist.h"
#include "core/types.h"

namespace iommulab {

/// Linux v4.4 include/linux/dma-direction.h; the numbers are the kernel's.
enum class dma_data_direction : uint8_t {
  bidirectional = 0,
  to_device = 1,    ///< the device reads
  from_device = 2,  ///< the device writes
  none = 3,
};

/// DMA_BIT_MASK(): addresses of `bits` bits, 1 to 64.
constexpr uint64_t dma_bit_mask(unsigned bits) {
  return bits >= 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
}

/// Linux v4.4 include/linux/dma-mapping.h: struct dma_map_ops
class dma_map_ops {
 public:
  virtual ~dma_map_ops() = default;

  /// Memory that device and CPU share, and its address for the device in `handle`; nothing when
  /// there is none.
  virtual std::optional<phys_addr> alloc(device& dev, uint64_t size, dma_addr& handle,
                                         gfp_t flags) = 0;
  virtual void free(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle) = 0;
  /// `offset` bytes into `page`. A result for which mapping_error() holds is a failure.
  virtual dma_addr map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                            dma_data_direction dir) = 0;
  virtual void unmap_page(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir) = 0;
  /// Pieces mapped, at most as many as there are; 0 on failure.
  virtual int map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) = 0;
  virtual void unmap_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) = 0;

  // Handing a mapped buffer over without unmapping it. Nothing to do where the device sees the
  // buffer itself.
  virtual void sync_single_for_cpu(device&, dma_addr, uint64_t /*size*/, dma_data_direction) {}
  virtual void sync_single_for_device(device&, dma_addr, uint64_t /*size*/, dma_data_direction) {}
  virtual void sync_sg_for_cpu(device&, absl::Span<scatterlist>, dma_data_direction) {}
  virtual void sync_sg_for_device(device&, absl::Span<scatterlist>, dma_data_direction) {}

  /// Whether a result of map_page() means failure.
  virtual bool mapping_error(device& dev, dma_addr handle) = 0;
  /// Whether a device that can address `mask` can be served, where dma_supported() of
  /// dma_mapping.h leaves it open: not with less than 24 bits, nor with 40 and more after
  /// `iommu=forcesac`.
  virtual bool dma_supported(device& dev, uint64_t mask);
};

}  // namespace iommulab
