// SPDX-License-Identifier: GPL-2.0-only
//
// What 6.12's driver says of devices, and 6.1's beside it: capabilities, the type of domain that a
// device must have, the domains there are one of. Expected is intel_iommu_capable(),
// device_def_domain_type() and intel_iommu_domain_alloc() of both.
#include <gmock/gmock.h>

#include "intel/v6_12/ops.h"
#include "intel/v6_12/pasid_system.h"
#include "support/v6_12/releases.h"

namespace iommulab::v6_12::device_types_test {
namespace {

using test::at, test::nic, test::pasid_machine, test::small_machine;

struct system : test::linux_6_12::system {
  explicit system(const small_machine& m, const kernel_profile& profile = v6_12::profile(),
                  const std::string& more_words = "")
      : test::linux_6_12::system(m.build(), "on,sm_on", more_words, profile) {
    EXPECT_EQ(boot(), 0);
  }
  bool capable(iommu_cap cap) { return driver().ops->capable(dev(nic), cap); }
  iommu_domain_type type(source_id id) { return driver().ops->def_domain_type(dev(id)); }
};

TEST(Capable, IsOfCoherencyAndLateFlushesAlways) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    system s(small_machine(), *profile);
    EXPECT_TRUE(s.capable(iommu_cap::cache_coherency));
    EXPECT_FALSE(s.capable(iommu_cap::noexec));
    EXPECT_FALSE(s.capable(iommu_cap::pre_boot_protection));
    EXPECT_FALSE(s.capable(iommu_cap::enforce_cache_coherency));
    EXPECT_FALSE(s.capable(iommu_cap::dirty_tracking));
    EXPECT_EQ(s.capable(iommu_cap::deferred_flush), profile == &v6_12::profile())
        << "6.1 asks for none";
  }
}

// DMAR's flag 2, DMA_CTRL_PLATFORM_OPT_IN_FLAG (8.1).
TEST(Capable, IsOfProtectionBeforeTheStartWhereFirmwareSaysSo) {
  constexpr uint8_t opt_in = 1 << 2;
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    small_machine m;
    m.table = dmar_builder(39, opt_in).add_drhd(1, 0, test::small_unit_base).finish();
    system s(m, *profile);
    EXPECT_TRUE(s.capable(iommu_cap::pre_boot_protection)) << profile->name();
  }
}

// ECAP.SC; 6.1 has no such question.
TEST(Capable, OfSnoopingIsWhatTheUnitSays) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    small_machine m;
    m.set_ecap(default_ecap().set_snoop_control(true));
    system s(m, *profile);
    EXPECT_EQ(s.capable(iommu_cap::enforce_cache_coherency), profile == &v6_12::profile());
  }
}

// ssads_supported(): scalable mode, ECAP.SLADS and ECAP.SMPWC.
TEST(Capable, OfDirtyTrackingNeedsThreeThings) {
  for (unsigned missing = 0; missing < 4; ++missing) {
    small_machine m;
    m.set_ecap(default_ecap()
                   .set_scalable_mode(missing != 1)
                   .set_second_level(missing != 1)
                   .set_second_level_dirty(missing != 2)
                   .set_scalable_page_walk_coherency(missing != 3));
    if (missing == 1) m.set_ecap(default_ecap());
    system s(m);
    EXPECT_EQ(s.capable(iommu_cap::dirty_tracking), missing == 0) << missing;
  }
}

constexpr source_id audio = at(0, 5), graphics = at(0, 6), foreign_graphics = at(0, 7);
small_machine with_display() {
  small_machine m;
  m.add_function(test::plain_function(audio, 0x8086, 0x3a3e, 0x040300));
  m.add_function(test::plain_function(graphics, 0x8086, 0x1234, 0x030000));
  m.add_function(test::plain_function(foreign_graphics, 0x10de, 0x1234, 0x030000));
  return m;
}

// IDENTMAP_AZALIA, IDENTMAP_INTGPU, and of 6.1 IDENTMAP_GFX: each for its own devices, and only
// when it is asked for.
TEST(Types, AreIdentityForWhatSeesMemoryAsItIs) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    const bool early = profile == &test::linux_6_1();
    system s(with_display(), *profile);
    const auto are = [&](unsigned bits) {
      s.driver().iommu_identity_mapping = bits;
      std::string all;
      for (const source_id id : {audio, graphics, foreign_graphics, nic}) {
        const iommu_domain_type type = s.type(id);
        if (type == iommu_domain_type::identity) {
          all += 'i';
        } else {
          EXPECT_EQ(type, iommu_domain_type::blocked) << "that is: no wish";
          all += '-';
        }
      }
      return all;
    };
    EXPECT_EQ(are(0), "----");
    EXPECT_EQ(are(identmap_azalia), "i---");
    EXPECT_EQ(are(identmap_intgpu), "-i--");
    EXPECT_EQ(are(identmap_gfx), early ? "-ii-" : "----");
    EXPECT_EQ(are(identmap_azalia | identmap_intgpu), "ii--");
  }
}

// 6.12: a unit that cannot pass through makes every device translated; 6.1 has a table for it.
TEST(Types, AreTranslatedWhereNothingPassesThrough) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    const bool early = profile == &test::linux_6_1();
    small_machine m = with_display();
    m.set_ecap(default_ecap().set_pass_through(false));
    system s(m, *profile);
    s.driver().iommu_identity_mapping = identmap_azalia;
    EXPECT_EQ(s.type(audio), early ? iommu_domain_type::identity : iommu_domain_type::dma);
    EXPECT_EQ(s.type(nic), early ? iommu_domain_type::blocked : iommu_domain_type::dma);
  }
}

// What is no PCI device is none of them.
TEST(Types, OfOtherDevicesAreFree) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    system s(with_display(), *profile);
    s.driver().iommu_identity_mapping = identmap_azalia | identmap_intgpu | identmap_gfx;
    device_domain_info info;
    info.iommu = s.driver().dmar_drhd_units.front().iommu;
    dev_iommu priv;
    priv.priv = &info;
    device other;
    other.iommu = &priv;
    EXPECT_EQ(s.driver().ops->def_domain_type(other), iommu_domain_type::blocked);
  }
}

// 6.12 makes translating domains alone, the others there are one of; 6.1 hands its identity domain
// out, makes queued ones, and has none that blocks.
TEST(Types, OfDomainsThatCanBeHad) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    const bool early = profile == &test::linux_6_1();
    system s(small_machine(), *profile);
    iommu_ops& ops = *s.driver().ops;
    const uint64_t before = s.driver().live_domain_count();
    for (const auto& [type, made] :
         {std::pair(iommu_domain_type::dma, true), std::pair(iommu_domain_type::unmanaged, true),
          std::pair(iommu_domain_type::dma_fq, early), std::pair(iommu_domain_type::blocked, false),
          std::pair(iommu_domain_type::identity, early)}) {
      iommu_domain* domain = ops.domain_alloc(type);
      EXPECT_EQ(domain != nullptr, made) << static_cast<int>(type);
      if (domain == nullptr) continue;
      EXPECT_EQ(domain->type, type);
      const bool is_new = type != iommu_domain_type::identity;
      EXPECT_EQ(s.driver().live_domain_count(), before + (is_new ? 1 : 0));
      EXPECT_EQ(domain == s.driver().si_domain, !is_new);
      ops.default_domain_ops->free(*domain);
      EXPECT_EQ(s.driver().live_domain_count(), before) << "the identity domain stays";
    }
    EXPECT_EQ(ops.pgsize_bitmap, 0x1000u);
    EXPECT_EQ(ops.blocked_domain == nullptr, early);
    if (early) continue;
    EXPECT_EQ(ops.identity_domain->type, iommu_domain_type::identity);
    EXPECT_EQ(ops.blocked_domain->type, iommu_domain_type::blocked);
    EXPECT_EQ(ops.release_domain, ops.blocked_domain);
    for (const iommu_domain* one : {ops.identity_domain, ops.blocked_domain}) {
      EXPECT_EQ(one->owner, &ops);
    }
  }
}

// A blocked device has no entry, however often it is blocked; its group is its own.
TEST(Types, OfABlockedDevice) {
  system s{small_machine()};
  iommu_ops& ops = *s.driver().ops;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ops.blocked_domain->ops->attach_dev(*ops.blocked_domain, s.dev(nic)), 0);
    EXPECT_EQ(s.context(nic), std::pair(uint64_t{0}, uint64_t{0}));
    EXPECT_FALSE(s.test::system::dma(nic, 0x1000).ok());
  }
}

}  // namespace
}  // namespace iommulab::v6_12::device_types_test
