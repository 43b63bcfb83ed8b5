// SPDX-License-Identifier: GPL-2.0-only
//
// What a crashed kernel leaves to the one that dumps it: a unit that translates through tables of
// legacy mode.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "support/gcmd_bits.h"
#include "support/small_machine.h"
#include "support/system.h"

namespace iommulab::test {

inline constexpr std::string_view crash_line = "intel_iommu=on elfcorehdr=0x1000000";
inline constexpr source_id disk = at(5, 2);

/// What another kernel left: tables below 2 MiB, out of the page allocator's reach, and TE on.
class old_kernel {
 public:
  static constexpr uint64_t root = 0x100000;
  static constexpr uint64_t contexts_0 = 0x101000;  // bus 0
  static constexpr uint64_t contexts_5 = 0x102000;  // bus 5
  static constexpr uint64_t page_tables = 0x103000;
  static constexpr unsigned nic_domain = 7;
  static constexpr unsigned disk_domain = 300;
  static constexpr uint64_t mapped = 0x12345000;
  static constexpr uint64_t memory = 0x180000;

  explicit old_kernel(system& s) : s_(s) {
    EXPECT_TRUE(s.k().pages().reserve(phys_addr(root), 0x100000).ok());
    set_bus(0, contexts_0);
    set_bus(5, contexts_5);
    // Three levels to one page (9.3, 9.8).
    s.word(page_tables) = (page_tables + 0x1000) | 3;
    s.word(page_tables + 0x1000 + (mapped >> 21 & 0x1ff) * 8) = (page_tables + 0x2000) | 3;
    s.word(page_tables + 0x2000 + (mapped >> 12 & 0x1ff) * 8) = memory | 3;
    set_context(contexts_0, nic, nic_domain);
    set_context(contexts_5, disk, disk_domain);
  }

  void set_bus(uint64_t bus, uint64_t contexts) { s_.word(root + bus * 16) = contexts | 1; }
  void set_context(uint64_t contexts, source_id id, uint64_t domain) {
    constexpr uint64_t width_39 = 1;
    s_.word(contexts + id.devfn * uint64_t{16} + 8) = domain << 8 | width_39;
    s_.word(contexts + id.devfn * uint64_t{16}) = page_tables | 1;
  }
  /// Switches the unit on, the way 10.4.4 wants it.
  void run(uint64_t rtaddr = root) {
    constexpr uint64_t gcmd = 0x18, gsts = 0x1c, rtaddr_at = 0x20, ccmd = 0x28, iotlb = 0xf8;
    s_.unit().write64(rtaddr_at, rtaddr);
    s_.unit().write32(gcmd, gcmd_bits::srtp);
    s_.unit().write64(ccmd, uint64_t{1} << 63 | uint64_t{1} << 61);
    s_.unit().write64(iotlb, uint64_t{1} << 63 | uint64_t{1} << 60);
    s_.unit().write32(gcmd, gcmd_bits::te);
    ASSERT_NE(s_.unit().read32(gsts) & gcmd_bits::te, 0u);
  }

 private:
  system& s_;
};

}  // namespace iommulab::test
