// SPDX-License-Identifier: GPL-2.0-only
//
// Tables as acpidump prints them. The table of VMware's that the texts hold has 80 bytes, five
// lines of 16; another has 36 and a last line of four.
#include "platform/firmware/acpi_dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/byte_cursor.h"

namespace iommulab::acpi_dump_test {
namespace {

using table_bytes = std::vector<uint8_t>;
using ::testing::HasSubstr;

// As an acpidump of 2010 printed it.
const std::string dmar_text =
    "DMAR @ 0x00000000CFF6E0C0\n"
    "  0000: 44 4D 41 52 50 00 00 00 01 B5 56 4D 57 41 52 45  DMARP.....VMWARE\n"
    "  0010: 56 4D 57 20 44 4D 41 52 01 00 04 06 56 4D 57 20  VMW DMAR....VMW \n"
    "  0020: 01 00 00 00 2A 01 00 00 00 00 00 00 00 00 00 00  ....*...........\n"
    "  0030: 00 00 18 00 01 00 00 00 00 00 C1 FE 00 00 00 00  ................\n"
    "  0040: 03 08 00 00 80 00 00 07 02 00 08 00 01 00 00 00  ................\n";

const table_bytes dmar_bytes = {
    0x44, 0x4d, 0x41, 0x52, 0x50, 0x00, 0x00, 0x00, 0x01, 0xb5, 0x56, 0x4d, 0x57, 0x41, 0x52, 0x45,
    0x56, 0x4d, 0x57, 0x20, 0x44, 0x4d, 0x41, 0x52, 0x01, 0x00, 0x04, 0x06, 0x56, 0x4d, 0x57, 0x20,
    0x01, 0x00, 0x00, 0x00, 0x2a, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x18, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc1, 0xfe, 0x00, 0x00, 0x00, 0x00,
    0x03, 0x08, 0x00, 0x00, 0x80, 0x00, 0x00, 0x07, 0x02, 0x00, 0x08, 0x00, 0x01, 0x00, 0x00, 0x00};

// Of today's acpidump: a blank line behind each table, four blanks before a line. The characters of
// the last line look like bytes.
const std::string small_text =
    "TEST @ 0x0000000000000000\n"
    "    0000: 54 45 53 54 27 00 00 00 01 00 41 41 41 41 41 41  TEST'.....AAAAAA\n"
    "    0010: 41 41 41 41 41 41 41 41 01 00 00 00 41 41 41 41  AAAAAAAA....AAAA\n"
    "    0020: 01 00 00 00 41 42 20                             ....AB \n\n";

std::string complaint(const std::string& text, std::string_view signature = "DMAR") {
  const auto table = table_of_acpi_dump("dump.txt", text, signature);
  return table.ok() ? "it was read" : std::string(table.status().message());
}

void expect_dmar(const std::string& text) {
  const auto table = table_of_acpi_dump("dump.txt", text, "DMAR");
  ASSERT_TRUE(table.ok()) << table.status() << '\n' << text;
  EXPECT_EQ(*table, dmar_bytes) << text;
}

TEST(acpi_dump, the_table_is_the_one_whose_bytes_are_printed) {
  expect_dmar(dmar_text);
  EXPECT_EQ(acpi_sum(dmar_bytes), 0) << "the bytes above are those of a sound table";
}

TEST(acpi_dump, one_table_of_many_is_picked_out) {
  expect_dmar(small_text + dmar_text + "\n" + small_text);
  expect_dmar("$ sudo acpidump\n" + small_text + dmar_text + small_text);
  const auto small = table_of_acpi_dump("dump.txt", dmar_text + small_text, "TEST");
  ASSERT_TRUE(small.ok()) << small.status();
  EXPECT_EQ(small->size(), 0x27u);
  EXPECT_EQ(small->at(0x24), 0x41);
  EXPECT_EQ(small->at(0x26), 0x20);
}

TEST(acpi_dump, letters_line_ends_margins_and_blanks_may_be_any) {
  std::string lower = dmar_text;
  for (size_t at = lower.find('\n'); at < lower.size(); ++at) {
    if (lower[at] >= 'A' && lower[at] <= 'F') lower[at] = static_cast<char>(lower[at] + 0x20);
  }
  expect_dmar(lower);
  expect_dmar(absl::StrReplaceAll(dmar_text, {{"\n", "\r\n"}}));
  expect_dmar(absl::StrReplaceAll(dmar_text, {{"\n", "\n\n"}}));
  expect_dmar("> " + absl::StrReplaceAll(dmar_text, {{"\n", "\n> "}}));
  expect_dmar(absl::StrReplaceAll(dmar_text, {{"  ", " "}}));
  expect_dmar(absl::StrReplaceAll(dmar_text, {{"  0", "\t0"}}));
}

TEST(acpi_dump, characters_on_a_line_of_their_own_are_passed_over) {
  expect_dmar(absl::StrReplaceAll(dmar_text, {{"45  DMARP", "45\nDMARP"}}));
}

TEST(acpi_dump, characters_that_look_like_bytes_are_none) {
  // Where mail took the blanks together, the length alone says where the bytes end.
  const std::string narrow = absl::StrReplaceAll(
      small_text, {{"41 42 20                             ....AB ", "41 42 20 41 42 43"}});
  const auto table = table_of_acpi_dump("dump.txt", narrow, "TEST");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size(), 0x27u);
}

TEST(acpi_dump, a_table_that_is_cut_names_the_line_where_it_ends) {
  EXPECT_EQ(complaint(dmar_text.substr(0, dmar_text.find("  0040"))),
            "dump.txt: line 5: DMAR is \"64 bytes\": its header says 80: the table is cut");
  EXPECT_EQ(complaint(dmar_text.substr(0, dmar_text.find("  0040") + 14) + "\n"),
            "dump.txt: line 6: bytes is \"03 08\": 16 bytes in hex belong here");
  EXPECT_EQ(complaint(dmar_text.substr(0, dmar_text.find("  0040")) + small_text),
            "dump.txt: line 5: DMAR is \"64 bytes\": its header says 80: the table is cut");
  EXPECT_EQ(complaint("DMAR @ 0xCFF6E0C0\n"),
            "dump.txt: line 1: table is \"DMAR @ 0xCFF6E0C0\": no line of bytes follows");
}

TEST(acpi_dump, a_cut_anywhere_is_seen) {
  const size_t last_byte = dmar_text.rfind("00  .") + 2;
  for (size_t length = dmar_text.find('\n'); length < dmar_text.size(); ++length) {
    const auto table = table_of_acpi_dump("dump.txt", dmar_text.substr(0, length), "DMAR");
    EXPECT_EQ(table.ok(), length >= last_byte) << length;
    if (table.ok()) {
      EXPECT_EQ(*table, dmar_bytes);
    }
  }
}

TEST(acpi_dump, a_line_that_is_missing_twice_or_damaged_is_named) {
  const size_t at = dmar_text.find("  0020");
  const std::string third = dmar_text.substr(at, dmar_text.find("  0030") - at);
  EXPECT_EQ(complaint(absl::StrReplaceAll(dmar_text, {{third, ""}})),
            "dump.txt: line 4: offset is \"0x30\": 0x20 belongs here");
  EXPECT_EQ(complaint(absl::StrReplaceAll(dmar_text, {{third, third + third}})),
            "dump.txt: line 5: offset is \"0x20\": 0x30 belongs here");
  EXPECT_THAT(complaint(absl::StrReplaceAll(dmar_text, {{"18 00 01", "18 0G 01"}})),
              HasSubstr("dump.txt: line 5: bytes is \"00 00 18 0G 01"));
  EXPECT_EQ(complaint(dmar_text + "  0050: 00 00\n"),
            "dump.txt: line 7: bytes is \"00 00\": the table has 80 bytes by its header, and they "
            "are over");
}

TEST(acpi_dump, tables_that_are_there_are_named_when_the_wanted_one_is_not) {
  EXPECT_EQ(complaint(small_text + absl::StrReplaceAll(small_text, {{"TEST @", "APIC @"}})),
            "dump.txt: table is \"TEST APIC\": there is no DMAR among these");
}

TEST(acpi_dump, a_length_that_leaves_no_room_for_a_header_is_the_decoders_to_judge) {
  const auto table = table_of_acpi_dump(
      "dump.txt", absl::StrReplaceAll(dmar_text, {{"52 50 00 00 00", "52 05 00 00 00"}}), "DMAR");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size(), 80u);
}

TEST(acpi_dump, text_and_tables_are_told_apart) {
  EXPECT_TRUE(is_text(dmar_text));
  EXPECT_TRUE(is_text("DMAR tables are\r\n\tfun"));
  EXPECT_FALSE(is_text(std::string(dmar_bytes.begin(), dmar_bytes.end())));
  EXPECT_FALSE(is_text("DMAR"));
  EXPECT_TRUE(is_acpi_dump(dmar_text));
  EXPECT_FALSE(is_acpi_dump("DMAR tables @ home\n0000: 44 4D\n"));
}

// Whatever the text, what comes out is a table as long as it says.
TEST(acpi_dump, changed_text_gives_an_error_or_a_table_of_its_length) {
  std::mt19937 random(37);
  const std::string good = small_text + dmar_text;
  const std::string alphabet = "0123456789ABCDEFabcdef :@x\n\r\t>.DMAR\0\xff";
  size_t read = 0;
  size_t refused = 0;
  for (int run = 0; run < 4000; ++run) {
    std::string text = good;
    for (unsigned n = 1 + random() % 4; n-- > 0;) {
      const size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 4) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        case 2:
          text.erase(at, 1 + random() % 20);
          break;
        default:
          const size_t from = random() % text.size();
          text.insert(at, text.substr(from, random() % 90));
      }
      if (text.empty()) text = good;
    }
    const auto table = table_of_acpi_dump("dump.txt", text, "DMAR");
    if (!table.ok()) {
      ++refused;
      EXPECT_THAT(std::string(table.status().message()), HasSubstr("dump.txt: "));
      continue;
    }
    ++read;
    const auto length = byte_cursor(*table).read(acpi_layout::length);
    ASSERT_TRUE(length.has_value()) << text;
    EXPECT_TRUE(*length == table->size() || *length < acpi_layout::header_size) << text;
  }
  EXPECT_GT(read, 100u);
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace iommulab::acpi_dump_test
