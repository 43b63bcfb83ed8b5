// SPDX-License-Identifier: GPL-2.0-only
//
// Write buffers (VT-d 6.8, CAP.RWBF) and the chipsets for which intel-iommu.c has a quirk.
#include "intel/expect.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/quirks.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/pci/function_builder.h"
#include "support/v4_4/system.h"

namespace iommulab::test::quirk_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

intel_iommu& first_unit(system& s) {
  return *s.driver().dmar_drhd_units.front().iommu;
}

/// init_dmars() of a machine with an ISA bridge; `flush` wherever the source has
/// iommu_flush_write_buffer().
sequence start_up(system& s, bool flushes) {
  const sequence flush = flushes ? command(qie | wbf) : sequence{};
  return chain({no_faults(),
                enable_queue(first_unit(s).qi->desc_phys.value()),
                {read4(r_gsts)},
                flush,  // after the root table was made
                set_root(first_unit(s).root_entry_phys.value(), qie),
                {submit(1), submit(2)},
                flush,  // domain_context_mapping_one() for the ISA bridge
                flush,  // before translation is enabled
                set_interrupt(s, 0),
                command(qie | te),
                disable_protected_memory()});
}

small_machine machine_with(pci_function_config extra) {
  small_machine m;
  m.add_function(std::move(extra));
  m.add_function(isa_bridge());
  return m;
}

TEST(write_buffer, is_flushed_wherever_the_capability_asks_for_it) {
  for (const bool required : {true, false}) {
    small_machine m;
    m.set_cap(default_cap().set_required_write_buffer_flush(required));
    m.add_function(isa_bridge());
    system s(m.build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(s.accesses("dmar0", "init_dmars"), start_up(s, required));
    s.events().clear();
    ASSERT_NE(get_domain_for_dev(s.driver(), s.function(nic).dev, 48), nullptr);
    EXPECT_EQ(s.accesses(), required ? command(qie | te | wbf) : sequence{});
  }
}

// In caching mode the flush that an entry which becomes present needs is an invalidation.
TEST(write_buffer, is_not_flushed_for_entries_in_caching_mode) {
  small_machine m;
  m.set_cap(default_cap().set_required_write_buffer_flush(true).set_caching_mode(true));
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.events().clear();
  ASSERT_NE(get_domain_for_dev(s.driver(), s.function(nic).dev, 48), nullptr);
  EXPECT_EQ(s.accesses(), (sequence{submit(3), submit(4)}));
}

class four_series : public ::testing::TestWithParam<uint16_t> {};

// quirk_iommu_g4x_gfx(), quirk_iommu_rwbf(): the capability is missing and needed all the same; the
// unit itself ignores the command.
TEST_P(four_series, gets_its_write_buffer_flushed_and_graphics_untranslated) {
  system s(machine_with(plain_function(at(0, 2), 0x8086, GetParam(), 0x060000)).build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Disabling IOMMU for graphics on this chipset"), 1);
  EXPECT_EQ(s.logged("DMAR: Forcing write-buffer flush capability"), 1);
  EXPECT_FALSE(s.driver().options.dmar_map_gfx);
  EXPECT_EQ(s.accesses("dmar0", "init_dmars"), start_up(s, true));
  EXPECT_TRUE(s.unit().diagnoses().has(vtd_diagnosis::gcmd_capability_missing));
}
INSTANTIATE_TEST_SUITE_P(host_bridges, four_series,
                         ::testing::Values(0x2a40, 0x2e00, 0x2e10, 0x2e20, 0x2e30, 0x2e40, 0x2e90));

TEST(quirks, ask_for_the_maker_too) {
  system s(machine_with(plain_function(at(0, 2), 0x1234, 0x2a40, 0x060000)).build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.accesses("dmar0", "init_dmars"), start_up(s, false));
  EXPECT_TRUE(s.driver().options.dmar_map_gfx);
}

class calpella : public ::testing::TestWithParam<uint16_t> {
 protected:
  /// A host bridge whose graphics control (52h) has, or has not, memory for VT-d (bit 11).
  static small_machine machine(bool shadow_gtt) {
    const uint32_t ggc = shadow_gtt ? 1u << 11 : 0x3u << 8;
    return machine_with(function_builder(at(0, 2), 0x8086, GetParam(), 0x060000)
                            .device_register(0x52, 2, ggc)
                            .build());
  }
};

// quirk_calpella_no_shadow_gtt()
TEST_P(calpella, without_a_shadow_gtt_graphics_is_not_translated) {
  system s(machine(false).build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: BIOS has allocated no shadow GTT; disabling IOMMU for graphics"), 1);
  EXPECT_FALSE(s.driver().options.dmar_map_gfx);
  EXPECT_FALSE(s.driver().options.intel_iommu_strict);
}
TEST_P(calpella, with_a_shadow_gtt_unmaps_are_not_batched) {
  system s(machine(true).build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Disabling batched IOTLB flush on Ironlake"), 1);
  EXPECT_TRUE(s.driver().options.dmar_map_gfx);
  EXPECT_TRUE(s.driver().options.intel_iommu_strict);
}
TEST_P(calpella, with_graphics_off_nothing_changes) {
  system s(machine(true).build(), "intel_iommu=on,igfx_off");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_FALSE(s.log_contains("Ironlake"));
  EXPECT_FALSE(s.driver().options.intel_iommu_strict);
}
INSTANTIATE_TEST_SUITE_P(host_bridges, calpella, ::testing::Values(0x0040, 0x0044, 0x0062, 0x006a));

constexpr source_id sound = at(0, 0x1b);

/// Tylersburg: sound 8086:3a3e, system management 8086:342e with VTISOCHCTRL at 188h.
small_machine tylersburg(std::optional<uint32_t> control, bool with_sound = true,
                         bool extended_space = true) {
  small_machine m;
  if (with_sound) m.add_function(plain_function(sound, 0x8086, 0x3a3e, 0x040300));
  if (control) {
    function_builder management(at(0, 0x14), 0x8086, 0x342e, 0x080000);
    if (extended_space) {
      management.extended_capability(0x0001, 1, 0x100).device_register(0x188, 4, *control);
    }
    m.add_function(management.build());
  }
  return m;
}

constexpr std::string_view no_space =
    "Your BIOS is broken; DMA routed to ISOCH DMAR unit but no TLB space.";

// check_tylersburg_isoch(): silent when the chips are not there or hide, when sound goes to the
// other unit (bit 0), or when the unit has the sixteen entries (bits 4:2 are 100b), whatever the
// other bits say.
TEST(tylersburg_quirk, is_silent_when_all_is_well) {
  const small_machine machines[] = {
      tylersburg(0, false), tylersburg(std::nullopt), tylersburg(0, true, false), tylersburg(1),
      tylersburg(0x10),     tylersburg(0x11),         tylersburg(0xfffffff2)};
  for (const small_machine& m : machines) {
    system s(m.build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_FALSE(s.log_contains("ISOCH"));
    EXPECT_EQ(s.driver().iommu_identity_mapping, 0u);
    EXPECT_EQ(s.driver().si_domain, nullptr);
  }
}

TEST(tylersburg_quirk, warns_of_too_few_entries) {
  for (const uint32_t entries : {0x4u, 0x8u, 0xcu, 0x14u, 0x1cu}) {
    system s(tylersburg(entries).build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(s.logged("DMAR: Recommended TLB entries for ISOCH unit is 16; your BIOS set " +
                       std::to_string(entries)),
              1);
    EXPECT_EQ(s.driver().iommu_identity_mapping, 0u);
  }
}

// Without any entry the sound device has to be mapped one to one. 4.4 asks for that after it made
// the identity domain, or rather did not make it, and follows a null pointer; later kernels check
// first.
TEST(tylersburg_quirk, without_entries_sound_is_passed_through) {
  for (const char* line : {"intel_iommu=on", "intel_iommu=on iommu=pt"}) {
    system s(tylersburg(0).build(), line);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(s.logged(no_space), 1);
    EXPECT_EQ(s.logged("BIOS vendor: Maker; Ver: 1.2; Product Version: Product"), 1);
    EXPECT_EQ(s.logged("DMAR: Hardware identity mapping for device 0000:00:1b.0"), 1);
    EXPECT_EQ(s.context_of(sound).type(), 2u);
    EXPECT_EQ(s.dma(sound, 0x1234000).outcome, dma_outcome::passed);
    // Only sound, unless everything was asked for.
    EXPECT_EQ(s.context_of(nic).present(), std::string_view(line).ends_with("pt"));
  }
}

// quirk_ioat_snb_local_iommu(): the engine's own unit lies 0xa000 above VTBAR, register 0xb0 of the
// bus's host bridge, whose low half is control bits.
TEST(quickdata_quirk, takes_an_engine_behind_the_wrong_unit_out_of_translation) {
  constexpr source_id engine = at(0, 4);
  for (const bool right : {true, false}) {
    constexpr uint64_t base = 0xfed8a000;
    small_machine m;
    m.units.front().base = phys_addr(base);
    m.table = dmar_builder(39).add_drhd(1, 0, base).finish();
    machine_config machine = m.build();
    const uint32_t vtbar = static_cast<uint32_t>(base) - (right ? 0xa000 : 0x1a000);
    machine.pci_functions.front() = function_builder(at(0, 0), 0x8086, 0x29c0, 0x060000)
                                        .device_register(0xb0, 4, vtbar | 1)
                                        .build();
    pci_function_config ioat = plain_function(engine, 0x8086, 0x402f, 0x088000);
    ioat.captured_driver = "ioatdma";
    machine.pci_functions.push_back(ioat);
    system s(machine);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().load_drivers();
    EXPECT_EQ(s.function(engine).dev.archdata_iommu == dummy_device_domain_info(), !right);
    EXPECT_EQ(
        s.logged("BIOS assigned incorrect VT-d unit for Intel(R) QuickData Technology device"),
        right ? 0 : 1);
  }
}

}  // namespace
}  // namespace iommulab::test::quirk_test
