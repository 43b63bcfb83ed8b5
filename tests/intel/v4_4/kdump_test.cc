// SPDX-License-Identifier: GPL-2.0-only
//
// Start-up over a unit that is translating already: a crashed kernel's, whose tables are taken
// over (elfcorehdr= on the command line), or firmware's.
#include "intel/v4_4/kdump.h"

#include "intel/expect.h"
#include "intel/v4_4/device.h"
#include "support/old_kernel.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"

namespace iommulab::test::kdump_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

using ::testing::Each;
using ::testing::ElementsAreArray;

bool translating(system& s) {
  return (s.unit().peek(vtd_register::gsts) & te) != 0;
}

bool id_taken(system& s, unsigned did) {
  return s.driver().domains[0].domain_ids.is_taken(did);
}

small_machine machine() {
  small_machine m;
  m.add_function(isa_bridge());
  return m;
}

// Linux v4.4 intel-iommu.c: copy_translation_tables(), copy_context_table(): a copy of each context
// table under a new root, bit 67 set in every present entry, its domain id taken.
TEST(kdump, copies_context_tables_and_marks_every_entry) {
  system s(machine().build(), std::string(crash_line));
  old_kernel old(s);
  old.run();
  ASSERT_EQ(s.boot().intel_iommu_init, 0);

  EXPECT_NE(s.root_table(), old_kernel::root);
  for (const auto& [id, domain] :
       {std::pair(nic, old_kernel::nic_domain), std::pair(disk, old_kernel::disk_domain)}) {
    const system::context entry = s.context_of(id);
    EXPECT_EQ(entry.lo, old_kernel::page_tables | 1);
    EXPECT_EQ(entry.domain(), domain);
    EXPECT_EQ(entry.width_code(), 1u);
    EXPECT_TRUE(entry.copied());
    EXPECT_TRUE(id_taken(s, domain));
  }
  EXPECT_FALSE(id_taken(s, 8));
  EXPECT_FALSE(s.context_of(at(0, 4)).present());
  EXPECT_FALSE(s.context_of(at(6, 0)).present());
  EXPECT_EQ(s.word(old_kernel::contexts_0 + nic.devfn * uint64_t{16} + 8) & 8, 0u)
      << "the old kernel's table is only read";
}

// init_dmars(): with translation_pre_enabled() the last loop does not enable, and nothing disables;
// alloc_iommu() took TE into gcmd, so no command loses it.
TEST(kdump, never_stops_translating) {
  system s(machine().build(), std::string(crash_line));
  old_kernel old(s);
  old.run();
  ASSERT_EQ(s.boot().intel_iommu_init, 0);

  EXPECT_TRUE(translating(s));
  const std::vector<uint64_t> commands = s.written(r_gcmd);
  EXPECT_THAT(commands, ElementsAreArray({te | qie, te | qie | srtp}));

  const intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
  const sequence expected = chain({no_faults(),
                                   enable_queue(iommu.qi->desc_phys.value(), te),
                                   {read4(r_gsts), read8(r_rtaddr)},
                                   set_root(iommu.root_entry_phys.value(), te | qie),
                                   {submit(1), submit(2)},
                                   set_interrupt(s, 0),
                                   disable_protected_memory()});
  EXPECT_EQ(s.accesses("dmar0", "init_dmars"), expected);
}

// The device goes on with its DMA as if nothing had happened.
TEST(kdump, old_mappings_stay_in_force) {
  system s(machine().build(), std::string(crash_line));
  old_kernel old(s);
  old.run();
  const dma_translation before = s.dma(nic, old_kernel::mapped + 0x10);
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(before.address, old_kernel::memory + 0x10);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  for (const source_id id : {nic, disk}) {
    const dma_translation after = s.dma(id, old_kernel::mapped + 0x10, dma_access::write);
    EXPECT_EQ(after.outcome, dma_outcome::translated);
    EXPECT_EQ(after.address, old_kernel::memory + 0x10);
  }
}

// init_dmars(), "goto domains_done": no RMRR, no ISA mapping, no pass-through at boot.
TEST(kdump, assigns_no_device_at_boot) {
  for (const char* more : {"", " iommu=pt"}) {
    system s(machine().build(), std::string(crash_line) + more);
    old_kernel old(s);
    old.run();
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(s.logged("DMAR: Setting RMRR:"), 0);
    EXPECT_EQ(s.logged("DMAR: Prepare 0-16MiB unity mapping for LPC"), 0);
    for (const source_id id : {nic, at(0, 0x1f), at(0, 0)}) {
      EXPECT_EQ(s.function(id).dev.archdata_iommu, nullptr);
    }
    EXPECT_EQ(s.logged("DMAR: Translation already enabled - trying to copy translation structures"),
              1);
    EXPECT_EQ(s.logged("DMAR: Copied translation tables from previous kernel for dmar0"), 1);
  }
}

// context_present(): a copied entry counts as absent, so the driver that comes gets its own domain
// under an id that no copied entry has. 4.4 does not flush the old entry (4.12 does).
TEST(kdump, a_driver_that_takes_its_device_replaces_the_copied_entry) {
  system s(machine().build(), std::string(crash_line));
  old_kernel old(s);
  old.set_context(old_kernel::contexts_0, at(0, 9), 1);  // ids 1 and 7 are taken
  old.run();
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.function(nic).dev, 48);
  ASSERT_NE(domain, nullptr);
  const system::context entry = s.context_of(nic);
  EXPECT_FALSE(entry.copied());
  EXPECT_EQ(entry.domain(), 2u);
  EXPECT_NE(entry.table(), old_kernel::page_tables);
  EXPECT_TRUE(s.context_of(disk).copied());
}

struct failing_copy {
  const char* what;
  uint64_t rtaddr;
};
class kdump_failure : public ::testing::TestWithParam<failing_copy> {};

// copy_translation_tables(): another kind of root table (bit 11 of RTADDR differs from ECAP.ECS),
// no root table at all, or one that is not in memory. init_dmars() then switches translation off
// and goes on with an empty table, and devices are assigned as ever.
TEST_P(kdump_failure, falls_back_to_an_empty_table) {
  system s(machine().build(), std::string(crash_line));
  old_kernel old(s);
  old.run(GetParam().rtaddr);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Failed to copy translation tables from previous kernel for dmar0"), 1);
  EXPECT_EQ(s.logged("DMAR: Copied translation tables from previous kernel for dmar0"), 0);
  EXPECT_THAT(s.written(r_gcmd), ElementsAreArray({te | qie, qie, qie | srtp, qie | te}));
  EXPECT_TRUE(translating(s));
  EXPECT_FALSE(s.context_of(nic).present());
  EXPECT_TRUE(s.context_of(at(0, 0x1f)).present());
  EXPECT_EQ(s.logged("DMAR: Setting RMRR:"), 1);
}

INSTANTIATE_TEST_SUITE_P(
    reasons, kdump_failure,
    ::testing::Values(failing_copy{"extended_root_table", old_kernel::root | 1u << 11},
                      failing_copy{"no_root_table", 0},
                      failing_copy{"root_table_outside_of_memory", 0x7000000000}),
    [](const auto& test_case) { return std::string(test_case.param.what); });

// The same when the list of copied tables cannot be allocated: kzalloc() of ctxt_tbls.
TEST(kdump, falls_back_when_memory_runs_out) {
  // Count the allocations up to the copy with a run that passes.
  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 100u) << "no allocation failed inside copy_translation_tables()";
    system s(machine().build(), std::string(crash_line));
    old_kernel old(s);
    old.run();
    s.k().slab().fail_at(n);
    s.boot();
    if (!s.log_contains("Failed to copy translation tables")) continue;
    EXPECT_EQ(s.outcome.intel_iommu_init, 0);
    EXPECT_THAT(s.written(r_gcmd), ElementsAreArray({te | qie, qie, qie | srtp, qie | te}));
    return;
  }
}

// copy_context_table() failing for one bus costs that bus only: the loop goes on, and the whole
// still counts as copied.
TEST(kdump, a_context_table_that_cannot_be_copied_leaves_its_bus_out) {
  system s(machine().build(), std::string(crash_line));
  old_kernel old(s);
  old.set_bus(5, 0x7000000000);
  old.run();
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: dmar0: Failed to copy context table for bus 5"), 1);
  EXPECT_EQ(s.logged("DMAR: Copied translation tables from previous kernel for dmar0"), 1);
  EXPECT_TRUE(s.context_of(nic).copied());
  EXPECT_FALSE(s.context_of(disk).present());
  EXPECT_TRUE(translating(s));
}

TEST(kdump, a_page_that_cannot_be_had_leaves_its_bus_out) {
  // Pages in order: queue, status words, root table, then one context table a bus.
  for (const auto& [n, lost, kept] : {std::tuple(4, nic, disk), std::tuple(5, disk, nic)}) {
    system s(machine().build(), std::string(crash_line));
    old_kernel old(s);
    old.run();
    s.k().pages().fail_at(static_cast<uint64_t>(n));
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(
        s.logged("DMAR: dmar0: Failed to copy context table for bus " + std::to_string(lost.bus)),
        1);
    EXPECT_FALSE(s.context_of(lost).present());
    EXPECT_TRUE(s.context_of(kept).copied());
    EXPECT_EQ(s.k().pages().live_pages(), s.reachable_pages());
  }
}

// copy_context_table() of extended tables (9.2, 9.4): each half of a bus has a table of its own, of
// entries of 32 bytes, of which the first 16 are copied. The unit here has no such tables, so the
// driver is told that it has once it runs.
TEST(kdump, copies_the_halves_of_extended_tables_each_by_itself) {
  constexpr source_id low = at(5, 2), high = at(6, 0x12);
  constexpr uint64_t pasid_enable = 1 << 11;
  system s(machine().build());
  old_kernel old(s);
  s.word(old_kernel::root + 5 * uint64_t{16}) = old_kernel::contexts_5 | 1;
  s.word(old_kernel::root + 6 * uint64_t{16}) = 0;
  s.word(old_kernel::root + 6 * uint64_t{16} + 8) = old_kernel::contexts_0 | 1;
  s.word(old_kernel::root) = 0;
  const auto set_extended = [&](uint64_t contexts, source_id id, uint64_t domain) {
    const uint64_t at = contexts + (id.devfn & 0x7f) * uint64_t{32};
    s.word(at + 8) = domain << 8 | 1;
    s.word(at) = old_kernel::page_tables | pasid_enable | 1;
    s.word(at + 16) = 0x2001;  // a PASID table's address, which only looks like an entry
  };
  for (uint64_t at = 0; at < page_size; at += 8) {
    s.word(old_kernel::contexts_0 + at) = 0;
    s.word(old_kernel::contexts_5 + at) = 0;
  }
  set_extended(old_kernel::contexts_5, low, 40);
  set_extended(old_kernel::contexts_0, high, 41);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
  iommu.ecap = vtd::ecap_register(iommu.ecap.value() | uint64_t{1} << 24);  // ECS
  s.unit().write64(r_rtaddr, old_kernel::root | 1u << 11);
  ASSERT_EQ(copy_translation_tables(s.driver(), iommu), 0);
  EXPECT_EQ(reported(s.events()), reports{divergence::upper_context_table_alone}) << "bus 6";

  const uint64_t root = iommu.root_entry_phys.value();
  const auto table_of = [&](source_id id) {
    return s.word(root + id.bus * uint64_t{16} + (id.devfn >= 0x80 ? 8 : 0));
  };
  for (const auto& [id, domain] : {std::pair(low, 40u), std::pair(high, 41u)}) {
    const uint64_t table = table_of(id);
    ASSERT_EQ(table & 1, 1u) << to_string(id);
    EXPECT_NE(table & page_mask, old_kernel::contexts_5);
    const uint64_t at = (table & page_mask) + (id.devfn & 0x7f) * uint64_t{32};
    EXPECT_EQ(s.word(at), old_kernel::page_tables | 1);
    EXPECT_EQ(s.word(at + 8), uint64_t{domain} << 8 | 8 | 1);
    EXPECT_EQ(s.word(at + 16), 0u);
    EXPECT_TRUE(id_taken(s, domain));
  }
  EXPECT_EQ(s.word(root + 5 * uint64_t{16} + 8), 0u);
  EXPECT_EQ(s.word(root + 6 * uint64_t{16}), 0u);
}

// Out of kdump nobody's DMA has to go on: init_dmars() switches off what firmware left on.
TEST(kdump, translation_left_on_by_firmware_is_switched_off_first) {
  system s(machine().build());
  old_kernel old(s);
  old.run();
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Translation was enabled for dmar0 but we are not in kdump mode"), 1);
  EXPECT_EQ(s.logged("DMAR: Translation already enabled - trying to copy translation structures"),
            0);
  EXPECT_THAT(s.written(r_gcmd), ElementsAreArray({te | qie, qie, qie | srtp, qie | te}));
  EXPECT_FALSE(s.context_of(nic).present());
}

}  // namespace
}  // namespace iommulab::test::kdump_test
