// SPDX-License-Identifier: GPL-2.0-only
//
// What a log may be packed and written in. Archives are made here with the libraries themselves.
#include "cli/fault/reading/log_decoder.h"

#include <lzma.h>
#include <zlib.h>

#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace iommulab::log_decoder_test {
namespace {

using ::testing::HasSubstr;

const std::string three_lines = "one\ntwo fault\nthree\n";

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string xz(const std::string& text) {
  std::string packed(lzma_stream_buffer_bound(text.size()), '\0');
  size_t size = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(
                1, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const uint8_t*>(text.data()),
                text.size(), reinterpret_cast<uint8_t*>(packed.data()), &size, packed.size()),
            LZMA_OK);
  packed.resize(size);
  return packed;
}

std::string utf16(const std::string& ascii, bool little, bool marked) {
  std::string text = marked ? (little ? "\xff\xfe" : "\xfe\xff") : "";
  for (const char c : ascii) text += little ? std::string{c, '\0'} : std::string{'\0', c};
  return text;
}

struct decoded {
  absl::Status status;
  std::vector<std::string> lines;
};

/// Fed in pieces of `size` bytes.
decoded decode(const std::string& bytes, size_t size = 7) {
  decoded found;
  log_decoder text([&](std::string_view line, size_t number) {
    found.lines.emplace_back(line);
    EXPECT_EQ(number, found.lines.size());
  });
  for (size_t at = 0; at < bytes.size() && found.status.ok(); at += size) {
    found.status = text.feed(std::string_view(bytes).substr(at, size));
  }
  if (found.status.ok()) found.status = text.finish();
  if (found.status.ok()) found.status = text.check_text();
  return found;
}

TEST(log_decoder, every_container_and_encoding_gives_the_same_lines) {
  const std::vector<std::string> expected = {"one", "two fault", "three"};
  const std::string inputs[] = {
      three_lines,
      "one\r\ntwo fault\r\nthree\r\n",
      "one\n\rtwo fault\n\rthree",
      "\xef\xbb\xbf" + three_lines,
      gzip(three_lines),
      gzip("one\ntwo f") + gzip("ault\nthree\n") + std::string(512, '\0'),
      xz(three_lines),
      xz("one\ntwo f") + xz("ault\nthree\n"),
      gzip(xz(three_lines)),
      utf16(three_lines, true, true),
      utf16(three_lines, false, true),
      utf16(three_lines, true, false),
      utf16(three_lines, false, false),
      gzip(utf16(three_lines, true, true)),
  };
  for (const std::string& input : inputs) {
    for (const size_t size : {size_t{1}, size_t{7}, size_t{4096}}) {
      const decoded found = decode(input, size);
      EXPECT_TRUE(found.status.ok()) << found.status << " of " << &input - inputs;
      EXPECT_EQ(found.lines, expected) << &input - inputs << " in pieces of " << size;
    }
  }
}

TEST(log_decoder, letters_beyond_latin_become_utf8) {
  // U+20AC and U+1F600, little-endian; the second is a pair.
  const std::string text("\xff\xfe\xac\x20\x3d\xd8\x00\xde\n\x00", 10);
  EXPECT_EQ(decode(text).lines, std::vector<std::string>{"\xe2\x82\xac\xf0\x9f\x98\x80"});
}

TEST(log_decoder, a_cut_or_damaged_archive_is_refused) {
  std::string long_text;
  for (int i = 0; i < 5000; ++i) long_text += "line " + std::to_string(i * 7919) + "\n";
  for (const auto& [name, packed] : {std::pair("gzip", gzip(long_text)), {"xz", xz(long_text)}}) {
    for (const size_t part : {packed.size() / 2, packed.size() - 1, size_t{12}}) {
      const decoded cut = decode(packed.substr(0, part), 4096);
      EXPECT_THAT(std::string(cut.status.message()),
                  HasSubstr(std::string("not a sound ") + name + " archive: it is cut short"))
          << part;
    }
    std::string damaged = packed;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
    EXPECT_THAT(std::string(decode(damaged, 4096).status.message()),
                HasSubstr(std::string("not a sound ") + name + " archive: it is damaged"));
  }
}

TEST(log_decoder, what_is_no_log_is_named) {
  const std::pair<std::string, const char*> kinds[] = {
      {std::string("\x28\xb5\x2f\xfd", 4), "zstd"},
      {"BZh9", "bzip2"},
      {"PK\x03\x04", "zip archive"},
      {std::string("\x1f\x9d\x90", 3), "compress"},
      {std::string("\x04\x22\x4d\x18", 4), "lz4"},
      {"LPKSHHRH", "journal of systemd"},
      {"\x7f"
       "ELF",
       "ELF"},
      {std::string(257, 'a') + "ustar", "tar archive"},
      {std::string("\xff\xfe\x00\x00", 4), "UTF-32"},
      {gzip(gzip(gzip("a"))), "unpack it first"},
      {std::string(100, '\x01'), "is no text: 100 of its 100 bytes"},
  };
  for (const auto& [bytes, words] : kinds) {
    EXPECT_THAT(std::string(decode(bytes).status.message()), HasSubstr(words));
  }
}

TEST(log_decoder, a_line_without_end_is_cut) {
  const decoded found = decode(std::string(200000, 'x') + "\nnext\n", 4096);
  ASSERT_EQ(found.lines.size(), 2u);
  EXPECT_EQ(found.lines[0].size(), size_t{64} << 10);
  EXPECT_EQ(found.lines[1], "next");
}

/// Gives its pieces one by one, and pauses behind each.
class slow_source : public byte_source {
 public:
  explicit slow_source(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  absl::StatusOr<size_t> read(absl::Span<char> room) override {
    if (next_ == pieces_.size()) return size_t{0};
    const std::string& piece = pieces_[next_++];
    std::copy(piece.begin(), piece.end(), room.begin());
    return piece.size();
  }
  bool pauses() override { return true; }

 private:
  std::vector<std::string> pieces_;
  size_t next_ = 0;
};

TEST(log_decoder, what_came_is_given_while_nothing_comes) {
  size_t lines = 0;
  std::vector<size_t> seen;
  log_decoder text([&](std::string_view, size_t) { ++lines; });
  slow_source source({"one\n", "two\nth", "ree\n"});
  EXPECT_TRUE(read_log(source, text, [&] { seen.push_back(lines); }).ok());
  EXPECT_EQ(seen, (std::vector<size_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace iommulab::log_decoder_test
