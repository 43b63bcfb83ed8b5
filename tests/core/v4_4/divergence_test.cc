// SPDX-License-Identifier: GPL-2.0-only
#include "core/v4_4/divergence.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace iommulab::v4_4::divergence_test {
namespace {

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
  std::ifstream file(IOMMULAB_SOURCE_DIR "/intel/v4_4/README.md");
  ASSERT_TRUE(file.is_open());
  std::ostringstream readme;
  readme << file.rdbuf();
  EXPECT_NE(readme.str().find(divergence_table()), std::string::npos)
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
  subscription = env.trace.subscribe(recorder, trace_class::log);
  report(env, divergence::unmapped_twice);
  EXPECT_EQ(recorder.events().size(), 1u) << "nobody listens";
}

}  // namespace
}  // namespace iommulab::v4_4::divergence_test
