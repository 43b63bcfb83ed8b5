// SPDX-License-Identifier: GPL-2.0-only
//
// DMAR tables (VT-d 8) that the driver refuses, or accepts with a note: every enumerator of
// table_refusal from bytes that are put together here, with the offset and the value in the note.
#include "intel/dmar/table.h"

#include <optional>
#include <set>

#include "absl/strings/str_format.h"
#include "intel/dmar/diagnosis.h"
#include "intel/expect.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"

namespace iommulab::test::table_test {
namespace {

using linux_4_4::system;

using v4_4::divergence;

constexpr uint8_t include_all = 1;
constexpr uint64_t base = small_unit_base;
constexpr unsigned header_size = 48;  // 8.1
constexpr uint16_t drhd = 0, rmrr = 1, andd = 4;

/// What a table comes to.
struct expectation {
  int intel_iommu_init = 0;
  std::string log_line;  ///< one that has to be there; empty for none
  bool detected = true;  ///< detect_intel_iommu(), which walks the table first
};

struct refused_table {
  table_refusal what;
  const char* name;
  size_t offset;
  uint64_t value;
  std::vector<uint8_t> table;
  expectation outcome;
  reports divergences = {};  ///< where 4.4 does otherwise
};

dmar_builder good() {
  return dmar_builder(39).add_drhd(include_all, 0, base);
}
constexpr size_t behind_good = header_size + 16;

/// A scope as raw bytes, at the end of a DRHD of type 0 that otherwise is good().
std::vector<uint8_t> drhd_with_scope(std::vector<uint8_t> scope) {
  std::vector<uint8_t> contents = {include_all, 0, 0, 0};
  for (unsigned i = 0; i < 8; ++i) contents.push_back(static_cast<uint8_t>(base >> (8 * i)));
  contents.insert(contents.end(), scope.begin(), scope.end());
  return dmar_builder(39).add_raw(drhd, contents).finish();
}

std::vector<uint8_t> cut_header() {
  dmar_builder builder = good();
  builder.bytes().push_back(1);
  builder.bytes().push_back(0);
  return builder.finish();
}

std::vector<refused_table> refused_tables() {
  const std::vector<uint8_t> four_bytes(4, 0);
  const std::vector<uint8_t> rmrr_body(20, 0);
  constexpr uint64_t hole_of_ones = 0xa0000000;
  constexpr uint64_t hole_of_zeros = 0xfed00000;
  const dmar_scope_spec nic_as_bridge[] = {dmar_scope_spec::bridge(0, {{3, 0}})};
  return {
      // dmar_walk_remapping_entries(): "Record passes table end"
      {table_refusal::structure_passes_table_end,
       "structure_passes_table_end",
       behind_good + 2,
       0xf0,
       good().add_raw(rmrr, rmrr_body, 0xf0).finish(),
       {-ENODEV, "DMAR: [Firmware Bug]: Record passes table end", false}},
      {table_refusal::structure_shorter_than_its_type,
       "structure_shorter_than_its_type",
       behind_good + 2,
       8,
       good().add_raw(rmrr, four_bytes).finish(),
       {-ENODEV, "", false},
       {divergence::structure_shorter_than_its_type}},
      // 4.4 hangs in dmar_acpi_dev_scope_init() with these two.
      {table_refusal::structure_length_zero,
       "structure_length_zero",
       behind_good + 2,
       0,
       good().add_raw(rmrr, rmrr_body, 0).finish(),
       {-ENODEV, ""},
       {divergence::structure_length_zero}},
      {table_refusal::structure_header_cut,
       "structure_header_cut",
       behind_good,
       2,
       cut_header(),
       {-ENODEV, ""},
       {divergence::structure_header_cut}},
      // 4.4 hangs in dmar_alloc_dev_scope().
      {table_refusal::scope_length_zero,
       "scope_length_zero",
       behind_good + 5,
       0,
       drhd_with_scope({1, 4, 0, 0, 0, 0, 3, 0}),
       {-ENODEV, "DMAR: Parse DMAR table failure."},
       {divergence::scope_length_zero}},
      // Accepted: the scope ends where the structure does.
      {table_refusal::scope_path_passes_structure_end,
       "scope_path_passes_structure_end",
       behind_good + 1,
       0x20,
       drhd_with_scope({1, 0x20, 0, 0, 0, 0, 3, 0}),
       {0, "DMAR: Intel(R) Virtualization Technology for Directed I/O"},
       {divergence::scope_path_passes_structure_end}},
      // parse_dmar_table(): the field holds the width less one, and 12 bits are a page.
      {table_refusal::host_address_width_too_small,
       "host_address_width_too_small",
       36,
       10,
       dmar_builder(11).add_drhd(include_all, 0, base).finish(),
       {-ENODEV, "DMAR: Invalid DMAR haw"}},
      {table_refusal::no_drhd,
       "no_drhd",
       header_size,
       0,
       dmar_builder(39).add_rmrr(0, 0x1000, 0x1fff).finish(),
       {-ENODEV, "DMAR: [Firmware Bug]: No DRHD structure found in DMAR table"}},
      // warn_invalid_dmar()
      {table_refusal::drhd_base_zero,
       "drhd_base_zero",
       header_size + 8,
       0,
       dmar_builder(39).add_drhd(include_all, 0, 0).finish(),
       {-ENODEV, "Your BIOS is broken; DMAR reported at address 0!", false}},
      {table_refusal::drhd_reads_all_ones,
       "drhd_reads_all_ones",
       header_size + 8,
       hole_of_ones,
       dmar_builder(39).add_drhd(include_all, 0, hole_of_ones).finish(),
       {-ENODEV, "Your BIOS is broken; DMAR reported at address a0000000 returns all ones!",
        false}},
      // map_iommu(): two units cannot have one window.
      {table_refusal::drhd_window_taken,
       "drhd_window_taken",
       behind_good + 8,
       base,
       good().add_drhd(include_all, 1, base).finish(),
       {-ENODEV, "DMAR: Can't reserve memory"}},
      // alloc_iommu(): SAGAW without any width.
      {table_refusal::drhd_without_address_width,
       "drhd_without_address_width",
       behind_good + 8,
       hole_of_zeros,
       good().add_drhd(0, 0, hole_of_zeros).finish(),
       {-ENODEV, "DMAR: Cannot get a valid agaw for iommu (seq_id = 1)"}},
      // dmar_parse_one_andd(): five bytes of name and no NUL; the value is the structure's length.
      {table_refusal::andd_name_unterminated,
       "andd_name_unterminated",
       behind_good + 8,
       8 + 5,
       good().add_raw(andd, std::vector<uint8_t>{0, 0, 0, 1, 'D', 'E', 'V', '0', '1'}).finish(),
       {-ENODEV, "Your BIOS is broken; ANDD object name is not NUL-terminated"}},
      // dmar_insert_dev_scope(): the nic has an ordinary header.
      {table_refusal::scope_type_mismatch,
       "scope_type_mismatch",
       behind_good,
       2,
       dmar_builder(39).add_drhd(0, 0, base, nic_as_bridge).finish(),
       {-ENODEV, "DMAR: Device scope type does not match for 0000:00:03.0"}},
  };
}

machine_config machine_with(std::vector<uint8_t> table) {
  small_machine m;
  m.table = std::move(table);
  machine_config machine = m.build();
  machine.reads_all_ones = {{phys_addr(0xa0000000), 0x1000}};
  return machine;
}

// dmar_table_init() is asked twice, for interrupt remapping and for DMA remapping, and parses once.
// Without a table it has nothing to say.
TEST(table, is_parsed_once_however_it_ends) {
  machine_config machine = machine_with(dmar_builder(39).add_rmrr(0, 0x1000, 0x1fff).finish());
  system without_units(machine);
  EXPECT_EQ(without_units.boot().intel_iommu_init, -ENODEV);
  EXPECT_EQ(without_units.logged("DMAR: No DMAR devices found"), 1);
  EXPECT_EQ(without_units.logged("DMAR: [Firmware Bug]: No DRHD structure found in DMAR table"), 1);
  system invalid(machine_with(dmar_builder(11).add_drhd(include_all, 0, base).finish()));
  EXPECT_EQ(invalid.boot().intel_iommu_init, -ENODEV);
  EXPECT_EQ(invalid.logged("DMAR: Invalid DMAR haw"), 1);
  EXPECT_EQ(invalid.logged("DMAR: Parse DMAR table failure."), 1);
  machine.dmar_table.clear();
  system none(machine);
  EXPECT_EQ(none.boot().intel_iommu_init, -ENODEV);
  EXPECT_FALSE(none.log_contains("No DMAR devices found"));
  EXPECT_FALSE(none.log_contains("Parse DMAR table failure."));
}

// alloc_iommu() of a unit that is there and has no table width: QEMU with dma-translation=off.
TEST(unit_without_widths, costs_the_whole_table) {
  small_machine m;
  m.set_cap(default_cap().set_sagaw(0));
  system s(m.build());
  EXPECT_EQ(s.boot().intel_iommu_init, -ENODEV);
  EXPECT_EQ(s.logged("DMAR: Cannot get a valid agaw for iommu (seq_id = 0)"), 1);
}

// dmar_alloc_dev_scope() steps by the length alone, and dmar_insert_dev_scope() finds no path in
// scopes shorter than their header: they name nothing.
TEST(short_scopes, are_stepped_over) {
  for (const std::vector<uint8_t>& scopes :
       {std::vector<uint8_t>{1, 4, 0, 0, 3, 4, 0, 0}, {1, 5, 0, 0, 0, 1, 3, 0}, {2, 2, 2, 2}}) {
    system s(machine_with(drhd_with_scope(scopes)));
    EXPECT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_TRUE(s.driver().diagnoses.empty());
  }
}

class refusals : public ::testing::TestWithParam<refused_table> {};

TEST_P(refusals, name_the_place_and_the_value) {
  const refused_table& c = GetParam();
  system s(machine_with(c.table));
  s.boot();
  const auto& found = s.driver().diagnoses;
  const auto it = std::find_if(found.begin(), found.end(),
                               [&](const table_diagnosis& d) { return d.id == c.what; });
  ASSERT_NE(it, found.end()) << s.log_text();
  EXPECT_EQ(it->where, c.offset);
  EXPECT_EQ(it->value, c.value);
  EXPECT_EQ(name(it->id), c.name);
  EXPECT_TRUE(to_string(*it).starts_with(absl::StrFormat("%s: offset 0x%x: ", c.name, c.offset)));
  for (const table_diagnosis& d : found) EXPECT_EQ(d.id, c.what) << "nothing else is wrong";
  EXPECT_EQ(reported(s.events()), c.divergences);
  EXPECT_EQ(to_string(*it).find("Linux 4.4") != std::string::npos, !c.divergences.empty())
      << "the note says what 4.4 does otherwise";
}

TEST_P(refusals, leave_the_system_in_a_known_state) {
  const refused_table& c = GetParam();
  system s(machine_with(c.table));
  s.boot();
  EXPECT_EQ(s.outcome.panic, "");
  EXPECT_EQ(s.outcome.intel_iommu_init, c.outcome.intel_iommu_init) << s.log_text();
  EXPECT_EQ(s.outcome.table_detected, c.outcome.detected);
  EXPECT_EQ(s.k().pci().acs_requested(), c.outcome.detected) << "asked for along with it";
  if (!c.outcome.log_line.empty()) {
    EXPECT_TRUE(s.log_contains(c.outcome.log_line)) << s.log_text();
  }
  const bool on = (s.unit().peek(vtd_register::gsts) & te) != 0;
  EXPECT_EQ(on, c.outcome.intel_iommu_init == 0);
  s.k().finish_boot();
  EXPECT_EQ(s.driver().dmar_drhd_units.empty(), !on);
  if (!on) {
    EXPECT_EQ(s.k().pages().live_pages(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(tables, refusals, ::testing::ValuesIn(refused_tables()),
                         [](const auto& test_case) { return std::string(test_case.param.name); });

TEST(refusals, are_all_tested) {
  std::set<table_refusal> seen;
  for (const refused_table& c : refused_tables()) seen.insert(c.what);
  const auto last = static_cast<size_t>(table_refusal::scope_type_mismatch);
  for (size_t i = 0; i <= last; ++i) {
    EXPECT_TRUE(seen.contains(static_cast<table_refusal>(i)))
        << name(static_cast<table_refusal>(i));
  }
  EXPECT_EQ(name(static_cast<table_refusal>(last + 1)), "unknown") << "a new one: add it here";
}

// Each structure type cut one byte short of its fields (8.3 to 8.7) is refused, whole it is not.
TEST(structures, are_refused_when_shorter_than_their_fields) {
  const std::pair<uint16_t, size_t> sizes[] = {{0, 16}, {1, 24}, {2, 8}, {3, 20}, {4, 8}};
  for (const auto& [type, size] : sizes) {
    const std::vector<uint8_t> body(size - 5, 0);
    system s(machine_with(good().add_raw(type, body).finish()));
    s.boot();
    ASSERT_EQ(s.driver().diagnoses.empty(), false) << type;
    EXPECT_EQ(s.driver().diagnoses.front().id, table_refusal::structure_shorter_than_its_type);
    EXPECT_EQ(s.driver().diagnoses.front().value, size - 1);
  }
}

// Types that 4.4 does not know are passed over (dmar_walk_remapping_entries()).
TEST(structures, of_unknown_types_are_passed_over) {
  const std::vector<uint8_t> body(4, 0);
  constexpr uint16_t unknown[] = {5, 6, 7, 0x7f, 0xffff};
  for (const uint16_t type : unknown) {
    system s(
        machine_with(dmar_builder(39).add_raw(type, body).add_drhd(include_all, 0, base).finish()));
    EXPECT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_TRUE(s.driver().diagnoses.empty());
  }
}

// dmar_parse_one_drhd() and dmar_parse_one_atsr() look for an equal one first.
TEST(structures, that_come_twice_count_once) {
  const dmar_scope_spec port[] = {dmar_scope_spec::bridge(0, {{1, 0}})};
  system s(machine_with(
      good().add_drhd(include_all, 0, base).add_atsr(0, 0, port).add_atsr(0, 0, port).finish()));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.driver().dmar_drhd_units.size(), 1u);
  EXPECT_EQ(s.driver().dmar_atsr_units.size(), 1u);
  EXPECT_EQ(s.logged("DMAR: DRHD base: 0x000000fed90000 flags: 0x1"), 2);
}

TEST(structures, of_reserved_memory_count_as_often_as_they_come) {
  const dmar_scope_spec device[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  system s(machine_with(good()
                            .add_rmrr(0, 0x3000000, 0x3000fff, device)
                            .add_rmrr(0, 0x3000000, 0x3000fff, device)
                            .finish()));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.driver().dmar_rmrr_units.size(), 2u);
  EXPECT_EQ(s.logged("DMAR: Setting identity map for device 0000:00:03.0 [0x3000000 - 0x3000fff]"),
            2);
  EXPECT_EQ(s.dma(nic, 0x3000123).address, 0x3000123u);
}

// dmar_parse_one_rhsa(): an affinity without a unit is a BIOS bug. 4.4 prints an address that is
// none; ours is the structure's.
TEST(structures, of_affinity_without_a_unit_are_reported) {
  machine_config machine = machine_with(good().add_rhsa(0xfed91000, 1).finish());
  machine.proximity_domains = {1};
  system s(machine);
  EXPECT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("Your BIOS is broken; RHSA refers to non-existent DMAR unit at fed91000"), 1);
  EXPECT_EQ(reported(s.events()), reports{divergence::rhsa_without_unit});
}

TEST(structures, of_affinity_give_a_unit_its_node) {
  machine_config machine = machine_with(good().add_rhsa(base, 3).finish());
  machine.proximity_domains = {1, 3};
  system s(machine);
  EXPECT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.driver().dmar_drhd_units.front().iommu->node, 1);
  EXPECT_EQ(reported(s.events()), reports{});
}

/// `count` units one page apart, the last with INCLUDE_ALL.
machine_config many_units(unsigned count) {
  small_machine m;
  m.units.clear();
  dmar_builder table(39);
  constexpr uint64_t first = 0xf0000000;
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t at_base = first + i * page_size;
    m.add_unit(at_base);
    table.add_drhd(i + 1 == count ? include_all : 0, 0, at_base);
  }
  m.table = table.finish();
  return m.build();
}

// DMAR_UNITS_SUPPORTED is 128 on x86 (dmar_alloc_seq_id()).
TEST(sequence_ids, suffice_for_128_units) {
  system s(many_units(128), "intel_iommu=on", trace_class::none);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.driver().dmar_drhd_units.size(), 128u);
  EXPECT_EQ(s.driver().dmar_drhd_units.back().iommu->seq_id, 127);
  // The others name no device.
  EXPECT_NE(s.unit(127).peek(vtd_register::gsts) & te, 0u);
  EXPECT_EQ(s.unit(0).peek(vtd_register::gsts) & te, 0u);
}

TEST(sequence_ids, are_used_up_by_the_129th_unit) {
  system s(many_units(129), "intel_iommu=on", trace_class::none);
  EXPECT_EQ(s.boot().intel_iommu_init, -ENODEV);
  EXPECT_EQ(s.logged("DMAR: Failed to allocate seq_id"), 1);
  EXPECT_EQ(s.logged("DMAR: Parse DMAR table failure."), 1);
  s.k().finish_boot();
  EXPECT_EQ(s.k().slab().live(), 0);
  for (const bool used : s.driver().dmar_seq_ids) EXPECT_FALSE(used);
}

}  // namespace
}  // namespace iommulab::test::table_test
