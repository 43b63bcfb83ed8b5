// SPDX-License-Identifier: GPL-2.0-only
//
// Every capture that went on after start-up, phase by phase: what drivers and clients asked of the
// DMA and IOMMU APIs. The captures are found by listing.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "lab/golden/captures.h"
#include "lab/replay/workload_run.h"
#include "support/golden.h"

namespace iommulab::workload_test {
namespace {

using outcome = verify::class_result::outcome;

std::vector<std::string> captures() {
  return golden::captures({"boot", "firmware", "workload-ir"});
}

/// Whether a class may stay uncompared: its file is not there. The firmware captures also went on
/// without recording what drivers did.
bool may_be_left_out(const verify::capture_folder& folder, const verify::class_result& result) {
  constexpr std::string_view no = "no ";
  if (!result.report.starts_with(no)) return false;
  const std::string_view rest = std::string_view(result.report).substr(no.size());
  if (rest.ends_with(".txt")) return !folder.has(rest);
  return std::filesystem::path(folder.path()).parent_path().filename() == "firmware";
}

class workload : public testing::TestWithParam<std::string> {};

TEST_P(workload, equals_the_real_kernels_in_every_phase) {
  const auto folder = verify::capture_folder::open(GetParam());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const bool has_machine = golden::exists(std::filesystem::path(GetParam()) / "pci.txt");
  if (!has_machine || !verify::has_workload(*folder)) {
    GTEST_SKIP() << "the capture ends with start-up";
  }
  const auto results = verify::verify_workload(*folder);
  ASSERT_TRUE(results.ok()) << results.status();
  size_t lines = 0;
  for (const verify::class_result& result : *results) {
    EXPECT_TRUE(result.passes()) << to_string(result);
    if (result.status == outcome::equal) lines += result.lines;
    if (result.status == outcome::not_compared) {
      EXPECT_TRUE(may_be_left_out(*folder, result)) << to_string(result);
    }
  }
  EXPECT_GT(lines, 0u) << "nothing was compared";
}

INSTANTIATE_TEST_SUITE_P(golden, workload, testing::ValuesIn(captures()), golden::capture_name);

TEST(workloads, are_found) {
  EXPECT_FALSE(captures().empty());
}

/// A copy of a capture, to be damaged.
class damaged_capture : public testing::Test {
 protected:
  void SetUp() override {
    original_ = golden::captures_root() / "boot/default.calls";
    if (!std::filesystem::is_directory(original_)) GTEST_SKIP() << "no capture boot/default.calls";
    // Tests run side by side: each has a copy of its own.
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    copy_ = std::filesystem::path(testing::TempDir()) / (std::string(test->name()) + ".calls");
    std::filesystem::remove_all(copy_);
    std::filesystem::copy(original_, copy_);
    for (const char* name : {"traced-functions.txt", "traced-functions.txt.xz"}) {
      const std::filesystem::path list = golden::captures_root() / name;
      if (std::filesystem::exists(list)) std::filesystem::copy(list, copy_);
    }
  }
  void TearDown() override { std::filesystem::remove_all(copy_); }

  /// Puts `text` in place of the first `old` of FILE that follows `after`.
  void change(const std::string& file, std::string_view old, std::string_view text,
              std::string_view after = "") {
    auto content = golden::read_text(original_ / file);
    ASSERT_TRUE(content.ok()) << content.status();
    const size_t at = content->find(old, content->find(after));
    ASSERT_NE(at, std::string::npos) << file;
    content->replace(at, old.size(), text);
    std::filesystem::remove(copy_ / (file + ".xz"));
    std::ofstream(copy_ / file, std::ios::binary) << *content;
  }

  std::vector<std::string> differences() {
    const auto folder = verify::capture_folder::open(copy_.string());
    EXPECT_TRUE(folder.ok()) << folder.status();
    const auto results = verify::verify_workload(*folder);
    EXPECT_TRUE(results.ok()) << results.status();
    std::vector<std::string> names;
    if (!results.ok()) return names;
    for (const verify::class_result& result : *results) {
      if (!result.passes()) names.push_back(result.name);
    }
    return names;
  }

  std::filesystem::path original_;
  std::filesystem::path copy_;
};

TEST_F(damaged_capture, shows_a_call_that_the_kernel_did_not_make) {
  change("fgraph-netup.txt", "__domain_mapping() {", "domain_unmap() {");
  EXPECT_EQ(differences(), std::vector<std::string>{"netup calls"});
}

TEST_F(damaged_capture, shows_an_entry_with_other_permissions) {
  change("pt-afternet.txt", "003  # iova", "001  # iova", "\n1 ");
  EXPECT_EQ(differences(), std::vector<std::string>{"netup tables"});
}

TEST_F(damaged_capture, shows_another_number_of_domains) {
  change("sysfs-iommu.txt", "domains_used = 3", "domains_used = 2");
  EXPECT_EQ(differences(), std::vector<std::string>{"boot domains"});
}

TEST_F(damaged_capture, with_a_device_that_is_not_there_is_refused) {
  change("fgraph-netup.txt", "/* intel_alloc_coherent 0000:00:05.0",
         "/* intel_alloc_coherent 0000:00:06.0");
  const auto folder = verify::capture_folder::open(copy_.string());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const auto results = verify::verify_workload(*folder);
  ASSERT_FALSE(results.ok());
  EXPECT_NE(std::string(results.status().message()).find("0000:00:06.0"), std::string::npos);
}

/// Its tables still say what was mapped at the boot mark.
TEST(plain_capture, is_compared_up_to_the_boot_mark_when_nothing_lies_beside_it) {
  const std::filesystem::path original = golden::captures_root() / "boot/default";
  if (!std::filesystem::is_directory(original)) GTEST_SKIP() << "no capture boot/default";
  const std::filesystem::path copy = std::filesystem::path(testing::TempDir()) / "lone_workload";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(original, copy);
  const auto folder = verify::capture_folder::open(copy.string());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const auto results = verify::verify_workload(*folder);
  ASSERT_TRUE(results.ok()) << results.status();
  std::vector<std::string> equal;
  for (const verify::class_result& result : *results) {
    if (result.status == outcome::equal) equal.push_back(result.name);
    if (result.name == "boot queue") {
      EXPECT_EQ(result.status, outcome::not_compared);
      EXPECT_NE(result.report.find("lone_workload.calls"), std::string::npos) << result.report;
    }
  }
  EXPECT_EQ(equal, (std::vector<std::string>{"boot domains", "boot tables"}));
  std::filesystem::remove_all(copy);
}

}  // namespace
}  // namespace iommulab::workload_test
