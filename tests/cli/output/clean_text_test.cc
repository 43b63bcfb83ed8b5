// SPDX-License-Identifier: GPL-2.0-only
//
// RFC 3629's rules for UTF-8, and ECMA-48's control characters.
#include "cli/output/clean_text.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/output/clean_buffer.h"
#include "cli/output/xml_text.h"

namespace iommulab {
namespace {

std::string cleaned(std::string_view text) {
  clean_text clean;
  const std::string most = clean(text);
  return most + clean.rest();
}

TEST(clean_text, leaves_text_alone) {
  EXPECT_EQ(cleaned("a line\n\tand ~ another\n"), "a line\n\tand ~ another\n");
  EXPECT_EQ(cleaned("caf\u00e9 \u2026 \U0001f600 \u00a0"), "caf\u00e9 \u2026 \U0001f600 \u00a0");
  EXPECT_EQ(cleaned(""), "");
}

TEST(clean_text, shows_control_bytes) {
  EXPECT_EQ(cleaned("\x1b]0;pwned\x07"), "\\x1b]0;pwned\\x07");
  EXPECT_EQ(cleaned("a\rb\bc\x7f"), "a\\x0db\\x08c\\x7f");
  EXPECT_EQ(cleaned(std::string_view("\0", 1)), "\\x00");
  // CSI as one character of C1, U+009B; U+00A0 is the first behind.
  EXPECT_EQ(cleaned("\xc2\x9b"
                    "31m"),
            "\\xc2\\x9b31m");
  for (int c = 0; c < 0x20; ++c) {
    if (c == '\n' || c == '\t') continue;
    const char byte = static_cast<char>(c);
    EXPECT_EQ(cleaned({&byte, 1}).size(), 4u) << c;
  }
}

TEST(clean_text, shows_what_is_no_utf_8) {
  EXPECT_EQ(cleaned("0xff\x82"), "0xff\\x82");
  EXPECT_EQ(cleaned("\xff\xfe"
                    "a"),
            "\\xff\\xfea");
  EXPECT_EQ(cleaned("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(cleaned("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");           // overlong
  EXPECT_EQ(cleaned("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(cleaned("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond 10ffffh
  EXPECT_EQ(cleaned("\xe2\x82"), "\\xe2\\x82");                    // cut short
  EXPECT_EQ(cleaned("\xe2\x82z"), "\\xe2\\x82z");
}

TEST(clean_text, takes_characters_in_pieces) {
  clean_text clean;
  EXPECT_EQ(clean("a\xe2"), "a");
  EXPECT_EQ(clean("\x82"), "");
  EXPECT_EQ(clean("\xac"
                  "b"),
            "\u20acb");
  EXPECT_EQ(clean("\xe2"), "");
  EXPECT_EQ(clean("\x1b"), "\\xe2\\x1b");
  EXPECT_EQ(clean.rest(), "");
}

// In every two pieces and byte by byte the same comes out.
TEST(clean_text, does_not_depend_on_the_pieces) {
  const std::string text = "x\xc3\xa9\x1b[0m\xf0\x9f\x98\x80\xe2\x82\xff\n\xc2\x9b";
  const std::string whole = cleaned(text);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    clean_text clean;
    std::string pieces = clean(std::string_view(text).substr(0, cut));
    pieces += clean(std::string_view(text).substr(cut));
    EXPECT_EQ(pieces + clean.rest(), whole) << cut;
  }
}

TEST(write_control, is_plain_text_to_a_stream_of_another_kind) {
  std::ostringstream out;
  write_control(out, "\r\x1b[K");
  EXPECT_EQ(out.str(), "\r\x1b[K");
}

TEST(plain_text, is_one_line_with_marks_for_what_is_not_shown) {
  EXPECT_EQ(plain_text("caf\u00e9 \\x01 ?"), "caf\u00e9 \\x01 ?");
  EXPECT_EQ(plain_text("a\n\tb"), "a  b");
  EXPECT_EQ(plain_text("\x1b[0m\x7f"), "?[0m?");
  EXPECT_EQ(plain_text("\xc2\x9b"), "??") << "of C1";
  EXPECT_EQ(plain_text("\xff\xe2\x82"), "???") << "no UTF-8, cut short";
  EXPECT_EQ(plain_text(""), "");
}

TEST(xml_text, has_no_markup_and_nothing_that_xml_does_not_hold) {
  EXPECT_EQ(xml_text("<a b=\"c\">&amp;'"), "&lt;a b=&quot;c&quot;&gt;&amp;amp;'");
  EXPECT_EQ(xml_text("\x01\ufffe\uffff\ufffd"), "???\ufffd");
}

}  // namespace
}  // namespace iommulab
