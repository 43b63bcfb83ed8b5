// SPDX-License-Identifier: GPL-2.0-only
//
// Hints about addresses: classes by value, ranges of the same log, and what the reason allows.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "absl/strings/str_join.h"
#include "cli/fault/fault_report.h"
#include "cli/fault/x86_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace iommulab::address_hints_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const source_id gpu{0, 1, pci_devfn(0, 0)};
const source_id nic{0, 2, pci_devfn(0, 0)};
const source_id drive{0, 3, pci_devfn(0, 0)};

struct request {
  std::initializer_list<uint64_t> addresses;
  std::optional<uint8_t> reason = 0x06;
  bool write = false;
  std::optional<uint32_t> pasid{};
};

std::string hints(const request& r, const system_facts& facts = {}) {
  fault_group group;
  group.fault.kind = fault_kind::dma;
  group.fault.device = gpu;
  group.fault.reason = r.reason;
  group.fault.write = r.write;
  group.fault.pasid = r.pasid;
  group.addresses = r.addresses;
  return absl::StrJoin(address_hints(group, facts), "\n");
}

constexpr const char* use_after_unmap = "Think of use after unmap";

TEST(address_hints, halves_are_those_of_x86_64) {
  // Linux Documentation/arch/x86/x86_64/mm.rst
  const std::pair<uint64_t, address_half> edges[] = {
      {0x0, address_half::user},
      {0x00007fffffffffff, address_half::user},
      {0x0000800000000000, address_half::user_of_5_levels},
      {0x00ffffffffffffff, address_half::user_of_5_levels},
      {0x0100000000000000, address_half::not_canonical},
      {0xfeffffffffffffff, address_half::not_canonical},
      {0xff00000000000000, address_half::kernel_of_5_levels},
      {0xffff7fffffffffff, address_half::kernel_of_5_levels},
      {0xffff800000000000, address_half::kernel},
      {0xffffffffffffffff, address_half::kernel},
  };
  for (const auto& [address, half] : edges) {
    EXPECT_EQ(half_of(address), half) << std::hex << address;
  }
}

TEST(address_hints, regions_of_the_kernels_half_are_named_to_their_edges) {
  const std::pair<uint64_t, const char*> places[] = {
      {0xffff888000000000, "direct map of all memory (4 levels)"},
      {0xffffc87fffffffff, "direct map of all memory (4 levels)"},
      {0xffff880000001000, "before Linux 4.20"},
      {0xffffc90000000000, "vmalloc() and ioremap() (4 levels)"},
      {0xffffe8ffffffffff, "vmalloc() and ioremap() (4 levels)"},
      {0xffffea0000000000, "struct page (4 levels)"},
      {0xff11000000000000, "direct map of all memory (5 levels)"},
      {0xff90ffffffffffff, "direct map of all memory (5 levels)"},
      {0xffa0000000000000, "vmalloc() and ioremap() (5 levels)"},
      {0xffd4000000000000, "struct page (5 levels)"},
      {0xffffffff81000000, "the kernel's text and data"},
      {0xffffffffa0000000, "the modules' text and data"},
  };
  for (const auto& [address, words] : places) {
    EXPECT_THAT(kernel_region(address), HasSubstr(words)) << std::hex << address;
  }
  // Holes: below both direct maps, between vmalloc() and struct page, above the modules.
  for (const uint64_t hole : {0xffff800000000000ull, 0xffffe90000000000ull, 0xffffffffffe00000ull,
                              0xff00000000000000ull, 0xff91000000000000ull}) {
    EXPECT_EQ(kernel_region(hole), "") << std::hex << hole;
  }
}

TEST(address_hints, values_that_are_pointers_or_garbage_are_told) {
  const std::pair<uint64_t, const char*> values[] = {
      {0xffff90d53fada000, "a kernel virtual address, not a DMA address"},
      {0xffff90d53fada000, "KASLR"},
      {0xffffffff81234000, "the 32-bit number 0x81234000, sign-extended"},
      {0xffffffffffe12000, "the 32-bit number 0xffe12000, sign-extended"},
      {0xfffffffffffff000, "all ones above"},
      {0x7fe0c9943000, "where mmap()ed memory, libraries and stacks lie"},
      {0x55d0c9943000, "where programs and their heaps lie"},
      {0x40000000000, "in the user half of x86-64's addresses (below 2^47)"},
      {0x90d53fada000, "with 4 levels it is not canonical"},
      {0x90d53fada000, "or the kernel pointer 0xffff90d53fada000: a unit of 48 bits"},
      {0x111112345678000, "not canonical, neither with 4 nor with 5 levels"},
      {0x111112345678000, "or the kernel pointer 0xff11112345678000: a unit of 57 bits"},
      {0x1234567890abc000, "not canonical, neither with 4 nor with 5 levels"},
      {0xff11000012345000, "in the kernel's half only with 5 levels"},
      {0xdead000000000000, "LIST_POISON"},
      {0x6b6b6b6b6b6b6000, "POISON_FREE"},
      {0x6b6b6000, "POISON_FREE"},
      {0x5a5a5a5a5a5a5000, "POISON_INUSE"},
      {0xdeadb000, "0xdeadbeef"},
      {0x9f000, "below 1 MiB"},
      {0x3000, "an offset from a null pointer"},
      {0xfee00000, "the interrupt range"},
      {0xfec00000, "I/O APICs' registers"},
      {0xfed00000, "HPET's registers"},
  };
  for (const auto& [address, words] : values) {
    EXPECT_THAT(hints({{address}}), HasSubstr(words)) << std::hex << address;
  }
  // What is an ordinary number says nothing.
  for (const uint64_t plain : {0x2231b8000ull, 0x1a45aa9000ull, 0x9c000000ull, 0x200000ull}) {
    EXPECT_EQ(hints({{plain}}), "") << std::hex << plain;
  }
  EXPECT_THAT(hints({{0x7fe0c9943000}, 0x71, false, 2}),
              HasSubstr("with a PASID that is what it should be"));
}

TEST(address_hints, a_write_to_0_may_be_an_interrupt_without_its_address) {
  EXPECT_THAT(hints({{0x0}, 0x05, true}), AllOf(HasSubstr("page 0"), HasSubstr("(MSI)")));
  EXPECT_THAT(hints({{0x0}, 0x02, true}), HasSubstr("(MSI)"));
  EXPECT_THAT(hints({{0x0}, 0x06, false}), Not(HasSubstr("MSI")));
  EXPECT_THAT(hints({{0x1000}, 0x05, true}), Not(HasSubstr("MSI")));
}

TEST(address_hints, a_width_is_named_when_the_log_shows_the_units) {
  EXPECT_THAT(hints({{0x40000000000}, 0x04}), Not(HasSubstr("bits, which")));
  system_facts facts;
  facts.source = "the log";
  // MGAW, bits 21:16, is the width less one: 0x26 for 39, 0x2f for 48.
  facts.units = {{"dmar0", 0xc0000020660462, 0xf0101a}};
  EXPECT_THAT(hints({{0x40000000000}, 0x04}, facts), HasSubstr("beyond 39 bits"));
  EXPECT_THAT(hints({{uint64_t{1} << 39}, 0x04}, facts), HasSubstr("beyond 39 bits"));
  EXPECT_THAT(hints({{(uint64_t{1} << 39) - 0x1000}, 0x04}, facts), Not(HasSubstr("beyond")));
  facts.units.push_back({"dmar1", 0xd2008c222f0462, 0xf050da});
  EXPECT_THAT(hints({{0x40000000000}, 0x04}, facts),
              HasSubstr("beyond 39 bits, which is all that some of the units translate"));
  EXPECT_THAT(hints({{uint64_t{1} << 48}, 0x04}, facts), HasSubstr("beyond 48 bits"));
}

TEST(address_hints, advice_about_mappings_goes_with_the_reason) {
  for (const uint8_t reason : std::initializer_list<uint8_t>{0x05, 0x06, 0x71, 0x79}) {
    EXPECT_THAT(hints({{0xffff7000}, reason}), HasSubstr(use_after_unmap)) << int{reason};
  }
  // Nothing was looked up in a page table, so nothing is said of the mapping but that there was
  // one once, when the address is the DMA API's.
  for (const uint8_t reason : std::initializer_list<uint8_t>{
           0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x0d, 0x38, 0x39, 0x3a, 0x40, 0x41, 0x42, 0x43,
           0x44, 0x45, 0x46, 0x47, 0x48, 0x50, 0x51, 0x52, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d}) {
    const std::string words = hints({{0xffff7000}, reason});
    EXPECT_THAT(words, Not(HasSubstr(use_after_unmap))) << int{reason};
    EXPECT_THAT(words, HasSubstr("the driver did map it, through another requester id"))
        << int{reason};
  }
  EXPECT_THAT(hints({{0xffff7000}, std::nullopt}), Not(HasSubstr(use_after_unmap)));
  for (const uint8_t reason : std::initializer_list<uint8_t>{0x07, 0x0c, 0x70, 0x7a, 0x85, 0x86}) {
    EXPECT_THAT(hints({{0xffff7000}, reason}), HasSubstr("by its value an address of the DMA API"))
        << int{reason};
  }
}

system_facts peers() {
  system_facts facts;
  facts.source = "the log";
  facts.functions = {{gpu, {0x10de, 0x2331, 0x030200}},
                     {nic, {0x15b3, 0x1021, 0x020700}},
                     {drive, {0x144d, 0xa821, 0x010802}}};
  facts.bars[gpu] = {{"BAR 0", 0xfa000000, 0xfaffffff}};
  facts.bars[nic] = {{"BAR 0", 0x224040000000, 0x224041ffffff}};
  facts.bars[drive] = {{"BAR 0", 0xfb200000, 0xfb203fff}};
  return facts;
}

TEST(address_hints, a_bar_of_another_device_is_peer_to_peer) {
  const std::string high = hints({{0x224041000000}, 0x05, true}, peers());
  EXPECT_THAT(high, HasSubstr("inside BAR 0 of 02:00.0 [15b3:1021]"));
  EXPECT_THAT(high, HasSubstr("peer-to-peer"));
  EXPECT_THAT(high, HasSubstr("dma_map_resource()"));
  EXPECT_THAT(high, Not(HasSubstr("bits")));
  const std::string low = hints({{0xfb201000}}, peers());
  EXPECT_THAT(low, HasSubstr("inside BAR 0 of 03:00.0 [144d:a821]"));
  // The DMA API keeps off every BAR.
  EXPECT_THAT(low, Not(HasSubstr("gives out DMA addresses")));
  EXPECT_THAT(hints({{0xfb204000}}, peers()), Not(HasSubstr("inside")));
  EXPECT_THAT(hints({{0xfa001000}}, peers()),
              AllOf(HasSubstr("of the device itself"), Not(HasSubstr("peer-to-peer"))));
  EXPECT_THAT(hints({{0x224041000000}, 0x0c}, peers()), Not(HasSubstr("must be mapped")));
  // With a PASID the number is a process's, and no place on the bus.
  EXPECT_THAT(hints({{0x224041000000}, 0x71, false, 2}, peers()), Not(HasSubstr("inside")));
}

TEST(address_hints, an_address_that_lost_its_upper_half_is_recognised) {
  EXPECT_THAT(hints({{0x41000000}}, peers()),
              HasSubstr("the lower 32 bits of an address in BAR 0 of 02:00.0"));
  EXPECT_THAT(hints({{0x42000000}}, peers()), Not(HasSubstr("lower 32 bits")));
  EXPECT_THAT(hints({{0x7f0012345000, 0x12345000}}),
              HasSubstr("0x12345000 is 0x7f0012345000 without its upper half"));
  EXPECT_THAT(hints({{0x7f0012345000, 0x12346000}}), Not(HasSubstr("without its upper half")));
}

TEST(address_hints, windows_regions_and_memory_of_the_log_are_named) {
  system_facts facts;
  facts.source = "the log";
  facts.bars[{0, 0, pci_devfn(0x1c, 0)}] = {{"window", 0xf7c00000, 0xf7cfffff}};
  facts.reserved_regions = {
      {0xbb800000, 0xbbffffff, "", "which the kernel found not to be reserved in the memory map"},
      {0x7e000000, 0x7e01ffff, "00:1d.0", ""}};
  facts.memory = {{0x100000, 0x7cffffff, "usable", ""},
                  {0x7d000000, 0x7fffffff, "reserved", ""},
                  {0xb0000000, 0xb000ffff, "ACPI NVS", ""},
                  {0xb0010000, 0xb001ffff, "unusable", ""}};
  EXPECT_THAT(hints({{0xf7c10000}}, facts), AllOf(HasSubstr("inside the window of bridge 00:1c.0"),
                                                  Not(HasSubstr("gives out DMA addresses"))));
  EXPECT_THAT(hints({{0xbb900000}}, facts),
              HasSubstr("in the reserved region (RMRR) 0xbb800000-0xbbffffff, which the kernel "
                        "found not to be reserved in the memory map"));
  EXPECT_THAT(hints({{0x7e001000}}, facts), HasSubstr("0x7e000000-0x7e01ffff of 00:1d.0"));
  EXPECT_THAT(hints({{0x7e001000}, 0x0c}, facts), Not(HasSubstr("its mapping should still be")));
  EXPECT_THAT(hints({{0x200000}}, facts), HasSubstr("the driver skipped the DMA API"));
  EXPECT_THAT(hints({{0x200000}, 0x0c}, facts),
              AllOf(HasSubstr("the address of RAM as it is"), Not(HasSubstr("skipped"))));
  EXPECT_THAT(hints({{0x7d001000}}, facts), HasSubstr("memory that firmware calls 'reserved'"));
  EXPECT_THAT(hints({{0xb0001000}}, facts), HasSubstr("'ACPI NVS'"));
  EXPECT_THAT(hints({{0xb0011000}}, facts), HasSubstr("'unusable'"));
  EXPECT_THAT(hints({{0x80000000}}, facts), IsEmpty());
}

TEST(address_hints, what_holds_for_some_addresses_says_for_how_many) {
  const std::string words = hints({{0x0, 0xffff7000, 0xffff8000}});
  EXPECT_THAT(words, HasSubstr("1 of the 3 addresses: page 0"));
  EXPECT_THAT(words, HasSubstr("2 of the 3 addresses: where Linux by default gives out"));
}

TEST(address_hints, an_index_that_the_record_leaves_undefined_is_none) {
  fault_group group;
  group.fault.kind = fault_kind::interrupt;
  group.fault.reason = 0x29;
  group.indices = {0};
  EXPECT_THAT(absl::StrJoin(address_hints(group, {}), "\n"), HasSubstr("leaves it undefined"));
  group.fault.reason = 0x27;
  EXPECT_THAT(address_hints(group, {}), IsEmpty());
}

}  // namespace
}  // namespace iommulab::address_hints_test
