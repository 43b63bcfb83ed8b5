// SPDX-License-Identifier: GPL-2.0-only
//
// Pictures of groups: that they are documents of their formats, that every function of the machine
// is in them once, what the marks say, and that nothing in a listing's titles gets out of its
// quotation marks. The machines are a made-up server (big_server.h), built-in ones and listings of
// a few lines.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "big_server.h"
#include "cli/groups/group_colours.h"
#include "cli/groups/groups_command.h"
#include "pugixml.hpp"
#include "support/command.h"

namespace iommulab::groups_picture_test {
namespace {

namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

command_result run(const groups_arguments& arguments) {
  return run_command(&run_groups_command, arguments);
}

/// A folder with a listing and a table.
class listed_machine {
 public:
  listed_machine(const std::string& listing, const std::vector<uint8_t>& table)
      : folder_(fs::temp_directory_path() / "groups-picture") {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "lspci.txt") << listing;
    if (table.empty()) return;
    std::ofstream(folder_ / "DMAR.bin", std::ios::binary)
        .write(reinterpret_cast<const char*>(table.data()),
               static_cast<std::streamsize>(table.size()));
  }
  ~listed_machine() { fs::remove_all(folder_); }
  listed_machine(const listed_machine&) = delete;
  listed_machine& operator=(const listed_machine&) = delete;

  [[nodiscard]] std::string picture(bool svg) const {
    command_result r = run({.machine = folder_.string(), .dot = !svg, .svg = svg});
    EXPECT_EQ(r.status, 0) << r.err;
    return std::move(r.out);
  }

 private:
  fs::path folder_;
};

pugi::xml_document parsed(const std::string& svg) {
  pugi::xml_document document;
  const pugi::xml_parse_result result =
      document.load_buffer(svg.data(), svg.size(), pugi::parse_default, pugi::encoding_utf8);
  EXPECT_TRUE(result) << result.description() << " at "
                      << svg.substr(static_cast<size_t>(result.offset), 80);
  return document;
}

/// Tooltips of functions, each with the texts that are shown.
struct shown_function {
  std::string tooltip;
  std::vector<std::string> texts;
};
std::vector<shown_function> functions_of(const pugi::xml_document& document) {
  std::vector<shown_function> all;
  for (const pugi::xpath_node& found : document.select_nodes("//g[@class='node']")) {
    shown_function& shown = all.emplace_back();
    shown.tooltip = found.node().child_value("title");
    for (const pugi::xpath_node& text : found.node().select_nodes(".//text//text()")) {
      shown.texts.emplace_back(text.node().value());
    }
  }
  return all;
}
shown_function function_at(const pugi::xml_document& document, const std::string& address) {
  for (const shown_function& shown : functions_of(document)) {
    if (shown.tooltip.starts_with(address + ", ")) return shown;
  }
  return {};
}

/// How often each address begins a line of a tooltip.
void count_addresses(const std::string& tooltip, std::map<std::string, int>& count) {
  std::istringstream lines(tooltip);
  for (std::string line; std::getline(lines, line);) {
    const size_t end = line.find(", ");
    if (end == 7 && line[2] == ':' && line[5] == '.') ++count[line.substr(0, end)];
  }
}

std::map<std::string, int> once_each(const std::set<std::string>& addresses) {
  std::map<std::string, int> count;
  for (const std::string& address : addresses) count[address] = 1;
  return count;
}

/// What stands between quotation marks, with Graphviz's escapes as they are; the braces outside of
/// them are counted.
struct dot_document {
  std::vector<std::string> strings;
  int open_braces = 0;
  bool in_string = false;
};
dot_document read_dot(const std::string& text) {
  dot_document read;
  for (size_t i = 0; i < text.size(); ++i) {
    if (read.in_string) {
      if (text[i] == '\\') {
        read.strings.back() += text.substr(i++, 2);
      } else if (text[i] == '"') {
        read.in_string = false;
      } else {
        read.strings.back() += text[i];
      }
    } else if (text[i] == '"') {
      read.in_string = true;
      read.strings.emplace_back();
    } else if (text[i] == '{' || text[i] == '}') {
      read.open_braces += text[i] == '{' ? 1 : -1;
      EXPECT_GE(read.open_braces, 0);
    }
  }
  return read;
}

TEST(groups_picture, as_svg_has_every_function_of_a_big_server_once) {
  const big_server server = make_big_server();
  ASSERT_GE(server.addresses.size(), 200u);
  const std::string svg = listed_machine(server.listing, server.table).picture(true);
  const pugi::xml_document document = parsed(svg);
  std::map<std::string, int> count;
  const std::vector<shown_function> functions = functions_of(document);
  for (const shown_function& shown : functions) count_addresses(shown.tooltip, count);
  EXPECT_EQ(count, once_each(server.addresses));
  EXPECT_LT(functions.size(), server.addresses.size() * 2 / 3) << "folding leaves fewer rows";
}

TEST(groups_picture, as_svg_depends_on_nothing) {
  const big_server server = make_big_server();
  const std::string svg = listed_machine(server.listing, server.table).picture(true);
  const pugi::xml_document document = parsed(svg);
  EXPECT_TRUE(document.select_nodes("//script | //image | //use | //@href").empty());
  EXPECT_THAT(svg, Not(HasSubstr("url(")));
  const pugi::xml_node root = document.child("svg");
  EXPECT_STREQ(root.attribute("xmlns").value(), "http://www.w3.org/2000/svg");
  EXPECT_STREQ(root.child("rect").attribute("width").value(), "100%");
  EXPECT_STREQ(root.child("rect").attribute("fill").value(), "#ffffff") << "in a dark viewer too";
  EXPECT_EQ(root.attribute("fill").value(), colour_of_text);
}

// Cards are one beside the other, not one upon the other, and all within the picture.
TEST(groups_picture, as_svg_has_its_cards_side_by_side) {
  const big_server server = make_big_server();
  const pugi::xml_document document =
      parsed(listed_machine(server.listing, server.table).picture(true));
  struct box {
    double x, y, right, bottom;
  };
  std::vector<box> cards;
  for (const pugi::xpath_node& found : document.select_nodes("//rect[@class='card']")) {
    box card{};
    ASSERT_EQ(std::sscanf(found.parent().attribute("transform").value(), "translate(%lf %lf)",
                          &card.x, &card.y),
              2);
    card.right = card.x + found.node().attribute("width").as_double();
    card.bottom = card.y + found.node().attribute("height").as_double();
    for (const box& other : cards) {
      EXPECT_TRUE(other.right < card.x || other.bottom < card.y || card.bottom < other.y);
    }
    EXPECT_LT(card.right, document.child("svg").attribute("width").as_double());
    EXPECT_LT(card.bottom, document.child("svg").attribute("height").as_double());
    cards.push_back(card);
  }
  EXPECT_EQ(cards.size(), 5u) << "four root buses and the legend";
}

// The unit of root bus 40 is the table's first; the DMA engines are in its scopes, the counters
// (08.x) are left to INCLUDE_PCI_ALL, which is the fourth.
TEST(groups_picture, as_svg_shows_groups_units_and_regions) {
  const big_server server = make_big_server();
  const pugi::xml_document document =
      parsed(listed_machine(server.listing, server.table).picture(true));
  const shown_function engines = function_at(document, "40:04.0");
  ASSERT_EQ(engines.texts.size(), 5u);
  EXPECT_EQ(engines.texts[0], "16 × 40:04.0 … 40:05.7");
  EXPECT_EQ(engines.texts[1], "system peripheral ");
  EXPECT_EQ(engines.texts[2], "[8086:0b00]");
  EXPECT_THAT(engines.texts[3], ::testing::MatchesRegex("groups [0-9]+–[0-9]+"));
  EXPECT_EQ(engines.texts[4], "dmar0");
  EXPECT_THAT(engines.tooltip, HasSubstr("\nremapping unit dmar0 at 0xfbf04000, which names it"));
  EXPECT_THAT(function_at(document, "40:08.0").tooltip,
              HasSubstr("dmar3 at 0xfbf00000 (INCLUDE_PCI_ALL)"));
  EXPECT_THAT(function_at(document, "44:00.0").tooltip, HasSubstr("dmar0 at 0xfbf04000, by a "));
  const shown_function usb = function_at(document, "00:1a.0");
  EXPECT_EQ(usb.texts.back(), "RMRR 0");
  EXPECT_THAT(usb.tooltip, HasSubstr("reserved memory RMRR 0: 0x7dc00000-0x7dc1ffff"));
  std::vector<std::string> legend;
  for (const pugi::xpath_node& text : document.select_nodes("//text")) {
    legend.emplace_back(text.node().child_value());
  }
  EXPECT_THAT(legend, Contains(std::string("RMRR 0: 0x7dc00000-0x7dc1ffff for 00:1a.0, "
                                           "00:1d.0")));
  EXPECT_THAT(legend, Contains(HasSubstr("dmar3 at 0xfbf00000, INCLUDE_PCI_ALL: ")));
}

TEST(groups_picture, as_dot_has_every_function_of_a_big_server_once) {
  const big_server server = make_big_server();
  const std::string dot = listed_machine(server.listing, server.table).picture(false);
  const dot_document read = read_dot(dot);
  EXPECT_EQ(read.open_braces, 0);
  EXPECT_FALSE(read.in_string);
  std::map<std::string, int> count;
  for (const std::string& text : read.strings) {
    if (!absl::StrContains(text, ": ")) continue;  // a tooltip has titles
    count_addresses(absl::StrReplaceAll(text, {{"\\n", "\n"}}), count);
  }
  EXPECT_EQ(count, once_each(server.addresses));
  for (const char* const root : {"0000:00", "0000:40", "0000:80", "0000:c0"}) {
    EXPECT_THAT(dot, HasSubstr(absl::StrFormat("subgraph \"cluster_%s\"", root)));
  }
  EXPECT_THAT(dot, HasSubstr("\"0000:00:02.0\" -> \"0000:02:00.0\";"));
  EXPECT_THAT(dot, HasSubstr("\"0000:02:00.0\" -> \"0000:03:07.0\";"));
  EXPECT_THAT(read.strings, Contains(HasSubstr("dmar3\\nUSB controller [8086:1d2d]\\n"
                                               "RMRR 0")));
}

TEST(groups_picture, without_a_table_says_nothing_of_units) {
  const big_server server = make_big_server();
  const listed_machine machine(server.listing, {});
  for (const bool svg : {true, false}) {
    const std::string picture = machine.picture(svg);
    EXPECT_THAT(picture, Not(HasSubstr("dmar0")));
    EXPECT_THAT(picture, Not(HasSubstr("RMRR")));
    EXPECT_THAT(picture, HasSubstr("assumed: the numbers, without the table"));
  }
}

// A control byte, half a character, and everything that either format has a meaning for.
const std::string hostile_listing =
    "00:02.0 Ethernet controller [0200]: <b>&\"\x01 \xe2\x82 \\n &lt; {a|b} ]]> -- [1234:0001]\n";

TEST(groups_picture, as_svg_shows_titles_as_text) {
  const std::string svg = listed_machine(hostile_listing, {}).picture(true);
  EXPECT_THAT(function_at(parsed(svg), "00:02.0").tooltip,
              HasSubstr("<b>&\"? ?? \\n &lt; {a|b} ]]> --"));
  for (const char byte : svg) EXPECT_TRUE(byte == '\n' || static_cast<uint8_t>(byte) >= 0x20);
}

TEST(groups_picture, as_dot_shows_titles_as_text) {
  const dot_document read = read_dot(listed_machine(hostile_listing, {}).picture(false));
  EXPECT_EQ(read.open_braces, 0);
  EXPECT_FALSE(read.in_string);
  EXPECT_THAT(read.strings, Contains(HasSubstr("<b>&amp;\\\"? ?? \\\\n &amp;lt; {a|b} ]]> --")));
}

TEST(groups_picture, of_a_listing_with_other_groups_is_a_finding_and_shows_them) {
  const fs::path file = fs::temp_directory_path() / "groups-picture.lspci";
  std::ofstream(file) << "00:1f.0 0601: 8086:2918\n\tIOMMU group: 7\n00:1f.2 0106: 8086:2922\n"
                         "\tIOMMU group: 8\n";
  for (const bool svg : {true, false}) {
    const command_result r = run({.machine = file.string(), .dot = !svg, .svg = svg});
    EXPECT_EQ(r.status, 1);
    EXPECT_THAT(r.out, HasSubstr("differs: 00:1f.2 is in group 8"));
  }
  fs::remove(file);
  expect_refusal_with(run({.machine = "nowhere", .svg = true}), "machine 'nowhere'");
}

TEST(groups_picture, a_function_without_a_group_is_grey) {
  const command_result r = run({.machine = "server", .svg = true});
  const pugi::xml_document document = parsed(r.out);
  const shown_function empty_slot = function_at(document, "c2:00.0");
  EXPECT_THAT(empty_slot.texts, Contains("no group"));
  EXPECT_THAT(empty_slot.tooltip, HasSubstr("not found by a scan of its bus"));
  const auto found = document.select_node("//g[@class='node'][contains(title, 'c2:00.0')]/rect");
  EXPECT_EQ(found.node().attribute("fill").value(), colour_without_group);
}

/// WCAG 2.1, relative luminance.
double luminance(std::string_view colour) {
  const auto channel = [&](size_t at) {
    const double value = std::stoi(std::string(colour.substr(at, 2)), nullptr, 16) / 255.0;
    return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
double contrast(std::string_view light, std::string_view dark) {
  return (luminance(light) + 0.05) / (luminance(dark) + 0.05);
}

// 7 to 1 is what WCAG 2.1 asks of text at its strictest (1.4.6).
TEST(group_colours, text_on_them_reads_well) {
  std::set<std::string> all;
  for (int group = 0; group < 360; ++group) {
    EXPECT_GE(contrast(group_colour(group), colour_of_text), 7) << group << group_colour(group);
    all.insert(group_colour(group));
  }
  EXPECT_GE(contrast(colour_without_group, colour_of_text), 7);
  EXPECT_GE(contrast("#ffffff", colour_of_regions), 7);
  EXPECT_GT(all.size(), 350u) << "hardly one comes twice";
}

TEST(groups_command, a_picture_excludes_what_else_it_could_print) {
  for (const char* const words :
       {"groups --svg --dot", "groups --svg --json", "groups --dot --json",
        "groups --svg --why 00:04.0", "groups --dot --why 00:04.0"}) {
    CLI::App app;
    int status = -1;
    add_groups_command(app, status);
    EXPECT_THROW(app.parse(words), CLI::ExcludesError) << words;
    EXPECT_EQ(status, -1);
  }
  CLI::App app;
  int status = -1;
  add_groups_command(app, status);
  ::testing::internal::CaptureStdout();
  app.parse("groups --svg");
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), ::testing::StartsWith("<svg "));
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace iommulab::groups_picture_test
