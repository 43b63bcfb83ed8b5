// SPDX-License-Identifier: GPL-2.0-only
//
// Start-ups, domains and devices with which Linux 4.4 comes to harm: the driver does not, and says
// so when it happens. Right beside such a case it says nothing.
#include <gtest/gtest.h>

#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/flush.h"
#include "intel/v4_4/identity.h"
#include "intel/v4_4/page_table.h"
#include "support/small_machine.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"

namespace iommulab::test::domain_divergence_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

constexpr uint8_t include_all = 1;
constexpr uint64_t region = 0x45678000, region_end = 0x4567ffff;  // not in memory

struct watched : system {
  explicit watched(const machine_config& machine,
                   const std::string& command_line = "intel_iommu=on")
      : system(machine, command_line, trace_class::faults | trace_class::queue) {}
  device& dev(source_id id = nic) { return function(id).dev; }
  [[nodiscard]] reports found() { return reported(events()); }
};

struct running : watched {
  explicit running(const machine_config& machine,
                   const std::string& command_line = "intel_iommu=on")
      : watched(machine, command_line) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
    EXPECT_EQ(found(), reports{});
    events().clear();
  }
};

// ---- start-ups that fail ------------------------------------------------------------------------

small_machine with_isa_bridge() {
  small_machine m;
  m.add_function(isa_bridge());
  return m;
}

/// What is reported when there is no vector for the unit's fault event, with which init_dmars()
/// fails after devices were given their domains.
reports without_vector(const small_machine& m, const std::string& command_line) {
  watched s(m.build(), command_line);
  s.k().irqs().limit(0);
  EXPECT_EQ(s.boot().intel_iommu_init, -EINVAL);
  EXPECT_EQ(s.driver().live_domains(), 0u);
  EXPECT_EQ(s.driver().si_domain, nullptr);
  return s.found();
}

// The ISA bridge has its first 16 MiB in a domain of its own.
TEST(failed_start, takes_devices_out_of_their_domains) {
  EXPECT_EQ(without_vector(with_isa_bridge(), "intel_iommu=on"),
            reports{divergence::disable_with_devices});
  EXPECT_EQ(without_vector(small_machine(), "intel_iommu=on"), reports{});
}

TEST(failed_start, frees_the_identity_domain) {
  EXPECT_EQ(without_vector(small_machine(), "intel_iommu=on iommu=pt"),
            reports{divergence::failed_start_frees_identity});
}

small_machine with_usb_region(uint64_t base, uint64_t end) {
  small_machine m;
  m.set_ecap(default_ecap().set_pass_through(false));
  m.add_function(plain_function(at(0, 0x1d), 0x8086, 0x1d26, 0x0c0320));
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{0x1d, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(include_all, 0, small_unit_base)
                .add_rmrr(0, base, end, scopes)
                .finish();
  return m;
}

/// What is reported when iova_cache_get(), the first step of intel_iommu_init(), has no memory. By
/// then the table was parsed, for interrupt remapping.
reports without_iova_cache(const small_machine& m) {
  for (uint64_t object = 1; object < 100; ++object) {
    watched s(m.build());
    s.k().slab().fail_at(object);
    if (s.boot().intel_iommu_init != -ENOMEM) continue;
    EXPECT_TRUE(s.log_contains("Couldn't create iova cache"));
    EXPECT_TRUE(s.driver().dmar_rmrr_units.empty());
    return s.found();
  }
  ADD_FAILURE() << "no allocation is the cache's";
  return {};
}

TEST(failed_start, frees_the_regions_of_the_table) {
  EXPECT_EQ(without_iova_cache(with_usb_region(region, region_end)),
            reports{divergence::failed_start_frees_regions});
  EXPECT_EQ(without_iova_cache(small_machine()), reports{});
}

// ---- the identity domain ------------------------------------------------------------------------

// "RMRR ends before it starts!": the device is in the identity domain when that is software's, and
// in a domain of its own otherwise.
TEST(identity_domain, stays_when_a_region_cannot_be_mapped_in_it) {
  const machine_config machine = with_usb_region(region, region - 1).build();
  watched shared(machine, "intel_iommu=on iommu=pt");
  ASSERT_EQ(shared.boot().intel_iommu_init, 0);
  EXPECT_EQ(shared.found(), reports{divergence::identity_domain_kept});
  ASSERT_NE(shared.driver().si_domain, nullptr);
  EXPECT_EQ(find_domain(shared.driver(), shared.dev()), shared.driver().si_domain);
  EXPECT_EQ(shared.dma(nic, 0x12340).address, 0x12340u);

  watched own(machine);
  ASSERT_EQ(own.boot().intel_iommu_init, 0);
  EXPECT_EQ(own.found(), reports{});
  EXPECT_FALSE(own.context_of(at(0, 0x1d)).present()) << "its own domain goes";
}

// Sound on Tylersburg without TLB entries (VTISOCHCTRL, 188h) asks for the identity domain.
TEST(identity_domain, is_made_when_the_chipset_asks_for_it_alone) {
  constexpr source_id sound = at(0, 0x1b);
  small_machine m;
  m.add_function(plain_function(sound, 0x8086, 0x3a3e, 0x040300));
  m.add_function(function_builder(at(0, 0x14), 0x8086, 0x342e, 0x080000)
                     .extended_capability(0x0001, 1, 0x100)
                     .device_register(0x188, 4, 0)
                     .build());
  const auto found_with = [&](const char* command_line) {
    watched s(m.build(), command_line);
    EXPECT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_NE(s.driver().si_domain, nullptr);
    EXPECT_EQ(find_domain(s.driver(), s.dev(sound)), s.driver().si_domain);
    return s.found();
  };
  EXPECT_EQ(found_with("intel_iommu=on"), reports{divergence::tylersburg_identity_domain});
  EXPECT_EQ(found_with("intel_iommu=on iommu=pt"), reports{}) << "it is there already";
}

// A domain of six levels, 64 bits; no unit that is modelled has such tables.
TEST(identity_domain, has_no_limit_to_compare_a_region_with_when_it_has_all_bits) {
  const auto found_with = [](int width) {
    running s(small_machine().build());
    dmar_domain* domain = alloc_domain(s.driver(), 0);
    EXPECT_EQ(md_domain_init(s.driver(), *domain, width), 0);
    EXPECT_EQ(domain_prepare_identity_map(s.driver(), s.dev(), *domain, region, region_end), 0);
    const auto levels = static_cast<unsigned>(domain->agaw) + 2;
    EXPECT_EQ(s.walk(domain->pgd.value(), levels, region), region);
    domain_exit(s.driver(), domain);
    return s.found();
  };
  EXPECT_EQ(found_with(64), reports{divergence::rmrr_width_64});
  EXPECT_EQ(found_with(57), reports{});
}

// ---- joining a domain ---------------------------------------------------------------------------

TEST(domain_exit, of_a_domain_whose_table_could_not_be_had) {
  running s(small_machine().build());
  s.k().pages().failures().fail_at(1);
  EXPECT_EQ(get_domain_for_dev(s.driver(), s.dev(), 48), nullptr);
  EXPECT_EQ(s.found(), reports{divergence::domain_without_table});
  s.expect_nothing_leaked();
  s.events().clear();
  domain_exit(s.driver(), get_domain_for_dev(s.driver(), s.dev(), 48));
  EXPECT_EQ(s.found(), reports{});
}

// The first page is the domain's table, the second the bus's context table.
TEST(context, without_its_table_is_an_error) {
  running s(small_machine().build());
  s.k().pages().failures().fail_at(2);
  EXPECT_EQ(get_domain_for_dev(s.driver(), s.dev(), 48), nullptr);
  EXPECT_EQ(s.logged("DMAR: Domain context map for 0000:00:03.0 failed"), 1);
  EXPECT_EQ(s.found(), reports{divergence::context_failure_told});
  s.expect_nothing_leaked();
  s.events().clear();
  EXPECT_NE(get_domain_for_dev(s.driver(), s.dev(), 48), nullptr);
  EXPECT_EQ(s.found(), reports{});
}

constexpr source_id deep = at(0, 4), shallow = nic;

/// A unit of three levels, and one of four for the function `deep`.
machine_config machine_of_two_depths() {
  constexpr uint64_t deep_unit = small_unit_base + 0x1000;
  small_machine m;
  m.add_unit(deep_unit, default_cap().set_sagaw(0b00100).set_max_guest_address_width(48));
  m.add_function(plain_function(deep, 0x8086, 0x10d3, 0x020000));
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(0, 0, deep_unit, scopes)
                .add_drhd(include_all, 0, small_unit_base)
                .finish();
  return m.build();
}

// The deeper unit's device is in a domain whose first table leads nowhere: nothing is mapped in it.
TEST(context, of_a_unit_with_fewer_levels_needs_the_upper_ones) {
  // Behind the unit of three levels, a domain of four; `mapped` says whether its tables are there.
  const auto found_with = [&](uint64_t mapped, int result) {
    running s(machine_of_two_depths());
    dmar_domain* domain = alloc_domain(s.driver(), dmar_domain::flag_virtual_machine);
    EXPECT_EQ(md_domain_init(s.driver(), *domain, 48), 0);
    EXPECT_EQ(domain->agaw, 2);
    if (mapped != 0) {
      EXPECT_EQ(domain_pfn_mapping(s.driver(), *domain, mapped, 0x100, 1, 3), 0);
    }
    EXPECT_EQ(domain_add_dev_info(s.driver(), *domain, s.dev(shallow)), result);
    return s.found();
  };
  EXPECT_EQ(found_with(0, -EBUSY),
            (reports{divergence::context_level_missing, divergence::context_failure_told}));
  // The table of three levels is there, and empty in its first entry: 4.4 sees that.
  EXPECT_EQ(found_with(uint64_t{1} << 18, -EBUSY), reports{divergence::context_failure_told});
  EXPECT_EQ(found_with(1, 0), reports{});
}

// A domain that a device behind a unit of three levels was in is too flat for a unit of four.
TEST(context, of_a_unit_with_more_levels_than_the_domain_is_refused) {
  const auto attach = [&](source_id first, source_id second, int result) {
    running s(machine_of_two_depths());
    v4_4::iommu_domain* domain = iommu_domain_alloc(*s.dev().bus);
    EXPECT_EQ(iommu_attach_device(*domain, s.dev(first)), 0);
    EXPECT_EQ(iommu_attach_device(*domain, s.dev(second)), result);
    return s.found();
  };
  EXPECT_EQ(attach(shallow, deep, -EBUSY), reports{divergence::context_too_few_levels});
  EXPECT_EQ(attach(deep, shallow, 0), reports{});
}

// ---- room for addresses -------------------------------------------------------------------------

TEST(addresses, are_not_looked_for_below_page_0) {
  const auto found_with = [](uint64_t first) {
    running s(small_machine().build());
    dmar_domain* domain = alloc_domain(s.driver(), 0);
    EXPECT_EQ(md_domain_init(s.driver(), *domain, 39), 0);
    EXPECT_EQ(iommu_domain_identity_map(s.driver(), *domain, first, 0xffff), 0);
    constexpr uint64_t end_of_32_bits = 0xfffff;
    EXPECT_EQ(alloc_iova(domain->iovad, end_of_32_bits, end_of_32_bits, false), nullptr);
    EXPECT_NE(alloc_iova(domain->iovad, 1, end_of_32_bits, false), nullptr);
    domain_exit(s.driver(), domain);
    return s.found();
  };
  EXPECT_EQ(found_with(0), reports{divergence::search_ends_at_frame_0});
  EXPECT_EQ(found_with(0x1000), reports{});
}

// ---- requester ids that are used twice ----------------------------------------------------------

constexpr source_id alias = at(1, 0), first_behind = at(1, 1), second_behind = at(1, 2);

/// Functions behind a PCIe-to-PCI bridge: the unit sees both as 01:00.0.
machine_config bridge_machine(bool alias_is_there) {
  small_machine m;
  m.add_function(function_builder(at(0, 5), 0x10b5, 0x8111, 0x060400)
                     .bridge(0, 1, 1)
                     .express(pci_exp_type::pci_bridge, 0x60)
                     .build());
  if (alias_is_there) m.add_function(plain_function(alias, 0x1033, 0x0035, 0x020000));
  m.add_function(plain_function(first_behind, 0x1033, 0x0035, 0x020000));
  m.add_function(plain_function(second_behind, 0x1033, 0x0035, 0x020000));
  return m.build();
}

TEST(alias, a_function_that_cannot_join_leaves_its_neighbour_the_domain) {
  running s(bridge_machine(false));
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.dev(first_behind), 48);
  ASSERT_NE(domain, nullptr);
  s.k().slab().fail_at(1);  // the membership
  EXPECT_EQ(get_domain_for_dev(s.driver(), s.dev(second_behind), 48), nullptr);
  EXPECT_EQ(s.found(), reports{divergence::domain_of_alias_kept});
  EXPECT_EQ(find_domain(s.driver(), s.dev(first_behind)), domain);
  EXPECT_TRUE(s.context_of(first_behind).present());
  s.expect_nothing_leaked();
  s.events().clear();

  EXPECT_EQ(get_domain_for_dev(s.driver(), s.dev(second_behind), 48), domain);
  EXPECT_EQ(s.found(), reports{});
}

// A function that fails in a domain of its own takes it along, as 4.4's does.
TEST(alias, a_function_without_one_takes_its_own_domain_down) {
  unsigned failed = 0;
  for (uint64_t object = 1; object < 10; ++object) {
    running s(small_machine().build());
    s.k().slab().fail_at(object);
    const bool joined = get_domain_for_dev(s.driver(), s.dev(), 48) != nullptr;
    failed += joined ? 0 : 1;
    EXPECT_EQ(s.driver().live_domains(), joined ? 1u : 0u);
    EXPECT_EQ(s.found(), reports{}) << "without object " << object;
  }
  EXPECT_EQ(failed, 2u) << "the domain, and the membership";
}

TEST(alias, a_function_that_is_one_becomes_a_member) {
  running s(bridge_machine(true));
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.dev(first_behind), 48);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(s.found(), reports{});
  EXPECT_EQ(get_domain_for_dev(s.driver(), s.dev(alias), 48), domain);
  EXPECT_EQ(s.found(), reports{divergence::alias_becomes_member});
  EXPECT_EQ(find_domain(s.driver(), s.dev(alias)), domain);
}

// The unit's scope gives a device of the ACPI namespace, the host bridge's, the id of a function,
// or one that is nobody's.
TEST(namespace_device, with_the_id_of_a_function_leaves_it_its_entry) {
  const auto found_with = [](source_id id) {
    small_machine m;
    m.table = dmar_builder(39)
                  .add_drhd(include_all, 0, small_unit_base,
                            {dmar_scope_spec::namespace_device(1, 0, {id.device(), id.function()})})
                  .add_andd(1, "\\_SB.PCI0")
                  .finish();
    machine_config machine = m.build();
    machine.acpi_namespace = {
        {.path = "\\"},
        {.path = "\\_SB"},
        {.path = "\\_SB.PCI0", .hardware_id = "PNP0A08", .root_bus = source_id{0, 0, 0}},
    };
    watched s(machine, "intel_iommu=on iommu=pt");
    EXPECT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(find_domain(s.driver(), s.dev()), s.driver().si_domain);
    const device_domain_info* info = dev_membership(s.dev());
    EXPECT_TRUE(info != nullptr && info->dev == &s.dev());
    return s.found();
  };
  EXPECT_EQ(found_with(nic), reports{divergence::function_keeps_its_entry});
  EXPECT_EQ(found_with(at(0, 0x1e, 5)), reports{});
}

// ---- device-TLBs --------------------------------------------------------------------------------

constexpr source_id caching = at(0, 8);

small_machine with_device_tlb() {
  small_machine m;
  m.set_ecap(default_ecap().set_device_tlb(true));
  m.add_function(function_builder(caching, 0x8086, 0x10d3, 0x020000)
                     .express(pci_exp_type::endpoint, 0x40)
                     .ats(0x100, 1)
                     .build());
  return m;
}

TEST(device_tlb, is_switched_off_when_the_device_leaves) {
  running s(with_device_tlb().build());
  for (const auto& [id, expected] :
       {std::pair(caching, reports{divergence::ats_switched_off}), std::pair(nic, reports{})}) {
    s.events().clear();
    dmar_domain* domain = get_domain_for_dev(s.driver(), s.dev(id), 48);
    ASSERT_NE(domain, nullptr);
    dmar_remove_one_dev_info(s.driver(), s.dev(id));
    EXPECT_EQ(s.found(), expected) << to_string(id);
    domain_exit(s.driver(), domain);
  }
}

// Two pages from an odd one on. 6.5.2.5: S, and the lowest zero bit of the address, give the size.
TEST(device_tlb, is_told_of_an_aligned_range) {
  const auto found_after_flush = [](source_id id, uint64_t pfn) {
    running s(with_device_tlb().build());
    dmar_domain* domain = get_domain_for_dev(s.driver(), s.dev(id), 48);
    EXPECT_NE(domain, nullptr);
    iommu_flush_iotlb_psi(s.driver(), *s.driver().g_iommus[0], *domain, pfn, 2, /*ih=*/false,
                          /*map=*/false);
    constexpr unsigned type_mask = 0xf, device_tlb_type = 3;
    for (const auto& [low, high] : s.descriptors()) {
      if ((low & type_mask) != device_tlb_type) continue;
      EXPECT_EQ(high, 0x1000000u | 1u);
    }
    return s.found();
  };
  EXPECT_EQ(found_after_flush(caching, 0x1001), reports{divergence::device_tlb_range_unaligned});
  EXPECT_EQ(found_after_flush(caching, 0x1000), reports{});
  EXPECT_EQ(found_after_flush(nic, 0x1001), reports{}) << "it has no such cache";
}

}  // namespace
}  // namespace iommulab::test::domain_divergence_test
