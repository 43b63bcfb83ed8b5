// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every capture of start-up, run and compared class by class: what `iommulab verify` does. The
// captures are found by listing; more of them may be put beside the ones that are here.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/verify/capture_run.h"
#include "cli/verify/comparison.h"
#include "support/golden.h"

namespace iommulab {
namespace {

std::vector<std::string> captures() {
  std::vector<std::string> folders;
  for (const char* group : {"kernel/v4_4/boot", "kernel/v4_4/firmware"}) {
    const std::filesystem::path root = golden::root() / group;
    for (const std::string& name : golden::cases(root)) folders.push_back((root / name).string());
  }
  return folders;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  const std::filesystem::path path(info.param);
  std::string name = path.parent_path().filename().string() + "_" + path.filename().string();
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class capture : public testing::TestWithParam<std::string> {};

TEST_P(capture, equals_the_real_kernels_run_in_every_class) {
  const auto folder = verify::capture_folder::open(GetParam());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const auto run = verify::run_capture(*folder);
  ASSERT_TRUE(run.ok()) << run.status();
  const auto results = verify::compare_run(*folder, (*run)->result);
  EXPECT_FALSE(results.empty());
  for (const verify::class_result& result : results) {
    EXPECT_TRUE(result.passes()) << to_string(result);
  }
}

INSTANTIATE_TEST_SUITE_P(golden, capture, testing::ValuesIn(captures()), test_name);

TEST(captures, are_found) {
  EXPECT_FALSE(captures().empty());
}

}  // namespace
}  // namespace iommulab
