// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/acpi_dump.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/text_source.h"
#include "platform/firmware/acpi_layout.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/byte_cursor.h"

namespace iommulab {
namespace {

constexpr std::size_t bytes_per_line = 16;

std::string_view without_margin(std::string_view line) {
  const std::size_t begin = line.find_first_not_of("> \t\r");
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin);
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);
}

std::optional<uint64_t> hex_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "DMAR" of "DMAR @ 0x00000000CFF6E0C0", and of old "RSD PTR @ 0x…"; nothing for another line.
std::optional<std::string_view> begun_table(std::string_view line) {
  constexpr std::string_view mark = " @ 0x";
  constexpr std::size_t longest_name = 8;
  const std::size_t at = line.find(mark);
  if (at == std::string_view::npos || at == 0 || at > longest_name) return std::nullopt;
  if (!hex_number(line.substr(at + mark.size()))) return std::nullopt;
  return line.substr(0, at);
}

/// A line "0010: 56 4D …": where its bytes belong, and the text behind the colon.
struct data_line {
  uint64_t offset = 0;
  std::string_view rest;
};

std::optional<data_line> parse_data_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  constexpr std::size_t fewest_digits = 4;
  constexpr std::size_t most_digits = 8;
  if (colon == std::string_view::npos || colon < fewest_digits || colon > most_digits) {
    return std::nullopt;
  }
  const auto offset = hex_number(line.substr(0, colon));
  if (!offset) return std::nullopt;
  return data_line{*offset, line.substr(colon + 1)};
}

/// Up to `most` bytes in hex at the text's start. What the characters are that follow, two blanks
/// on, is no business of ours: they may look like bytes.
std::vector<uint8_t> leading_bytes(std::string_view text, std::size_t most) {
  std::vector<uint8_t> bytes;
  std::size_t at = text.find_first_not_of(" \t");
  while (bytes.size() < most && at != std::string_view::npos && at + 2 <= text.size()) {
    const std::size_t behind = at + 2;
    const bool alone = behind == text.size() || text[behind] == ' ' || text[behind] == '\t';
    const auto byte = alone ? hex_number(text.substr(at, 2)) : std::nullopt;
    if (!byte) break;
    bytes.push_back(static_cast<uint8_t>(*byte));
    const bool one_blank = behind + 1 < text.size() && text[behind + 1] != ' ';
    if (!one_blank) break;
    at = behind + 1;
  }
  return bytes;
}

class dump_reader {
 public:
  dump_reader(std::string_view file, std::string_view text, std::string_view signature)
      : file_(file), source_{std::string(file), std::string(text)}, signature_(signature) {
    lines_ = source_.lines();
  }

  absl::StatusOr<std::vector<uint8_t>> read() {
    for (std::size_t at = 0; at < lines_.size(); ++at) {
      const auto name = begun_table(without_margin(lines_[at]));
      if (!name) continue;
      if (*name == signature_) return read_table(at);
      others_.emplace_back(*name);
    }
    constexpr std::size_t named_at_most = 20;
    others_.resize(std::min(others_.size(), named_at_most));
    return line_error(file_, 0, "table", absl::StrJoin(others_, " "),
                      absl::StrFormat("there is no %s among these", signature_));
  }

 private:
  absl::Status error(std::size_t line, std::string_view field, std::string_view value,
                     std::string_view why) const {
    return line_error(file_, line + 1, field, value, why);
  }

  /// How many bytes the table has by its header; nothing before that was read, and for a length
  /// that leaves no room for a header: the decoder says what is wrong with that.
  [[nodiscard]] std::optional<std::size_t> length() const {
    const auto field = byte_cursor(bytes_).read(acpi_layout::length);
    if (!field || *field < acpi_layout::header_size) return std::nullopt;
    return *field;
  }

  [[nodiscard]] bool complete() const {
    const std::optional<std::size_t> wanted = length();
    return wanted && bytes_.size() >= *wanted;
  }

  /// Mail breaks lines and doubles them, so what is no line of bytes is passed over: no byte can be
  /// missed, as each line says where its bytes belong.
  absl::StatusOr<std::vector<uint8_t>> read_table(std::size_t head) {
    std::size_t last = head;
    for (std::size_t at = head + 1; at < lines_.size(); ++at) {
      const std::string_view line = without_margin(lines_[at]);
      const auto data = parse_data_line(line);
      if (!data && (complete() || begun_table(line))) break;
      if (!data) continue;
      last = at;
      if (absl::Status status = add(at, *data); !status.ok()) return status;
    }
    if (bytes_.empty()) {
      return error(head, "table", without_margin(lines_[head]), "no line of bytes follows");
    }
    if (length() && !complete()) {
      return error(last, signature_, absl::StrFormat("%d bytes", bytes_.size()),
                   absl::StrFormat("its header says %d: the table is cut", *length()));
    }
    return std::move(bytes_);
  }

  absl::Status add(std::size_t at, const data_line& data) {
    if (data.offset != bytes_.size()) {
      return error(at, "offset", absl::StrFormat("0x%x", data.offset),
                   absl::StrFormat("0x%x belongs here", bytes_.size()));
    }
    // The first line has the length in it, and is always whole.
    const auto wanted = length();
    if (complete()) {
      return error(
          at, "bytes", without_margin(data.rest),
          absl::StrFormat("the table has %d bytes by its header, and they are over", *wanted));
    }
    const std::size_t expected =
        wanted ? std::min(bytes_per_line, *wanted - bytes_.size()) : bytes_per_line;
    const std::vector<uint8_t> found = leading_bytes(data.rest, expected);
    if (found.size() < expected && (wanted || bytes_.empty())) {
      return error(at, "bytes", without_margin(data.rest),
                   absl::StrFormat("%d bytes in hex belong here", expected));
    }
    if (bytes_.size() + found.size() > max_table_file_size) {
      return error(at, "bytes", without_margin(data.rest), "too large for a table");
    }
    bytes_.insert(bytes_.end(), found.begin(), found.end());
    return absl::OkStatus();
  }

  std::string_view file_;
  text_source source_;
  std::string_view signature_;
  std::vector<std::string_view> lines_;
  std::vector<std::string> others_;
  std::vector<uint8_t> bytes_;
};

}  // namespace

bool is_text(std::string_view bytes) {
  constexpr std::size_t looked_at = 48;  // as much as a DMAR table's header
  constexpr std::size_t fewest = 8;      // the signature and the length
  const std::string_view head = bytes.substr(0, looked_at);
  if (head.size() < fewest) return false;
  std::size_t ascii = 0;
  for (const char c : head) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr unsigned char first_of_utf8 = 0x80;
    if (byte >= first_of_utf8) continue;
    if (std::isprint(byte) == 0 && std::isspace(byte) == 0) return false;
    ++ascii;
  }
  return 2 * ascii > head.size();
}

bool is_acpi_dump(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (begun_table(without_margin(text.substr(0, end)))) return true;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return false;
}

absl::StatusOr<std::vector<uint8_t>> table_of_acpi_dump(std::string_view file,
                                                        std::string_view text,
                                                        std::string_view signature) {
  return dump_reader(file, text, signature).read();
}

}  // namespace iommulab
