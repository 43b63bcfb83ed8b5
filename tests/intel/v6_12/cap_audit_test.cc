// SPDX-License-Identifier: GPL-2.0-only
//
// What units have in common, by drivers/iommu/intel/cap_audit.c of Linux 6.12: bits and names of
// the fields are those of cap_audit.h and of the VT-d specification (10.4.2, 10.4.3).
#include "intel/v6_12/cap_audit.h"

#include <gmock/gmock.h>

#include "intel/v6_12/domain.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::cap_audit_test {
namespace {

using test::small_machine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct feature {
  bool of_ecap;
  unsigned bit;
  const char* name;
};
constexpr feature features[] = {
    {false, 60, "fl5lp_support"},
    {false, 56, "fl1gp_support"},
    {false, 55, "read_drain"},
    {false, 54, "write_drain"},
    {false, 39, "pgsel_inv"},
    {false, 22, "zlr"},
    {false, 7, "caching_mode"},
    {false, 6, "phmr"},
    {false, 5, "plmr"},
    {false, 4, "rwbf"},
    {false, 3, "afl"},
    {true, 49, "rps"},
    {true, 48, "smpwc"},
    {true, 47, "flts"},
    {true, 46, "slts"},
    {true, 33, "nwfs"},
    {true, 45, "slads"},
    {true, 43, "smts"},
    {true, 42, "pds"},
    {true, 41, "dit"},
    {true, 40, "pasid"},
    {true, 34, "eafs"},
    {true, 31, "srs"},
    {true, 30, "ers"},
    {true, 29, "prs"},
    {true, 26, "nest"},
    {true, 25, "mts"},
    {true, 7, "sc_support"},
    {true, 6, "pass_through"},
    {true, 2, "dev_iotlb_support"},
    {true, 1, "qis"},
    {true, 0, "coherent"},
};
struct number {
  bool of_ecap;
  unsigned high;
  unsigned low;
};
constexpr number numbers[] = {
    {false, 53, 48}, {false, 47, 40}, {false, 37, 34}, {false, 33, 24}, {false, 21, 16},
    {false, 12, 8},  {false, 2, 0},   {true, 39, 35},  {true, 23, 20},  {true, 17, 8},
};
constexpr uint64_t everything = UINT64_MAX;

uint64_t bit(unsigned at) {
  return uint64_t{1} << at;
}
uint64_t mask_of(const number& n) {
  return bit(n.high + 1) - bit(n.low);
}

/// Two units, of which the audit sees what a test says.
struct audited_system : test::linux_6_12::system {
  audited_system() : system(small_machine().add_unit_for_others().build()) {
    EXPECT_EQ(boot(), 0);
    driver().intel_iommu_cap_sanity = 0;
    driver().intel_iommu_ecap_sanity = 0;
    for (const int unit : {0, 1}) set(unit, everything, everything);
    seen = log().size();
  }
  void set(int unit, uint64_t cap, uint64_t ecap) {
    iommu(unit).cap = vtd::cap_register(cap);
    iommu(unit).ecap = vtd::ecap_register(ecap);
  }
  /// A unit with one register's value, and all of the other.
  void set_one(int unit, bool of_ecap, uint64_t value) {
    set(unit, of_ecap ? everything : value, of_ecap ? value : everything);
  }
  int audit() { return intel_cap_audit(driver(), nullptr); }
  int audit(uint64_t cap, uint64_t ecap) {
    set(1, cap, ecap);
    return intel_cap_audit(driver(), &iommu(1));
  }
  uint64_t sanity(bool of_ecap) {
    return of_ecap ? driver().intel_iommu_ecap_sanity : driver().intel_iommu_cap_sanity;
  }
  /// The log from the last look on.
  std::vector<std::string> new_lines() {
    const std::vector<std::string> all = log();
    std::vector<std::string> lines(all.begin() + static_cast<ptrdiff_t>(seen), all.end());
    seen = all.size();
    return lines;
  }
  size_t seen = 0;
};

std::string inconsistent(const feature& f) {
  return absl::StrFormat("DMAR: IOMMU feature %s inconsistent", f.name);
}

TEST(Audit, OfEqualUnitsIsWhatTheyAre) {
  audited_system s;
  EXPECT_EQ(s.audit(), 0);
  EXPECT_EQ(s.sanity(false), everything);
  EXPECT_EQ(s.sanity(true), everything);
  EXPECT_THAT(s.new_lines(), IsEmpty());
}

// The first in the list is unit 0: others than INCLUDE_ALL come first.
TEST(Audit, LeavesOutAFeatureThatUnitsHaveDifferently) {
  audited_system s;
  for (const feature& f : features) {
    for (const int lacks : {0, 1}) {
      for (const int unit : {0, 1}) {
        s.set_one(unit, f.of_ecap, unit == lacks ? ~bit(f.bit) : everything);
      }
      EXPECT_EQ(s.audit(), 0) << f.name;
      EXPECT_EQ(s.sanity(f.of_ecap), ~bit(f.bit)) << f.name;
      EXPECT_EQ(s.sanity(!f.of_ecap), everything) << f.name;
      EXPECT_THAT(s.new_lines(), ElementsAre(inconsistent(f)));
    }
  }
}

TEST(Audit, TakesTheSmallerOfTwoNumbers) {
  audited_system s;
  for (const number& n : numbers) {
    for (const uint64_t smaller : {uint64_t{0}, bit(n.low), mask_of(n) - bit(n.low)}) {
      for (const int has_it : {0, 1}) {
        for (const int unit : {0, 1}) {
          s.set_one(unit, n.of_ecap, unit == has_it ? ~mask_of(n) | smaller : everything);
        }
        EXPECT_EQ(s.audit(), 0);
        EXPECT_EQ(s.sanity(n.of_ecap), ~mask_of(n) | smaller) << n.high << " of unit " << has_it;
        EXPECT_EQ(s.sanity(!n.of_ecap), everything);
        EXPECT_THAT(s.new_lines(), IsEmpty());
      }
    }
  }
}

// What no audit is about stays as the first unit has it: ESRTPS, ESIRTPS, ECMDS, PI, ISOCH, IR,
// EIM.
TEST(Audit, LooksAtNothingElse) {
  audited_system s;
  uint64_t cap = everything;
  uint64_t ecap = everything;
  for (const feature& f : features) (f.of_ecap ? ecap : cap) &= ~bit(f.bit);
  for (const number& n : numbers) (n.of_ecap ? ecap : cap) &= ~mask_of(n);
  s.set(1, ~cap, ~ecap);
  EXPECT_EQ(s.audit(), 0);
  EXPECT_EQ(s.sanity(false), everything);
  EXPECT_EQ(s.sanity(true), everything);
  EXPECT_THAT(s.new_lines(), IsEmpty());
}

TEST(Audit, PassesOverIgnoredUnits) {
  for (const int ignored : {0, 1}) {
    audited_system s;
    s.set(ignored, 0, 0);
    s.iommu(ignored).drhd->ignored = true;
    EXPECT_EQ(s.audit(), 0);
    EXPECT_EQ(s.sanity(false), everything);
    EXPECT_EQ(s.sanity(true), everything);
    s.iommu(ignored).drhd->ignored = false;
  }
}

// Scalable mode that all have, and no kind of tables that all have.
TEST(Audit, RefusesScalableModeWithoutTables) {
  constexpr unsigned smts = 43, slts = 46, flts = 47;
  audited_system s;
  s.set(0, everything, bit(smts) | bit(slts));
  s.set(1, everything, bit(smts) | bit(flts));
  EXPECT_EQ(s.audit(), -EOPNOTSUPP);
  for (const unsigned tables : {slts, flts}) {
    for (const int unit : {0, 1}) s.set(unit, everything, bit(smts) | bit(tables));
    EXPECT_EQ(s.audit(), 0);
  }
  for (const int unit : {0, 1}) s.set(unit, everything, 0);
  EXPECT_EQ(s.audit(), 0);
}

// The boot of such a machine fails, and gives back what it took.
TEST(Audit, EndsAStartUpThatCannotBe) {
  const auto scalable = [] { return default_ecap().set_scalable_mode(true); };
  small_machine m;
  m.set_ecap(scalable().set_second_level(true));
  m.set_cap(default_cap().set_sagaw(0b00100).set_max_guest_address_width(48));
  m.add_unit_for_others(default_cap().set_sagaw(0b00100).set_max_guest_address_width(48),
                        scalable().set_first_level(true));
  test::linux_6_12::system s(m.build());
  EXPECT_EQ(s.boot(), -EOPNOTSUPP);
  EXPECT_EQ(s.logged("DMAR: Initialization failed"), 1);
  EXPECT_TRUE(s.written(0x18).empty()) << "no command";
}

// A feature that no unit has may come; one that all have and the newcomer lacks, none has any more.
// Numbers that are zero are kept down.
TEST(AuditOfANewcomer, LeavesOutWhatItLacks) {
  audited_system s;
  for (const feature& f : features) {
    s.driver().intel_iommu_cap_sanity = f.of_ecap ? 0 : bit(f.bit);
    s.driver().intel_iommu_ecap_sanity = f.of_ecap ? bit(f.bit) : 0;
    EXPECT_EQ(s.audit(everything, everything), 0);
    EXPECT_EQ(s.sanity(f.of_ecap), bit(f.bit)) << f.name;
    EXPECT_THAT(s.new_lines(), IsEmpty());
    EXPECT_EQ(s.audit(f.of_ecap ? everything : ~bit(f.bit), f.of_ecap ? ~bit(f.bit) : everything),
              0);
    EXPECT_EQ(s.sanity(f.of_ecap), 0u) << f.name;
    EXPECT_THAT(s.new_lines(), ElementsAre(inconsistent(f)));
  }
  uint64_t cap = everything;
  uint64_t ecap = everything;
  for (const number& n : numbers) (n.of_ecap ? ecap : cap) &= ~mask_of(n);
  EXPECT_EQ(s.audit(everything, everything), 0);
  EXPECT_EQ(s.iommu(1).cap.value(), cap);
  EXPECT_EQ(s.iommu(1).ecap.value(), ecap);
}

// The slip that is kept (README.md): a field in its place against the newcomer's value, which is
// bits 5:0 of it at most for these.
TEST(AuditOfANewcomer, RefusesAnyNumberAboveTheLowestBits) {
  audited_system s;
  for (const number& n : numbers) {
    if (n.low <= 8 && n.high != 12) continue;
    s.driver().intel_iommu_cap_sanity = n.of_ecap ? 0 : bit(n.low);
    s.driver().intel_iommu_ecap_sanity = n.of_ecap ? bit(n.low) : 0;
    // A feature that goes comes back, for the unit does not come.
    s.driver().intel_iommu_cap_sanity |= bit(22);
    const uint64_t before_cap = s.sanity(false);
    const uint64_t before_ecap = s.sanity(true);
    EXPECT_EQ(s.audit(~bit(22), everything), -EFAULT) << n.high;
    EXPECT_THAT(s.new_lines(), ElementsAre("DMAR: IOMMU feature zlr inconsistent"));
    EXPECT_EQ(s.sanity(false), before_cap);
    EXPECT_EQ(s.sanity(true), before_ecap);
  }
}

// cap_ndoms() is 16 at least; the code in bits 2:0 is never more. ecap_iotlb_offset() is 16 times
// its field, and the field in place 256 times: it takes sixteen of the newcomer's.
TEST(AuditOfANewcomer, ComparesDomainsAndTheOffsetAsTheyAreCounted) {
  audited_system s;
  s.driver().intel_iommu_cap_sanity = 7;
  EXPECT_EQ(s.audit(0, 0), 0);
  EXPECT_EQ(s.iommu(1).cap.value(), 7u);
  s.driver().intel_iommu_cap_sanity = 2;
  EXPECT_EQ(s.audit(6, 0), 0);
  EXPECT_EQ(s.iommu(1).cap.value(), 2u);

  s.driver().intel_iommu_cap_sanity = 0;
  s.driver().intel_iommu_ecap_sanity = 1 << 8;
  EXPECT_EQ(s.audit(0, 16 << 8), 0);
  EXPECT_EQ(s.iommu(1).ecap.value(), uint64_t{1 << 8});
  EXPECT_EQ(s.audit(0, 15 << 8), -EFAULT);
}

// SAGAW in place is 100h for the first width, and the newcomer's value 1Fh at most.
TEST(AuditOfANewcomer, LowersTheOtherNumbersAllTheSame) {
  audited_system s;
  s.driver().intel_iommu_cap_sanity = bit(9) | 2;
  EXPECT_EQ(s.audit(everything, everything), -EFAULT);
  uint64_t cap = everything;
  for (const number& n : numbers) {
    if (!n.of_ecap && n.high != 12) cap &= ~mask_of(n);
  }
  EXPECT_EQ(s.iommu(1).cap.value(), cap | 2);
}

// first_level_by_default(): the one kind that all have; of both, second level for an owner's.
TEST(FirstLevel, IsTheDefaultWhereItIsTheOnlyKindOrNoOwnerAsks) {
  constexpr unsigned smts = 43, slts = 46, flts = 47;
  audited_system s;
  const auto first = [&](uint64_t ecap, iommu_domain_type type) {
    s.driver().intel_iommu_ecap_sanity = ecap;
    return first_level_by_default(s.driver(), type);
  };
  using enum iommu_domain_type;
  for (const iommu_domain_type type : {dma, unmanaged}) {
    EXPECT_FALSE(first(bit(flts) | bit(slts), type)) << "no scalable mode";
    EXPECT_TRUE(first(bit(smts) | bit(flts), type));
    EXPECT_FALSE(first(bit(smts) | bit(slts), type));
    EXPECT_EQ(first(bit(smts) | bit(flts) | bit(slts), type), type == dma);
  }
  s.driver().options.intel_iommu_sm = false;
  EXPECT_FALSE(first(bit(smts) | bit(flts), dma));
}

}  // namespace
}  // namespace iommulab::v6_12::cap_audit_test
