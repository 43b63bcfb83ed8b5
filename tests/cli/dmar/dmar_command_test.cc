// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dmar/dmar_command.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "platform/firmware/dmar_builder.h"
#include "platform/firmware/support/table_files.h"
#include "support/command.h"

namespace iommulab::dmar_command_test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

command_result run(const std::string& file, bool json = false) {
  return run_command(run_dmar, dmar_arguments{file, json});
}

std::string write(const std::string& name, const std::vector<uint8_t>& bytes) {
  std::string path = ::testing::TempDir() + "dmar_command_" + name;
  std::ofstream file(path, std::ios::binary);
  for (const uint8_t byte : bytes) file.put(static_cast<char>(byte));
  return path;
}

std::vector<uint8_t> good_table() {
  return dmar_builder(39, 1)
      .add_drhd(1, 0, 0xfed90000, {dmar_scope_spec::ioapic(2, 0xf0, {0x1f, 0})})
      .add_rmrr(0, 0x7c000000, 0x7fffffff, {dmar_scope_spec::endpoint(0, {{0x1c, 7}, {0, 2}})})
      .finish();
}

/// A refusal that names the file.
void expect_refused(const command_result& result, const std::string& file,
                    const std::string& reason) {
  expect_refusal_with(result, file);
  expect_refusal_with(result, reason);
}

TEST(dmar_command, shows_a_good_table_field_by_field_and_succeeds) {
  const command_result result = run(write("good", good_table()));
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("39 bits"));
  EXPECT_THAT(result.out, HasSubstr("INTR_REMAP"));
  EXPECT_THAT(result.out, HasSubstr("INCLUDE_PCI_ALL"));
  EXPECT_THAT(result.out, ContainsRegex("0x0038 +8 +register_base_address +0x00000000fed90000"));
  EXPECT_THAT(result.out, HasSubstr("scope at 0x0040: I/O APIC f0:1f.0"));
  EXPECT_THAT(result.out, HasSubstr("scope at 0x0060: PCI endpoint 00:1c.7/00.2"));
  EXPECT_THAT(result.out, HasSubstr("the region has 67108864 bytes"));
  EXPECT_THAT(result.out, HasSubstr("No findings."));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST(dmar_command, reports_findings_behind_the_table_and_fails_with_1) {
  std::vector<uint8_t> table = good_table();
  table[0x50] = 1;  // The region's base; and the checksum is wrong now.
  const command_result result = run(write("odd", table));
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("warning: rmrr_unaligned: offset 0x0050: rmrr.base_address"));
  EXPECT_THAT(result.out, HasSubstr("warning: bad_checksum: offset 0x0009: checksum is 0x"));
}

/// A damaged table: status 2, what can be decoded on stdout, one line on stderr that names file,
/// offset, field and value.
void expect_damage(const command_result& result, const std::string& file,
                   const std::string& reason) {
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.out, HasSubstr("\nFindings: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr(file + ": " + reason));
}

TEST(dmar_command, a_length_that_leads_nowhere_is_bad_input) {
  std::vector<uint8_t> table = good_table();
  table[0x4a] = 0;  // The region's length; and the checksum is wrong now.
  const std::string file = write("broken", table);
  const command_result result = run(file);
  expect_damage(result, file, "offset 0x4a: rmrr.length is 0x0: ");
  EXPECT_THAT(result.out, HasSubstr("error: structure_length_zero: offset 0x004a: rmrr.length is "
                                    "0x0:"));
  EXPECT_THAT(result.out, HasSubstr("warning: bad_checksum: offset 0x0009: checksum is 0x"));
  EXPECT_THAT(result.out, HasSubstr("loops forever"));
}

TEST(dmar_command, notes_alone_do_not_fail) {
  const command_result result =
      run(write("note", dmar_builder(39).add_drhd(0x81, 0, 0xfed90000).finish()));
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("note: reserved_not_zero"));
}

TEST(dmar_command, refuses_what_cannot_be_read_or_is_no_table_with_one_sentence) {
  for (const bool json : {false, true}) {
    expect_refused(run("no/such/file", json), "no/such/file", "cannot be read");
    expect_refused(run(::testing::TempDir(), json), ::testing::TempDir(), "directory");
    const std::string empty = write("empty", {});
    expect_refused(run(empty, json), empty, "is empty");
    std::vector<uint8_t> table = good_table();
    table.resize(47);
    const std::string cut = write("cut", table);
    expect_refused(run(cut, json), cut, "offset 0x26: table_size is 0x2f: ");
    table = good_table();
    table[0] = 'F';
    const std::string other = write("other", table);
    expect_refused(run(other, json), other, "offset 0x0: signature is 0x52414d46: ");
    table = good_table();
    table[4] = 36;
    const std::string shorter = write("shorter", table);
    expect_refused(run(shorter, json), shorter, "offset 0x4: length is 0x24: ");
  }
}

TEST(dmar_command, a_table_cut_behind_its_header_is_shown_as_far_as_it_goes) {
  std::vector<uint8_t> table = good_table();
  table.resize(0x50);
  const std::string file = write("cut_later", table);
  const command_result result = run(file);
  expect_damage(result, file, "offset 0x4: length is 0x6a: ");
  EXPECT_THAT(result.out, HasSubstr("error: table_truncated"));
  EXPECT_THAT(result.out, HasSubstr("RMRR at 0x0048: Reserved Memory Region Reporting "
                                    "(incomplete)"));
}

TEST(dmar_command, a_scope_that_overruns_its_structure_is_bad_input) {
  std::vector<uint8_t> table = good_table();
  table[0x41] = 0x20;  // The I/O APIC scope's length; its structure ends at 0x48.
  const std::string file = write("overrun", table);
  expect_damage(run(file), file, "offset 0x41: scope.length is 0x20: ");
}

TEST(dmar_command, json_holds_every_field_with_its_offset_and_value) {
  const command_result result = run(write("json", good_table()), true);
  EXPECT_EQ(result.status, 0);
  const nlohmann::json json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("host_address_bits"), 39);
  EXPECT_EQ(json.at("findings").size(), 0U);
  ASSERT_EQ(json.at("structures").size(), 2U);
  const auto& region = json["structures"][1];
  EXPECT_EQ(region.at("name"), "RMRR");
  EXPECT_EQ(region.at("offset"), 0x48);
  const auto& limit = region.at("fields").back();
  EXPECT_EQ(limit.at("name"), "limit_address");
  EXPECT_EQ(limit.at("offset"), 0x58);
  EXPECT_EQ(limit.at("size"), 8);
  EXPECT_EQ(limit.at("value"), 0x7fffffff);
  EXPECT_EQ(region.at("scopes").at(0).at("path"), "00:1c.7/00.2");
}

TEST(dmar_command, text_that_is_no_text_comes_out_escaped_and_the_json_stays_valid) {
  acpi_identity identity;
  identity.oem_id = "\x1b[31m\xff";
  const std::string file =
      write("escape", dmar_builder(39, 0, 1, identity).add_drhd(1, 0, 0xfed90000).finish());
  EXPECT_THAT(run(file).out, HasSubstr("\\x1b[31m\\xff"));
  const nlohmann::json json = nlohmann::json::parse(run(file, true).out);
  EXPECT_EQ(json.at("fields").at(4).at("value"), "\\x1b[31m\\xff");
}

TEST(dmar_command, every_real_table_comes_out_as_text_and_as_json) {
  const auto corpus = testing::corpus_dmar_folder();
  if (!corpus) GTEST_SKIP() << "no folder of real tables: set IOMMULAB_CORPUS";
  const testing::tsv_table index(*corpus / "index.tsv");
  for (std::size_t row = 0; row < index.rows(); ++row) {
    const std::string file = *corpus / (index.cell(row, "HWID") + ".bin");
    SCOPED_TRACE(file);
    const command_result text = run(file);
    const command_result json = run(file, true);
    EXPECT_NE(text.status, 2);
    EXPECT_EQ(text.status, json.status);
    std::size_t structures = 0;
    for (const char* type : {"DRHD", "RMRR", "ATSR", "RHSA", "ANDD", "SATC", "SIDP"}) {
      structures += std::stoul(index.cell(row, type));
    }
    EXPECT_EQ(nlohmann::json::parse(json.out).at("structures").size(), structures);
  }
}

TEST(dmar_command, the_subcommand_stores_the_exit_status) {
  std::vector<uint8_t> table = good_table();
  table[9] = static_cast<uint8_t>(table[9] + 1);
  const std::string file = write("subcommand", table);
  CLI::App app;
  int exit_status = -1;
  add_dmar_command(app, exit_status);
  ::testing::internal::CaptureStdout();
  app.parse("dmar --json " + file);
  const std::string out = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(exit_status, 1);
  EXPECT_EQ(nlohmann::json::parse(out).at("findings").at(0).at("diagnosis"), "bad_checksum");
}

}  // namespace
}  // namespace iommulab::dmar_command_test
