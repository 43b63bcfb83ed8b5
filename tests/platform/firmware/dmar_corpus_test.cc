// SPDX-License-Identifier: GPL-2.0-only
//
// Tables of real machines, against what iasl says of them: every field, by offset, size, value and
// name.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/support/dmar_invariants.h"
#include "platform/firmware/support/dsl_reader.h"
#include "platform/firmware/support/table_files.h"

namespace iommulab::dmar_corpus_test {
namespace {

using testing::corpus_dmar_folder;

class dmar_corpus : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = corpus_dmar_folder();
    if (!folder_) GTEST_SKIP() << "no folder of real tables: set IOMMULAB_CORPUS";
  }
  [[nodiscard]] testing::tsv_table index() const {
    return testing::tsv_table(*folder_ / "index.tsv");
  }
  [[nodiscard]] dmar_table decode(const std::string& id) const {
    return decode_dmar(testing::bytes_of(*folder_ / (id + ".bin")));
  }

  std::optional<std::filesystem::path> folder_;
};

std::size_t count_type(const dmar_table& table, uint16_t type) {
  return static_cast<std::size_t>(
      std::count_if(table.structures.begin(), table.structures.end(),
                    [&](const dmar_structure& s) { return s.type == type; }));
}

std::size_t count_scopes(const dmar_table& table, uint8_t type) {
  std::size_t count = 0;
  for (const dmar_structure& structure : table.structures) {
    for (const dmar_device_scope& scope : structure.scopes) count += scope.type == type ? 1U : 0U;
  }
  return count;
}

TEST_F(dmar_corpus, every_table_has_the_structures_and_scopes_that_the_index_counts) {
  const testing::tsv_table rows = index();
  ASSERT_GT(rows.rows(), 0U);
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::string id = rows.cell(row, "HWID");
    SCOPED_TRACE(id);
    const auto number = [&](const std::string& column) {
      return std::stoul(rows.cell(row, column), nullptr, 0);
    };
    const dmar_table table = decode(id);
    ASSERT_TRUE(table.decodable);
    EXPECT_EQ(testing::broken_invariant(table), "");
    EXPECT_EQ(table.bytes.size(), number("length"));
    EXPECT_EQ(table.header.length, number("length"));
    EXPECT_EQ(table.header.revision, number("rev"));
    EXPECT_EQ(table.host_address_width, number("host_addr_width_field"));
    EXPECT_EQ(table.flags, number("flags"));
    const char* const types[] = {"DRHD", "RMRR", "ATSR", "RHSA", "ANDD", "SATC", "SIDP"};
    uint16_t type = 0;
    for (const char* column : types) {
      EXPECT_EQ(count_type(table, type), number(column)) << column;
      EXPECT_EQ(dmar_structure_name(type), column);
      ++type;
    }
    const char* const scopes[] = {"sc_endpoint", "sc_bridge", "sc_ioapic", "sc_hpet",
                                  "sc_namespace"};
    uint8_t scope = 1;
    for (const char* column : scopes) {
      EXPECT_EQ(count_scopes(table, scope), number(column)) << column;
      ++scope;
    }
    bool include_all = false;
    for (const dmar_structure& structure : table.structures) {
      EXPECT_TRUE(structure.complete);
      const auto* const drhd = std::get_if<dmar_drhd>(&structure.body);
      include_all |= drhd != nullptr && drhd->include_all();
    }
    EXPECT_EQ(include_all ? "yes" : "no", rows.cell(row, "include_all"));
  }
}

/// The bytes that our decode says lie in [offset, offset + size), made from its values, and the
/// names of the fields they came from. Fields that only touch the range are an error.
struct range_content {
  std::vector<uint8_t> bytes;
  std::string names;
};
range_content content_of(const dmar_table& table, const std::vector<dmar_field>& fields,
                         std::size_t offset, std::size_t size) {
  range_content content;
  for (const dmar_field& field : fields) {
    if (field.offset + field.size <= offset || field.offset >= offset + size) continue;
    EXPECT_EQ(field.offset, offset + content.bytes.size());
    EXPECT_LE(field.offset + field.size, offset + size);
    if (!content.names.empty()) content.names += '+';
    content.names += field.name;
    if (field.shown_as != dmar_field::kind::number) {
      const auto raw = table.raw(field);
      content.bytes.insert(content.bytes.end(), raw.begin(), raw.end());
      continue;
    }
    for (std::size_t i = 0; i < field.size; ++i) {
      content.bytes.push_back(static_cast<uint8_t>(field.value >> (8 * i)));
    }
  }
  return content;
}

/// Which of our names iasl's labels stand for.
const std::map<std::string, std::set<std::string>>& names_of_labels() {
  static const std::map<std::string, std::set<std::string>> names = {
      {"Signature", {"signature"}},
      {"Table Length", {"length"}},
      {"Revision", {"revision"}},
      {"Checksum", {"checksum"}},
      {"Oem ID", {"oem_id"}},
      {"Oem Table ID", {"oem_table_id"}},
      {"Oem Revision", {"oem_revision"}},
      {"Asl Compiler ID", {"creator_id"}},
      {"Asl Compiler Revision", {"creator_revision"}},
      {"Host Address Width", {"host_address_width"}},
      {"Flags", {"flags"}},
      // The DRHD's size and the scope's flags were reserved when that iasl was made.
      {"Reserved", {"reserved", "size", "flags+reserved"}},
      {"Subtable Type", {"type"}},
      {"Length", {"length"}},
      {"PCI Segment Number", {"segment"}},
      {"Register Base Address", {"register_base_address"}},
      {"Base Address", {"base_address", "register_base_address"}},
      {"End Address (limit)", {"limit_address"}},
      {"Proximity Domain", {"proximity_domain"}},
      {"Device Number", {"acpi_device_number"}},
      {"Device Name", {"name"}},
      {"Device Scope Type", {"type"}},
      {"Entry Length", {"length"}},
      {"Enumeration ID", {"enumeration_id"}},
      {"PCI Bus Number", {"start_bus_number"}},
      {"PCI Path", {"device+function"}},
  };
  return names;
}

TEST_F(dmar_corpus, every_field_is_the_one_that_iasl_decodes) {
  const testing::tsv_table rows = index();
  std::size_t compared = 0;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::string id = rows.cell(row, "HWID");
    SCOPED_TRACE(id);
    const dmar_table table = decode(id);
    const testing::dsl_decode dsl = testing::read_dsl(*folder_ / (id + ".dsl"));
    ASSERT_EQ(dsl.raw, table.bytes);
    const std::vector<dmar_field> fields = testing::all_fields(table);
    std::vector<bool> covered(table.bytes.size(), false);
    for (const testing::dsl_field& expected : dsl.fields) {
      SCOPED_TRACE(expected.label + " at " + std::to_string(expected.offset));
      range_content ours = content_of(table, fields, expected.offset, expected.size);
      ASSERT_EQ(ours.bytes.size(), expected.size);
      if (expected.is_text && expected.bytes.size() < expected.size) {
        // iasl stops at the NUL; what is behind it was compared as raw bytes.
        EXPECT_EQ(ours.bytes[expected.bytes.size()], 0);
        ours.bytes.resize(expected.bytes.size());
      }
      if (expected.is_text) {
        // iasl prints a blank for a byte that cannot be printed; those were compared raw as well.
        for (uint8_t& byte : ours.bytes) byte = byte < ' ' || byte > '~' ? ' ' : byte;
      }
      EXPECT_EQ(ours.bytes, expected.bytes);
      const auto known = names_of_labels().find(expected.label);
      ASSERT_NE(known, names_of_labels().end());
      EXPECT_TRUE(known->second.contains(ours.names)) << ours.names;
      for (std::size_t i = 0; i < expected.size; ++i) covered[expected.offset + i] = true;
      ++compared;
    }
    // And the other way round: iasl leaves out the bytes behind an ANDD's name alone.
    if (dsl.gave_up) continue;
    for (const dmar_field& field : fields) {
      for (std::size_t i = 0; i < field.size; ++i) {
        EXPECT_TRUE(covered[field.offset + i] || field.name == "padding")
            << field.name << " at " << field.offset;
      }
    }
  }
  EXPECT_GT(compared, rows.rows() * 20);
}

TEST_F(dmar_corpus, the_checksum_is_found_good_or_bad_as_the_index_says) {
  const testing::tsv_table rows = index();
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::string id = rows.cell(row, "HWID");
    bool bad = false;
    for (const dmar_finding& finding : decode(id).findings) {
      bad |= finding.id == dmar_diagnosis::bad_checksum;
    }
    EXPECT_EQ(bad ? "no" : "yes", rows.cell(row, "checksum_ok")) << id;
  }
}

TEST_F(dmar_corpus, the_oddities_of_the_index_are_found) {
  const testing::tsv_table rows = index();
  std::size_t units_at_zero = 0;
  std::size_t regions_at_zero = 0;
  std::size_t two_hop_paths = 0;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::string id = rows.cell(row, "HWID");
    const std::string odd = rows.cell(row, "odd");
    SCOPED_TRACE(absl::StrCat(id, ": ", odd));
    const dmar_table table = decode(id);
    const auto has = [&](dmar_diagnosis diagnosis) {
      return std::any_of(table.findings.begin(), table.findings.end(),
                         [&](const dmar_finding& f) { return f.id == diagnosis; });
    };
    const auto says = [&](const char* text) { return odd.find(text) != std::string::npos; };
    EXPECT_EQ(has(dmar_diagnosis::drhd_base_zero), says("base address 0"));
    EXPECT_EQ(has(dmar_diagnosis::rmrr_base_zero), says("RMRR base 0"));
    EXPECT_EQ(has(dmar_diagnosis::rmrr_unaligned), says("RMRR end not page-1"));
    bool two_hops = false;
    for (const dmar_structure& structure : table.structures) {
      for (const dmar_device_scope& scope : structure.scopes) two_hops |= scope.path.size() == 2;
    }
    EXPECT_EQ(two_hops, says("2 hops"));
    units_at_zero += says("base address 0") ? 1U : 0U;
    regions_at_zero += says("RMRR base 0") ? 1U : 0U;
    two_hop_paths += two_hops ? 1U : 0U;
  }
  EXPECT_GT(units_at_zero, 0U);
  EXPECT_GT(regions_at_zero, 0U);
  EXPECT_GT(two_hop_paths, 0U);
}

}  // namespace
}  // namespace iommulab::dmar_corpus_test
