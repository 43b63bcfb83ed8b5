// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/dmar_builder.h"

#include <filesystem>

#include "gtest/gtest.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/support/dmar_invariants.h"
#include "platform/firmware/support/table_files.h"
#include "support/golden.h"

namespace iommulab::dmar_builder_test {
namespace {

namespace layout = dmar_layout;

TEST(dmar_builder, makes_the_table_of_the_recorded_machine_byte_for_byte) {
  const auto golden = testing::golden_kernel_folder();
  if (!golden) IOMMULAB_MISSING("no recordings of real kernels: set IOMMULAB_GOLDEN");
  dmar_builder builder(39);
  builder.add_drhd(
      0, 0, 0xfed90000,
      {dmar_scope_spec::ioapic(0, 0xff, {0, 0}), dmar_scope_spec::endpoint(0, {{0x00, 0}}),
       dmar_scope_spec::endpoint(0, {{0x04, 0}}), dmar_scope_spec::endpoint(0, {{0x05, 0}}),
       dmar_scope_spec::endpoint(0, {{0x1f, 0}}), dmar_scope_spec::endpoint(0, {{0x1f, 2}}),
       dmar_scope_spec::endpoint(0, {{0x1f, 3}})});
  const auto recorded = *golden / "boot/default/DMAR.bin";
  if (!std::filesystem::exists(recorded)) IOMMULAB_MISSING("no " << recorded);
  EXPECT_EQ(builder.finish(), testing::bytes_of(recorded));
}

TEST(dmar_builder, makes_a_recorded_table_of_five_types_with_a_two_hop_path_byte_for_byte) {
  const auto golden = testing::golden_kernel_folder();
  if (!golden) IOMMULAB_MISSING("no recordings of real kernels: set IOMMULAB_GOLDEN");
  acpi_identity identity;
  identity.oem_revision = 2;
  identity.creator_id = "K44L";
  dmar_builder builder(39, 0, 1, identity);
  builder.add_drhd(layout::drhd::include_pci_all.mask(), 0, 0xfed90000,
                   {dmar_scope_spec::ioapic(0, 0xff, {0, 0})});
  builder.add_rmrr(0, 0x3fff8000, 0x3fffbfff, {dmar_scope_spec::endpoint(0, {{4, 1}})});
  builder.add_rmrr(0, 0x3fffc000, 0x3fffcfff, {dmar_scope_spec::endpoint(0, {{5, 0}, {1, 0}})});
  builder.add_atsr(0, 0, {dmar_scope_spec::bridge(0, {{2, 0}})});
  builder.add_rhsa(0xfed90000, 0);
  builder.add_andd(1, "\\_SB.PCI0.ANDD");
  const auto recorded = *golden / "firmware/r1/DMAR-given.bin";
  if (!std::filesystem::exists(recorded)) IOMMULAB_MISSING("no " << recorded);
  EXPECT_EQ(builder.finish(), testing::bytes_of(recorded));
}

TEST(dmar_builder, every_type_comes_back_from_the_decoder_as_it_went_in) {
  dmar_builder builder(46, 5, 2);
  builder.add_drhd(0, 3, 0x123456789000, {dmar_scope_spec::endpoint(7, {{1, 2}, {3, 4}, {5, 6}})},
                   4);
  builder.add_rmrr(3, 0x1000, 0x2fff, {dmar_scope_spec::endpoint(7, {{1, 2}})});
  builder.add_atsr(1, 3);
  builder.add_rhsa(0x123456789000, 0xdeadbeef);
  builder.add_andd(9, "\\_SB.X");
  builder.add_satc(1, 3, {dmar_scope_spec::endpoint(0, {{2, 0}})});
  dmar_scope_spec with_flags = dmar_scope_spec::endpoint(0, {{2, 0}});
  with_flags.flags = 0x1f;
  builder.add_sidp(3, {with_flags});
  const dmar_table table = decode_dmar(builder.finish());

  ASSERT_TRUE(table.decodable);
  EXPECT_EQ(testing::broken_invariant(table), "");
  EXPECT_FALSE(table.has(diagnosis_severity::warning));
  EXPECT_EQ(table.host_address_bits(), 46U);
  EXPECT_EQ(table.flags, 5);
  EXPECT_EQ(table.header.revision, 2);
  ASSERT_EQ(table.structures.size(), 7U);
  const auto& drhd = std::get<dmar_drhd>(table.structures[0].body);
  EXPECT_EQ(drhd.segment, 3);
  EXPECT_EQ(drhd.register_base, 0x123456789000U);
  EXPECT_EQ(drhd.register_set_size(), 65536U);
  EXPECT_FALSE(drhd.include_all());
  ASSERT_EQ(table.structures[0].scopes.size(), 1U);
  EXPECT_EQ(table.structures[0].scopes[0].start_bus, 7);
  EXPECT_EQ(table.structures[0].scopes[0].path,
            (std::vector<dmar_path_hop>{{1, 2}, {3, 4}, {5, 6}}));
  EXPECT_EQ(std::get<dmar_rmrr>(table.structures[1].body).limit, 0x2fffU);
  EXPECT_EQ(std::get<dmar_atsr>(table.structures[2].body).flags, 1);
  EXPECT_EQ(std::get<dmar_rhsa>(table.structures[3].body).proximity_domain, 0xdeadbeefU);
  EXPECT_EQ(std::get<dmar_andd>(table.structures[4].body).name, "\\_SB.X");
  EXPECT_EQ(std::get<dmar_andd>(table.structures[4].body).device_number, 9);
  EXPECT_EQ(std::get<dmar_satc>(table.structures[5].body).flags, 1);
  EXPECT_EQ(std::get<dmar_sidp>(table.structures[6].body).segment, 3);
  EXPECT_EQ(table.structures[6].scopes.at(0).flags, 0x1f);
}

}  // namespace
}  // namespace iommulab::dmar_builder_test
