// SPDX-License-Identifier: GPL-2.0-only
//
// What calls carry in the trace: arguments and results, held against what is known from elsewhere:
// from the address that the device got, the tables in memory, the descriptors that the unit
// fetched.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "support/small_machine.h"
#include "support/system.h"

namespace iommulab::test::traced_calls_test {
namespace {

constexpr uint64_t buffer = 0x1000000;
constexpr uint64_t offset = 0x123;
constexpr uint64_t two_pages = page_size + 1;
constexpr auto both = dma_data_direction::bidirectional;
const std::string nic_name = "0000:00:03.0";

/// A small machine, booted, and every call since.
struct traced : system {
  explicit traced(const std::string& command_line = "intel_iommu=on,strict")
      : system(small_machine().build(), command_line, trace_class::all) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
  }
  device& dev() { return function(nic).dev; }

  /// "alloc_iova(size=0x2 …) -> lo=0x1 …", a string a call of the function, in order of the
  /// returns.
  std::vector<std::string> calls(std::string_view function) {
    std::vector<std::string> found;
    std::vector<const events::call_enter*> open;
    for (const trace_event& event : events().events()) {
      if (const auto* enter = event.as<events::call_enter>()) open.push_back(enter);
      const auto* exit = event.as<events::call_exit>();
      if (exit == nullptr) continue;
      const events::call_enter& enter = *open.back();
      open.pop_back();
      if (enter.name != function) continue;
      std::string call = absl::StrFormat("(%s)", to_string(enter.arguments));
      if (!exit->result.empty()) call += " -> " + to_string(exit->result);
      found.push_back(std::move(call));
    }
    return found;
  }
  std::string last(std::string_view function) {
    const std::vector<std::string> all = calls(function);
    return all.empty() ? "none" : all.back();
  }
  /// The id by which the unit knows the domain of the function, from its context entry.
  std::string domain() { return absl::StrFormat("dmar0:%d", context_of(nic).domain()); }
};

TEST(traced_calls, of_the_boot_name_the_unit_and_what_came_of_it) {
  traced s;
  EXPECT_EQ(s.last("alloc_iommu"), absl::StrFormat("(drhd=0x%x) -> 0", small_unit_base));
  EXPECT_EQ(s.last("iommu_alloc_root_entry"), "(iommu=dmar0) -> 0");
  EXPECT_EQ(s.last("iommu_set_root_entry"), "(iommu=dmar0)");
  EXPECT_EQ(s.last("intel_iommu_init"), "() -> 0");
  EXPECT_EQ(s.last("bus_set_iommu"), "(bus=pci) -> 0");
}

TEST(traced_calls, tell_devices_and_groups_by_name_and_number) {
  traced s;
  const std::vector<std::string> made = s.calls("iommu_group_get_for_dev");
  const std::string expected = absl::StrFormat("(dev=%s) -> %d", nic_name, s.dev().group->id);
  EXPECT_EQ(std::count(made.begin(), made.end(), expected), 1);
  EXPECT_EQ(s.last("intel_iommu_add_device"),
            absl::StrFormat("(dev=%s) -> 0", s.k().pci().bus().devices.back()->name));
}

TEST(traced_calls, of_a_mapping_agree_with_the_address_and_the_tables) {
  traced s;
  const dma_addr handle = dma_map_single(s.dev(), phys_addr(buffer + offset), two_pages, both);
  const uint64_t lo = handle.value() >> page_shift;
  const std::string name = nic_name;

  EXPECT_EQ(s.last("intel_map_page"),
            absl::StrFormat("(dev=%s page=0x%x offset=0x%x size=0x%x dir=0) -> 0x%x", name, buffer,
                            offset, two_pages, handle.value()));
  EXPECT_EQ(
      s.last("alloc_iova"),
      absl::StrFormat("(size=0x2 limit_pfn=0xfffff aligned=1) -> lo=0x%x hi=0x%x", lo, lo + 1));
  EXPECT_EQ(s.last("intel_alloc_iova"),
            absl::StrFormat("(dev=%s domain=%s nrpages=0x2 dma_mask=0xffffffff) -> 0x%x-0x%x", name,
                            s.domain(), lo, lo + 1));
  EXPECT_EQ(s.last("__alloc_and_insert_iova_range"),
            "(size=0x2 limit_pfn=0xfffff size_aligned=1) -> 0");
  EXPECT_EQ(s.last("device_to_iommu"), absl::StrFormat("(dev=%s) -> dmar0", name));
  EXPECT_EQ(s.last("domain_context_mapping"),
            absl::StrFormat("(domain=%s dev=%s) -> 0", s.domain(), name));
  EXPECT_EQ(s.last("get_domain_for_dev"),
            absl::StrFormat("(dev=%s gaw=48) -> %s", name, s.domain()));
  EXPECT_EQ(s.last("iommu_no_mapping"), absl::StrFormat("(dev=%s) -> 0", name));
}

// The entry that pfn_to_dma_pte() finds is the one that is written then.
TEST(traced_calls, tell_an_entry_by_its_physical_address) {
  traced s;
  const dma_addr handle = dma_map_single(s.dev(), phys_addr(buffer), page_size, both);
  uint64_t entry = 0;
  for (const trace_event& event : s.events().events()) {
    const auto* write = event.as<events::table_write>();
    if (write != nullptr && (write->lo & ~uint64_t{0xfff}) == buffer) entry = write->address;
  }
  ASSERT_NE(entry, 0u);
  EXPECT_EQ(s.word(entry) & ~uint64_t{0xfff}, buffer);
  EXPECT_EQ(s.last("pfn_to_dma_pte"),
            absl::StrFormat("(domain=%s pfn=0x%x target_level=1) -> 0x%x", s.domain(),
                            handle.value() >> page_shift, entry));
}

TEST(traced_calls, of_an_unmapping_agree_with_what_the_unit_was_told) {
  traced s;
  const dma_addr handle = dma_map_single(s.dev(), phys_addr(buffer), two_pages, both);
  const uint64_t lo = handle.value() >> page_shift;
  const std::string domain = s.domain();
  dma_unmap_single(s.dev(), handle, two_pages, both);

  EXPECT_EQ(s.last("intel_unmap_page"),
            absl::StrFormat("(dev=%s dev_addr=0x%x)", nic_name, handle.value()));
  EXPECT_EQ(s.last("find_domain"), absl::StrFormat("(dev=%s) -> %s", nic_name, domain));
  EXPECT_EQ(s.last("find_iova"), absl::StrFormat("(pfn=0x%x) -> 0x%x-0x%x", lo, lo, lo + 1));
  EXPECT_EQ(s.last("domain_get_iommu"), absl::StrFormat("(domain=%s) -> dmar0", domain));
  // An IOTLB descriptor (VT-d specification 6.5.2.3): the id in bits 31:16 of the lower word, the
  // address in 63:12 of the upper one, whose low bits are the order of the number of pages. Bit 6
  // of what the function is given, the leaf hint, never reaches a queue.
  const auto [low, high] = s.descriptors().back();
  constexpr uint64_t leaf_hint = 1 << 6;
  EXPECT_EQ(
      s.last("qi_flush_iotlb"),
      absl::StrFormat("(iommu=dmar0 did=0x%x addr=0x%x size_order=0x%x type=3)", low >> 16 & 0xffff,
                      (high & ~uint64_t{0xfff}) | leaf_hint, high & 0x3f));
  EXPECT_EQ(high, handle.value() | 1);
  EXPECT_EQ(s.last("qi_submit_sync"), absl::StrFormat("(low=0x%x high=0x%x) -> 0", low, high));
}

TEST(traced_calls, tell_a_failure_as_the_kernel_returns_it) {
  traced s;
  // More than 32 bits of addresses have.
  const dma_addr handle = dma_map_single(s.dev(), phys_addr(0), uint64_t{5} << 30, both);
  EXPECT_TRUE(dma_mapping_error(s.dev(), handle));
  EXPECT_EQ(s.last("alloc_iova"), "(size=0x200000 limit_pfn=0xfffff aligned=1) -> none");
  EXPECT_EQ(s.last("__alloc_and_insert_iova_range"),
            "(size=0x200000 limit_pfn=0xfffff size_aligned=1) -> -12");
  EXPECT_EQ(s.last("intel_mapping_error"), absl::StrFormat("(dev=%s dma_addr=0x0) -> 1", nic_name));
}

}  // namespace
}  // namespace iommulab::test::traced_calls_test
