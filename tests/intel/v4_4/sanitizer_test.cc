// SPDX-License-Identifier: GPL-2.0-only
//
// The driver under the sanitizer: clean where Linux 4.4 is right, found where it is not, and found
// when one step of the real flow is left out.
#include "core/iommu/iommu.h"
#include "intel/expect.h"
#include "intel/v4_4/context.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"
#include "support/v4_4/system.h"

namespace iommulab::test::sanitizer_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr source_id other_nic = at(0, 4);
constexpr uint64_t second_base = 0xfeda0000;
constexpr uint64_t iova = 0x40000000;
constexpr uint64_t memory = 0x2000000;
constexpr uint64_t two_mib = uint64_t{2} << 20;

/// A booted system, and one domain of the IOMMU API.
struct checked : system {
  explicit checked(const machine_config& machine,
                   const std::string& command_line = "intel_iommu=on")
      : system(machine, options(command_line)) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    EXPECT_TRUE(findings().empty()) << to_text(*k().sanitizer());
    domain = iommu_domain_alloc(*function(nic).dev.bus);
    EXPECT_NE(domain, nullptr);
  }
  static kernel_options options(const std::string& command_line) {
    kernel_options o;
    o.command_line = command_line;
    o.sanitize = true;
    return o;
  }
  void attach(source_id id) { ASSERT_EQ(iommu_attach_device(*domain, function(id).dev), 0); }
  void map(uint64_t address, uint64_t phys, uint64_t size) {
    ASSERT_EQ(
        iommu_map(*domain, dma_addr(address), phys_addr(phys), size, iommu_read | iommu_write), 0);
  }
  void unmap(uint64_t address, uint64_t size) {
    ASSERT_EQ(iommu_unmap(*domain, dma_addr(address), size), size);
  }
  const std::vector<finding>& findings() { return k().sanitizer()->log().findings(); }
  std::vector<sanitizer_rule> rules() {
    std::vector<sanitizer_rule> list;
    for (const finding& f : findings()) list.push_back(f.id);
    return list;
  }
  std::string report() { return to_text(*k().sanitizer()); }

  v4_4::iommu_domain* domain = nullptr;
};

machine_config one_unit(vtd::cap_register cap = default_cap(),
                        vtd::ecap_register ecap = default_ecap()) {
  small_machine m;
  m.set_cap(cap).set_ecap(ecap).add_function(isa_bridge());
  return m.build();
}

/// `nic` behind the first unit, `other_nic` behind the second.
machine_config two_units(vtd::cap_register first_cap, vtd::ecap_register first_ecap,
                         vtd::cap_register second_cap, vtd::ecap_register second_ecap) {
  small_machine m;
  m.set_cap(first_cap).set_ecap(first_ecap).add_unit(second_base, second_cap, second_ecap);
  m.add_function(plain_function(other_nic, 0x8086, 0x10d3, 0x020000));
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  m.table =
      dmar_builder(48).add_drhd(0, 0, second_base, scopes).add_drhd(1, 0, small_unit_base).finish();
  return m.build();
}

// --- as it should be -------------------------------------------------------------------------

class clean_flow : public ::testing::TestWithParam<bool> {};

TEST_P(clean_flow, of_a_mapping_has_no_findings) {
  checked s(one_unit(default_cap(), default_ecap().set_page_walk_coherency(GetParam())));
  s.attach(nic);
  uint64_t address = iova;
  for (const uint64_t size : {uint64_t{0x1000}, uint64_t{0x5000}, two_mib}) {
    s.map(address, memory, size);
    EXPECT_EQ(s.dma(nic, address + size - 8).address, memory + size - 8);
    EXPECT_TRUE(s.dma(nic, address, dma_access::write).ok());
    s.unmap(address, size);
    EXPECT_FALSE(s.dma(nic, address + size - 8).ok());
    address += two_mib;
  }
  iommu_detach_device(*s.domain, s.function(nic).dev);
  EXPECT_FALSE(s.dma(nic, iova).ok());
  iommu_domain_free(*s.domain);
  EXPECT_TRUE(s.findings().empty()) << s.report();
}
INSTANTIATE_TEST_SUITE_P(snooping, clean_flow, ::testing::Bool());

TEST(sanitizer, changes_nothing_that_the_driver_does) {
  system plain(one_unit());
  plain.boot();
  checked watched(one_unit());
  EXPECT_EQ(watched.accesses(), plain.accesses());
  EXPECT_EQ(watched.log(), plain.log());
}

// An entry that was copied from a crashed kernel is absent to the driver and present to the unit:
// context_clear_entry() goes first.
TEST(sanitizer, sees_a_copied_context_entry_cleared_before_it_is_written_anew) {
  checked s(one_unit());
  s.attach(nic);
  constexpr uint64_t copied = 1u << 3;  // bit 67
  const uint64_t contexts = s.word(s.root_table()) & page_mask;
  s.word(contexts + nic.devfn * uint64_t{16} + 8) |= copied;
  ASSERT_EQ(domain_context_mapping(s.driver(), to_dmar_domain(*s.domain), s.function(nic).dev), 0);
  EXPECT_FALSE(s.context_of(nic).copied());
  EXPECT_TRUE(s.context_of(nic).present());
  EXPECT_TRUE(s.findings().empty()) << s.report();
}

// --- what Linux 4.4 does wrong ---------------------------------------------------------------

// intel_iommu_map() never flushes the write buffers: not before iotlb_sync_map() of later kernels.
TEST(linux_4_4, maps_by_the_iommu_api_without_a_write_buffer_flush) {
  checked s(one_unit(default_cap().set_required_write_buffer_flush(true)));
  s.attach(nic);
  s.map(iova, memory, 0x1000);
  EXPECT_TRUE(s.dma(nic, iova).ok());
  ASSERT_FALSE(s.findings().empty());
  for (const finding& f : s.findings()) {
    EXPECT_EQ(f.id, sanitizer_rule::missing_write_buffer_flush);
    EXPECT_THAT(f.made.stack, Contains("intel_iommu_map"));
  }
}

// Nor does it tell a unit in caching mode that something is there now.
TEST(linux_4_4, maps_by_the_iommu_api_without_an_invalidation_in_caching_mode) {
  checked s(one_unit(default_cap().set_caching_mode(true)));
  s.attach(nic);
  EXPECT_FALSE(s.dma(nic, iova).ok());
  s.map(iova, memory, 0x1000);
  EXPECT_FALSE(s.dma(nic, iova).ok());
  ASSERT_EQ(s.findings().size(), 1u) << s.report();
  EXPECT_EQ(s.findings()[0].id, sanitizer_rule::stale_translation);
  EXPECT_EQ(s.findings()[0].where, iova);
  EXPECT_THAT(s.findings()[0].made.stack, Contains("intel_iommu_map"));
}

// Unmapping pages by register says that only leaves changed; a superpage then takes the place of
// their table, which is freed at once while paging-structure caches lead to it. The queue's
// descriptors never carry that hint, which makes up for it.
TEST(linux_4_4, frees_a_cached_table_for_a_superpage) {
  for (const bool queue : {true, false}) {
    checked s(one_unit(default_cap(), default_ecap().set_queued_invalidation(queue)));
    s.attach(nic);
    for (uint64_t at = 0; at < two_mib; at += 0x1000) s.map(iova + at, memory + at, 0x1000);
    EXPECT_TRUE(s.dma(nic, iova).ok());
    for (uint64_t at = 0; at < two_mib; at += 0x1000) s.unmap(iova + at, 0x1000);
    ASSERT_TRUE(s.findings().empty()) << s.report();
    s.map(iova, memory, two_mib);
    if (queue) {
      EXPECT_TRUE(s.dma(nic, iova).ok());
      EXPECT_TRUE(s.findings().empty()) << s.report();
      continue;
    }
    ASSERT_EQ(s.findings().size(), 1u) << s.report();
    const finding& f = s.findings()[0];
    EXPECT_EQ(f.id, sanitizer_rule::freed_while_reachable);
    EXPECT_THAT(f.sentence, HasSubstr("paging-structure cache"));
    EXPECT_THAT(f.now.stack, Contains("dma_pte_free_level"));
    EXPECT_THAT(f.made.stack, Contains("dma_pte_free_level"));
    // What the device sees is the freed table, not the superpage.
    EXPECT_FALSE(s.dma(nic, iova).ok());
    EXPECT_THAT(s.rules(), Contains(sanitizer_rule::stale_translation));
  }
}

// A domain of four levels that joins a unit of three loses its top table, which the unit of four
// goes on using.
TEST(linux_4_4, frees_the_top_table_of_another_unit) {
  const vtd::cap_register wide = default_cap().set_sagaw(0b00100).set_max_guest_address_width(48);
  checked s(two_units(wide, default_ecap(), default_cap(), default_ecap()));
  s.attach(nic);
  s.map(iova, memory, 0x1000);
  EXPECT_TRUE(s.dma(nic, iova).ok());
  EXPECT_TRUE(s.findings().empty()) << s.report();
  s.attach(other_nic);
  ASSERT_FALSE(s.findings().empty());
  const finding& f = s.findings()[0];
  EXPECT_EQ(f.id, sanitizer_rule::freed_while_reachable);
  EXPECT_EQ(f.unit, "dmar0");
  EXPECT_EQ(f.where, s.context_of(nic, 0).table());
  EXPECT_THAT(f.now.stack, Contains("intel_iommu_attach_device"));
  EXPECT_THAT(f.made.stack, Contains("domain_context_mapping_one"));
}

// Whether to flush is decided when a mapping is made: joining a unit that does not snoop later
// leaves it unflushed.
TEST(linux_4_4, joins_a_unit_that_does_not_snoop_with_unflushed_tables) {
  const auto snooping = default_ecap().set_page_walk_coherency(true);
  checked s(two_units(default_cap(), snooping, default_cap(), default_ecap()));
  s.attach(nic);
  s.map(iova, memory, 0x1000);
  EXPECT_TRUE(s.dma(nic, iova).ok());
  s.attach(other_nic);
  EXPECT_TRUE(s.findings().empty()) << s.report();
  EXPECT_TRUE(s.dma(other_nic, iova, dma_access::read, 1).ok());
  ASSERT_FALSE(s.findings().empty());
  for (const finding& f : s.findings()) {
    EXPECT_EQ(f.id, sanitizer_rule::unflushed_write);
    EXPECT_EQ(f.unit, "dmar1");
    EXPECT_THAT(f.made.stack, Contains("__domain_mapping"));
  }
}

// --- one step left out -----------------------------------------------------------------------

/// Takes the sanitizer's place, and passes everything on to it but one cache flush.
class without_one_flush : public table_observer {
 public:
  without_one_flush(kernel& k, unsigned which) : next_(*k.sanitizer()), left_(which) {
    k.env().tables.end_all();
    subscription_ = k.env().tables.add(this);
  }

  void table_word_written(table_kind kind, phys_addr word, uint64_t before,
                          uint64_t after) override {
    next_.table_word_written(kind, word, before, after);
  }
  void cache_lines_flushed(phys_addr start, uint64_t bytes) override {
    if (left_ == 0) swallowed_ = start.value();
    if (left_-- != 0) next_.cache_lines_flushed(start, bytes);
  }
  void table_page_allocated(phys_addr page) override { next_.table_page_allocated(page); }
  void table_page_freed(phys_addr page) override { next_.table_page_freed(page); }
  void unmap_returned(const unmapped_range& range) override { next_.unmap_returned(range); }

  [[nodiscard]] std::optional<uint64_t> swallowed() const { return swallowed_; }

 private:
  table_observer& next_;
  unsigned left_;
  std::optional<uint64_t> swallowed_;
  listener_list<table_observer*>::subscription subscription_;
};

// Two tables and their links, one leaf: five flushes on the way to a first mapping.
TEST(a_flow_without, any_one_of_its_cache_flushes_is_found) {
  unsigned swallowed = 0;
  for (unsigned which = 0;; ++which) {
    checked s(one_unit());
    s.attach(nic);
    const without_one_flush mutation(s.k(), which);
    s.map(iova, memory, 0x1000);
    // The page, and what lies beside it in each table but in other cache lines.
    EXPECT_TRUE(s.dma(nic, iova).ok());
    EXPECT_FALSE(s.dma(nic, iova + uint64_t{64} * 0x1000).ok());
    EXPECT_FALSE(s.dma(nic, iova + 64 * two_mib).ok());
    if (!mutation.swallowed()) {
      EXPECT_TRUE(s.findings().empty()) << s.report();
      break;
    }
    ++swallowed;
    ASSERT_FALSE(s.findings().empty()) << "without flush " << which;
    for (const finding& f : s.findings()) {
      EXPECT_EQ(f.id, sanitizer_rule::unflushed_write);
      EXPECT_EQ(f.where & page_mask, *mutation.swallowed() & page_mask);
      EXPECT_THAT(f.made.stack, Contains("__domain_mapping"));
    }
  }
  EXPECT_EQ(swallowed, 5u);
}

// Where the tables are there already, nothing but the leaf is written.
TEST(a_flow_without, the_flush_of_a_further_page_is_found_with_its_calls) {
  checked s(one_unit());
  s.attach(nic);
  s.map(iova, memory, 0x1000);
  s.stop_recording();
  const uint64_t further = iova + uint64_t{64} * 0x1000;
  const without_one_flush mutation(s.k(), 0);
  s.map(further, memory, 0x1000);
  EXPECT_TRUE(s.dma(nic, further).ok());
  ASSERT_EQ(s.findings().size(), 1u) << s.report();
  EXPECT_EQ(s.findings()[0].id, sanitizer_rule::unflushed_write);
  EXPECT_THAT(s.findings()[0].made.stack, Contains("__domain_mapping"));
}

TEST(a_flow_without, its_iotlb_invalidation_is_found) {
  checked s(one_unit());
  s.attach(nic);
  s.map(iova, memory, 0x3000);
  ASSERT_TRUE(s.dma(nic, iova + 0x1000).ok());
  s.driver().g_iommus[0]->flush.flush_iotlb = [](dmar_state&, intel_iommu&, domain_id, uint64_t,
                                                 unsigned, vtd::iotlb_granularity) {};
  s.unmap(iova, 0x3000);
  ASSERT_EQ(s.findings().size(), 1u) << s.report();
  EXPECT_EQ(s.findings()[0].id, sanitizer_rule::reachable_after_unmap);
  EXPECT_EQ(s.findings()[0].where, iova + 0x1000);
  EXPECT_THAT(s.findings()[0].now.stack, Contains("intel_iommu_unmap"));

  EXPECT_TRUE(s.dma(nic, iova + 0x1000).ok());
  EXPECT_EQ(s.findings().size(), 2u);
}

TEST(a_flow_without, its_context_invalidation_is_found) {
  checked s(one_unit());
  s.attach(nic);
  s.map(iova, memory, 0x1000);
  ASSERT_TRUE(s.dma(nic, iova).ok());
  s.driver().g_iommus[0]->flush.flush_context = [](dmar_state&, intel_iommu&, domain_id, uint16_t,
                                                   uint8_t, vtd::context_granularity) {};
  iommu_detach_device(*s.domain, s.function(nic).dev);
  s.dma(nic, iova);
  ASSERT_FALSE(s.findings().empty());
  EXPECT_EQ(s.findings()[0].id, sanitizer_rule::stale_translation);
  EXPECT_THAT(s.findings()[0].made.stack, Contains("clear_context_table"));
}

TEST(a_flow_without, its_write_buffer_flush_is_found) {
  for (const bool flush : {true, false}) {
    checked s(one_unit(default_cap().set_required_write_buffer_flush(true)));
    if (!flush) s.driver().g_iommus[0]->cap.set_required_write_buffer_flush(false);
    s.attach(nic);
    EXPECT_FALSE(s.dma(nic, iova).ok());
    EXPECT_EQ(s.findings().empty(), flush) << s.report();
    for (const finding& f : s.findings()) {
      EXPECT_EQ(f.id, sanitizer_rule::missing_write_buffer_flush);
      EXPECT_EQ(f.source, nic);
      EXPECT_THAT(f.made.stack, Contains("domain_context_mapping_one"));
    }
  }
}

}  // namespace
}  // namespace iommulab::test::sanitizer_test
