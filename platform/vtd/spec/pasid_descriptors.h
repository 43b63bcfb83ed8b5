// SPDX-License-Identifier: GPL-2.0-only
//
// The 256-bit form of the invalidation queue's descriptors (VT-d specification 6.5.2, IQA.DW) and
// the types that exist in it alone: PASID-cache (6.5.2.2), PASID-based IOTLB (6.5.2.4) and
// PASID-based device-TLB (6.5.2.6). Descriptors of the older types have their 128 bits in the lower
// half, and zeros above.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "core/types.h"
#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/field.h"

namespace iommulab::vtd {

struct wide_descriptor {
  descriptor lower;
  uint64_t upper_low = 0;   ///< 191:128
  uint64_t upper_high = 0;  ///< 255:192

  [[nodiscard]] constexpr descriptor_type type() const { return lower.type(); }
  [[nodiscard]] constexpr bool upper_half_clear() const {
    return upper_low == 0 && upper_high == 0;
  }
  constexpr bool operator==(const wide_descriptor&) const = default;
};
static_assert(sizeof(wide_descriptor) == 32 && std::is_standard_layout_v<wide_descriptor> &&
              std::is_trivially_copyable_v<wide_descriptor> &&
              offsetof(wide_descriptor, upper_low) == 16);

/// G of the PASID-cache descriptor.
enum class pasid_cache_granularity : uint8_t {
  domain = 0,  ///< all PASIDs of a domain
  pasid = 1,   ///< one PASID of a domain
  reserved = 2,
  global = 3,
};

struct pasid_cache_descriptor {  // 6.5.2.2
  pasid_cache_granularity granularity = pasid_cache_granularity::reserved;
  domain_id domain;
  uint32_t pasid = 0;

  static constexpr field64 g{5, 4};
  static constexpr field64 did{31, 16};
  static constexpr field64 pasid_field{51, 32};
  static constexpr uint64_t valid_low =
      mask_of(descriptor::type_low, descriptor::type_high, g, did, pasid_field);
  static constexpr uint64_t valid_high = 0;

  [[nodiscard]] constexpr descriptor encode() const {
    return {static_cast<uint64_t>(descriptor_type::pasid_cache) |
                g.make(static_cast<uint64_t>(granularity)) | did.make(domain.value()) |
                pasid_field.make(pasid),
            0};
  }
  static constexpr pasid_cache_descriptor decode(descriptor d) {
    return {static_cast<pasid_cache_granularity>(g.get(d.low)),
            domain_id(static_cast<uint16_t>(did.get(d.low))),
            static_cast<uint32_t>(pasid_field.get(d.low))};
  }
};

/// G of the PASID-based IOTLB descriptor.
enum class pasid_iotlb_granularity : uint8_t {
  reserved0 = 0,
  reserved1 = 1,
  pasid = 2,  ///< all of a PASID of a domain
  page = 3,   ///< pages of it
};

struct pasid_iotlb_descriptor {  // 6.5.2.4
  pasid_iotlb_granularity granularity = pasid_iotlb_granularity::reserved0;
  domain_id domain;
  uint32_t pasid = 0;
  uint64_t address = 0;      ///< page aligned
  bool leaf_hint = false;    ///< IH: paging-structure caches may be kept
  uint8_t address_mask = 0;  ///< AM: log2 of the number of pages

  static constexpr field64 g{5, 4};
  static constexpr field64 did{31, 16};
  static constexpr field64 pasid_field{51, 32};
  static constexpr field64 am{5, 0};
  static constexpr field64 ih{6};
  static constexpr field64 addr{63, 12};
  static constexpr uint64_t valid_low =
      mask_of(descriptor::type_low, descriptor::type_high, g, did, pasid_field);
  static constexpr uint64_t valid_high = mask_of(am, ih, addr);

  [[nodiscard]] constexpr descriptor encode() const {
    return {static_cast<uint64_t>(descriptor_type::pasid_iotlb) |
                g.make(static_cast<uint64_t>(granularity)) | did.make(domain.value()) |
                pasid_field.make(pasid),
            am.make(address_mask) | ih.make(leaf_hint) | (address & addr.mask())};
  }
  static constexpr pasid_iotlb_descriptor decode(descriptor d) {
    return {static_cast<pasid_iotlb_granularity>(g.get(d.low)),
            domain_id(static_cast<uint16_t>(did.get(d.low))),
            static_cast<uint32_t>(pasid_field.get(d.low)),
            d.high & addr.mask(),
            ih.test(d.high),
            static_cast<uint8_t>(am.get(d.high))};
  }
};

struct pasid_device_tlb_descriptor {  // 6.5.2.6
  uint16_t source = 0;                ///< requester id of the device
  uint8_t max_pending = 0;            ///< MIP: invalidation queue depth of the device, 0 = 32
  uint32_t pasid = 0;
  bool global = false;   ///< G: of all PASIDs
  bool size = false;     ///< S: `address` encodes a range (lowest zero bit tells its size)
  uint64_t address = 0;  ///< page aligned
  /// PFSID: of a virtual function's physical one; reserved unless the unit has ECAP.DIT.
  uint16_t physical_function = 0;

  static constexpr field64 mip{8, 4};
  static constexpr field64 pfsid_lower{15, 12};
  static constexpr field64 sid{31, 16};
  static constexpr field64 pasid_field{51, 32};
  static constexpr field64 pfsid_upper{63, 52};
  static constexpr field64 g{0};
  static constexpr field64 s{11};
  static constexpr field64 addr{63, 12};
  static constexpr uint64_t valid_low =
      mask_of(descriptor::type_low, descriptor::type_high, mip, sid, pasid_field);
  static constexpr uint64_t throttled_low = mask_of(pfsid_lower, pfsid_upper);
  static constexpr uint64_t valid_high = mask_of(g, s, addr);

  [[nodiscard]] constexpr descriptor encode() const {
    return {static_cast<uint64_t>(descriptor_type::pasid_device_tlb) | mip.make(max_pending) |
                sid.make(source) | pasid_field.make(pasid) |
                pfsid_lower.make(physical_function & 0xfu) |
                pfsid_upper.make(physical_function >> 4),
            g.make(global) | s.make(size) | (address & addr.mask())};
  }
  static constexpr pasid_device_tlb_descriptor decode(descriptor d) {
    return {static_cast<uint16_t>(sid.get(d.low)),
            static_cast<uint8_t>(mip.get(d.low)),
            static_cast<uint32_t>(pasid_field.get(d.low)),
            g.test(d.high),
            s.test(d.high),
            d.high & addr.mask(),
            static_cast<uint16_t>(pfsid_lower.get(d.low) | pfsid_upper.get(d.low) << 4)};
  }
};

/// Of a descriptor of any width and type; reserved bits of the lower half by its type, all of the
/// upper half.
constexpr bool reserved_bits_clear(const wide_descriptor& d, bool device_tlb_throttle,
                                   bool page_request_drain) {
  const auto clear = [&d](uint64_t valid_low, uint64_t valid_high) {
    return (d.lower.low & ~valid_low) == 0 && (d.lower.high & ~valid_high) == 0;
  };
  if (!d.upper_half_clear()) return false;
  switch (d.type()) {
    case descriptor_type::pasid_cache:
      return clear(pasid_cache_descriptor::valid_low, pasid_cache_descriptor::valid_high);
    case descriptor_type::pasid_iotlb:
      return clear(pasid_iotlb_descriptor::valid_low, pasid_iotlb_descriptor::valid_high);
    case descriptor_type::pasid_device_tlb:
      return clear(pasid_device_tlb_descriptor::valid_low |
                       (device_tlb_throttle ? pasid_device_tlb_descriptor::throttled_low : 0),
                   pasid_device_tlb_descriptor::valid_high);
    case descriptor_type::wait:
      return clear(
          wait_descriptor::valid_low | (page_request_drain ? wait_descriptor::pd.mask() : 0),
          wait_descriptor::valid_high);
    default:
      return d.lower.reserved_bits_clear(device_tlb_throttle);
  }
}

std::string to_string(const pasid_cache_descriptor& d);
std::string to_string(const pasid_iotlb_descriptor& d);
std::string to_string(const pasid_device_tlb_descriptor& d);

// The numbers a maintainer knows from traces.
static_assert(pasid_cache_descriptor{pasid_cache_granularity::global, {}, 0}.encode().low == 0x37);

}  // namespace iommulab::vtd
