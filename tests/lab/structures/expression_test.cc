// SPDX-License-Identifier: GPL-2.0-only
//
// Expressions: what they refuse, what they give, how they are completed. Registers are held against
// accesses to them, structures against tables in memory.
#include "lab/structures/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "core/status.h"
#include "lab/structures/asked.h"
#include "platform/machine/builtin.h"
#include "support/system.h"

namespace iommulab::structures_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class expressions : public testing::Test {
 protected:
  expressions() : q35_(*builtin_machine("q35")) { EXPECT_EQ(q35_.boot().panic, ""); }

  kernel& k() { return q35_.k(); }
  uint64_t value(std::string_view text) { return number(k(), text); }
  std::string text(std::string_view text) { return asked(k(), text); }
  std::vector<std::string> completed(std::string_view text) {
    held_system held(k());
    return complete_expression(held, text).candidates;
  }

  test::system q35_;
};

std::string refusal(std::string_view text) {
  const auto parsed = expression::parse(text);
  EXPECT_EQ(status_errno(parsed.status()), EINVAL) << text;
  return std::string(parsed.status().message());
}

TEST(expression_parse, says_where_it_does_not_understand_and_what_may_be_meant) {
  EXPECT_EQ(refusal("dmar_domian[1]"),
            "at 1: \"dmar_domian\" is no register, unit, structure or variable; did you mean "
            "'dmar_domain'?");
  EXPECT_EQ(refusal("GSTS.TESS"), "at 6: GSTS has no field \"TESS\"; did you mean 'TES'?");
  EXPECT_EQ(refusal("dmar0.GSTSS.TES"), "at 7: \"GSTSS\" is no register; did you mean 'GSTS'?");
  EXPECT_EQ(refusal("reg GST.TES"), "at 5: \"GST\" is no register; did you mean 'GSTS'?");
  EXPECT_EQ(refusal("context 00:05"),
            "at 9: a device is like 00:1f.2, or with its segment 0000:00:1f.2; it is \"00:05\"");
  EXPECT_EQ(refusal("context 00:05.9"),
            "at 9: a device is like 00:1f.2, or with its segment 0000:00:1f.2; it is \"00:05.9\"");
  EXPECT_EQ(refusal("pte 00:05.0"),
            "at 12: an address is a hexadecimal number below 2^64; the text ends");
  EXPECT_EQ(refusal("pte 00:05.0 0xfg"),
            "at 13: an address is a hexadecimal number below 2^64; it is \"0xfg\"");
  EXPECT_EQ(refusal("pte 00:05.0 10000000000000000"),
            "at 13: an address is a hexadecimal number below 2^64; it is \"10000000000000000\"");
  EXPECT_EQ(refusal("walk 00:05.0 0 wriet"), "at 16: an access is read or write; it is \"wriet\"");
  EXPECT_EQ(refusal("root 1"), "at 6: a bus has two hexadecimal digits, as 00; it is \"1\"");
  EXPECT_EQ(refusal("caches unit0"), "at 8: a unit is called dmar0; it is \"unit0\"");
  EXPECT_EQ(refusal("dmar_domain[dmar0:2"), "at 12: '[' is not closed by a ']'");
  EXPECT_EQ(refusal("dmar_domain[ ]"), "at 12: a number or a name belongs between '[' and ']'");
  EXPECT_EQ(refusal("dmar_domain."), "at 13: a field's name belongs here; the text ends");
  EXPECT_EQ(refusal("dmar_domain x"), "at 13: '.', '->' or '[' goes on from a value; it is \"x\"");
  EXPECT_EQ(refusal("  "), "at 1: nothing is asked for; GSTS.TES or dmar_domain would be");
}

TEST_F(expressions, give_registers_and_their_fields) {
  vtd_unit& unit = q35_.unit();
  // VT-d specification 11.4.5: GSTS at 1Ch, TES in bit 31, RTPS 30, QIES 26; 11.4.6: RTADDR at 20h.
  EXPECT_EQ(value("dmar0.GSTS.TES"), unit.read32(0x1c) >> 31);
  EXPECT_EQ(value("GSTS.TES"), 1u);
  EXPECT_EQ(value("reg GSTS->RTPS"), 1u);
  EXPECT_EQ(value("reg dmar0.GSTS.QIES"), 1u);
  EXPECT_EQ(value("GSTS.WBFS"), 0u);
  EXPECT_EQ(value("GSTS.value"), unit.read32(0x1c));
  EXPECT_EQ(value("RTADDR.RTA"), unit.read64(0x20) & ~uint64_t{0xfff});
  EXPECT_EQ(value("CAP.value"), unit.read64(0x08));
  EXPECT_EQ(value("CAP.MGAW"), unit.read64(0x08) >> 16 & 0x3f);
  EXPECT_EQ(value("ECAP.IRO"), unit.read64(0x10) >> 8 & 0x3ff);
  EXPECT_EQ(value("FEUADDR"), unit.read32(0x44)) << "it has no fields";
  EXPECT_EQ(value("FRCD[0].F"), 0u);
  EXPECT_EQ(text("registers.GSTS.TES"), "1");
  EXPECT_EQ(text("dmar0.VER"), "value = 0x10\nMAX = 0x1\nMIN = 0x0\n");
  EXPECT_EQ(error_of(k(), "PMEN.EPM"), ENOENT) << "QEMU's unit protects no memory";
  EXPECT_EQ(error_of(k(), "dmar1.GSTS"), ENOENT);
}

TEST_F(expressions, give_a_fault_as_it_was_recorded) {
  const source_id ahci{0, 0, 0xfa};
  // FECTL.IM: the driver's handler would clear what is recorded.
  q35_.unit().write32(0x38, uint32_t{1} << 31);
  EXPECT_FALSE(q35_.dma(ahci, 0x12345000).ok());
  EXPECT_EQ(value("FSTS.PPF"), 1u);
  EXPECT_EQ(value("FRCD[0].FI"), 0x12345000u);
  EXPECT_EQ(value("FRCD[0].SID"), 0xfau);
  EXPECT_EQ(value("FRCD[0].FR"), 2u) << "LCT.2: no context entry";
  EXPECT_EQ(value("FRCD[0].T1"), 1u) << "a read";
}

TEST_F(expressions, follow_pointers_from_structure_to_structure) {
  EXPECT_EQ(text("g_iommus[0]"), "(struct intel_iommu *) dmar0");
  EXPECT_EQ(text("g_iommus[0].name"), "\"dmar0\"");
  EXPECT_EQ(text("g_iommus[0]->agaw"), text("intel_iommu[dmar0].agaw"));
  EXPECT_EQ(text("dmar_drhd_unit[0]->iommu->reg_phys"), "0xfed90000") << "QEMU's unit";
  EXPECT_EQ(text("dmar_drhd_unit.iommu.qi.free_cnt"), "256");
  EXPECT_EQ(text("device[00:1f.0].archdata.iommu->domain->iommu_did[0]"), "1");
  EXPECT_EQ(text("device_domain_info[0000:00:1f.0].domain"), "(struct dmar_domain *) dmar0:1");
  // Only a domain that the IOMMU core asked for gets an aperture.
  EXPECT_EQ(text("dmar_domain[dmar0:1].domain.geometry.force_aperture"), "false");
  EXPECT_EQ(text("intel_iommu[dmar0].domains[0][1].domain->gaw"), text("dmar_domain[dmar0:1].gaw"));
  EXPECT_EQ(text("iommu_group[0].devices[0].dev->iommu_group->id"), "0");
  EXPECT_EQ(text("context 00:1f.0->domain->pgd"), text("context 00:1f.0.SLPTPTR"));
  EXPECT_EQ(text("list_size"), "0");
  EXPECT_EQ(text("intel_iommu_strict"), "false");
}

TEST_F(expressions, find_a_node_in_its_own_tree) {
  const uint64_t lo = value("iova_domain[dmar0:1].rbroot->pfn_lo");
  EXPECT_EQ(text("iova_domain[dmar0:1].rbroot.node.parent"), "NULL");
  EXPECT_EQ(value("iova_domain[dmar0:1].rbroot.node.rb_left->node.parent.pfn_lo"), lo);
  EXPECT_LT(value("iova_domain[dmar0:1].rbroot.node.rb_left->pfn_lo"), lo);
}

TEST_F(expressions, tell_what_is_not_there_from_what_cannot_be) {
  EXPECT_EQ(error_of(k(), "dmar_domain[dmar0:9]"), ENOENT);
  EXPECT_EQ(text("dmar_domain[dmar0:9].gaw"), "there is no dmar_domain dmar0:9 (now)");
  EXPECT_EQ(error_of(k(), "si_domain->gaw"), ENOENT);
  EXPECT_EQ(text("si_domain->gaw"), "si_domain is NULL");
  EXPECT_EQ(error_of(k(), "context 09:00.0"), ENOENT) << "no table for bus 9";
  EXPECT_EQ(error_of(k(), "pte 00:02.0 1000"), ENOENT);
  EXPECT_EQ(error_of(k(), "g_iommus[500]"), ENOENT);
  EXPECT_EQ(error_of(k(), "dmar_domain[dmar0:1].gwa"), EINVAL);
  EXPECT_EQ(text("dmar_domain[dmar0:1].gwa"),
            "at 22: dmar_domain has no field \"gwa\"; did you mean 'gaw'?");
  EXPECT_EQ(error_of(k(), "GSTS.TES.x"), EINVAL);
  EXPECT_EQ(text("GSTS.TES.x"), "at 10: GSTS.TES is a number, which has no field \"x\"");
  EXPECT_EQ(text("GSTS[0]"), "at 6: GSTS is a structure, not a list");
}

TEST(expression_units, are_named_where_a_machine_has_several) {
  test::system server(*builtin_machine("server"));
  ASSERT_EQ(server.boot().panic, "");
  const size_t units = server.k().units().size();
  ASSERT_GT(units, 1u);
  EXPECT_THAT(asked(server.k(), "GSTS.TES"), HasSubstr("say which, dmar0 to dmar"));
  std::string expected;
  for (size_t i = 0; i < units; ++i) {
    expected += "[dmar" + std::to_string(i) +
                "] = " + std::to_string(server.unit(i).read32(0x1c) >> 31) + "\n";
  }
  EXPECT_EQ(asked(server.k(), "reg GSTS.TES"), expected);
  EXPECT_EQ(number(server.k(), "dmar1.RTADDR.RTA"), server.unit(1).read64(0x20));
}

TEST(expression_before_the_driver, is_not_there_yet) {
  test::system q35(*builtin_machine("q35"));
  EXPECT_EQ(number(q35.k(), "GSTS.TES"), 0u) << "hardware is there";
  EXPECT_EQ(error_of(q35.k(), "dmar_domain"), ENOENT);
  EXPECT_EQ(error_of(q35.k(), "si_domain"), ENOENT);
  EXPECT_EQ(error_of(q35.k(), "context 00:1f.0"), ENOENT);
}

/// Allocators that run alone.
class alone final : public structure_source {
 public:
  kernel* system() override { return nullptr; }
  std::vector<structure_section> structures(const structure_query& wanted) override {
    structure domain{"iova_domain", "0", {}};
    domain.add("granule", uint64_t{4096});
    return wanted_of({{"iova_domain", {domain}}}, wanted);
  }
};

TEST(expression_without_a_kernel, asks_what_there_is) {
  alone source;
  const auto granule = expression::parse("iova_domain.granule");
  ASSERT_TRUE(granule.ok());
  EXPECT_EQ(comparable_text(*granule->evaluate(source)), "0x1000");
  const auto gsts = expression::parse("GSTS.TES");
  ASSERT_TRUE(gsts.ok());
  EXPECT_EQ(status_errno(gsts->evaluate(source).status()), ENOENT);
  EXPECT_THAT(complete_expression(source, "iova_domain.gr").candidates, ElementsAre("granule"));
}

TEST_F(expressions, are_completed) {
  EXPECT_THAT(completed("GST"), ElementsAre("GSTS"));
  EXPECT_THAT(completed("GSTS.T"), ElementsAre("TES"));
  EXPECT_THAT(completed("dmar0.GS"), ElementsAre("GSTS"));
  EXPECT_THAT(completed("dmar_dom"), ElementsAre("dmar_domain"));
  EXPECT_THAT(completed("dmar_domain["), ElementsAre("dmar0:1]"));
  EXPECT_THAT(completed("dmar_domain[dmar0:1].iommu_c"),
              ElementsAre("iommu_coherency", "iommu_count"));
  EXPECT_THAT(completed("g_iommus[0]->ag"), ElementsAre("agaw"));
  EXPECT_THAT(completed("context 00:1f.0"), ElementsAre("00:1f.0"));
  EXPECT_THAT(completed("context 00:1f.0.DI"), ElementsAre("DID"));
  EXPECT_THAT(completed("walk 00:1f.0 1000 w"), ElementsAre("write"));
  EXPECT_THAT(completed("caches d"), ElementsAre("dmar0"));
  EXPECT_THAT(completed("caches.st"), ElementsAre("stale"));
  EXPECT_THAT(completed("reg FS"), ElementsAre("FSTS"));
  EXPECT_THAT(completed("nothing_like_it"), IsEmpty());
  EXPECT_THAT(completed(""), Contains("walk"));
}

TEST_F(expressions, completed_with_what_is_parsed) {
  // Whatever is offered as a beginning is one, arguments apart.
  for (const std::string& word : completed("")) {
    if (word == "reg" || word == "pte" || word == "walk") continue;
    EXPECT_TRUE(expression::parse(word).ok()) << word;
  }
}

}  // namespace
}  // namespace iommulab::structures_test
