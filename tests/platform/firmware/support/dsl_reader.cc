// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/support/dsl_reader.h"

#include <regex>
#include <string>

#include "gtest/gtest.h"
#include "platform/firmware/support/table_files.h"

namespace iommulab::testing {
namespace {

uint8_t hex_byte(const std::string& digits) {
  return static_cast<uint8_t>(std::stoul(digits, nullptr, 16));
}

/// "00 1F" or "1F,00": as they stand. "0000FED9": least significant first.
std::vector<uint8_t> value_bytes(const std::string& value, std::size_t size) {
  static const std::regex listed(R"(([0-9A-F]{2}[ ,])+[0-9A-F]{2})");
  static const std::regex number(R"([0-9A-F]+)");
  std::vector<uint8_t> bytes;
  if (std::regex_match(value, listed)) {
    for (std::size_t i = 0; i < value.size(); i += 3) bytes.push_back(hex_byte(value.substr(i, 2)));
  } else if (std::regex_match(value, number)) {
    EXPECT_EQ(value.size(), 2 * size) << value;
    for (std::size_t i = value.size(); i >= 2; i -= 2) {
      bytes.push_back(hex_byte(value.substr(i - 2, 2)));
    }
  } else {
    ADD_FAILURE() << "a value that is neither number nor list: " << value;
  }
  return bytes;
}

}  // namespace

dsl_decode read_dsl(const std::filesystem::path& file) {
  static const std::regex field_line(R"(\[([0-9A-F]+)h +(\d+) +(\d+)\] +(.*?) : (.*))");
  static const std::regex comment(R"( +\[[^\]]*\] *$)");
  static const std::regex dump_line(R"( +([0-9A-F]{4,}): ((?:[0-9A-F]{2} )+) *//.*)");
  dsl_decode decode;
  for (const std::string& line : lines_of(file)) {
    std::smatch match;
    if (line.find("Unknown DMAR subtable type") != std::string::npos) decode.gave_up = true;
    if (std::regex_match(line, match, dump_line)) {
      EXPECT_EQ(std::stoul(match[1], nullptr, 16), decode.raw.size()) << line;
      const std::string dump = match[2];
      for (std::size_t i = 0; i + 1 < dump.size(); i += 3) {
        decode.raw.push_back(hex_byte(dump.substr(i, 2)));
      }
      continue;
    }
    if (!std::regex_match(line, match, field_line)) continue;
    dsl_field field;
    field.offset = std::stoul(match[1], nullptr, 16);
    EXPECT_EQ(field.offset, std::stoul(match[2])) << line;
    field.size = std::stoul(match[3]);
    field.label = match[4];
    std::string value = match[5];
    if (value.starts_with('"')) {
      const std::string text = value.substr(1, value.find('"', 1) - 1);
      field.is_text = true;
      field.bytes.assign(text.begin(), text.end());
    } else {
      value = std::regex_replace(value, comment, "");
      while (value.ends_with(' ')) value.pop_back();
      field.bytes = value_bytes(value, field.size);
    }
    decode.fields.push_back(std::move(field));
  }
  return decode;
}

}  // namespace iommulab::testing
