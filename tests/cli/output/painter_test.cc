// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/painter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/output/pager.h"

namespace iommulab {
namespace {

/// Without "ESC [ … m".
std::string bare(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = text.find('m', i);
    } else {
      result += text[i];
    }
  }
  return result;
}

bool painted(const std::string& text) {
  return text.find('\x1b') != std::string::npos;
}

TEST(painter, changes_nothing_but_colours) {
  painter paint;
  const std::vector<std::string> lines = {"Linux 4.4.178 (v4_4_178) on q35",
                                          "[    0.000000] DMAR: IOMMU enabled",
                                          "Groups: 12",
                                          "  /* write32 dmar0 GCMD 0x18 = 0x80000000 TE */",
                                          " 0)   0.000 us    |  f(); /* ret=0 */",
                                          " 0)               |  /* fault dmar0 */",
                                          "/* a note */",
                                          "--- left",
                                          "+++ right",
                                          "-a",
                                          "+b",
                                          " both",
                                          "",
                                          "    ",
                                          "blocked, fault reason 05h",
                                          "iommulab: nothing"};
  for (const std::string& line : lines) {
    const std::string shown = paint(line);
    EXPECT_EQ(bare(shown), line);
    if (painted(shown)) {
      EXPECT_TRUE(shown.find("\x1b[0m") != std::string::npos) << line;
    }
  }
}

TEST(painter, paints_an_effect_behind_the_columns_of_a_graph) {
  painter paint;
  const std::string columns = " 0)               |    ";
  EXPECT_TRUE(painted(paint(columns + "/* write32 dmar0 GCMD 0x18 = 0x80000000 TE */")));
  EXPECT_TRUE(paint(columns + "/* a note */").starts_with(columns + "\x1b["));
  EXPECT_FALSE(painted(paint(columns + "f() {")));
  EXPECT_FALSE(painted(paint(columns + "/* [    0.000000] DMAR: IOMMU enabled */")));
}

TEST(painter, paints_a_difference_only_behind_its_head) {
  painter paint;
  EXPECT_FALSE(painted(paint("- an item of a list")));
  EXPECT_TRUE(painted(paint("--- left")));
  EXPECT_TRUE(painted(paint("- gone")));
  EXPECT_TRUE(painted(paint("+ new")));
  EXPECT_FALSE(painted(paint("  both")));
}

TEST(painter, leaves_documents_alone) {
  painter json;
  for (const char* line : {"{", "  \"schema\": \"iommulab.boot\",", "error", "Groups: 1", "}"}) {
    EXPECT_EQ(json(line), line);
  }
  painter svg;
  EXPECT_EQ(svg("<svg>"), "<svg>");
  EXPECT_EQ(svg("Groups: 1"), "Groups: 1");
}

TEST(painter, knows_a_log_lines_time) {
  painter paint;
  EXPECT_EQ(paint("[    1.500000] error"), "\x1b[2m[    1.500000]\x1b[0m error");
  EXPECT_EQ(paint("[00:1f.2] x"), "[00:1f.2] x");
}

TEST(rows_of, counts_lines_as_a_window_wraps_them) {
  EXPECT_EQ(rows_of("", 80), 0u);
  EXPECT_EQ(rows_of("\n\n", 80), 2u);
  EXPECT_EQ(rows_of("12345\n", 5), 1u);
  EXPECT_EQ(rows_of("123456\n", 5), 2u);
  EXPECT_EQ(rows_of("unfinished", 80), 1u);
  EXPECT_EQ(rows_of("\u00e9\u00e9\u00e9\u00e9\u00e9\n", 5), 1u);
}

}  // namespace
}  // namespace iommulab
