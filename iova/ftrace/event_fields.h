// SPDX-License-Identifier: GPL-2.0-only
//
// "DEVICE dir=TO_DEVICE dma_addr=fffff000 size=4096 phys_addr=1234000 attrs=": what stands behind
// an event's name, field by field.
//
// Lists have two forms: the kernel's own, "{0x1000,0x2000}", and that of libtraceevent, which
// trace-cmd and perf print with: "4096 8192".
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace iommulab {

enum class event_field : uint8_t {
  dma_addr,
  size,
  phys_addr,
  attrs,
  virt_addr,
  dma_addrs,
  sizes,
  phys_addrs,
  flags,
  err,
};
std::string_view name(event_field field);

/// A set of fields.
constexpr uint32_t bit(event_field field) {
  return uint32_t{1} << static_cast<unsigned>(field);
}

struct event_fields {
  std::string_view device;
  uint32_t seen = 0;  ///< bit() of each
  bool truncated = false;
  bool no_memory = false;  ///< virt_addr is null
  uint64_t dma_addr = 0;
  uint64_t size = 0;
  uint64_t phys_addr = 0;
  std::vector<uint64_t> dma_addrs;
  std::vector<uint64_t> sizes;
  std::vector<uint64_t> phys_addrs;
};

/// What is wrong with a field; `why` empty: nothing.
struct field_fault {
  std::string_view field;
  std::string_view value;
  std::string_view why;
};

/// Reads all fields of `payload` into `fields`, whose vectors are used again; fields that it does
/// not know are passed over.
field_fault read_event_fields(std::string_view payload, event_fields& fields);

/// "IOMMU: iova=0x… - 0x… paddr=0x… size=4096", and of an unmap "… size=4096 unmapped_size=4096".
struct iommu_fields {
  uint64_t iova = 0;
  uint64_t size = 0;
};
/// Whether a payload is one of iommu:map or iommu:unmap, whose names say little.
bool is_iommu_payload(std::string_view payload);
field_fault read_iommu_fields(std::string_view payload, bool unmap, iommu_fields& fields);

}  // namespace iommulab
