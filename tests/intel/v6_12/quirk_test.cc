// SPDX-License-Identifier: GPL-2.0-only
//
// Chipsets for which drivers/iommu/intel/iommu.c of Linux 6.12 has a quirk, by the device ids of
// its DECLARE_PCI_FIXUP_HEADER() lines.
#include "intel/expect.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/quirks.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::quirk_test {
namespace {

using namespace test;
using linux_6_12::system;
using ::testing::ElementsAre;

constexpr uint16_t intel = 0x8086;

small_machine with(pci_function_config extra) {
  return small_machine().add_function(std::move(extra));
}
small_machine with_bridge(unsigned device, uint16_t vendor = intel) {
  return with(plain_function(at(0, 2), vendor, static_cast<uint16_t>(device), 0x060000));
}

// Q35, 4 series, QM57, Broadwell.
constexpr uint16_t broken_graphics[] = {
    0x29b2, 0x2a40, 0x2e00, 0x2e10, 0x2e20, 0x2e30, 0x2e40, 0x2e90, 0x0044, 0x1606, 0x160b,
    0x160e, 0x1602, 0x160a, 0x160d, 0x1616, 0x161b, 0x161e, 0x1612, 0x161a, 0x161d, 0x1626,
    0x162b, 0x162e, 0x1622, 0x162a, 0x162d, 0x1636, 0x163b, 0x163e, 0x1632, 0x163a, 0x163d};

TEST(GraphicsQuirk, LeavesGraphicsUntranslated) {
  for (const uint16_t id : broken_graphics) {
    system s(with_bridge(id).build());
    ASSERT_EQ(s.boot(), 0);
    EXPECT_TRUE(s.driver().options.disable_igfx_iommu) << std::hex << id;
    EXPECT_EQ(s.logged("pci 0000:00:02.0: DMAR: Disabling IOMMU for graphics on this chipset"), 1);
    const bool four_series = id == 0x2a40 || id >> 8 == 0x2e;
    EXPECT_EQ(s.driver().rwbf_quirk, four_series);
    EXPECT_EQ(s.logged("pci 0000:00:02.0: DMAR: Forcing write-buffer flush capability"),
              four_series ? 1 : 0);
    EXPECT_EQ(s.accesses("dmar0", "iommu_flush_write_buffer").empty(), !four_series);
  }
}

TEST(GraphicsQuirk, AsksForTheMakerToo) {
  for (const unsigned id : {0x2a40u, 0x0040u, 0x4555u}) {
    system s(with_bridge(id, 0x1234).build());
    ASSERT_EQ(s.boot(), 0);
    EXPECT_FALSE(s.driver().options.disable_igfx_iommu);
    EXPECT_FALSE(s.driver().rwbf_quirk);
    EXPECT_FALSE(s.driver().iommu_skip_te_disable);
    EXPECT_FALSE(s.log_contains("00:02.0: DMAR:"));
  }
}

// risky_device(): what comes in from outside may bear any id.
TEST(Quirks, DoNotBelieveTheUntrusted) {
  for (const auto& [id, class_code] : {std::pair(0x2a40u, 0x060000u),
                                       {0x0040u, 0x060000u},
                                       {0x4555u, 0x030000u},
                                       {0x3a3eu, 0x040300u},
                                       {0x342eu, 0x080000u}}) {
    small_machine m;
    m.add_function(plain_function(at(0, 0x1b), intel, 0x3a3e, 0x040300));
    m.add_function(function_builder(at(0, 0x14), intel, 0x342e, 0x080000)
                       .extended_capability(0x0001, 1, 0x100)
                       .build());
    if (id != 0x3a3e && id != 0x342e) {
      m.add_function(plain_function(at(0, 2), intel, static_cast<uint16_t>(id), class_code));
    }
    system s(m.build());
    s.pci().add_header_fixup([risky = unsigned{id}](pci_dev& pdev) {
      if (pdev.device_id == risky) pdev.untrusted = true;
    });
    ASSERT_EQ(s.boot(), 0);
    EXPECT_TRUE(s.log_contains(absl::StrFormat(
        "DMAR: Skipping IOMMU quirk for dev [8086:%04X] on untrusted PCI link", id)));
    EXPECT_TRUE(s.log_contains("DMAR: Please check with your BIOS/Platform vendor about this"));
    EXPECT_FALSE(s.driver().options.disable_igfx_iommu) << std::hex << id;
    EXPECT_FALSE(s.driver().rwbf_quirk);
    EXPECT_FALSE(s.driver().iommu_skip_te_disable);
    const bool is_sound = id == 0x3a3e || id == 0x342e;
    EXPECT_EQ((s.driver().iommu_identity_mapping & identmap_azalia) != 0, !is_sound);
  }
}

/// An Ironlake host bridge whose graphics control at 52h has this value.
small_machine ironlake(uint16_t id, uint32_t ggc) {
  return with(
      function_builder(at(0, 2), intel, id, 0x060000).device_register(0x52, 2, ggc).build());
}

// quirk_calpella_no_shadow_gtt(): bit 11 of GGC says that there is memory for VT-d.
TEST(IronlakeQuirk, LooksForAShadowTable) {
  for (const uint16_t id : std::array<uint16_t, 3>{0x0040, 0x0062, 0x006a}) {
    system without(ironlake(id, 0xf7ff).build());
    ASSERT_EQ(without.boot(), 0);
    EXPECT_EQ(without.logged("pci 0000:00:02.0: DMAR: BIOS has allocated no shadow GTT; disabling "
                             "IOMMU for graphics"),
              1);
    EXPECT_TRUE(without.driver().options.disable_igfx_iommu);
    EXPECT_FALSE(without.generation().iommu().defaults.dma_strict);

    system with_table(ironlake(id, 0x0800).build());
    ASSERT_EQ(with_table.boot(), 0);
    EXPECT_EQ(
        with_table.logged("pci 0000:00:02.0: DMAR: Disabling batched IOTLB flush on Ironlake"), 1);
    EXPECT_FALSE(with_table.driver().options.disable_igfx_iommu);
    EXPECT_TRUE(with_table.generation().iommu().defaults.dma_strict);

    system untranslated(ironlake(id, 0x0800).build(), "on,igfx_off");
    ASSERT_EQ(untranslated.boot(), 0);
    EXPECT_FALSE(untranslated.log_contains("Ironlake"));
    EXPECT_FALSE(untranslated.generation().iommu().defaults.dma_strict);
  }
}

// quirk_igfx_skip_te_disable(): graphics of these generations, by the upper byte of the device id.
TEST(SkipQuirk, IsForGraphicsThatHang) {
  const std::set<unsigned> hang = {0x45, 0x46, 0x4c, 0x4e, 0x8a, 0x98, 0x9a, 0xa7, 0x7d};
  const auto quirk = [](uint16_t id, uint32_t class_code) {
    system s(with(plain_function(at(0, 2), intel, id, class_code)).build());
    EXPECT_EQ(s.boot(), 0);
    EXPECT_EQ(s.logged("pci 0000:00:02.0: DMAR: Skip IOMMU disabling for graphics"),
              s.driver().iommu_skip_te_disable ? 1 : 0);
    return s.driver().iommu_skip_te_disable;
  };
  for (unsigned generation = 0x40; generation < 0xb0; ++generation) {
    const auto id = static_cast<uint16_t>(generation << 8 | 0x61);
    EXPECT_EQ(quirk(id, 0x030000), hang.contains(generation)) << std::hex << generation;
  }
  EXPECT_FALSE(quirk(0x4561, 0x020000)) << "no graphics";
}

constexpr source_id sound = at(0, 0x1b);

/// Tylersburg: sound 8086:3a3e, system management 8086:342e with VTISOCHCTRL at 188h.
small_machine tylersburg(std::optional<uint32_t> control, bool with_sound = true,
                         bool extended_space = true) {
  small_machine m;
  if (with_sound) m.add_function(plain_function(sound, intel, 0x3a3e, 0x040300));
  if (control) {
    function_builder management(at(0, 0x14), intel, 0x342e, 0x080000);
    if (extended_space) {
      management.extended_capability(0x0001, 1, 0x100).device_register(0x188, 4, *control);
    }
    m.add_function(management.build());
  }
  return m;
}

// check_tylersburg_isoch(): nothing to say when the chips are not there or hide, when sound goes
// to the other unit (bit 0), or when the unit has sixteen entries (bits 4:2 are 100b).
TEST(TylersburgQuirk, IsSilentWhenAllIsWell) {
  const small_machine machines[] = {
      tylersburg(0, false), tylersburg(std::nullopt), tylersburg(0, true, false), tylersburg(1),
      tylersburg(0x10),     tylersburg(0x11),         tylersburg(0xfffffff2)};
  for (const small_machine& m : machines) {
    system s(m.build());
    ASSERT_EQ(s.boot(), 0);
    EXPECT_FALSE(s.log_contains("ISOCH"));
    EXPECT_EQ(s.driver().iommu_identity_mapping & identmap_azalia, 0u);
  }
}

TEST(TylersburgQuirk, WarnsOfTooFewEntries) {
  for (const uint32_t entries : {0x4u, 0x8u, 0xcu, 0x14u, 0x1cu}) {
    system s(tylersburg(entries).build());
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.logged(absl::StrFormat(
                  "DMAR: Recommended TLB entries for ISOCH unit is 16; your BIOS set %d", entries)),
              1);
    EXPECT_EQ(s.driver().iommu_identity_mapping & identmap_azalia, 0u);
  }
}

// Without entries sound passes through, and only sound.
TEST(TylersburgQuirk, LetsSoundThroughWithoutEntries) {
  system s(tylersburg(0).build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_TRUE(
      s.log_contains("Your BIOS is broken; DMA routed to ISOCH DMAR unit but no TLB space."));
  EXPECT_EQ(s.context(sound).first & 0xf, 0x9u);
  EXPECT_EQ(s.context(nic).first & 0xf, 0x1u);
}

// quirk_ioat_snb_local_iommu(): the engine's own unit lies A000h above VTBAR, register B0h of the
// bus's host bridge, whose low half is control bits.
TEST(QuickdataQuirk, TakesAnEngineBehindTheWrongUnitOut) {
  constexpr source_id engines[] = {at(0, 4), at(0, 5)};
  constexpr uint64_t base = 0xfed8a000;
  for (const bool right : {true, false}) {
    small_machine m;
    m.units.front().base = phys_addr(base);
    const uint32_t vtbar = static_cast<uint32_t>(base) - (right ? 0xa000 : 0x1a000);
    m.functions.front() = function_builder(at(0, 0), intel, 0x29c0, 0x060000)
                              .device_register(0xb0, 4, vtbar | 1)
                              .build();
    for (const source_id engine : engines) {
      m.add_function(plain_function(engine, intel, 0x402f, 0x088000));
    }
    m.table = dmar_builder(39).add_drhd(1, 0, base).finish();
    system s(m.build());
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.logged("DMAR: [Firmware Bug]: BIOS assigned incorrect VT-d unit for Intel(R) "
                       "QuickData Technology device"),
              right ? 0 : 1)
        << "once for both";
    for (const source_id engine : engines) {
      EXPECT_EQ(s.dev(engine).iommu != nullptr && s.dev(engine).iommu->priv != nullptr, right);
    }
    EXPECT_NE(s.dev(nic).iommu, nullptr);
  }
}

TEST(QuickdataQuirk, IsOfThatEngineAlone) {
  small_machine m;
  m.add_function(plain_function(at(0, 4), intel, 0x3c20, 0x088000));
  system s(m.build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_FALSE(s.log_contains("QuickData"));
}

// IS_INTGPU_DEVICE(): integrated graphics are let through unless intel_iommu=on is said.
TEST(IntegratedGraphics, IsTranslatedWhenAsked) {
  for (const bool asked : {true, false}) {
    system s(with(plain_function(at(0, 2), intel, 0x0102, 0x030000)).build(),
             asked ? "on" : "on,intgpu_off");
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.driver().iommu_identity_mapping, asked ? 0u : identmap_intgpu);
    EXPECT_EQ(s.context(at(0, 2)).first & 0xf, asked ? 0x1u : 0x9u);
    EXPECT_EQ(s.context(nic).first & 0xf, 0x1u);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::quirk_test
