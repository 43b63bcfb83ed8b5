// SPDX-License-Identifier: GPL-2.0-only
//
// Tables cut at every length and tables with random bytes changed: decoding ends, stays inside,
// and keeps what it promises.
#include <algorithm>
#include <random>

#include "gtest/gtest.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/support/dmar_invariants.h"
#include "platform/firmware/support/table_files.h"

namespace iommulab::dmar_damage_test {
namespace {

using table_bytes = std::vector<uint8_t>;

/// One structure of each type, with scopes of one to three hops.
table_bytes table_of_all_types() {
  const auto device = dmar_scope_spec::endpoint(0, {{2, 0}});
  return dmar_builder(46, 1)
      .add_drhd(0, 0, 0xfed90000, {dmar_scope_spec::endpoint(0, {{1, 0}, {0, 1}, {2, 3}})})
      .add_drhd(
          1, 0, 0xfed91000,
          {dmar_scope_spec::ioapic(2, 0xf0, {0x1f, 0}), dmar_scope_spec::hpet(0, 0, {0x1f, 0}),
           dmar_scope_spec::namespace_device(1, 0, {0x15, 0})})
      .add_rmrr(0, 0x7c000000, 0x7fffffff, {device})
      .add_atsr(0, 0, {dmar_scope_spec::bridge(0, {{1, 0}})})
      .add_rhsa(0xfed90000, 1)
      .add_andd(1, "\\_SB.PCI0.I2C0")
      .add_satc(1, 0, {device})
      .add_sidp(0, {device})
      .finish();
}

/// Ours, and the real ones that are at hand: one in sixteen of the corpus, all recorded.
std::vector<table_bytes> whole_tables() {
  std::vector<table_bytes> tables = {table_of_all_types()};
  if (const auto golden = testing::golden_kernel_folder()) {
    for (const auto& file : testing::files_named(*golden / "boot", {"DMAR.bin"})) {
      tables.push_back(testing::bytes_of(file));
    }
  }
  if (const auto corpus = testing::corpus_dmar_folder()) {
    const testing::tsv_table index(*corpus / "index.tsv");
    for (std::size_t row = 0; row < index.rows(); row += 16) {
      tables.push_back(testing::bytes_of(*corpus / (index.cell(row, "HWID") + ".bin")));
    }
  }
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  return tables;
}

const dmar_finding* find(const dmar_table& table, dmar_diagnosis diagnosis) {
  for (const dmar_finding& finding : table.findings) {
    if (finding.id == diagnosis) return &finding;
  }
  return nullptr;
}

TEST(dmar_damage, a_file_cut_anywhere_is_said_to_be_cut_and_decoded_up_to_there) {
  for (const table_bytes& whole : whole_tables()) {
    const dmar_table undamaged = decode_dmar(whole);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      SCOPED_TRACE(size);
      const dmar_table table = decode_dmar(absl::MakeSpan(whole).first(size));
      ASSERT_EQ(testing::broken_invariant(table), "");
      ASSERT_EQ(table.decodable, size >= 48);
      if (!table.decodable) {
        const dmar_finding* const cut = find(table, dmar_diagnosis::table_header_truncated);
        ASSERT_NE(cut, nullptr);
        ASSERT_EQ(cut->value, size);
        continue;
      }
      const dmar_finding* const cut = find(table, dmar_diagnosis::table_truncated);
      ASSERT_NE(cut, nullptr);
      ASSERT_EQ(cut->value, whole.size());
      // Structures that end before the cut are what they were.
      std::size_t expected = 0;
      for (const dmar_structure& structure : undamaged.structures) {
        expected += structure.offset + structure.length <= size ? 1U : 0U;
      }
      std::size_t complete = 0;
      for (const dmar_structure& structure : table.structures) {
        complete += structure.complete ? 1U : 0U;
      }
      ASSERT_EQ(complete, expected);
    }
  }
}

TEST(dmar_damage, a_table_whose_length_agrees_with_the_cut_breaks_at_its_last_structure) {
  for (const table_bytes& whole : whole_tables()) {
    const dmar_table undamaged = decode_dmar(whole);
    for (std::size_t size = 48; size < whole.size(); ++size) {
      SCOPED_TRACE(size);
      table_bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      finish_acpi_table(cut);
      const dmar_table table = decode_dmar(cut);
      ASSERT_EQ(testing::broken_invariant(table), "");
      ASSERT_EQ(find(table, dmar_diagnosis::bad_checksum), nullptr);
      // How far into a structure the cut is, by the undamaged table.
      std::size_t into = size - 48;
      for (const dmar_structure& structure : undamaged.structures) {
        if (structure.offset <= size) into = size - structure.offset;
        if (structure.offset + structure.length == size) into = 0;
      }
      ASSERT_EQ(find(table, dmar_diagnosis::trailing_bytes) != nullptr, into > 0 && into < 4);
      ASSERT_EQ(find(table, dmar_diagnosis::structure_overruns_table) != nullptr, into >= 4);
    }
  }
}

TEST(dmar_damage, random_changes_never_break_an_invariant) {
  std::mt19937 random(4104);  // Any seed; the same at each run.
  const std::vector<table_bytes> tables = whole_tables();
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  constexpr uint8_t telling[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x7f, 0x80, 0xff};
  constexpr int rounds = 30000;
  for (int round = 0; round < rounds; ++round) {
    table_bytes table = tables[below(tables.size())];
    const std::size_t changes = 1 + below(6);
    for (std::size_t i = 0; i < changes; ++i) {
      // Behind the signature, which would end the matter at once.
      table[4 + below(table.size() - 4)] =
          below(2) == 0 ? telling[below(std::size(telling))] : static_cast<uint8_t>(below(256));
    }
    if (below(2) == 0) finish_acpi_table(table);
    ASSERT_EQ(testing::broken_invariant(decode_dmar(table)), "") << "round " << round;
  }
}

}  // namespace
}  // namespace iommulab::dmar_damage_test
