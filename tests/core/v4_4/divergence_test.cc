// SPDX-License-Identifier: GPL-2.0-only
#include "core/v4_4/divergence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace iommulab::v4_4::divergence_test {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(divergences, have_names_of_their_own) {
  std::set<std::string_view> names;
  for (const divergence_entry& d : divergences()) {
    EXPECT_TRUE(names.insert(d.name).second) << d.name;
    EXPECT_EQ(&about(d.id), &d);
    EXPECT_EQ(name(d.id), d.name);
    for (const std::string_view text : {d.where, d.kernel, d.here}) {
      EXPECT_FALSE(text.empty()) << d.name;
      EXPECT_EQ(text.find('|'), std::string_view::npos) << d.name << ": would end a column";
    }
  }
}

TEST(divergences, are_what_the_readme_shows) {
  const std::string readme = content_of(IOMMULAB_SOURCE_DIR "/intel/v4_4/README.md");
  EXPECT_NE(readme.find(divergence_table()), std::string::npos)
      << "the README of intel/v4_4 should have this table:\n"
      << divergence_table();
}

TEST(divergences, are_told_by_name_to_who_listens) {
  environment env;
  trace_recorder recorder;
  trace_subscription subscription = env.trace.subscribe(recorder, trace_class::faults);
  report(env, divergence::unmapped_twice, "pages 0x10 to 0x1f");
  ASSERT_EQ(recorder.events().size(), 1u);
  const auto* told = recorder.events()[0].as<events::diagnosis>();
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->name, "unmapped_twice");
  EXPECT_EQ(told->text,
            "add_unmap() of a range that waits already: Linux 4.4 frees it twice; here: frees it "
            "once (pages 0x10 to 0x1f)");
  subscription = env.trace.subscribe(recorder, trace_class::regs);
  report(env, divergence::unmapped_twice);
  EXPECT_EQ(recorder.events().size(), 1u) << "nobody listens";
}

TEST(divergences, are_in_the_log_and_can_be_asked_for) {
  environment env;
  env.log.set_line_time(1000);
  report(env, divergence::unmapped_twice, "pages 0x10 to 0x1f");
  const std::string text =
      "add_unmap() of a range that waits already: Linux 4.4 frees it twice; here: frees it once "
      "(pages 0x10 to 0x1f)";
  ASSERT_EQ(env.log.lines().size(), 1u);
  EXPECT_EQ(env.log.lines()[0].text, "iommulab: unmapped_twice: " + text);
  EXPECT_EQ(env.clock.now_ns(), 0u) << "the kernel's console has no part in it";
  ASSERT_EQ(env.divergences.kept().size(), 1u);
  EXPECT_EQ(env.divergences.kept()[0].text, text);
  for (size_t i = 0; i < diagnosis_list::capacity; ++i) report(env, divergence::unmapped_twice);
  EXPECT_EQ(env.divergences.total(), diagnosis_list::capacity + 1);
  EXPECT_EQ(env.divergences.kept().size(), diagnosis_list::capacity);
  EXPECT_EQ(env.log.lines().size(), diagnosis_list::capacity);
}

TEST(divergences, are_none_where_a_release_agrees) {
  environment env;
  env.agreed_divergences = set_of({divergence::unmapped_twice});
  report(env, divergence::unmapped_twice);
  EXPECT_EQ(env.divergences.total(), 0u);
  EXPECT_TRUE(env.log.lines().empty());
}

/// The texts of all tests but this one.
std::vector<std::string> tests() {
  std::vector<std::string> texts;
  const fs::path root = IOMMULAB_SOURCE_DIR "/tests";
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = fs::relative(entry.path(), root).string();
    if (!name.ends_with("_test.cc") || name == "core/v4_4/divergence_test.cc") continue;
    texts.push_back(content_of(entry.path()));
  }
  return texts;
}

/// Whether `text` has `word`, and not as the beginning of a longer one.
bool has_word(const std::string& text, const std::string& word) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool goes_on =
        end < text.size() &&
        (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_');
    if (!goes_on) return true;
  }
  return false;
}

// A test that makes it happen compares what was reported with `divergence::` and its name.
TEST(divergences, are_each_provoked_by_a_test) {
  const std::vector<std::string> texts = tests();
  ASSERT_GT(texts.size(), 100u);
  for (const divergence_entry& d : divergences()) {
    const std::string word = "divergence::" + std::string(d.name);
    EXPECT_TRUE(std::any_of(texts.begin(), texts.end(),
                            [&](const std::string& text) { return has_word(text, word); }))
        << "no test makes " << d.name << " happen";
  }
}

}  // namespace
}  // namespace iommulab::v4_4::divergence_test
