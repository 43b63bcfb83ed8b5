// SPDX-License-Identifier: GPL-2.0-only
//
// The 128-bit descriptors of the invalidation queue (VT-d specification 6.5.2). `descriptor` is
// what lies in memory; one struct a type holds its fields in plain form and has encode() and
// decode(). Decoding takes the fields only: whether the reserved bits are zero,
// `descriptor::reserved_bits_clear()` says, and the device model calls it before decode().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/types.h"
#include "platform/vtd/spec/field.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::vtd {

/// Type, bits 11:9 and 3:0 of the low word; the types here have 11:9 clear.
enum class descriptor_type : uint8_t {
  context_cache = 0x1,    // 6.5.2.1
  iotlb = 0x2,            // 6.5.2.3
  device_tlb = 0x3,       // 6.5.2.5
  interrupt_entry = 0x4,  // 6.5.2.7
  wait = 0x5,             // 6.5.2.8
  // Of 256 bits only: pasid_descriptors.h.
  pasid_iotlb = 0x6,       // 6.5.2.4
  pasid_cache = 0x7,       // 6.5.2.2
  pasid_device_tlb = 0x8,  // 6.5.2.6
};

/// "context_cache", "iotlb" …; "unknown" for what is no type.
std::string_view name(descriptor_type type);

struct descriptor {
  uint64_t low = 0;
  uint64_t high = 0;

  static constexpr field64 type_low{3, 0};
  static constexpr field64 type_high{11, 9};

  [[nodiscard]] constexpr descriptor_type type() const {
    return static_cast<descriptor_type>((type_high.get(low) << 4) | type_low.get(low));
  }
  /// Of 128 bits.
  [[nodiscard]] constexpr bool known_type() const {
    return type() >= descriptor_type::context_cache && type() <= descriptor_type::wait;
  }
  /// Of 256 bits.
  [[nodiscard]] constexpr bool known_wide_type() const {
    return type() >= descriptor_type::context_cache && type() <= descriptor_type::pasid_device_tlb;
  }
  /// Whether all bits are zero that the descriptor's type reserves on a unit with or without
  /// device-TLB throttling (ECAP.DIT); false for what is no type of 128 bits.
  [[nodiscard]] constexpr bool reserved_bits_clear(bool device_tlb_throttle) const;
  constexpr bool operator==(const descriptor&) const = default;
};
static_assert(sizeof(descriptor) == 16 && std::is_standard_layout_v<descriptor> &&
              std::is_trivially_copyable_v<descriptor> && offsetof(descriptor, high) == 8);

struct context_cache_descriptor {
  context_granularity granularity = context_granularity::none;
  domain_id domain;
  uint16_t source = 0;        ///< requester id
  uint8_t function_mask = 0;  ///< 0..3

  static constexpr field64 g{5, 4};
  static constexpr field64 did{31, 16};
  static constexpr field64 sid{47, 32};
  static constexpr field64 fm{49, 48};
  static constexpr uint64_t valid_low = mask_of(descriptor::type_low, g, did, sid, fm);
  static constexpr uint64_t valid_high = 0;

  [[nodiscard]] constexpr descriptor encode() const {
    return {static_cast<uint64_t>(descriptor_type::context_cache) |
                g.make(static_cast<uint64_t>(granularity)) | did.make(domain.value()) |
                sid.make(source) | fm.make(function_mask),
            0};
  }
  static constexpr context_cache_descriptor decode(descriptor d) {
    return {static_cast<context_granularity>(g.get(d.low)),
            domain_id(static_cast<uint16_t>(did.get(d.low))), static_cast<uint16_t>(sid.get(d.low)),
            static_cast<uint8_t>(fm.get(d.low))};
  }
};

struct iotlb_descriptor {
  iotlb_granularity granularity = iotlb_granularity::none;
  bool drain_reads = false;
  bool drain_writes = false;
  domain_id domain;
  uint64_t address = 0;      ///< page aligned
  bool leaf_hint = false;    ///< IH: paging-structure caches may be kept
  uint8_t address_mask = 0;  ///< AM: log2 of the number of pages

  static constexpr field64 g{5, 4};
  static constexpr field64 dw{6};
  static constexpr field64 dr{7};
  static constexpr field64 did{31, 16};
  static constexpr field64 am{5, 0};
  static constexpr field64 ih{6};
  static constexpr field64 addr{63, 12};
  static constexpr uint64_t valid_low = mask_of(descriptor::type_low, g, dw, dr, did);
  static constexpr uint64_t valid_high = mask_of(am, ih, addr);

  [[nodiscard]] constexpr descriptor encode() const {
    return {static_cast<uint64_t>(descriptor_type::iotlb) |
                g.make(static_cast<uint64_t>(granularity)) | dw.make(drain_writes) |
                dr.make(drain_reads) | did.make(domain.value()),
            am.make(address_mask) | ih.make(leaf_hint) | (address & addr.mask())};
  }
  static constexpr iotlb_descriptor decode(descriptor d) {
    return {static_cast<iotlb_granularity>(g.get(d.low)),
            dr.test(d.low),
            dw.test(d.low),
            domain_id(static_cast<uint16_t>(did.get(d.low))),
            d.high & addr.mask(),
            ih.test(d.high),
            static_cast<uint8_t>(am.get(d.high))};
  }
};

struct device_tlb_descriptor {
  uint16_t source = 0;      ///< requester id of the device
  uint8_t max_pending = 0;  ///< MIP: invalidation queue depth of the device, 0 = 32
  bool size = false;        ///< S: `address` encodes a range (low zero bit tells its size)
  uint64_t address = 0;     ///< page aligned
  /// PFSID: of a virtual function's physical one; reserved unless the unit has ECAP.DIT.
  uint16_t physical_function = 0;

  static constexpr field64 pfsid_lower{15, 12};
  static constexpr field64 mip{20, 16};
  static constexpr field64 sid{47, 32};
  static constexpr field64 pfsid_upper{63, 52};
  static constexpr field64 s{0};
  static constexpr field64 addr{63, 12};
  static constexpr uint64_t valid_low = mask_of(descriptor::type_low, mip, sid);
  static constexpr uint64_t throttled_low = mask_of(pfsid_lower, pfsid_upper);
  static constexpr uint64_t valid_high = mask_of(s, addr);

  [[nodiscard]] constexpr descriptor encode() const {
    return {static_cast<uint64_t>(descriptor_type::device_tlb) | mip.make(max_pending) |
                sid.make(source) | pfsid_lower.make(physical_function & 0xfu) |
                pfsid_upper.make(physical_function >> 4),
            s.make(size) | (address & addr.mask())};
  }
  static constexpr device_tlb_descriptor decode(descriptor d) {
    return {static_cast<uint16_t>(sid.get(d.low)), static_cast<uint8_t>(mip.get(d.low)),
            s.test(d.high), d.high & addr.mask(),
            static_cast<uint16_t>(pfsid_lower.get(d.low) | pfsid_upper.get(d.low) << 4)};
  }
};

struct interrupt_entry_descriptor {
  bool selective = false;  ///< G: by index, or all
  uint8_t index_mask = 0;  ///< IM: low bits of the index to ignore
  uint16_t index = 0;      ///< IIDX

  static constexpr field64 g{4};
  static constexpr field64 im{31, 27};
  static constexpr field64 iidx{47, 32};
  static constexpr uint64_t valid_low = mask_of(descriptor::type_low, g, im, iidx);
  static constexpr uint64_t valid_high = 0;

  [[nodiscard]] constexpr descriptor encode() const {
    return {static_cast<uint64_t>(descriptor_type::interrupt_entry) | g.make(selective) |
                im.make(index_mask) | iidx.make(index),
            0};
  }
  static constexpr interrupt_entry_descriptor decode(descriptor d) {
    return {g.test(d.low), static_cast<uint8_t>(im.get(d.low)),
            static_cast<uint16_t>(iidx.get(d.low))};
  }
};

struct wait_descriptor {
  bool interrupt = false;     ///< IF: set ICS.IWC on completion
  bool status_write = false;  ///< SW: write the status word on completion
  bool fence = false;         ///< FN: later descriptors wait for earlier ones
  uint32_t status_data = 0;
  phys_addr status_address;         ///< 4-byte aligned
  bool page_request_drain = false;  ///< PD; reserved unless the unit has ECAP.PDS

  static constexpr field64 if_{4};
  static constexpr field64 sw{5};
  static constexpr field64 fn{6};
  static constexpr field64 pd{7};
  static constexpr field64 data{63, 32};
  static constexpr field64 addr{63, 2};
  static constexpr uint64_t valid_low = mask_of(descriptor::type_low, if_, sw, fn, data);
  static constexpr uint64_t valid_high = addr.mask();

  [[nodiscard]] constexpr descriptor encode() const {
    return {static_cast<uint64_t>(descriptor_type::wait) | if_.make(interrupt) |
                sw.make(status_write) | fn.make(fence) | pd.make(page_request_drain) |
                data.make(status_data),
            status_address.value() & addr.mask()};
  }
  static constexpr wait_descriptor decode(descriptor d) {
    return {if_.test(d.low),
            sw.test(d.low),
            fn.test(d.low),
            static_cast<uint32_t>(data.get(d.low)),
            phys_addr(d.high & addr.mask()),
            pd.test(d.low)};
  }
};

constexpr bool descriptor::reserved_bits_clear(bool device_tlb_throttle) const {
  const auto clear = [this](uint64_t valid_low, uint64_t valid_high) {
    return (low & ~valid_low) == 0 && (high & ~valid_high) == 0;
  };
  switch (type()) {
    case descriptor_type::context_cache:
      return clear(context_cache_descriptor::valid_low, context_cache_descriptor::valid_high);
    case descriptor_type::iotlb:
      return clear(iotlb_descriptor::valid_low, iotlb_descriptor::valid_high);
    case descriptor_type::device_tlb:
      return clear(device_tlb_descriptor::valid_low |
                       (device_tlb_throttle ? device_tlb_descriptor::throttled_low : 0),
                   device_tlb_descriptor::valid_high);
    case descriptor_type::interrupt_entry:
      return clear(interrupt_entry_descriptor::valid_low, interrupt_entry_descriptor::valid_high);
    case descriptor_type::wait:
      return clear(wait_descriptor::valid_low, wait_descriptor::valid_high);
    default:
      break;
  }
  return false;
}

/// "iotlb page domain 5 address 0xfffff000 mask 0": the descriptor by its fields, for the trace.
std::string to_string(descriptor d);

// The numbers a maintainer knows from traces.
static_assert(context_cache_descriptor{context_granularity::global, {}, 0, 0}.encode().low == 0x11);
static_assert(
    iotlb_descriptor{iotlb_granularity::global, true, true, {}, 0, false, 0}.encode().low == 0xd2);
static_assert(wait_descriptor{false, true, false, 2, {}}.encode().low == 0x200000025);

}  // namespace iommulab::vtd
