// SPDX-License-Identifier: GPL-2.0-only
//
// Capabilities behind an answer, and the arguments of VFIO_DEVICE_SET_IRQS: what drivers and the
// core share. Linux v6.12 drivers/vfio/vfio_main.c
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/slab.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {

/// A chain of capabilities under construction; `next` counts from its own start until it is
/// shifted behind the answer.
struct vfio_info_cap {
  std::vector<std::byte> buf;
  slab_token memory;
};

/// Zeroes for a capability of `size` bytes with this header, at the chain's end: their offset.
/// Nothing when memory has run out; the chain is empty then.
std::optional<size_t> vfio_info_cap_add(vfio_module& module, vfio_info_cap& caps, size_t size,
                                        uint16_t id, uint16_t version);
/// The chain will lie `offset` bytes behind the answer's start.
void vfio_info_cap_shift(vfio_module& module, vfio_info_cap& caps, uint32_t offset);
/// A whole capability, header first: 0 or -ENOMEM.
int vfio_info_add_capability(vfio_module& module, vfio_info_cap& caps,
                             absl::Span<const std::byte> cap);

/// -EINVAL for what no device with `num_irqs` interrupts of an index below `max_irq_type` has.
/// `data_size` becomes the bytes that follow the header; null where none may follow.
int vfio_set_irqs_validate_and_prepare(vfio_module& module, const uapi::vfio_irq_set& hdr,
                                       int num_irqs, uint32_t max_irq_type, uint64_t* data_size);

}  // namespace iommulab::v6_12
