// SPDX-License-Identifier: GPL-2.0-only
#include "core/v6_12/divergence.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace iommulab::v6_12::divergence_test {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(divergences_of_6_12, have_names_of_their_own) {
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

TEST(divergences_of_6_12, are_what_the_readmes_show) {
  const auto shows = [](const std::string& file, const std::string& table) {
    EXPECT_NE(content_of(file).find(table), std::string::npos)
        << file << " should have this table:\n"
        << table;
  };
  shows(IOMMULAB_SOURCE_DIR "/intel/v6_12/README.md",
        divergence_table("Linux 6.12", agreed_by_6_12()));
  shows(IOMMULAB_SOURCE_DIR "/intel/v6_1/README.md",
        divergence_table("Linux 6.1", agreed_by_6_1()));
}

/// Every id is reported somewhere, or is one of the refusals that intel/dmar reports.
TEST(divergences_of_6_12, happen_somewhere) {
  std::string code;
  for (const auto& file : fs::recursive_directory_iterator(IOMMULAB_SOURCE_DIR "/intel")) {
    if (file.path().extension() == ".cc") code += content_of(file.path());
  }
  for (const divergence_entry& d : divergences()) {
    const std::string reported = "divergence::" + std::string(d.name);
    const std::string refused = "table_refusal::" + std::string(d.name);
    EXPECT_TRUE(code.find(reported) != std::string::npos || code.find(refused) != std::string::npos)
        << d.name;
  }
}

TEST(divergences_of_6_12, are_told_by_name_to_who_listens) {
  environment env;
  trace_recorder recorder;
  const trace_subscription subscription = env.trace.subscribe(recorder, trace_class::faults);
  report(env, divergence::api_unmap_everything);
  ASSERT_EQ(recorder.events().size(), 1u);
  const auto* told = recorder.events()[0].as<events::diagnosis>();
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->name, "api_unmap_everything");
}

TEST(divergences_of_6_12, that_a_release_agrees_in_are_not_told) {
  environment env;
  env.agreed_divergences = agreed_by_6_12();
  trace_recorder recorder;
  const trace_subscription subscription = env.trace.subscribe(recorder, trace_class::faults);
  report(env, divergence::unmap_beyond_domain);
  EXPECT_TRUE(recorder.events().empty());
  env.agreed_divergences = agreed_by_6_1();
  report(env, divergence::unmap_beyond_domain);
  EXPECT_EQ(recorder.events().size(), 1u);
}

}  // namespace
}  // namespace iommulab::v6_12::divergence_test
