// SPDX-License-Identifier: GPL-2.0-only
//
// What the kernel is said to do with broken tables, against what it did with them, and where that
// depends on the rest of the table. Offsets are counted by hand: the header has 48 bytes (0x30), a
// unit with one scope of one hop 24 (0x18), so what follows it begins at 0x48.
#include "intel/v4_4/firmware_findings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/firmware/support/table_files.h"
#include "support/golden.h"

namespace iommulab::firmware_findings_test {
namespace {

namespace fs = std::filesystem;
using table_bytes = std::vector<uint8_t>;

constexpr uint8_t all = 1;

/// A unit for all devices, 0x30 to 0x47.
dmar_builder unit() {
  dmar_builder builder(39);
  builder.add_drhd(all, 0, 0xfed90000, {dmar_scope_spec::ioapic(2, 0xf0, {0x1f, 0})});
  return builder;
}
/// The same and a region for one device: fixed part from 0x48, scope from 0x60, end 0x68.
dmar_builder unit_and_region() {
  return unit().add_rmrr(0, 0x7c000000, 0x7c00ffff, {dmar_scope_spec::endpoint(0, {{0x1f, 2}})});
}
/// `bytes` put at `offset`, and the checksum made good again.
table_bytes poke(const dmar_builder& builder, size_t offset, const table_bytes& bytes) {
  table_bytes table = builder.finish();
  std::copy(bytes.begin(), bytes.end(), table.begin() + static_cast<std::ptrdiff_t>(offset));
  table[9] = acpi_checksum(table);
  return table;
}

std::string linux_on(const table_bytes& bytes, dmar_diagnosis diagnosis) {
  const dmar_table table = decode_dmar(bytes);
  for (const dmar_finding& finding : table.findings) {
    if (finding.id == diagnosis) return v4_4::linux_4_4_behaviour(table, finding);
  }
  return "not found";
}

TEST(firmware_findings, say_what_linux_did_with_the_tables_that_it_was_booted_with) {
  const auto folder = testing::golden_kernel_folder();
  if (!folder) IOMMULAB_MISSING("no recordings of real kernels: set IOMMULAB_GOLDEN");
  const fs::path list = *folder / "firmware/summary.tsv";
  if (!golden::exists(list)) IOMMULAB_MISSING("no " << list);
  const testing::tsv_table summary(list);
  size_t seen = 0;
  for (size_t row = 0; row < summary.rows(); ++row) {
    const std::string id = summary.cell(row, "case");
    SCOPED_TRACE(id);
    const fs::path file = *folder / "firmware" / id / "DMAR-given.bin";
    if (!fs::exists(file)) continue;
    const dmar_table table = decode_dmar(testing::bytes_of(file));
    bool hang = false;
    bool off = false;
    for (const dmar_finding& finding : table.findings) {
      const std::string kernel = v4_4::linux_4_4_behaviour(table, finding);
      hang |= kernel.find("loops forever") != std::string_view::npos;
      off |= kernel.find("runs without I") != std::string_view::npos;
    }
    EXPECT_EQ(hang, summary.cell(row, "boots") == "HANG");
    if (off) {
      EXPECT_EQ(summary.cell(row, "dma_ops"), "no-iommu");
    }
    ++seen;
  }
  if (seen == 0) IOMMULAB_MISSING("no case of " << list << " is there");
}

TEST(firmware_findings, a_structure_of_length_zero_hangs_linux_only_behind_a_unit) {
  const std::string behind =
      linux_on(poke(unit_and_region(), 0x4a, {0, 0}), dmar_diagnosis::structure_length_zero);
  EXPECT_NE(behind.find("loops forever"), std::string::npos) << behind;
  const std::string first =
      linux_on(poke(unit(), 0x32, {0, 0}), dmar_diagnosis::structure_length_zero);
  EXPECT_NE(first.find("without IOMMU"), std::string::npos) << first;
}

TEST(firmware_findings, a_short_scope_hangs_linux_only_when_its_steps_lead_to_a_length_of_zero) {
  // Of 01 05 00 00 00 00 1f 02, five bytes on stands 00 1f: 31 bytes, past the structure.
  const std::string passes =
      linux_on(poke(unit_and_region(), 0x61, {5}), dmar_diagnosis::scope_too_short);
  EXPECT_EQ(passes, "Linux 4.4 goes on from the middle of the entry.");
  // Four bytes on stands 00 00.
  const std::string hangs =
      linux_on(poke(unit_and_region(), 0x61, {4}), dmar_diagnosis::scope_too_short);
  EXPECT_NE(hangs.find("loops forever"), std::string::npos) << hangs;
}

TEST(firmware_findings, scopes_that_linux_never_reads_do_not_hang_it) {
  const table_bytes scope_of_length_zero = {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
  const auto ported = unit().add_raw(2, scope_of_length_zero).finish();  // ALL_PORTS.
  const auto cached = unit().add_raw(5, scope_of_length_zero).finish();
  for (const auto& bytes : {ported, cached}) {
    EXPECT_EQ(linux_on(bytes, dmar_diagnosis::scope_length_zero),
              "Linux 4.4 does not read the scopes of this structure.");
  }
}

TEST(firmware_findings, a_diagnosis_without_remarkable_behaviour_has_no_sentence) {
  table_bytes longer = unit().finish();
  longer.push_back(0);
  EXPECT_EQ(linux_on(longer, dmar_diagnosis::bytes_behind_table), "");
}

}  // namespace
}  // namespace iommulab::firmware_findings_test
