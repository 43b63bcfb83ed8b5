// SPDX-License-Identifier: GPL-2.0-only
//
// The data sheet against bit positions written out here.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::vtd::spec_test {
namespace {

constexpr uint64_t one(unsigned n) {
  return uint64_t{1} << n;
}

TEST(root_entry, reserves_everything_but_present_and_the_table) {
  for (const unsigned width : {36u, 39u, 46u, 52u}) {
    for (unsigned n = 0; n < 64; ++n) {
      const bool reserved = (n >= 1 && n <= 11) || n >= width;
      EXPECT_EQ((root_entry::reserved_lo(width) & one(n)) != 0, reserved) << width << " bit " << n;
      EXPECT_NE(root_entry::reserved_hi() & one(n), 0u);
    }
  }
  root_entry e;
  e.set_context_table(phys_addr(0x12345000)).set_present(true);
  EXPECT_EQ(e.lo, 0x12345001u);
  EXPECT_EQ(e.context_table(), phys_addr(0x12345000));
}

TEST(context_entry, reserves_the_bits_between_its_fields) {
  for (const unsigned width : {36u, 39u, 46u, 52u}) {
    for (unsigned n = 0; n < 64; ++n) {
      EXPECT_EQ((context_entry::reserved_lo(width) & one(n)) != 0,
                (n >= 4 && n <= 11) || n >= width)
          << width << " bit " << n;
    }
  }
  for (unsigned n = 0; n < 64; ++n) {
    EXPECT_EQ((context_entry::reserved_hi() & one(n)) != 0, n == 7 || n >= 24) << "bit 64+" << n;
  }
}

TEST(context_entry, fields_lie_where_the_kernel_expects_them) {
  context_entry e;
  e.set_address_root(phys_addr(0x7654321000))
      .set_address_width(2)
      .set_domain(domain_id(0xabcd))
      .set_type(translation_type::pass_through)
      .set_fault_processing_disabled(true)
      .set_available(1)
      .set_present(true);
  EXPECT_EQ(e.lo, 0x7654321000u | (2u << 2) | 2u | 1u);
  EXPECT_EQ(e.hi, (uint64_t{0xabcd} << 8) | (1u << 3) | 2u) << "bit 67 is the lowest available one";
  EXPECT_EQ(e.domain(), domain_id(0xabcd));
  EXPECT_EQ(e.address_width(), 2u);
  EXPECT_EQ(e.type(), translation_type::pass_through);
  EXPECT_EQ(e.address_root(), phys_addr(0x7654321000));
}

TEST(second_level_entry, reserved_bits_follow_level_kind_and_capabilities) {
  for (const unsigned width : {36u, 39u, 48u, 52u}) {
    for (unsigned level = 1; level <= 5; ++level) {
      for (unsigned options = 0; options < 16; ++options) {
        const bool leaf = (options & 1) != 0;
        const bool snoop = (options & 2) != 0;
        const bool device = (options & 4) != 0;
        const bool large = (options & 8) != 0;
        const uint64_t mask =
            second_level_entry::reserved(level, leaf, width, snoop, device, large);
        for (unsigned n = 0; n < 64; ++n) {
          bool expected = false;
          if (n == 7) expected = level > 1 && !large;
          if (n == 11) expected = !(leaf && snoop);
          if (n == 62) expected = !(leaf && device);
          if (n >= width && n <= 51) expected = true;
          if (leaf && n >= 12 && n < 12 + 9 * (level - 1)) expected = true;
          EXPECT_EQ((mask & one(n)) != 0, expected)
              << "width " << width << " level " << level << " options " << options << " bit " << n;
        }
      }
    }
  }
}

TEST(second_level_entry, spans_and_indices) {
  EXPECT_EQ(second_level_entry::span_of(1), 0x1000u);
  EXPECT_EQ(second_level_entry::span_of(2), 0x200000u);
  EXPECT_EQ(second_level_entry::span_of(3), 0x40000000u);
  EXPECT_EQ(second_level_entry::span_of(4), 0x8000000000u);
  const uint64_t address = (uint64_t{5} << 48) | (uint64_t{4} << 39) | (uint64_t{3} << 30) |
                           (uint64_t{2} << 21) | (uint64_t{1} << 12) | 0xabc;
  for (unsigned level = 1; level <= 5; ++level) {
    EXPECT_EQ(second_level_entry::index_of(address, level), level);
  }
}

struct described {
  descriptor_type type;
  uint64_t low;  // bits that the type defines, its number aside
  uint64_t high;
};

uint64_t ones(unsigned high, unsigned low) {
  uint64_t mask = 0;
  for (unsigned n = low; n <= high; ++n) mask |= one(n);
  return mask;
}

TEST(descriptor, every_reserved_bit_of_every_type_is_refused) {
  const described types[] = {
      {descriptor_type::context_cache, ones(5, 4) | ones(31, 16) | ones(47, 32) | ones(49, 48), 0},
      {descriptor_type::iotlb, ones(7, 4) | ones(31, 16), ones(6, 0) | ones(63, 12)},
      {descriptor_type::device_tlb, ones(20, 16) | ones(47, 32), ones(0, 0) | ones(63, 12)},
      {descriptor_type::interrupt_entry, ones(4, 4) | ones(31, 27) | ones(47, 32), 0},
      {descriptor_type::wait, ones(6, 4) | ones(63, 32), ones(63, 2)},
  };
  for (const described& t : types) {
    const auto number = static_cast<uint64_t>(t.type);
    EXPECT_TRUE((descriptor{number, 0}.reserved_bits_clear(false)));
    EXPECT_TRUE((descriptor{number | t.low, t.high}.reserved_bits_clear(false)));
    for (unsigned n = 4; n < 64; ++n) {
      const descriptor d{number | one(n), 0};
      const bool type_bit = n >= 9 && n <= 11;  // another type altogether
      if (type_bit) {
        EXPECT_FALSE(d.known_type()) << n;
        EXPECT_FALSE(d.reserved_bits_clear(false)) << n;
      } else {
        EXPECT_EQ(d.reserved_bits_clear(false), (t.low & one(n)) != 0)
            << name(t.type) << " low " << n;
      }
    }
    for (unsigned n = 0; n < 64; ++n) {
      const descriptor d{number, one(n)};
      EXPECT_EQ(d.reserved_bits_clear(false), (t.high & one(n)) != 0)
          << name(t.type) << " high " << n;
    }
  }
  for (const uint64_t unknown : {0u, 6u, 7u, 8u, 15u}) {
    EXPECT_FALSE((descriptor{unknown, 0}.known_type()));
    EXPECT_FALSE((descriptor{unknown, 0}.reserved_bits_clear(false)));
  }
}

// 6.5.2.5: PFSID, bits 15:12 and 63:52, is reserved unless the unit reports ECAP.DIT.
TEST(descriptor, the_physical_function_is_for_units_with_throttling) {
  const uint64_t number = static_cast<uint64_t>(descriptor_type::device_tlb);
  for (unsigned n = 12; n < 64; ++n) {
    const descriptor d{number | one(n), 0};
    const bool pfsid = n <= 15 || n >= 52;
    EXPECT_EQ(d.reserved_bits_clear(true), d.reserved_bits_clear(false) || pfsid) << n;
  }
  EXPECT_FALSE(
      (descriptor{static_cast<uint64_t>(descriptor_type::iotlb) | one(52), 0}.reserved_bits_clear(
          true)));
  device_tlb_descriptor d;
  d.source = 0x0311;
  d.physical_function = 0xabcd;
  EXPECT_EQ(d.encode().low, uint64_t{0xabc} << 52 | uint64_t{0x311} << 32 | 0xd000 | 3);
  EXPECT_EQ(device_tlb_descriptor::decode(d.encode()).physical_function, 0xabcd);
}

TEST(descriptor, encodes_what_the_kernel_queues) {
  EXPECT_EQ(
      (context_cache_descriptor{context_granularity::device, domain_id(7), 0x00fa, 3}.encode().low),
      (uint64_t{3} << 48) | (uint64_t{0xfa} << 32) | (7u << 16) | 0x30u | 1u);
  iotlb_descriptor page;
  page.granularity = iotlb_granularity::page;
  page.domain = domain_id(5);
  page.address = 0xfffff000;
  page.address_mask = 3;
  page.leaf_hint = true;
  EXPECT_EQ(page.encode(), (descriptor{(5u << 16) | 0x32u, 0xfffff043u}));
  device_tlb_descriptor device;
  device.source = 0x0500;
  device.max_pending = 31;
  device.address = 0x7000;
  device.size = true;
  EXPECT_EQ(device.encode(), (descriptor{(uint64_t{0x0500} << 32) | (31u << 16) | 3u, 0x7001u}));
  EXPECT_EQ((interrupt_entry_descriptor{false, 0, 0}.encode().low), 4u);
  EXPECT_EQ((interrupt_entry_descriptor{true, 2, 0x1234}.encode().low),
            (uint64_t{0x1234} << 32) | (uint64_t{2} << 27) | 0x14u);
  wait_descriptor wait;
  wait.status_write = true;
  wait.status_data = 2;
  wait.status_address = phys_addr(0x203c04);
  EXPECT_EQ(wait.encode(), (descriptor{0x200000025, 0x203c04}));
  wait.fence = true;
  wait.interrupt = true;
  EXPECT_EQ(wait.encode().low, 0x200000075u);
}

TEST(descriptor, decodes_what_it_encodes) {
  uint64_t state = 1;
  const auto random = [&state] {  // xorshift
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  };
  for (int i = 0; i < 1000; ++i) {
    for (uint64_t type = 1; type <= 5; ++type) {
      descriptor d{(random() & ~uint64_t{0xe0f}) | type, random()};
      descriptor back;
      uint64_t low = 0;
      uint64_t high = 0;
      switch (static_cast<descriptor_type>(type)) {
        case descriptor_type::context_cache:
          back = context_cache_descriptor::decode(d).encode();
          low = context_cache_descriptor::valid_low;
          high = context_cache_descriptor::valid_high;
          break;
        case descriptor_type::iotlb:
          back = iotlb_descriptor::decode(d).encode();
          low = iotlb_descriptor::valid_low;
          high = iotlb_descriptor::valid_high;
          break;
        case descriptor_type::device_tlb:
          back = device_tlb_descriptor::decode(d).encode();
          low = device_tlb_descriptor::valid_low | device_tlb_descriptor::throttled_low;
          high = device_tlb_descriptor::valid_high;
          break;
        case descriptor_type::interrupt_entry:
          back = interrupt_entry_descriptor::decode(d).encode();
          low = interrupt_entry_descriptor::valid_low;
          high = interrupt_entry_descriptor::valid_high;
          break;
        case descriptor_type::wait:
          back = wait_descriptor::decode(d).encode();
          low = wait_descriptor::valid_low | wait_descriptor::pd.mask();
          high = wait_descriptor::valid_high;
          break;
        default:
          FAIL() << type;
      }
      EXPECT_EQ(back, (descriptor{d.low & low, d.high & high}));
      EXPECT_FALSE(to_string(d).empty());
    }
  }
}

TEST(fault_reason, has_a_name_and_a_mnemonic_for_each_number) {
  std::set<std::string> names;
  std::set<std::string> mnemonics;
  for (unsigned n = 1; n <= 0x26; ++n) {
    if (n > 0x0e && n < 0x20) continue;
    const auto reason = static_cast<fault_reason>(n);
    EXPECT_NE(name(reason), "unknown") << n;
    EXPECT_TRUE(names.emplace(name(reason)).second) << n;
    EXPECT_TRUE(mnemonics.emplace(mnemonic(reason)).second) << n;
    EXPECT_EQ(is_interrupt_fault(reason), n >= 0x20) << n;
  }
  EXPECT_EQ(name(static_cast<fault_reason>(0x0f)), "unknown");
  // Root lookups and broken tables come before FPD is known; everything after honours it.
  for (const unsigned n : {0x01u, 0x08u, 0x09u, 0x0au, 0x20u, 0x21u, 0x23u, 0x25u}) {
    EXPECT_FALSE(is_qualified(static_cast<fault_reason>(n))) << n;
  }
  for (const unsigned n : {0x02u, 0x03u, 0x04u, 0x05u, 0x06u, 0x07u, 0x0bu, 0x0cu, 0x0du}) {
    EXPECT_TRUE(is_qualified(static_cast<fault_reason>(n))) << n;
  }
}

}  // namespace
}  // namespace iommulab::vtd::spec_test
