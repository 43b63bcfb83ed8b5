// SPDX-License-Identifier: GPL-2.0-only
//
// Context entries under Linux 4.4.178, beside 4.4.1 (domain_context_mapping_one()), and the quirk
// that asks for one more of them.
#include "core/iommu/v4_4/iommu_ops.h"
#include "intel/expect.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/page_table.h"
#include "support/old_kernel.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"
#include "support/v4_4_178/releases.h"

namespace iommulab::test::release_context_test {
namespace {

using namespace v4_4;
using linux_4_4::release;
using linux_4_4::releases;
using linux_4_4::system;

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

using descriptor_list = std::vector<std::pair<uint64_t, uint64_t>>;

// ---- entries of a crashed kernel ----------------------------------------------------------------

// 6.5.2.1: type 1, granularity 11b (device) in 5:4, domain in 31:16, source in 47:32.
constexpr std::pair<uint64_t, uint64_t> device_context(unsigned domain, source_id id) {
  return {uint64_t{id.requester_id()} << 32 | domain << 16 | 0b11 << 4 | 1, 0};
}
// 6.5.2.2: type 2, granularity 10b (domain) in 5:4, drains in 7 and 6, domain in 31:16.
constexpr std::pair<uint64_t, uint64_t> domain_translations(unsigned domain) {
  return {uint64_t{domain} << 16 | 0b11 << 6 | 0b10 << 4 | 2, 0};
}

/// A system that dumps a crashed one, in which a driver then takes its device.
struct dumping : system {
  dumping(const machine_config& machine, bool later, unsigned nic_domain)
      : system(machine, std::string(crash_line), trace_class::all, release(later)) {
    old_kernel old(*this);
    old.set_context(old_kernel::contexts_0, nic, nic_domain);
    old.run();
    EXPECT_EQ(boot().intel_iommu_init, 0);
    EXPECT_TRUE(context_of(nic).copied());
  }
  /// The invalidations that it takes to give the device a domain.
  descriptor_list taking(source_id id) {
    events().clear();
    EXPECT_NE(get_domain_for_dev(driver(), function(id).dev, 48), nullptr);
    EXPECT_TRUE(context_of(id).present());
    EXPECT_FALSE(context_of(id).copied());
    return descriptors();
  }
};

TEST(copied_entry, is_forgotten_before_it_is_replaced) {
  for (const bool later : releases) {
    dumping s(small_machine().build(), later, 7);
    const descriptor_list expected =
        later ? descriptor_list{device_context(7, nic), domain_translations(7)} : descriptor_list{};
    EXPECT_EQ(s.taking(nic), expected);
    EXPECT_NE(s.context_of(nic).domain(), 7u) << "the old id stays taken";
    EXPECT_THAT(s.taking(at(0, 0)), IsEmpty()) << "it has no old entry";
  }
}

// The entry is still the old one while the invalidations are under way.
TEST(copied_entry, is_in_place_until_then) {
  dumping s(small_machine().build(), true, 7);
  s.taking(nic);
  bool flushed = false;
  for (const trace_event& e : s.events().events()) {
    if (const auto* d = e.as<events::descriptor>()) flushed |= (d->low & 0xf) == 1;
    const auto* write = e.as<events::table_write>();
    if (write == nullptr || write->table != "context") continue;
    EXPECT_TRUE(flushed);
  }
  EXPECT_TRUE(flushed);
}

// CAP.ND of 2 is 256 domains. An id that the unit does not have is in no cache.
TEST(copied_entry, with_an_id_out_of_range_is_not) {
  small_machine m;
  m.set_cap(default_cap().set_number_of_domains(256));
  for (const bool later : releases) {
    dumping out_of_range(m.build(), later, 256);
    EXPECT_THAT(out_of_range.taking(nic), IsEmpty());
    dumping last(m.build(), later, 255);
    EXPECT_EQ(last.taking(nic).size(), later ? 2u : 0u);
  }
}

// 6.1: in caching mode the absence of an entry is remembered under id 0, in either kernel.
TEST(copied_entry, in_caching_mode_comes_before_the_absent_one) {
  small_machine m;
  m.set_cap(default_cap().set_caching_mode(true));
  for (const bool later : releases) {
    dumping s(m.build(), later, 7);
    const descriptor_list done = s.taking(nic);
    descriptor_list expected = {device_context(0, nic),
                                domain_translations(s.context_of(nic).domain())};
    if (later) {
      expected.insert(expected.begin(), {device_context(7, nic), domain_translations(7)});
    }
    EXPECT_THAT(done, ElementsAreArray(expected));
  }
}

// ---- levels -------------------------------------------------------------------------------------

constexpr source_id deep = at(0, 4), shallow = nic;

/// A unit of three levels for all others, and one of three and four for `deep`.
machine_config machine_of_two_depths() {
  constexpr uint64_t deep_unit = small_unit_base + 0x1000;
  small_machine m;
  m.add_unit(deep_unit, default_cap().set_sagaw(0b00110).set_max_guest_address_width(48));
  m.add_function(plain_function(deep, 0x8086, 0x10d3, 0x020000));
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  m.table =
      dmar_builder(47).add_drhd(0, 0, deep_unit, scopes).add_drhd(1, 0, small_unit_base).finish();
  return m.build();
}

struct running : system {
  running(const machine_config& machine, bool later)
      : system(machine, "intel_iommu=on", trace_class::all, release(later)) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
    events().clear();
  }
  device& dev(source_id id) { return function(id).dev; }
};

// 9.3, AW: 1 is three levels, 2 is four.
TEST(levels, of_a_flat_domain_are_what_a_deeper_unit_is_told) {
  constexpr uint64_t address = 0x12345000, memory = 0x1000000;
  for (const bool later : releases) {
    running s(machine_of_two_depths(), later);
    v4_4::iommu_domain* domain = iommu_domain_alloc(*s.dev(deep).bus);
    ASSERT_EQ(iommu_attach_device(*domain, s.dev(shallow)), 0);
    ASSERT_EQ(to_dmar_domain(*domain).agaw, 1);
    ASSERT_EQ(iommu_map(*domain, dma_addr(address), phys_addr(memory), page_size,
                        iommu_read | iommu_write),
              0);
    EXPECT_EQ(iommu_attach_device(*domain, s.dev(deep)), later ? 0 : -EBUSY);
    EXPECT_EQ(reported(s.events()),
              later ? reports{} : reports{divergence::context_too_few_levels});
    const system::context entry = s.context_of(deep, 1);
    EXPECT_EQ(entry.present(), later);
    EXPECT_EQ(s.dma(shallow, address, dma_access::write, 0).address, memory);
    if (!later) continue;
    EXPECT_EQ(entry.width_code(), 1u);
    EXPECT_EQ(entry.table(), to_dmar_domain(*domain).pgd.value());
    EXPECT_EQ(s.dma(deep, address, dma_access::write, 1).address, memory);
  }
}

TEST(levels, of_the_units_own_depth_and_above_it_are_the_same_in_both) {
  for (const bool later : releases) {
    running s(machine_of_two_depths(), later);
    dmar_domain* own = get_domain_for_dev(s.driver(), s.dev(deep), 48);
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(s.context_of(deep, 1).width_code(), 2u);
    EXPECT_EQ(s.context_of(deep, 1).table(), own->pgd.value());

    // Behind a unit of three levels, four: the table below the first is the unit's.
    dmar_domain* four = alloc_domain(s.driver(), dmar_domain::flag_virtual_machine);
    ASSERT_EQ(md_domain_init(s.driver(), *four, 48), 0);
    ASSERT_EQ(domain_pfn_mapping(s.driver(), *four, 1, 0x1000, 1, 3), 0);
    ASSERT_EQ(domain_add_dev_info(s.driver(), *four, s.dev(shallow)), 0);
    EXPECT_EQ(s.context_of(shallow, 0).width_code(), 1u);
    EXPECT_EQ(s.context_of(shallow, 0).table(), s.word(four->pgd.value()) & page_mask);
    EXPECT_EQ(reported(s.events()), reports{});
  }
}

// ---- an entry that cannot be had ----------------------------------------------------------------

// The first page is the domain's table, the second the bus's context table.
TEST(missing_context_table, is_an_error_that_the_later_kernel_answers_itself) {
  for (const bool later : releases) {
    running s(small_machine().build(), later);
    s.k().pages().failures().fail_at(2);
    EXPECT_EQ(get_domain_for_dev(s.driver(), s.dev(nic), 48), nullptr);
    EXPECT_EQ(s.logged("DMAR: Domain context map for 0000:00:03.0 failed"), 1);
    EXPECT_EQ(reported(s.events()), later ? reports{} : reports{divergence::context_failure_told});
    EXPECT_EQ(find_domain(s.driver(), s.dev(nic)), nullptr);
    EXPECT_EQ(s.driver().live_domains(), 0u);
    s.expect_nothing_leaked();
  }
}

// The table at the unit's level is there, and its first entry is empty.
TEST(missing_level, is_an_error_that_the_later_kernel_answers_itself) {
  for (const bool later : releases) {
    running s(machine_of_two_depths(), later);
    dmar_domain* four = alloc_domain(s.driver(), dmar_domain::flag_virtual_machine);
    ASSERT_EQ(md_domain_init(s.driver(), *four, 48), 0);
    ASSERT_EQ(domain_pfn_mapping(s.driver(), *four, uint64_t{1} << 18, 0x1000, 1, 3), 0);
    EXPECT_EQ(domain_add_dev_info(s.driver(), *four, s.dev(shallow)), -EBUSY);
    EXPECT_EQ(reported(s.events()), later ? reports{} : reports{divergence::context_failure_told});
    EXPECT_FALSE(s.context_of(shallow, 0).present());
    domain_exit(s.driver(), four);
    s.expect_nothing_leaked();
  }
}

// ---- requests from function 1 -------------------------------------------------------------------

struct controller {
  uint16_t vendor;
  uint16_t device;
};
constexpr controller known_to_both = {0x1b4b, 0x9123};
constexpr controller known_later[] = {{0x1b4b, 0x9128}, {0x1b4b, 0x9220}, {0x1103, 0x0645}};
constexpr controller known_to_none[] = {{0x1b4b, 0x9129}, {0x1103, 0x9128}, {0x1b4b, 0x0645}};

// Linux v4.4.178 drivers/pci/quirks.c: three more lines for quirk_dma_func1_alias()
TEST(function_1, has_an_entry_too_where_requests_come_from_it) {
  constexpr source_id zero = at(0, 4, 0), one = at(0, 4, 1);
  const auto has_alias = [&](const controller& c, bool later) {
    small_machine m;
    m.add_function(plain_function(zero, c.vendor, c.device, 0x010601));
    running s(m.build(), later);
    EXPECT_NE(get_domain_for_dev(s.driver(), s.dev(zero), 48), nullptr);
    EXPECT_TRUE(s.context_of(zero).present());
    EXPECT_EQ(s.context_of(zero).table() == s.context_of(one).table(), s.context_of(one).present());
    return s.context_of(one).present();
  };
  for (const bool later : releases) {
    EXPECT_TRUE(has_alias(known_to_both, later));
    for (const controller& c : known_later) EXPECT_EQ(has_alias(c, later), later) << c.device;
    for (const controller& c : known_to_none) EXPECT_FALSE(has_alias(c, later)) << c.device;
  }
}

}  // namespace
}  // namespace iommulab::test::release_context_test
