// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/acpi_table.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "core/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace iommulab::acpi_table_test {
namespace {

using ::testing::HasSubstr;

/// 40 bytes: a header with every byte different, and four more.
std::vector<uint8_t> numbered_table() {
  std::vector<uint8_t> bytes(40);
  std::iota(bytes.begin(), bytes.end(), uint8_t{65});
  return bytes;
}

std::string temporary(const std::string& name) {
  return ::testing::TempDir() + name;
}

TEST(acpi_table, reads_each_field_of_the_header_from_its_place) {
  const std::vector<uint8_t> bytes = numbered_table();
  const auto header = read_acpi_header(byte_cursor(bytes));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->signature, "ABCD");
  EXPECT_EQ(header->length, 0x48474645U);
  EXPECT_EQ(header->revision, 73);
  EXPECT_EQ(header->checksum, 74);
  EXPECT_EQ(header->oem_id, "KLMNOP");
  EXPECT_EQ(header->oem_table_id, "QRSTUVWX");
  EXPECT_EQ(header->oem_revision, 0x5c5b5a59U);
  EXPECT_EQ(header->creator_id, "]^_`");
  EXPECT_EQ(header->creator_revision, 0x64636261U);
}

TEST(acpi_table, has_no_header_when_one_byte_of_it_is_missing) {
  std::vector<uint8_t> bytes = numbered_table();
  bytes.resize(36);
  EXPECT_TRUE(read_acpi_header(byte_cursor(bytes)).has_value());
  bytes.resize(35);
  EXPECT_FALSE(read_acpi_header(byte_cursor(bytes)).has_value());
}

TEST(acpi_table, finishing_makes_the_bytes_add_up_to_nothing_and_leaves_the_others_alone) {
  const std::vector<uint8_t> before = numbered_table();
  std::vector<uint8_t> table = before;
  finish_acpi_table(table);
  unsigned sum = 0;
  for (const uint8_t byte : table) sum += byte;
  EXPECT_EQ(sum % 256, 0U);
  EXPECT_EQ(acpi_sum(table), 0);
  EXPECT_EQ(read_acpi_header(byte_cursor(table))->length, 40U);
  for (std::size_t i = 0; i < table.size(); ++i) {
    if ((i >= 4 && i < 8) || i == 9) continue;
    EXPECT_EQ(table[i], before[i]) << i;
  }
}

TEST(acpi_table, the_checksum_wanted_does_not_depend_on_the_one_present) {
  std::vector<uint8_t> table = numbered_table();
  finish_acpi_table(table);
  const uint8_t good = table[9];
  table[9] = static_cast<uint8_t>(good + 77);
  EXPECT_EQ(acpi_checksum(table), good);
}

TEST(acpi_table, unprintable_text_is_escaped) {
  EXPECT_EQ(printable(std::string("a\0\x1b[~\x7f\xff", 7)), "a\\x00\\x1b[~\\x7f\\xff");
}

TEST(acpi_table, reads_a_file_whole) {
  const std::string path = temporary("acpi_table_whole.bin");
  const std::vector<uint8_t> bytes(10000, 0xa5);
  std::ofstream(path, std::ios::binary).write(std::string(10000, '\xa5').data(), 10000);
  const auto read = read_table_file(path, "DMAR");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, bytes);
}

TEST(acpi_table, a_file_that_is_no_table_is_refused_with_its_name_and_the_reason) {
  const std::string empty = temporary("acpi_table_empty.bin");
  const std::string large = temporary("acpi_table_large.bin");
  std::ofstream(empty, std::ios::binary).close();
  std::ofstream(large, std::ios::binary).close();
  std::filesystem::resize_file(large, max_table_file_size + 1);

  const auto missing = read_table_file("no/such/file", "DMAR").status();
  EXPECT_EQ(status_errno(missing), ENOENT);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("no/such/file: cannot be read"));
  const auto folder = read_table_file(::testing::TempDir(), "DMAR").status();
  EXPECT_EQ(status_errno(folder), EISDIR);
  EXPECT_THAT(std::string(folder.message()), HasSubstr("is a directory"));
  EXPECT_EQ(std::string(read_table_file(empty, "DMAR").status().message()), empty + ": is empty");
  EXPECT_EQ(status_errno(read_table_file(large, "DMAR").status()), EFBIG);
}

TEST(acpi_table, text_is_read_as_acpidump_prints_tables_and_refused_otherwise) {
  const std::string dump = temporary("acpi_table_dump.txt");
  // 36 bytes, a header and no more: 00 wherever it does not matter.
  std::ofstream(dump) << "DMAR @ 0x0\n"
                         "  0000: 44 4d 41 52 24 00 00 00 00 00 00 00 00 00 00 00  DMAR$\n"
                         "  0010: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ....\n"
                         "  0020: 00 00 00 00\n";
  const auto table = read_table_file(dump, "DMAR");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size(), 36u);
  EXPECT_EQ(std::string(table->begin(), table->begin() + 5), "DMAR$");
  EXPECT_EQ(std::string(read_table_file(dump, "APIC").status().message()),
            dump + ": table is \"DMAR\": there is no APIC among these");

  const std::string text = temporary("acpi_table_text.txt");
  std::ofstream(text) << "DMAR tables describe remapping hardware, one structure after another.\n";
  const auto refused = read_table_file(text, "DMAR").status();
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr(text + ": is text, and neither a raw table"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("acpidump"));
}

}  // namespace
}  // namespace iommulab::acpi_table_test
