// SPDX-License-Identifier: GPL-2.0-only
//
// Domains: their ids, which are each unit's own and few, who counts on them, and their end.
#include "intel/v4_4/domain.h"

#include "intel/expect.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/flush.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/structures.h"
#include "iova/iova.h"
#include "platform/machine/builtin.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"

namespace iommulab::test::domain_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

intel_iommu& first_unit(system& s) {
  return *s.driver().dmar_drhd_units.front().iommu;
}

/// A machine with `count` network functions from 01:00.0 on (a root bus of their own), and a unit
/// of `domains` domain ids.
machine_config with_functions(unsigned count, uint32_t domains) {
  small_machine m;
  m.set_cap(default_cap().set_number_of_domains(domains));
  m.roots.push_back({0, 1});
  for (unsigned i = 0; i < count; ++i) {
    m.add_function(
        function_builder(at(1, i / 8, i % 8), 0x8086, 0x10d3, 0x020000).multifunction().build());
  }
  return m.build();
}
constexpr source_id function_of(unsigned i) {
  return at(1, i / 8, i % 8);
}

// CAP.ND = 0: sixteen ids, the first of which is never given out (iommu_init_domains()).
// The ids below 64 that are taken.
std::vector<uint32_t> ids_used(system& s) {
  std::vector<uint32_t> used;
  for (uint32_t id = 0; id < 64; ++id) {
    if (s.driver().domains[0].domain_ids.is_taken(id)) used.push_back(id);
  }
  return used;
}

TEST(domain_ids, run_out_with_a_message_and_nothing_left_behind) {
  system s(with_functions(20, 16));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  for (unsigned i = 0; i < 15; ++i) {
    dmar_domain* domain = get_domain_for_dev(drv, s.function(function_of(i)).dev, 48);
    ASSERT_NE(domain, nullptr);
    EXPECT_EQ(s.context_of(function_of(i)).domain(), i + 1);
    EXPECT_EQ(get_iommu_domain(drv, first_unit(s), static_cast<uint16_t>(i + 1)), domain);
  }
  const uint64_t domains = drv.live_domains();
  for (unsigned i = 15; i < 20; ++i) {
    device& dev = s.function(function_of(i)).dev;
    EXPECT_EQ(get_domain_for_dev(drv, dev, 48), nullptr);
    EXPECT_EQ(dev.archdata_iommu, nullptr);
    EXPECT_FALSE(s.context_of(function_of(i)).present());
  }
  EXPECT_EQ(s.logged("DMAR: dmar0: No free domain ids"), 5);
  EXPECT_EQ(drv.live_domains(), domains);
  s.expect_nothing_leaked();

  // An id that comes free is the next one's: find_first_zero_bit().
  domain_exit(drv, find_domain(drv, s.function(function_of(6)).dev));
  ASSERT_NE(get_domain_for_dev(drv, s.function(function_of(17)).dev, 48), nullptr);
  EXPECT_EQ(s.context_of(function_of(17)).domain(), 7u);
  EXPECT_FALSE(s.context_of(function_of(6)).present());
  s.expect_nothing_leaked();
}

// set_iommu_domain(): a second-level table of 256 entries is made when its first id comes.
TEST(domain_ids, from_256_on_are_kept_in_further_tables) {
  system s(with_functions(256, 1024));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  intel_iommu& iommu = first_unit(s);
  for (unsigned i = 0; i < 255; ++i) {
    ASSERT_NE(get_domain_for_dev(drv, s.function(function_of(i)).dev, 48), nullptr);
  }
  EXPECT_EQ(domains_of(drv, iommu).domains[1], nullptr);
  EXPECT_EQ(get_iommu_domain(drv, iommu, 256), nullptr);
  dmar_domain* last = get_domain_for_dev(drv, s.function(function_of(255)).dev, 48);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->iommu_did[0], 256);
  ASSERT_NE(domains_of(drv, iommu).domains[1], nullptr);
  EXPECT_EQ(get_iommu_domain(drv, iommu, 256), last);
  EXPECT_EQ(get_iommu_domain(drv, iommu, 257), nullptr);
  EXPECT_EQ(s.context_of(function_of(255)).domain(), 256u);
  s.expect_nothing_leaked();
  domain_exit(drv, last);
  EXPECT_EQ(get_iommu_domain(drv, iommu, 256), nullptr);
  s.expect_nothing_leaked();
}

/// The unit's list of owners, by the places of their ids.
std::vector<std::string> places_of_owners(system& s) {
  std::vector<std::string> places;
  for (const structure_section& section : structures_of(s.driver(), {.kind = "intel_iommu"})) {
    for (const structure_field& field : section.structures.front().fields) {
      if (field.name != "domains") continue;
      for (const structure_value& entry : std::get<structure_list>(field.value)) {
        places.push_back(std::get<structure>(entry).name);
      }
    }
  }
  return places;
}

// A kernel that crashed may have used so many ids that a table in between is never made.
TEST(domain_ids, behind_a_table_that_was_never_made_are_listed_with_their_owners) {
  system s(with_functions(2, 1024));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  unit_domains& of_unit = domains_of(drv, first_unit(s));
  ASSERT_NE(get_domain_for_dev(drv, s.function(function_of(0)).dev, 48), nullptr);
  for (uint32_t id = 2; id < 512; ++id) of_unit.domain_ids.take(id);
  ASSERT_NE(get_domain_for_dev(drv, s.function(function_of(1)).dev, 48), nullptr);
  EXPECT_EQ(of_unit.domains[1], nullptr);
  EXPECT_THAT(places_of_owners(s), testing::ElementsAre("domains[0][1]", "domains[2][0]"));
}

// When that table cannot be had the kernel warns and goes on: the id is taken and in use, but the
// domain is not found by it (its device-TLBs are not flushed then).
TEST(domain_ids, whose_table_cannot_be_had_are_used_all_the_same) {
  system s(with_functions(256, 1024));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  for (unsigned i = 0; i < 255; ++i) {
    ASSERT_NE(get_domain_for_dev(drv, s.function(function_of(i)).dev, 48), nullptr);
  }
  device& dev = s.function(function_of(255)).dev;
  dmar_domain* domain = alloc_domain(drv, 0);
  ASSERT_EQ(domain_init(drv, *domain, first_unit(s), 48), 0);
  s.k().slab().fail_at(2);  // the membership, then the table
  EXPECT_EQ(domain_add_dev_info(drv, *domain, dev), 0);
  EXPECT_EQ(s.logged("WARNING: at set_iommu_domain()"), 1);
  EXPECT_EQ(get_iommu_domain(drv, first_unit(s), 256), nullptr);
  EXPECT_EQ(s.context_of(function_of(255)).domain(), 256u);
  // 4.4 follows a null pointer when it looks for device-TLBs to flush.
  const auto reported_by_flush = [&](dmar_domain& flushed) {
    s.events().clear();
    iommu_flush_iotlb_psi(drv, first_unit(s), flushed, 0x1000, 1, /*ih=*/false, /*map=*/false);
    EXPECT_EQ(s.descriptors().size(), 1u) << "the IOTLB's";
    return reported(s.events());
  };
  EXPECT_EQ(reported_by_flush(*domain), reports{divergence::flush_without_domain});
  EXPECT_EQ(reported_by_flush(*find_domain(drv, s.function(function_of(254)).dev)), reports{});
  domain_exit(drv, domain);
  s.expect_nothing_leaked();
}

// domain_attach_iommu(), domain_detach_iommu(): one id a unit however many devices, given back by
// the last one to leave.
TEST(domain_counts, devices_of_one_unit_share_an_id) {
  system s(with_functions(3, 16));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  dmar_domain* domain = get_domain_for_dev(drv, s.function(function_of(0)).dev, 48);
  ASSERT_NE(domain, nullptr);
  for (unsigned i = 1; i < 3; ++i) {
    EXPECT_EQ(domain_add_dev_info(drv, *domain, s.function(function_of(i)).dev), 0);
    EXPECT_EQ(s.context_of(function_of(i)).domain(), 1u);
    EXPECT_EQ(s.context_of(function_of(i)).table(), s.context_of(function_of(0)).table());
  }
  EXPECT_EQ(domain->iommu_refcnt[0], 3u);
  EXPECT_EQ(domain->iommu_count, 3);
  for (unsigned left = 2; left <= 2; --left) {
    EXPECT_EQ(ids_used(s), (std::vector<uint32_t>{0, 1}))
        << "id 1 is taken while " << left + 1 << " use it";
    dmar_remove_one_dev_info(drv, s.function(function_of(left)).dev);
    EXPECT_EQ(domain->iommu_refcnt[0], left);
    EXPECT_EQ(domain->iommu_count, static_cast<int>(left));
  }
  EXPECT_EQ(ids_used(s), std::vector<uint32_t>{0});
  EXPECT_EQ(domain->iommu_did[0], 0);
  EXPECT_EQ(get_iommu_domain(drv, first_unit(s), 1), nullptr);
  domain_exit(drv, domain);
  s.expect_nothing_leaked();
}

// A device that has a domain does not get another one (dmar_insert_one_dev_info()).
TEST(domain_counts, a_device_is_in_one_domain_only) {
  system s(with_functions(2, 16));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  device& dev = s.function(function_of(0)).dev;
  dmar_domain* first = get_domain_for_dev(drv, dev, 48);
  EXPECT_EQ(get_domain_for_dev(drv, dev, 48), first);
  dmar_domain* second = get_domain_for_dev(drv, s.function(function_of(1)).dev, 48);
  EXPECT_EQ(domain_add_dev_info(drv, *second, dev), -EBUSY);
  EXPECT_EQ(find_domain(drv, dev), first);
  EXPECT_EQ(second->iommu_count, 1);
  s.expect_nothing_leaked();
}

// Conventional functions behind a PCIe-to-PCI bridge appear as device 0 of its secondary bus
// (PCI Express to PCI Bridge 2.3): that alias is a member without a device, and both functions
// find the same domain through it.
TEST(domain_counts, functions_behind_a_bridge_share_a_domain_through_their_alias) {
  constexpr size_t everything = 3;
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  device& alias = s.function(at(7, 0)).dev;
  device& other = s.function(at(7, 1)).dev;
  dmar_domain* domain = get_domain_for_dev(drv, other, 48);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(domain->iommu_refcnt[everything], 2u);
  EXPECT_EQ(alias.archdata_iommu, nullptr);
  EXPECT_TRUE(s.context_of(at(7, 0), everything).present());
  EXPECT_TRUE(s.context_of(at(7, 1), everything).present());
  // 07:00.0 is its own alias: it steps into the membership that is there.
  EXPECT_EQ(get_domain_for_dev(drv, alias, 48), domain);
  EXPECT_EQ(domain->iommu_refcnt[everything], 2u);
  s.expect_nothing_leaked();
  domain_exit(drv, domain);
  for (device* dev : {&alias, &other}) EXPECT_EQ(dev->archdata_iommu, nullptr);
  EXPECT_FALSE(s.context_of(at(7, 0), everything).present());
  EXPECT_FALSE(s.context_of(at(7, 1), everything).present());
  s.expect_nothing_leaked();
}

// domain_context_clear() goes over the aliases too: the bridge's id is no device's here.
TEST(domain_exit, clears_the_context_of_an_alias_with_its_functions) {
  small_machine m;
  m.add_function(function_builder(at(0, 5), 0x10b5, 0x8111, 0x060400)
                     .bridge(0, 1, 1)
                     .express(pci_exp_type::pci_bridge, 0x60)
                     .build());
  m.add_function(plain_function(at(1, 1), 0x1033, 0x0035, 0x020000));
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.function(at(1, 1)).dev, 48);
  ASSERT_NE(domain, nullptr);
  for (const source_id id : {at(1, 1), at(1, 0)}) EXPECT_TRUE(s.context_of(id).present());
  domain_exit(s.driver(), domain);
  for (const source_id id : {at(1, 1), at(1, 0)}) EXPECT_FALSE(s.context_of(id).present());
  s.expect_nothing_leaked();
}

// domain_exit(): devices, ids, I/O addresses, every table.
TEST(domain_exit, gives_everything_back) {
  system s(with_functions(2, 16));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  // The bus's context table stays once it is there.
  domain_exit(drv, get_domain_for_dev(drv, s.function(function_of(0)).dev, 48));
  const uint64_t pages = s.k().pages().live_pages();
  const int64_t objects = s.k().slab().live();

  dmar_domain* domain = get_domain_for_dev(drv, s.function(function_of(0)).dev, 48);
  ASSERT_EQ(domain_add_dev_info(drv, *domain, s.function(function_of(1)).dev), 0);
  for (const uint64_t pfn : {0x1ull, 0x200ull, 0x3ffffull, 0x40000ull, 0x7ffffffull}) {
    ASSERT_NE(reserve_iova(domain->iovad, pfn, pfn), nullptr);
    ASSERT_EQ(domain_pfn_mapping(drv, *domain, pfn, 0x100, 1, dma_pte_read), 0);
  }
  EXPECT_GT(s.k().pages().live_pages(), pages);
  s.expect_nothing_leaked();
  domain_exit(drv, domain);
  EXPECT_EQ(s.k().pages().live_pages(), pages);
  EXPECT_EQ(s.k().slab().live(), objects);
  EXPECT_EQ(drv.live_domains(), 0u);
  EXPECT_EQ(ids_used(s), std::vector<uint32_t>{0});
  EXPECT_TRUE(s.k().pages().diagnoses().empty());
}

TEST(domain_exit, takes_a_null_pointer) {
  system s(with_functions(1, 16));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  domain_exit(s.driver(), nullptr);
  s.expect_nothing_leaked();
}

// dmar_init_reserved_ranges(): the interrupt controllers' range and the memory that functions
// claim, behind what they claim of I/O ports as well.
TEST(reserved_ranges, are_what_functions_decode_as_memory) {
  small_machine m;
  m.add_function(function_builder(at(0, 4), 0x8086, 0x100e, 0x020000)
                     .io_bar(0, 0xc000, 0x40)
                     .memory_bar(1, 0xfea00000, 0x2000)
                     .build());
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  iova_domain& reserved = *s.driver().reserved_iova_list;
  for (const uint64_t pfn :
       {0xfee00ull, 0xfeeffull, 0xfeb00ull, 0xfeb1full, 0xfea00ull, 0xfea01ull}) {
    EXPECT_NE(find_iova(reserved, pfn), nullptr) << std::hex << pfn;
  }
  for (const uint64_t pfn :
       {0xcull, 0xfe9ffull, 0xfea02ull, 0xfeaffull, 0xfeb20ull, 0xfedffull, 0xfef00ull}) {
    EXPECT_EQ(find_iova(reserved, pfn), nullptr) << std::hex << pfn;
  }
}

// domain_init(): the width is the smaller of what is asked and MGAW, rounded up to a table width
// that the unit has (3.4.2, SAGAW); -ENODEV when none is wide enough.
TEST(domain_width, follows_mgaw_and_sagaw) {
  struct width_case {
    uint8_t sagaw;
    unsigned mgaw;
    int asked;
    int gaw;
    int agaw;
  };
  const width_case cases[] = {{0b00010, 39, 48, 39, 1}, {0b00100, 48, 48, 48, 2},
                              {0b00100, 39, 48, 39, 2}, {0b00110, 36, 48, 36, 1},
                              {0b00110, 48, 40, 40, 2}, {0b01100, 52, 57, 52, 3},
                              {0b00110, 48, 30, 30, 1}};
  for (const width_case& c : cases) {
    small_machine m;
    m.set_cap(default_cap().set_sagaw(c.sagaw).set_max_guest_address_width(c.mgaw));
    machine_config config = m.build();
    system s(config);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    dmar_domain* domain = alloc_domain(s.driver(), 0);
    ASSERT_EQ(domain_init(s.driver(), *domain, first_unit(s), c.asked), 0);
    EXPECT_EQ(domain->gaw, c.gaw);
    EXPECT_EQ(domain->agaw, c.agaw);
    domain_exit(s.driver(), domain);
    s.expect_nothing_leaked();
  }
  // Asked for 48 bits of a unit whose guest width says 48 and whose tables end at 39: no hardware
  // is built so, and 4.4 oopses on the domain that has no table.
  system s(small_machine().build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  first_unit(s).cap.set_max_guest_address_width(48);
  EXPECT_EQ(get_domain_for_dev(s.driver(), s.function(nic).dev, 48), nullptr);
  s.expect_nothing_leaked();
}

// dmar_insert_one_dev_info(): without a context table the function leaves the domain that it
// joined, which stays as it was for the others in it.
TEST(domain_membership, ends_when_the_context_entry_cannot_be_had) {
  system s(with_functions(1, 65536));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_driver& drv = s.driver();
  dmar_domain* domain = get_domain_for_dev(drv, s.function(nic).dev, 48);
  ASSERT_NE(domain, nullptr);
  device& other = s.function(function_of(0)).dev;
  const int64_t objects = s.k().slab().live();
  s.k().pages().failures().fail_at(1);  // the context table of bus 1
  EXPECT_EQ(domain_add_dev_info(drv, *domain, other), -EBUSY);
  s.k().pages().failures().fail_never();
  EXPECT_TRUE(s.log_contains("Domain context map for 0000:01:00.0 failed"));
  EXPECT_EQ(dev_membership(other), nullptr);
  EXPECT_EQ(find_domain(drv, other), nullptr);
  EXPECT_EQ(s.k().slab().live(), objects);
  EXPECT_TRUE(s.context_of(nic).present());
  EXPECT_EQ(domain_add_dev_info(drv, *domain, other), 0);
  EXPECT_EQ(find_domain(drv, other), domain);
  s.expect_nothing_leaked();
}

}  // namespace
}  // namespace iommulab::test::domain_test
