// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dmar/dmar_command.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "platform/firmware/dmar_builder.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/support/table_files.h"
#include "platform/machine/builtin.h"
#include "support/command.h"
#include "support/golden.h"

namespace iommulab::dmar_command_test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

command_result run(const std::string& file, bool json = false) {
  return run_command(run_dmar, dmar_arguments{.file = file, .json = json});
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
  EXPECT_EQ(limit.at("value"), "0x7fffffff");
  EXPECT_EQ(region.at("scopes").at(0).at("path"), "00:1c.7/00.2");
}

TEST(dmar_command, json_keeps_64_bits_and_names_whose_opinion_it_gives) {
  // jq would make 18446744073709548000 of it.
  const std::string file =
      write("high", dmar_builder(39).add_drhd(1, 0, 0xfffffffffffff000).finish());
  for (const auto& [kernel, release] : {std::pair("v4_4", "4.4.1"), {"4.4.178", "4.4.178"}}) {
    const command_result result =
        run_command(run_dmar, {.file = file, .json = true, .kernel = kernel});
    const nlohmann::json json = nlohmann::json::parse(result.out);
    EXPECT_EQ(json.at("schema"), "iommulab.dmar");
    EXPECT_EQ(json.at("release"), release);
    const auto& finding = json.at("findings").at(0);
    EXPECT_EQ(finding.at("diagnosis"), "drhd_beyond_host_address_width");
    EXPECT_EQ(finding.at("value"), "0xfffffffffffff000");
    EXPECT_EQ(finding.at("kernel_says").at("kernel"), json.at("kernel"));
    EXPECT_THAT(std::string(finding.at("kernel_says").at("sentence")), HasSubstr("4.4"));
    EXPECT_EQ(json["structures"][0]["fields"].back().at("value"), "0xfffffffffffff000");
  }
  expect_refusal_with(run_command(run_dmar, {.file = file, .kernel = "nine"}), "--kernel 'nine'");
}

/// The table of 80 bytes that an acpidump of 2010 printed.
const char* const vmware_text =
    "DMAR @ 0x00000000CFF6E0C0\n"
    "  0000: 44 4D 41 52 50 00 00 00 01 B5 56 4D 57 41 52 45  DMARP.....VMWARE\n"
    "  0010: 56 4D 57 20 44 4D 41 52 01 00 04 06 56 4D 57 20  VMW DMAR....VMW \n"
    "  0020: 01 00 00 00 2A 01 00 00 00 00 00 00 00 00 00 00  ....*...........\n"
    "  0030: 00 00 18 00 01 00 00 00 00 00 C1 FE 00 00 00 00  ................\n"
    "  0040: 03 08 00 00 80 00 00 07 02 00 08 00 01 00 00 00  ................\n";

std::string write_text(const std::string& name, const std::string& text) {
  return write(name, std::vector<uint8_t>(text.begin(), text.end()));
}

TEST(dmar_command, reads_what_acpidump_prints) {
  const std::string file = write_text("acpidump.txt", vmware_text);
  const command_result result = run(file);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr(file + ": DMAR table, revision 1, 80 bytes, 2 structures"));
  EXPECT_THAT(result.out, HasSubstr("No findings."));
  const std::string raw = ::testing::TempDir() + "dmar_command_raw.bin";
  EXPECT_EQ(run_command(run_dmar, {.file = file, .output = raw}).status, 0);
  EXPECT_EQ(run_command(run_dmar, {.file = raw, .output = "-"}).out.size(), 80u);
}

TEST(dmar_command, text_that_is_cut_or_of_another_kind_is_refused) {
  const std::string text = vmware_text;
  const std::string cut = write_text("acpidump_cut.txt", text.substr(0, text.find("  0040")));
  expect_refusal(run(cut), cut +
                               ": line 5: DMAR is \"64 bytes\": its header says 80: the table is "
                               "cut");
  const std::string other = write_text("dsl.txt", std::string(100, 'D'));
  expect_refused(run(other), other, "is text, and neither a raw table nor what acpidump prints");
}

TEST(dmar_command, reads_compressed_files) {
  // A log, not a table; but to say so it has to be unpacked.
  const std::string log = (golden::root() / "kernel/v4_4/boot/default/dmesg.txt.xz").string();
  if (!std::filesystem::exists(log)) IOMMULAB_MISSING("no " << log);
  expect_refused(run(log), log, "is text, and neither a raw table nor what acpidump prints");
}

/// Standard input is this text while the object lives.
class standard_input {
 public:
  explicit standard_input(const std::string& text) : text_(text) {
    before_ = std::cin.rdbuf(text_.rdbuf());
  }
  ~standard_input() {
    std::cin.rdbuf(before_);
    std::cin.clear();
  }
  standard_input(const standard_input&) = delete;
  standard_input& operator=(const standard_input&) = delete;

 private:
  std::istringstream text_;
  std::streambuf* before_;
};

TEST(dmar_command, reads_standard_input) {
  const standard_input input(vmware_text);
  EXPECT_THAT(run("-").out, HasSubstr("standard input: DMAR table, revision 1, 80 bytes"));
  std::cin.clear();
  expect_refusal(run("-"), "standard input: is empty");
}

TEST(dmar_command, shows_and_writes_a_built_in_machines_table) {
  const std::string copy = ::testing::TempDir() + "dmar_command_server.bin";
  const command_result shown = run_command(run_dmar, {.machine = "server"});
  EXPECT_EQ(shown.status, 0);
  EXPECT_THAT(shown.out, HasSubstr("machine server: DMAR table, revision 1"));
  // Units, regions, ATS ports and affinities of platform/machine/builtin.h.
  EXPECT_THAT(shown.out, HasSubstr(", 11 structures\n"));
  const command_result written = run_command(run_dmar, {.machine = "server", .output = copy});
  EXPECT_EQ(written.status, 0);
  EXPECT_EQ(written.out, "");
  const auto bytes = read_dmar_file(copy);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(*bytes, server_machine().dmar_table);
  expect_refusal_with(run_command(run_dmar, {}), "--machine");
  expect_refusal_with(run_command(run_dmar, {.machine = "server", .output = "no/such/folder/file"}),
                      "no/such/folder/file");
}

/// A region for the e1000e of q35 from 256 MiB on, where its memory is usable.
std::string table_with_usable_region() {
  return write("usable",
               dmar_builder(39)
                   .add_drhd(1, 0, 0xfed90000, {dmar_scope_spec::ioapic(2, 0xf0, {0x1f, 0})})
                   .add_rmrr(0, 0x10000000, 0x100fffff, {dmar_scope_spec::endpoint(0, {{5, 0}})})
                   .finish());
}

constexpr const char* firmware_bug =
    "[Firmware Bug]: No firmware reserved region can cover this RMRR "
    "[0x0000000010000000-0x00000000100fffff]";

TEST(dmar_command, with_a_machine_the_table_is_judged_by_its_memory_and_units) {
  const std::string file = table_with_usable_region();
  EXPECT_EQ(run(file).status, 0);
  const command_result judged = run_command(run_dmar, {.file = file, .machine = "q35"});
  EXPECT_EQ(judged.status, 1);
  EXPECT_THAT(judged.out, HasSubstr("warning: rmrr_in_usable_memory: offset 0x0050: "));
  EXPECT_THAT(judged.out, HasSubstr(firmware_bug));
  EXPECT_THAT(judged.out, Not(HasSubstr("drhd_without_hardware")));
  const command_result elsewhere = run_command(run_dmar, {.file = file, .machine = "server"});
  EXPECT_THAT(elsewhere.out, HasSubstr("warning: drhd_without_hardware: offset 0x0038: "));
}

TEST(dmar_command, with_a_memory_map_the_table_is_judged_by_that) {
  const std::string file = table_with_usable_region();
  const auto judge = [&](const std::string& map) {
    return run_command(run_dmar, {.file = file, .memory_map = map});
  };
  const std::string log = write_text(
      "map.log", "[    0.0] BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n");
  EXPECT_THAT(judge(log).out, HasSubstr(firmware_bug));
  EXPECT_THAT(judge(log).out, Not(HasSubstr("drhd_without_hardware")));
  const std::string iomem = write_text("map.iomem", "10000000-100fffff : Reserved\n");
  EXPECT_EQ(judge(iomem).status, 0);
  EXPECT_THAT(judge(iomem).out, HasSubstr("No findings."));
  const std::string hole = write_text("map.hole", "20000000-200fffff : Reserved\n");
  EXPECT_THAT(judge(hole).out, HasSubstr("rmrr_in_memory_hole"));
  const std::string neither = write_text("map.none", "nothing of the kind\n");
  expect_refused(judge(neither), neither, "not of the form FIRST-LAST : NAME");
  // The map goes before the machine's own.
  EXPECT_EQ(run_command(run_dmar, {.file = file, .machine = "q35", .memory_map = iomem}).status, 0);
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
