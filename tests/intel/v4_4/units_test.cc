// SPDX-License-Identifier: GPL-2.0-only
//
// Several units in one machine: the built-in server (platform/machine/builtin.h), whose graphics
// unit has three-level tables, no superpages and no pass-through, and whose processors' units have
// all of it.
#include <map>
#include <string>

#include "core/pci/ats.h"
#include "intel/expect.h"
#include "intel/v4_4/context.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/flush.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/machine/builtin.h"
#include "support/small_machine.h"
#include "support/v4_4/system.h"

namespace iommulab::test::units_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

using ::testing::ElementsAre;

// Positions in the DMAR table, which are sequence ids and names.
enum : size_t { graphics, bus_80, bus_c0, everything, units };
constexpr uint64_t bases[units] = {0xfbff8000, 0xdfffc000, 0xefffc000, 0xfbffc000};

constexpr source_id graphics_device = at(0, 4);
constexpr source_id controller = at(0x81, 0);     // with a reserved region
constexpr source_id accelerator_0 = at(0x41, 0);  // with ATS, first socket
constexpr source_id accelerator_1 = at(0x82, 0);  // with ATS, second socket
constexpr source_id storage = at(0xc1, 0);
constexpr source_id lpc = at(0, 0x1f);

std::string name_of(size_t unit) {
  return "dmar" + std::to_string(unit);
}

std::vector<std::string> active_units(system& s) {
  std::vector<std::string> names;
  for (const dmar_drhd_unit& d : s.driver().dmar_drhd_units) {
    if (!d.ignored) names.push_back(d.iommu->name);
  }
  return names;
}

dmar_drhd_unit& drhd(system& s, size_t unit) {
  for (dmar_drhd_unit& d : s.driver().dmar_drhd_units) {
    if (d.iommu->name == name_of(unit)) return d;
  }
  throw std::runtime_error("no such unit");
}

int ids_used(system& s, size_t unit) {
  return domains_of(s.driver(), *drhd(s, unit).iommu).domain_ids.taken();
}

bool enabled(system& s, size_t unit) {
  return (s.unit(unit).peek(vtd_register::gsts) & te) != 0;
}

// dmar_register_drhd_unit(): INCLUDE_ALL goes to the end, every other unit to the front, so that
// the walk meets the scoped ones in the reverse of the table's order. Sequence ids are given in
// the table's order (dmar_alloc_seq_id()).
TEST(several_units, are_walked_backwards_with_include_all_last) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_THAT(active_units(s), ElementsAre("dmar2", "dmar1", "dmar0", "dmar3"));
  for (size_t u = 0; u < units; ++u) {
    EXPECT_EQ(drhd(s, u).reg_base_addr.value(), bases[u]);
    EXPECT_EQ(drhd(s, u).iommu->seq_id, static_cast<int>(u));
    EXPECT_EQ(drhd(s, u).include_all, u == everything);
  }
  std::vector<std::string> order;
  for (const trace_event& e : s.events().events()) {
    const auto* write = e.as<events::reg_write>();
    if (write != nullptr && write->offset == r_rtaddr) order.push_back(write->unit);
  }
  EXPECT_THAT(order, ElementsAre("dmar2", "dmar1", "dmar0", "dmar3"));
}

// dmar_parse_one_rhsa(): the first socket's units are in node 0, the second's in node 1, and tables
// are asked for there.
TEST(several_units, are_in_the_nodes_that_the_table_names) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  for (size_t u = 0; u < units; ++u) {
    EXPECT_EQ(drhd(s, u).iommu->node, u == bus_80 || u == bus_c0 ? 1 : 0) << name_of(u);
  }
  std::map<int, int> asked;
  for (const trace_event& e : s.events().events()) {
    const auto* note = e.as<events::note>();
    if (note == nullptr || !note->text.starts_with("alloc_pgtable_page node=")) continue;
    ++asked[std::stoi(note->text.substr(sizeof("alloc_pgtable_page node=") - 1))];
  }
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_GE(asked[1], 2) << "two root tables at least";
}

// init_dmars(), for each unit what it does for one. The reserved regions add no access: only a
// unit in caching mode or with a write buffer is told of entries that become present.
TEST(several_units, each_goes_through_the_whole_start_up) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  for (size_t u = 0; u < units; ++u) {
    const intel_iommu& iommu = *drhd(s, u).iommu;
    EXPECT_EQ(s.accesses(name_of(u), "init_dmars"),
              chain({no_faults(),
                     enable_queue(iommu.qi->desc_phys.value()),
                     {read4(r_gsts)},
                     set_root(iommu.root_entry_phys.value(), qie),
                     {submit(1), submit(2)},
                     set_interrupt(s, u),
                     command(qie | te),
                     disable_protected_memory()}))
        << name_of(u);
    EXPECT_TRUE(enabled(s, u));
  }
}

// device_to_iommu(): a device named in a scope, one behind a bridge named in a scope, and the rest.
TEST(several_units, each_device_has_the_unit_whose_scope_holds_it) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  const std::pair<source_id, size_t> devices[] = {
      {graphics_device, graphics}, {at(0x80, 1), bus_80},       {controller, bus_80},
      {accelerator_1, bus_80},     {at(0xc0, 3), bus_c0},       {storage, bus_c0},
      {at(1, 0, 1), everything},   {accelerator_0, everything}, {lpc, everything}};
  for (const auto& [id, unit] : devices) {
    source_id used;
    const intel_iommu* iommu = device_to_iommu(s.driver(), s.function(id).dev, used);
    ASSERT_NE(iommu, nullptr) << to_short_string(id);
    EXPECT_EQ(iommu->name, name_of(unit)) << to_short_string(id);
    EXPECT_EQ(used.requester_id(), id.requester_id());
  }
}

// A scope that names a device of the ACPI namespace has no functions behind it.
TEST(several_units, a_namespace_device_is_no_bridge) {
  constexpr uint64_t second_base = 0xfed91000;
  constexpr source_id nobodys = at(0, 0x1e);
  small_machine m;
  m.add_unit(second_base);
  m.table = dmar_builder(39)
                .add_drhd(0, 0, small_unit_base,
                          {dmar_scope_spec::namespace_device(1, 0, {nobodys.device(), 0})})
                .add_drhd(1, 0, second_base, {})
                .add_andd(1, "\\_SB.PCI0")
                .finish();
  machine_config machine = m.build();
  machine.acpi_namespace = {
      {.path = "\\"},
      {.path = "\\_SB"},
      {.path = "\\_SB.PCI0", .hardware_id = "PNP0A08", .root_bus = source_id{0, 0, 0}},
  };
  system s(machine);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  ASSERT_TRUE(s.log_contains("under DMAR at fed90000 as 00:1e.0")) << s.log_text();
  source_id used;
  const intel_iommu* iommu = device_to_iommu(s.driver(), s.function(nic).dev, used);
  ASSERT_NE(iommu, nullptr);
  EXPECT_EQ(iommu->reg_phys.value(), second_base);
}

// Domain ids are each unit's own (domain_attach_iommu()), from 1 on. Regions are prepared last
// first, so the controller's comes before the USB functions', then the ISA bridge.
TEST(several_units, give_out_domain_ids_each_for_itself) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.context_of(controller, bus_80).domain(), 1u);
  EXPECT_EQ(s.context_of(at(0, 0x1a), everything).domain(), 1u);
  EXPECT_EQ(s.context_of(at(0, 0x1d), everything).domain(), 2u);
  EXPECT_EQ(s.context_of(lpc, everything).domain(), 3u);
  EXPECT_EQ(ids_used(s, graphics), 1);  // id 0, which is never given out
  EXPECT_EQ(ids_used(s, bus_80), 2);
  EXPECT_EQ(ids_used(s, bus_c0), 1);
  EXPECT_EQ(ids_used(s, everything), 4);
  EXPECT_FALSE(s.context_of(controller, everything).present());
  EXPECT_EQ(
      s.log_text().find("0000:81:00.0 [0x7dd00000") < s.log_text().find("0000:00:1a.0 [0x7dc00000"),
      true);
}

// A region named by a path of two hops: port 80:01.0, then device 0 behind it.
TEST(several_units, a_region_of_two_hops_is_mapped_one_to_one) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Setting identity map for device 0000:81:00.0 "
                     "[0x7dd00000 - 0x7dd3ffff]"),
            1);
  const system::context entry = s.context_of(controller, bus_80);
  ASSERT_TRUE(entry.present());
  EXPECT_EQ(entry.type(), 0u);
  EXPECT_EQ(entry.width_code(), 2u);  // 48 bits, four levels
  constexpr uint64_t nowhere = ~uint64_t{0};
  EXPECT_EQ(s.walk(entry.table(), 4, 0x7dcff000), nowhere);
  for (uint64_t a = 0x7dd00000; a < 0x7dd40000; a += page_size) {
    ASSERT_EQ(s.walk(entry.table(), 4, a), a);
  }
  EXPECT_EQ(s.walk(entry.table(), 4, 0x7dd40000), nowhere);
  EXPECT_EQ(s.dma(controller, 0x7dd3fff8, dma_access::write, bus_80).address, 0x7dd3fff8u);
}

// domain_update_iommu_cap(): superpages and snooping are the least that any active unit offers;
// page-walk coherency is asked of the domain's own units.
TEST(several_units, domains_take_the_lowest_common_denominator) {
  {
    system s(server_machine());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    const dmar_domain* d = get_domain_for_dev(s.driver(), s.function(storage).dev, 48);
    ASSERT_NE(d, nullptr);
    EXPECT_EQ(d->iommu_superpage, 0);
    EXPECT_FALSE(d->iommu_snooping);
    EXPECT_TRUE(d->iommu_coherency);
    const dmar_domain* g = get_domain_for_dev(s.driver(), s.function(graphics_device).dev, 48);
    ASSERT_NE(g, nullptr);
    EXPECT_FALSE(g->iommu_coherency);
    EXPECT_EQ(g->gaw, 39);
    EXPECT_EQ(g->agaw, 1);
    EXPECT_EQ(s.context_of(graphics_device, graphics).width_code(), 1u);
  }
  system s(server_machine(), "intel_iommu=on,igfx_off");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  const dmar_domain* d = get_domain_for_dev(s.driver(), s.function(storage).dev, 48);
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(d->iommu_superpage, 2);  // up to 1 GiB
  EXPECT_TRUE(d->iommu_snooping);
}

// init_no_remapping_devices(): a unit for graphics alone is passed over when the option says so,
// its devices marked, its registers not touched.
TEST(graphics_unit, is_left_alone_with_igfx_off) {
  system s(server_machine(), "intel_iommu=on,igfx_off");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Disable GFX device mapping"), 1);
  EXPECT_TRUE(drhd(s, graphics).ignored);
  EXPECT_THAT(active_units(s), ElementsAre("dmar2", "dmar1", "dmar3"));
  EXPECT_TRUE(s.accesses("dmar0", "init_dmars").empty());
  EXPECT_FALSE(enabled(s, graphics));
  EXPECT_FALSE(s.driver().intel_iommu_gfx_mapped);
  device& dev = s.function(graphics_device).dev;
  EXPECT_TRUE(is_dummy(dev));
  EXPECT_EQ(dev.group, nullptr);
  source_id used;
  EXPECT_EQ(device_to_iommu(s.driver(), dev, used), nullptr);
  // domain_context_mapped() answers -ENODEV then, and is asked for a truth.
  EXPECT_TRUE(domain_context_mapped(s.driver(), dev));
  EXPECT_EQ(get_domain_for_dev(s.driver(), dev, 48), nullptr);
  EXPECT_EQ(s.dma(graphics_device, 0x5000, dma_access::write, graphics).outcome,
            dma_outcome::passed);
}

TEST(graphics_unit, is_used_without_the_option) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_TRUE(s.driver().intel_iommu_gfx_mapped);
  EXPECT_FALSE(is_dummy(s.function(graphics_device).dev));
  EXPECT_TRUE(enabled(s, graphics));
}

// A unit none of whose devices is there: ignored, whatever the options (the first loop of
// init_no_remapping_devices()).
TEST(several_units, one_without_present_devices_is_ignored) {
  machine_config machine = server_machine();
  for (pci_function_config& f : machine.pci_functions) {
    if (f.id.requester_id() == graphics_device.requester_id()) f.present = false;
  }
  system s(machine);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_TRUE(drhd(s, graphics).ignored);
  EXPECT_FALSE(enabled(s, graphics));
  EXPECT_TRUE(enabled(s, everything));
}

// ECAP.PT missing on one active unit takes hardware pass-through from all (init_dmars()).
TEST(pass_through, is_done_in_software_when_one_unit_cannot) {
  system s(server_machine(), "intel_iommu=on iommu=pt", trace_class::log);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_FALSE(s.driver().hw_pass_through);
  EXPECT_EQ(s.logged("DMAR: Software identity mapping for device 0000:c1:00.0"), 1);
  EXPECT_FALSE(s.log_contains("Hardware identity mapping"));
  const system::context entry = s.context_of(storage, bus_c0);
  EXPECT_EQ(entry.type(), 0u);
  EXPECT_EQ(s.walk(entry.table(), 4, 0x12345678), 0x12345678u);
  EXPECT_EQ(s.dma(storage, 0x17fff0000, dma_access::write, bus_c0).address, 0x17fff0000u);
}

// domain_context_mapping_one(): the identity domain has four levels; a unit of three gets the
// table that the first entry of the top one leads to.
TEST(pass_through, a_unit_with_fewer_levels_enters_the_tables_further_down) {
  system s(server_machine(), "intel_iommu=on iommu=pt", trace_class::log);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  const system::context deep = s.context_of(storage, bus_c0);
  const system::context shallow = s.context_of(graphics_device, graphics);
  ASSERT_TRUE(deep.present());
  ASSERT_TRUE(shallow.present());
  EXPECT_EQ(deep.width_code(), 2u);
  EXPECT_EQ(shallow.width_code(), 1u);
  EXPECT_EQ(shallow.table(), s.word(deep.table()) & ~uint64_t{0xfff});
  EXPECT_EQ(s.walk(shallow.table(), 3, 0x7cfff008), 0x7cfff008u);
  EXPECT_EQ(s.dma(graphics_device, 0x7cfff008, dma_access::read, graphics).address, 0x7cfff008u);
}

// With every active unit able: type 10b, the widest address width that the hardware has (9.3).
TEST(pass_through, is_the_hardwares_when_every_unit_can) {
  system s(server_machine(), "intel_iommu=on,igfx_off iommu=pt");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_TRUE(s.driver().hw_pass_through);
  EXPECT_EQ(s.logged("DMAR: Hardware identity mapping for device 0000:c1:00.0"), 1);
  const system::context entry = s.context_of(storage, bus_c0);
  EXPECT_EQ(entry.type(), 2u);
  EXPECT_EQ(entry.width_code(), 2u);
  EXPECT_EQ(s.dma(storage, 0x9999999000, dma_access::write, bus_c0).outcome, dma_outcome::passed);
  // USB functions may have regions and still be in the identity domain, which maps nothing.
  for (const char* usb : {"1a", "1d"}) {
    EXPECT_EQ(s.logged(std::string("DMAR: Ignoring identity map for HW passthrough device "
                                   "0000:00:") +
                       usb + ".0 [0x7dc00000 - 0x7dc1ffff]"),
              1);
  }
}

// iommu_should_identity_map(): a device locked by its region, and everything at or behind a
// conventional bridge, stays out.
TEST(pass_through, leaves_out_locked_devices_and_conventional_buses) {
  system s(server_machine(), "intel_iommu=on,igfx_off iommu=pt");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  const dmar_domain* si = s.driver().si_domain;
  ASSERT_NE(si, nullptr);
  for (const source_id in : {storage, lpc, at(0, 0x1a), at(1, 0), at(0xc0, 2), accelerator_0}) {
    EXPECT_EQ(find_domain(s.driver(), s.function(in).dev), si) << to_short_string(in);
  }
  for (const source_id out : {controller, at(6, 0), at(7, 0), at(7, 1)}) {
    EXPECT_NE(find_domain(s.driver(), s.function(out).dev), si) << to_short_string(out);
  }
  EXPECT_EQ(s.context_of(controller, bus_80).type(), 0u);
}

uint16_t ats_control(system& s, source_id id) {
  constexpr uint16_t capability = 0x100;
  return s.function(id).config->read16(capability + 6);
}

// Type 01b (9.3) for a device that has ATS, behind a unit that has it (ECAP.DT), below a root port
// that the ATSR names; ATS is enabled with the smallest unit of 4 KiB.
TEST(ats, is_enabled_for_devices_below_the_root_ports_of_the_atsr) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  constexpr uint16_t enable = 1 << 15;
  for (const auto& [id, unit] :
       {std::pair(accelerator_0, everything), std::pair(accelerator_1, bus_80)}) {
    EXPECT_EQ(ats_control(s, id) & enable, 0);
    ASSERT_NE(get_domain_for_dev(s.driver(), s.function(id).dev, 48), nullptr);
    EXPECT_EQ(s.context_of(id, unit).type(), 1u);
    EXPECT_EQ(ats_control(s, id), enable);
  }
  ASSERT_NE(get_domain_for_dev(s.driver(), s.function(storage).dev, 48), nullptr);
  EXPECT_EQ(s.context_of(storage, bus_c0).type(), 0u);
}

// The kernel's iommu_disable_dev_iotlb() returns for every PCI device; ours does not.
TEST(ats, is_disabled_when_the_device_leaves) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  device& dev = s.function(accelerator_1).dev;
  dmar_domain* domain = get_domain_for_dev(s.driver(), dev, 48);
  ASSERT_NE(domain, nullptr);
  dmar_remove_one_dev_info(s.driver(), dev);
  EXPECT_FALSE(pci_ats_enabled(s.function(accelerator_1)));
  EXPECT_FALSE(s.context_of(accelerator_1, bus_80).present());
  domain_exit(s.driver(), domain);
}

// Without a queue device-TLBs cannot be invalidated, so they are not allowed to fill
// (iommu_support_dev_iotlb()).
TEST(ats, stays_off_without_a_queue) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_iommu& iommu = *drhd(s, bus_80).iommu;
  auto queue = std::move(iommu.qi);
  ASSERT_NE(get_domain_for_dev(s.driver(), s.function(accelerator_1).dev, 48), nullptr);
  EXPECT_EQ(s.context_of(accelerator_1, bus_80).type(), 0u);
  EXPECT_FALSE(pci_ats_enabled(s.function(accelerator_1)));
  iommu.qi = std::move(queue);
}

TEST(ats, stays_off_below_root_ports_that_are_not_named) {
  machine_config machine = server_machine();
  dmar_description table = server_dmar();
  table.ats.front().scopes.pop_back();  // 80:02.0
  machine.dmar_table = serialise(table);
  system s(machine);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  ASSERT_NE(get_domain_for_dev(s.driver(), s.function(accelerator_1).dev, 48), nullptr);
  ASSERT_NE(get_domain_for_dev(s.driver(), s.function(accelerator_0).dev, 48), nullptr);
  EXPECT_EQ(s.context_of(accelerator_1, bus_80).type(), 0u);
  EXPECT_EQ(s.context_of(accelerator_0, everything).type(), 1u);
}

// ALL_PORTS names every root port (8.5).
TEST(ats, is_enabled_everywhere_by_all_ports) {
  machine_config machine = server_machine();
  dmar_description table = server_dmar();
  table.ats.front().scopes.clear();
  table.ats.front().all_ports = true;
  machine.dmar_table = serialise(table);
  system s(machine);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  ASSERT_NE(get_domain_for_dev(s.driver(), s.function(accelerator_1).dev, 48), nullptr);
  EXPECT_EQ(s.context_of(accelerator_1, bus_80).type(), 1u);
}

// iommu_flush_iotlb_psi() ends in iommu_flush_dev_iotlb(): one device-TLB descriptor (6.5.2.5) on
// the device's own unit, behind the IOTLB's.
TEST(ats, the_devices_cache_is_invalidated_behind_the_iotlb) {
  system s(server_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.function(accelerator_1).dev, 48);
  ASSERT_NE(domain, nullptr);
  s.events().clear();
  iommu_flush_iotlb_psi(s.driver(), *drhd(s, bus_80).iommu, *domain, 0x1000, 4, false, false);
  const uint64_t did = domain->iommu_did[bus_80];
  using d = std::pair<uint64_t, uint64_t>;
  const uint64_t iotlb = 2 | 3 << 4 | 1 << 6 | 1 << 7 | did << 16;
  const uint64_t device_tlb = 3 | uint64_t{accelerator_1.requester_id()} << 32;
  EXPECT_THAT(s.descriptors("dmar1"),
              ElementsAre(d(iotlb, 0x1000000 | 2), d(device_tlb, 0x1000000 | 1 << 12 | 1)));
  for (const char* other : {"dmar0", "dmar2", "dmar3"}) EXPECT_TRUE(s.descriptors(other).empty());
}

}  // namespace
}  // namespace iommulab::test::units_test
