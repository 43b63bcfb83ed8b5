// SPDX-License-Identifier: GPL-2.0-only
//
// Each diagnosis is met in bytes broken for it, at the offset and with the value that the breaking
// says. Offsets are counted by hand: the header has 48 bytes (0x30), a unit with one scope of one
// hop 24 (0x18), so what follows it begins at 0x48.
#include "platform/firmware/dmar_diagnosis.h"

#include <algorithm>
#include <functional>
#include <ostream>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/firmware/dmar_surroundings.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/support/dmar_invariants.h"

namespace iommulab::dmar_diagnosis_test {
namespace {

using table_bytes = std::vector<uint8_t>;

constexpr uint64_t base = 0xfed90000;
constexpr uint8_t all = 1;

dmar_scope_spec ioapic() {
  return dmar_scope_spec::ioapic(2, 0xf0, {0x1f, 0});
}
dmar_scope_spec disk() {
  return dmar_scope_spec::endpoint(0, {{0x1f, 2}});
}

/// A unit for all devices, 0x30 to 0x47.
dmar_builder unit() {
  dmar_builder builder(39);
  builder.add_drhd(all, 0, base, {ioapic()});
  return builder;
}
/// The same and a region for one device: fixed part from 0x48, scope from 0x60, end 0x68.
dmar_builder unit_and_region(uint64_t first = 0x7c000000, uint64_t last = 0x7c00ffff) {
  return unit().add_rmrr(0, first, last, {disk()});
}
/// `bytes` put at `offset`, and the checksum made good again.
table_bytes poke(const dmar_builder& builder, std::size_t offset, const table_bytes& bytes) {
  table_bytes table = builder.finish();
  std::copy(bytes.begin(), bytes.end(), table.begin() + static_cast<std::ptrdiff_t>(offset));
  table[9] = acpi_checksum(table);
  return table;
}
/// The table cut or filled up with zeros to `size`, its header made to agree.
table_bytes resized(const dmar_builder& builder, std::size_t size) {
  table_bytes table = builder.finish();
  table.resize(size);
  finish_acpi_table(table);
  return table;
}

struct broken_table {
  std::string name;
  diagnosis_severity severity;
  std::size_t offset;
  std::string field;
  uint64_t value;
  std::function<table_bytes()> make;
  /// What of the machine is known besides; nothing for a table by itself.
  std::function<void(dmar_table&)> surroundings = {};

  [[nodiscard]] dmar_table decode() const {
    dmar_table table = decode_dmar(make());
    if (surroundings) surroundings(table);
    return table;
  }
};

/// A map with RAM, reserved, ACPI's and unusable memory one behind the other from 0x10000000 on,
/// 1 MiB each, and nothing behind 0x104fffff.
void against_map(dmar_table& table) {
  using kind = memory_range::kind;
  constexpr uint64_t mib = 0x100000;
  const memory_range map[] = {{phys_addr(0x10000000), mib, kind::ram},
                              {phys_addr(0x10100000), mib, kind::reserved},
                              {phys_addr(0x10200000), mib, kind::acpi_nvs},
                              {phys_addr(0x10300000), mib, kind::acpi_data},
                              {phys_addr(0x10400000), mib, kind::unusable}};
  check_against_memory(table, map);
}

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
void PrintTo(const broken_table& broken, std::ostream* out) {
  *out << broken.name;
}

constexpr auto note = diagnosis_severity::note;
constexpr auto warning = diagnosis_severity::warning;
constexpr auto error = diagnosis_severity::error;

const broken_table broken_tables[] = {
    {"bad_signature", error, 0, "signature", 0x58414d44, [] { return poke(unit(), 3, {'X'}); }},
    {"table_header_truncated", error, 0x26, "table_size", 40,
     [] {
       // The width and the flags are there, the ten reserved bytes are not.
       table_bytes table = unit().finish();
       table.resize(40);
       return table;
     }},
    {"table_length_too_short", error, 4, "length", 47,
     [] {
       return poke(unit(), 4, {47, 0, 0, 0});
     }},
    {"table_truncated", error, 4, "length", 0x49,
     [] {
       return poke(unit(), 4, {0x49, 0, 0, 0});
     }},
    {"bytes_behind_table", warning, 4, "length", 0x48,
     [] {
       table_bytes table = unit().finish();
       table.push_back(0);
       return table;
     }},
    {"bad_checksum", warning, 9, "checksum", 0,
     [] {
       // The right one is not 0, as the table's other bytes do not add up to a multiple of 256.
       table_bytes table = unit().finish();
       table[9] = 0;
       return table;
     }},
    {"host_address_width_invalid", error, 0x24, "host_address_width", 10,
     [] { return poke(unit(), 0x24, {10}); }},
    {"host_address_width_invalid", error, 0x24, "host_address_width", 64,
     [] { return poke(unit(), 0x24, {64}); }},
    {"no_drhd", error, 0x30, "drhd", 0, [] { return dmar_builder(39).add_atsr(1, 0).finish(); }},
    {"trailing_bytes", error, 0x48, "table_end", 3, [] { return resized(unit(), 0x4b); }},
    {"reserved_not_zero", note, 0x2f, "reserved", 0x11, [] { return poke(unit(), 0x2f, {0x11}); }},
    {"reserved_not_zero", note, 0x25, "flags", 0xf8, [] { return poke(unit(), 0x25, {0xff}); }},
    {"reserved_not_zero", note, 0x34, "drhd.flags", 0x80,
     [] { return poke(unit(), 0x34, {0x81}); }},
    {"reserved_not_zero", note, 0x35, "drhd.size", 0x70, [] { return poke(unit(), 0x35, {0x72}); }},
    {"reserved_not_zero", note, 0x42, "scope.flags", 0x01, [] { return poke(unit(), 0x42, {1}); }},
    {"unknown_structure_type", warning, 0x48, "unknown.type", 7,
     [] {
       return unit().add_raw(7, {1, 2, 3}).finish();
     }},
    {"structure_length_zero", error, 0x4a, "rmrr.length", 0,
     [] {
       return poke(unit_and_region(), 0x4a, {0, 0});
     }},
    {"structure_too_short", error, 0x4a, "rhsa.length", 19,
     [] { return unit().add_raw(3, table_bytes(15)).finish(); }},
    {"structure_too_short", error, 0x4a, "atsr.length", 3,
     [] { return unit().add_raw(2, table_bytes(4), 3).finish(); }},
    {"structure_overruns_table", error, 0x4a, "rmrr.length", 0x21,
     [] {
       return poke(unit_and_region(), 0x4a, {0x21, 0});
     }},
    {"structures_out_of_order", warning, 0x50, "structure.type", 1,
     [] { return unit().add_atsr(1, 0).add_rmrr(0, 0x1000, 0x1fff, {disk()}).finish(); }},
    {"drhd_base_zero", error, 0x38, "drhd.register_base_address", 0,
     [] { return dmar_builder(39).add_drhd(all, 0, 0).finish(); }},
    {"drhd_base_unaligned", error, 0x38, "drhd.register_base_address", base + 0x800,
     [] { return dmar_builder(39).add_drhd(all, 0, base + 0x800).finish(); }},
    {"duplicate_drhd", warning, 0x50, "drhd.register_base_address", base,
     [] { return unit().add_drhd(all, 0, base).finish(); }},
    {"drhd_base_in_two_segments", error, 0x50, "drhd.register_base_address", base,
     [] { return unit().add_drhd(all, 1, base).finish(); }},
    {"drhd_beyond_host_address_width", warning, 0x38, "drhd.register_base_address", 0x7ffffffff000,
     [] { return dmar_builder(39).add_drhd(all, 0, 0x7ffffffff000).finish(); }},
    {"drhd_beyond_host_address_width", warning, 0x38, "drhd.register_base_address",
     0xfffffffffffff000,
     [] { return dmar_builder(39).add_drhd(all, 0, 0xfffffffffffff000).finish(); }},
    // The first page is within 39 bits, the second of its two is not.
    {"drhd_beyond_host_address_width", warning, 0x38, "drhd.register_base_address", 0x7ffffff000,
     [] { return dmar_builder(39).add_drhd(all, 0, 0x7ffffff000, {}, 1).finish(); }},
    {"drhd_without_scope", warning, 0x32, "drhd.length", 16,
     [] { return dmar_builder(39).add_drhd(0, 0, base).finish(); }},
    {"include_all_not_last", warning, 0x4c, "drhd.flags", 0,
     [] { return unit().add_drhd(0, 0, base + 0x1000, {disk()}).finish(); }},
    {"include_all_twice", warning, 0x4c, "drhd.flags", 1,
     [] { return unit().add_drhd(all, 0, base + 0x1000).finish(); }},
    {"include_all_names_pci_device", note, 0x40, "scope.type", 1,
     [] { return dmar_builder(39).add_drhd(all, 0, base, {disk()}).finish(); }},
    {"rmrr_end_below_base", error, 0x58, "rmrr.limit_address", 0x7bffffff,
     [] { return unit_and_region(0x7c000000, 0x7bffffff).finish(); }},
    {"rmrr_unaligned", warning, 0x50, "rmrr.base_address", 0x7c000800,
     [] { return unit_and_region(0x7c000800, 0x7c000fff).finish(); }},
    {"rmrr_unaligned", warning, 0x58, "rmrr.limit_address", 0x7c001000,
     [] { return unit_and_region(0x7c000000, 0x7c001000).finish(); }},
    {"rmrr_base_zero", warning, 0x50, "rmrr.base_address", 0,
     [] { return unit_and_region(0, 0xfff).finish(); }},
    {"rmrr_beyond_host_address_width", warning, 0x58, "rmrr.limit_address", 0x8000000fff,
     [] { return unit_and_region(0x7fffffe000, 0x8000000fff).finish(); }},
    {"rmrr_without_scope", warning, 0x4a, "rmrr.length", 24,
     [] { return unit().add_rmrr(0, 0x1000, 0x1fff).finish(); }},
    {"rmrr_duplicate", note, 0x70, "rmrr.base_address", 0x7c000000,
     [] { return unit_and_region().add_rmrr(0, 0x7c000000, 0x7c00ffff, {disk()}).finish(); }},
    {"rmrr_overlap", warning, 0x70, "rmrr.base_address", 0x7c00f000,
     [] { return unit_and_region().add_rmrr(0, 0x7c00f000, 0x7c01ffff, {disk()}).finish(); }},
    // The later one is complained of, wherever it lies.
    {"rmrr_overlap", warning, 0x70, "rmrr.base_address", 0x7b000000,
     [] { return unit_and_region().add_rmrr(0, 0x7b000000, 0x7c000fff, {disk()}).finish(); }},
    {"rmrr_overlap", warning, 0x90, "rmrr.base_address", 0x7c008000,
     [] {
       return unit_and_region()
           .add_rmrr(0, 0x7c010000, 0x7c01ffff, {disk()})
           .add_rmrr(0, 0x7c008000, 0x7c008fff, {disk()})
           .finish();
     }},
    {"rmrr_in_interrupt_range", warning, 0x50, "rmrr.base_address", 0xfeeff000,
     [] { return unit_and_region(0xfeeff000, 0xfeefffff).finish(); }},
    {"rmrr_in_interrupt_range", warning, 0x50, "rmrr.base_address", 0xfe000000,
     [] { return unit_and_region(0xfe000000, 0xfee00fff).finish(); }},
    {"rmrr_over_unit_registers", warning, 0x50, "rmrr.base_address", 0xfed80000,
     [] { return unit_and_region(0xfed80000, 0xfed90fff).finish(); }},
    {"segment_without_drhd", warning, 0x4e, "rmrr.segment", 1,
     [] { return unit().add_rmrr(1, 0x7c000000, 0x7c00ffff, {disk()}).finish(); }},
    {"segment_without_drhd", warning, 0x4e, "atsr.segment", 2,
     [] { return unit().add_atsr(1, 2).finish(); }},
    {"segment_without_drhd", warning, 0x4e, "satc.segment", 3,
     [] { return unit().add_satc(0, 3, {disk()}).finish(); }},
    {"segment_without_drhd", warning, 0x4e, "sidp.segment", 4,
     [] { return unit().add_sidp(4, {disk()}).finish(); }},
    {"rmrr_in_usable_memory", warning, 0x50, "rmrr.base_address", 0x10000000,
     [] { return unit_and_region(0x10000000, 0x100fffff).finish(); }, against_map},
    // One page of it.
    {"rmrr_in_usable_memory", warning, 0x50, "rmrr.base_address", 0x100ff000,
     [] { return unit_and_region(0x100ff000, 0x1010ffff).finish(); }, against_map},
    {"rmrr_in_memory_hole", warning, 0x50, "rmrr.base_address", 0x8d800000,
     [] { return unit_and_region(0x8d800000, 0x8fffffff).finish(); }, against_map},
    {"rmrr_in_memory_hole", warning, 0x50, "rmrr.base_address", 0x10400000,
     [] { return unit_and_region(0x10400000, 0x10500fff).finish(); }, against_map},
    {"rmrr_not_reserved", warning, 0x50, "rmrr.base_address", 0x10300000,
     [] { return unit_and_region(0x10300000, 0x10300fff).finish(); }, against_map},
    {"rmrr_in_acpi_nvs", note, 0x50, "rmrr.base_address", 0x101ff000,
     [] { return unit_and_region(0x101ff000, 0x10200fff).finish(); }, against_map},
    {"drhd_in_usable_memory", warning, 0x38, "drhd.register_base_address", 0x10001000,
     [] { return dmar_builder(39).add_drhd(all, 0, 0x10001000).finish(); }, against_map},
    {"drhd_without_hardware", warning, 0x38, "drhd.register_base_address", base,
     [] { return unit().finish(); }, [](dmar_table& table) { check_against_units(table, {}); }},
    {"hardware_without_drhd", note, 0x30, "drhd", 0xfed91000, [] { return unit().finish(); },
     [](dmar_table& table) {
       const phys_addr bases[] = {phys_addr(base), phys_addr(0xfed91000)};
       check_against_units(table, bases);
     }},
    // An I/O APIC of the MADT's, and of two the one that no scope names.
    {"io_apic_without_scope", warning, 0x30, "drhd", 9,
     [] { return dmar_builder(39, /*flags=*/1).add_drhd(all, 0, base, {ioapic()}).finish(); },
     [](dmar_table& table) {
       const madt_io_apic apics[] = {{2, 0xfec00000, 0}, {9, 0xfec01000, 24}};
       check_against_io_apics(table, apics);
     }},
    {"rhsa_refers_to_no_unit", warning, 0x50, "rhsa.register_base_address", base + 0x1000,
     [] { return unit().add_rhsa(base + 0x1000, 0).finish(); }},
    {"andd_name_unterminated", error, 0x50, "andd.name", 3,
     [] {
       return unit().add_raw(4, {0, 0, 0, 1, 'A', 'B', 'C'}).finish();
     }},
    {"andd_name_unterminated", error, 0x50, "andd.name", 0,
     [] {
       return unit().add_raw(4, {0, 0, 0, 1}).finish();
     }},
    {"andd_without_scope", note, 0x4f, "andd.acpi_device_number", 5,
     [] { return unit().add_andd(5, "\\_SB.X").finish(); }},
    {"unknown_scope_type", warning, 0x60, "scope.type", 6,
     [] { return poke(unit_and_region(), 0x60, {6}); }},
    {"unknown_scope_type", warning, 0x60, "scope.type", 0,
     [] { return poke(unit_and_region(), 0x60, {0}); }},
    {"scope_length_zero", error, 0x61, "scope.length", 0,
     [] { return poke(unit_and_region(), 0x61, {0}); }},
    {"scope_too_short", error, 0x61, "scope.length", 5,
     [] { return poke(unit_and_region(), 0x61, {5}); }},
    {"scope_overruns_structure", error, 0x61, "scope.length", 9,
     [] { return poke(unit_and_region(), 0x61, {9}); }},
    {"scope_without_path", warning, 0x61, "scope.length", 6,
     [] {
       return unit().add_rmrr(0, 0x1000, 0x1fff, {dmar_scope_spec::endpoint(0, {})}).finish();
     }},
    {"scope_path_odd", warning, 0x49 + 8, "scope.length", 9,
     [] {
       return unit().add_raw(2, {0, 0, 0, 0, 2, 9, 0, 0, 0, 0, 0x1c, 0, 0}).finish();
     }},
    {"scope_path_out_of_range", warning, 0x66, "path.device", 32,
     [] { return poke(unit_and_region(), 0x66, {32}); }},
    {"scope_path_out_of_range", warning, 0x67, "path.function", 8,
     [] { return poke(unit_and_region(), 0x67, {8}); }},
    {"scope_refers_to_no_andd", warning, 0x44, "scope.enumeration_id", 9,
     [] {
       return dmar_builder(39)
           .add_drhd(all, 0, base, {dmar_scope_spec::namespace_device(9, 0, {0x15, 0})})
           .finish();
     }},
    {"scope_trailing_byte", error, 0x50, "scope.type", 0xaa,
     [] {
       return unit().add_raw(2, {1, 0, 0, 0, 0xaa}).finish();
     }},
};

class dmar_broken : public ::testing::TestWithParam<broken_table> {};

TEST_P(dmar_broken, is_diagnosed_with_name_offset_field_and_value) {
  const broken_table& broken = GetParam();
  const dmar_table table = broken.decode();
  EXPECT_EQ(testing::broken_invariant(table), "");
  std::string seen;
  bool met = false;
  for (const dmar_finding& finding : table.findings) {
    seen += std::string(name(finding.id)) + ": " + finding.sentence + "\n";
    met |= name(finding.id) == broken.name && finding.severity == broken.severity &&
           finding.where == broken.offset && finding.field == broken.field &&
           finding.value == broken.value;
  }
  EXPECT_TRUE(met) << seen;
}

TEST_P(dmar_broken, has_no_other_severe_finding) {
  const broken_table& broken = GetParam();
  // What was broken breaks nothing else as badly.
  for (const dmar_finding& finding : broken.decode().findings) {
    if (name(finding.id) == broken.name) continue;
    EXPECT_NE(finding.severity, error) << name(finding.id) << ": " << finding.sentence;
  }
}

INSTANTIATE_TEST_SUITE_P(all, dmar_broken, ::testing::ValuesIn(broken_tables),
                         [](const ::testing::TestParamInfo<broken_table>& test) {
                           return test.param.name + "_" + std::to_string(test.index);
                         });

TEST(dmar_diagnosis, every_one_is_met_by_a_broken_table_and_no_two_share_a_name) {
  std::set<std::string> tested;
  for (const broken_table& broken : broken_tables) tested.insert(broken.name);
  std::set<std::string> names;
  for (const dmar_diagnosis_info& row : all_dmar_diagnoses()) {
    EXPECT_TRUE(names.insert(std::string(row.name)).second) << row.name;
    EXPECT_TRUE(tested.contains(std::string(row.name))) << row.name << " is never met";
  }
  EXPECT_EQ(names, tested);
}

TEST(dmar_diagnosis, the_tables_that_are_broken_are_flawless_before) {
  EXPECT_TRUE(decode_dmar(unit().finish()).findings.empty());
  EXPECT_TRUE(decode_dmar(unit_and_region().finish()).findings.empty());
  // Regions side by side, and one at the edge of the interrupt range.
  EXPECT_TRUE(decode_dmar(unit_and_region()
                              .add_rmrr(0, 0x7c010000, 0x7c010fff, {disk()})
                              .add_rmrr(0, 0xfedff000, 0xfedfffff, {disk()})
                              .finish())
                  .findings.empty());
  // The last page that 39 bits reach.
  EXPECT_TRUE(
      decode_dmar(dmar_builder(39).add_drhd(all, 0, 0x7ffffff000).finish()).findings.empty());
}

TEST(dmar_diagnosis, a_region_in_reserved_memory_is_as_it_should_be) {
  dmar_table table = decode_dmar(unit_and_region(0x10100000, 0x101fffff).finish());
  against_map(table);
  EXPECT_TRUE(table.findings.empty()) << table.findings.front().sentence;
  check_against_units(table, {{phys_addr(base)}});
  EXPECT_TRUE(table.findings.empty()) << table.findings.front().sentence;
}

TEST(dmar_diagnosis, without_a_map_nothing_is_said_of_memory) {
  dmar_table table = decode_dmar(unit_and_region(0x10000000, 0x100fffff).finish());
  check_against_memory(table, {});
  EXPECT_TRUE(table.findings.empty());
}

TEST(dmar_diagnosis, newer_kernels_words_for_a_region_that_is_not_reserved_are_given) {
  dmar_table table = decode_dmar(unit_and_region(0x10000000, 0x100fffff).finish());
  against_map(table);
  ASSERT_EQ(table.findings.size(), 1u);
  // arch_rmrr_sanity_check() of Linux 6.12.
  EXPECT_NE(table.findings[0].sentence.find(
                "[Firmware Bug]: No firmware reserved region can cover this RMRR "
                "[0x0000000010000000-0x00000000100fffff], contact BIOS vendor for fixes"),
            std::string::npos)
      << table.findings[0].sentence;
}

TEST(dmar_diagnosis, the_words_for_part_of_a_region_name_the_part) {
  dmar_table table = decode_dmar(unit_and_region(0x100ff000, 0x1010ffff).finish());
  against_map(table);
  ASSERT_EQ(table.findings.size(), 1u);
  EXPECT_NE(table.findings[0].sentence.find("0x100ff000-0x100fffff in it"), std::string::npos)
      << table.findings[0].sentence;
}

// VT-d specification 8.4: a structure is for devices of one segment.
TEST(dmar_diagnosis, a_region_that_devices_of_two_segments_use_is_there_for_each) {
  const dmar_table table = decode_dmar(unit()
                                           .add_drhd(all, 1, base + 0x1000)
                                           .add_rmrr(0, 0x7c000000, 0x7c00ffff, {disk()})
                                           .add_rmrr(1, 0x7c000000, 0x7c00ffff, {disk()})
                                           .add_rmrr(1, 0x7c008000, 0x7c01ffff, {disk()})
                                           .finish());
  ASSERT_EQ(table.findings.size(), 1u) << table.findings[0].sentence;
  EXPECT_EQ(table.findings[0].id, dmar_diagnosis::rmrr_overlap);
  EXPECT_NE(table.findings[0].sentence.find("0x7c008000-0x7c01ffff overlaps the region "
                                            "0x7c000000-0x7c00ffff of the RMRR at 0x0078"),
            std::string::npos)
      << table.findings[0].sentence;
}

// A table of regions only may hold thousands of them: each pair cannot be looked at.
TEST(dmar_diagnosis, thousands_of_regions_are_compared_in_reasonable_time) {
  dmar_builder builder = unit();
  constexpr uint64_t count = 10000;
  for (uint64_t i = 0; i < count; ++i) builder.add_rmrr(0, i * 0x1000, i * 0x1000 + 0x1fff);
  const dmar_table table = decode_dmar(builder.finish());
  const auto overlaps =
      std::count_if(table.findings.begin(), table.findings.end(),
                    [](const dmar_finding& f) { return f.id == dmar_diagnosis::rmrr_overlap; });
  EXPECT_EQ(overlaps, static_cast<std::ptrdiff_t>(count - 1));
}

TEST(dmar_diagnosis, decoding_goes_on_behind_a_structure_that_is_too_short) {
  const dmar_table table =
      decode_dmar(unit().add_raw(3, table_bytes(15)).add_andd(1, "\\_SB.X").finish());
  ASSERT_EQ(table.structures.size(), 3U);
  EXPECT_FALSE(table.structures[1].complete);
  EXPECT_TRUE(table.structures[2].complete);
  EXPECT_EQ(std::get<dmar_andd>(table.structures[2].body).name, "\\_SB.X");
}

TEST(dmar_diagnosis, what_is_there_of_a_structure_that_overruns_the_table_is_shown) {
  // The region cut behind its base address.
  const dmar_table table = decode_dmar(resized(unit_and_region(), 0x58));
  ASSERT_EQ(table.structures.size(), 2U);
  EXPECT_FALSE(table.structures[1].complete);
  EXPECT_EQ(table.structures[1].fields.back().name, "base_address");
  EXPECT_EQ(table.structures[1].fields.back().value, 0x7c000000U);
}

}  // namespace
}  // namespace iommulab::dmar_diagnosis_test
