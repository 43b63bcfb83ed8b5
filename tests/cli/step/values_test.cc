// SPDX-License-Identifier: GPL-2.0-only
//
// Values and where they come from, against a fresh run that is looked at from within.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "cli/output/json.h"
#include "cli/step/sessions.h"
#include "kernel/kernel.h"
#include "lab/structures/expression.h"
#include "lab/structures/structure_text.h"
#include "platform/vtd/unit.h"

namespace iommulab::step_test {
namespace {

/// The values of expressions behind each event of a fresh run, from position 0 on.
class all_values final : public trace_sink {
 public:
  explicit all_values(const std::vector<std::string>& expressions) {
    for (const std::string& text : expressions) {
      auto parsed = expression::parse(text);
      EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status();
      if (parsed.ok()) parsed_.push_back(*std::move(parsed));
    }
    by_expression.resize(parsed_.size());
  }
  void on_event(const trace_event& /*event*/) override { look(); }
  void look() {
    for (size_t i = 0; i < parsed_.size(); ++i) {
      const auto value = parsed_[i].evaluate(*what);
      by_expression[i].push_back(value.ok() ? comparable_text(*value) : std::string());
    }
  }
  running* what = nullptr;
  std::vector<std::vector<std::string>> by_expression;

 private:
  std::vector<expression> parsed_;
};

std::vector<std::vector<std::string>> values_of(const run_choice& choice,
                                                const std::vector<std::string>& expressions) {
  all_values values(expressions);
  const auto run = chosen_run(choice);
  EXPECT_TRUE(run.ok());
  const auto made = (*run)->make(values);
  EXPECT_TRUE(made.ok());
  values.what = made->get();
  values.look();
  (*made)->go();
  return values.by_expression;
}

/// The last event up to a position that left another value than the one before: a plain search
/// backwards. 0 for none.
size_t set_at(const std::vector<std::string>& values, size_t position) {
  for (size_t p = position; p > 0; --p) {
    if (values[p] != values[p - 1]) return p;
  }
  return 0;
}

/// Of each answer of `origin` the event, 0 where it says that there is none.
std::vector<size_t> origins_in(const std::string& text) {
  std::vector<size_t> found;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const std::string set = " was set at event ";
    const size_t at = line.find(set);
    if (at != std::string::npos) found.push_back(std::stoul(line.substr(at + set.size())));
    if (has(line, " has not been set yet.")) found.push_back(0);
  }
  return found;
}

/// A hundred times a value and a position: origin names what the plain search finds.
void expect_origins(const run_choice& choice, const std::vector<std::string>& expressions) {
  const auto values = values_of(choice, expressions);
  const size_t count = events_of(choice).size();
  std::mt19937 random(100);
  std::vector<std::string> commands;
  std::vector<size_t> wanted;
  size_t set = 0;
  for (int i = 0; i < 100; ++i) {
    const size_t which = random() % expressions.size();
    const size_t position = 1 + random() % count;
    ASSERT_EQ(values[which].size(), count + 1);
    commands.push_back("goto " + std::to_string(position));
    commands.push_back("origin " + expressions[which]);
    wanted.push_back(set_at(values[which], position));
    if (wanted.back() != 0) ++set;
  }
  EXPECT_GT(set, 40u) << "too few of the values are ever set";
  const std::vector<size_t> found = origins_in(said(choice, commands));
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(found[i], wanted[i]) << commands[2 * i] << ", " << commands[2 * i + 1];
  }
}

const std::vector<std::string>& expressions_of_one_unit() {
  static const std::vector<std::string> all = {"GSTS.TES",
                                               "GSTS.RTPS",
                                               "GSTS.QIES",
                                               "GSTS",
                                               "RTADDR",
                                               "IQA",
                                               "IQT",
                                               "IQH",
                                               "FECTL.IM",
                                               "FEDATA",
                                               "FEADDR",
                                               "FSTS",
                                               "context 00:1f.0",
                                               "context 00:04.0",
                                               "root dmar0 00",
                                               "queue",
                                               "pages",
                                               "g_iommus",
                                               "si_domain",
                                               "intel_iommu[dmar0]->agaw",
                                               "dmar_domain",
                                               "device_domain_info",
                                               "iommu_group",
                                               "device[00:1f.2]"};
  return all;
}

TEST(origin, names_the_event_that_a_plain_search_finds_in_a_boot) {
  expect_origins(boot(), expressions_of_one_unit());
}

TEST(origin, names_the_event_that_a_plain_search_finds_in_a_machine_with_many_units) {
  expect_origins(boot_of("server", "intel_iommu=on"),
                 {"reg GSTS.TES", "dmar0.GSTS", "dmar1.GSTS.QIES", "dmar1.RTADDR", "dmar0.IQT",
                  "reg FECTL", "si_domain", "context 00:1f.0", "root dmar0 00"});
}

TEST(origin, names_the_event_that_a_plain_search_finds_in_a_script) {
  auto all = expressions_of_one_unit();
  all.insert(all.end(), {"pte 00:04.0 0xfffff000", "walk 00:04.0 0xfffff000", "caches",
                         "iova_domain", "FSTS.PPF", "deferred_flush_tables"});
  expect_origins(script_with_a_fault(), all);
}

TEST(origin, goes_on_from_where_it_led_to) {
  const run_choice& choice = boot();
  const auto values = values_of(choice, {"GSTS"}).front();
  std::vector<size_t> wanted;
  for (size_t p = values.size() - 1; (p = set_at(values, p)) != 0; --p) wanted.push_back(p);
  ASSERT_GE(wanted.size(), 3u);
  std::vector<std::string> commands = {"goto end"};
  commands.insert(commands.end(), wanted.size() + 1, "origin GSTS");
  const std::string text = said(choice, commands);
  EXPECT_EQ(origins_in(text), wanted);
  EXPECT_TRUE(has(text, "GSTS was not set before.\n"));
}

TEST(print, tells_what_a_fresh_run_holds) {
  const run_choice& choice = boot();
  const std::vector<std::string> expressions = {"GSTS.TES", "si_domain", "g_iommus"};
  const auto values = values_of(choice, expressions);
  const size_t count = events_of(choice).size();
  std::vector<std::string> commands;
  std::string wanted;
  for (const size_t position : {count, count / 3, count / 2}) {
    commands.push_back("goto " + std::to_string(position));
    commands.emplace_back("print GSTS.TES");
    wanted += "GSTS.TES = " + values[0][position] + "\n";
  }
  std::string printed;
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(said(choice, commands), '\n'))) {
    if (line.starts_with("GSTS.TES = ")) printed += line + '\n';
  }
  EXPECT_EQ(printed, wanted);
}

TEST(print, gives_programs_a_document) {
  const std::string text = said(boot(), {"goto 300", "print --json GSTS"});
  const json document = json::parse(text.substr(text.find("\n{") + 1));
  EXPECT_EQ(document["schema"], "iommulab.print");
  EXPECT_EQ(document["expression"], "GSTS");
  EXPECT_EQ(document["event"], 300);
  EXPECT_TRUE(document["value"].is_object());
}

TEST(display, is_shown_at_every_stop) {
  const run_choice& choice = boot();
  const auto values = values_of(choice, {"GSTS.TES"}).front();
  const std::string text =
      said(choice, {"goto 5", "display GSTS.TES", "step", "undisplay 1", "step"});
  EXPECT_TRUE(has(text, "\n1: GSTS.TES = " + values[5] + "\n")) << text;
  EXPECT_EQ(absl::StrContains(text.substr(text.find("\n7\t")), "GSTS.TES"), false) << text;
  expect_refusal_with(session(choice, {"undisplay 3"}), "there is no display 3");
}

TEST(expressions, that_can_never_say_anything_are_refused) {
  const run_choice& choice = boot();
  for (const char* command : {"print nothing_of_the_kind", "watch GSTS.NOTHING",
                              "display GSTS.NOTHING", "origin GSTS.NOTHING"}) {
    const command_result result = session(choice, {"goto 300", command});
    EXPECT_EQ(result.status, 2) << command;
    EXPECT_TRUE(has(result.err, "NOTHING") || has(result.err, "nothing_of_the_kind")) << result.err;
  }
}

}  // namespace
}  // namespace iommulab::step_test
