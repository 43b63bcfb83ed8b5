// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace iommulab::catalogue_test {
namespace {

const kernel_profile& linux_4_4_1() {
  return *kernel_profiles()[0];
}
const kernel_profile& linux_4_4_178() {
  return *kernel_profiles()[1];
}

TEST(catalogue, has_the_kernels_oldest_first) {
  ASSERT_GE(kernel_profiles().size(), 2u);
  EXPECT_EQ(linux_4_4_1().name(), "v4_4");
  EXPECT_EQ(linux_4_4_1().release(), "4.4.1");
  EXPECT_EQ(linux_4_4_178().name(), "v4_4_178");
  EXPECT_EQ(linux_4_4_178().release(), "4.4.178");
}

TEST(catalogue, finds_a_kernel_by_each_of_its_names) {
  for (const char* name : {"v4_4", "4.4", "4.4.1"}) {
    EXPECT_EQ(find_kernel_profile(name), &linux_4_4_1()) << name;
  }
  for (const char* name : {"v4_4_178", "4.4.178"}) {
    EXPECT_EQ(find_kernel_profile(name), &linux_4_4_178()) << name;
  }
  for (const char* name :
       {"", "v", "v4", "4", "v4.4", "4_4", "v4_4_1", "4.4.17", "v4_4_178 ", "V4_4", "4.4.1781"}) {
    EXPECT_EQ(find_kernel_profile(name), nullptr) << name;
  }
}

TEST(catalogue, has_one_default_that_is_in_the_list) {
  const auto all = kernel_profiles();
  EXPECT_EQ(std::count(all.begin(), all.end(), &default_kernel_profile()), 1);
}

TEST(path, names_a_kernel_by_a_folder) {
  EXPECT_EQ(kernel_named_in("/captures/kernel/v4_4/boot/default"), &linux_4_4_1());
  EXPECT_EQ(kernel_named_in("/captures/kernel/v4_4_178/boot-ir/default"), &linux_4_4_178());
  EXPECT_EQ(kernel_named_in("/captures/4.4/pages.txt"), &linux_4_4_1());
  EXPECT_EQ(kernel_named_in("/captures/4.4.178/pages.txt"), &linux_4_4_178());
  EXPECT_EQ(kernel_named_in("/v4_4/x/v4_4_178/y"), &linux_4_4_178()) << "the last one";
  EXPECT_EQ(kernel_named_in("/v4_4_178/x/v4_4/y"), &linux_4_4_1());
  EXPECT_EQ(kernel_named_in("/captures/v4_4_boot/default"), nullptr) << "no folder's whole name";
  EXPECT_EQ(kernel_named_in("/"), nullptr);
}

// As the command line has it: "." within a capture's folder is that capture.
TEST(path, that_is_not_whole_is_of_the_working_directory) {
  const std::filesystem::path before = std::filesystem::current_path();
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "catalogue_test" / "v4_4_178" / "boot";
  std::filesystem::create_directories(folder);
  std::filesystem::current_path(folder);
  EXPECT_EQ(kernel_named_in("default"), &linux_4_4_178());
  EXPECT_EQ(kernel_named_in("."), &linux_4_4_178());
  EXPECT_EQ(path_of_kernel("default", linux_4_4_1()),
            (folder.parent_path().parent_path() / "v4_4" / "boot" / "default").string());
  std::filesystem::current_path(before);
  std::filesystem::remove_all(folder.parent_path().parent_path());
}

TEST(path, of_another_kernel_differs_in_that_folder_alone) {
  EXPECT_EQ(path_of_kernel("/captures/kernel/v4_4/boot/default", linux_4_4_178()),
            "/captures/kernel/v4_4_178/boot/default");
  EXPECT_EQ(path_of_kernel("/captures/kernel/v4_4_178/boot/default", linux_4_4_1()),
            "/captures/kernel/v4_4/boot/default");
  EXPECT_EQ(path_of_kernel("/captures/4.4/pages.txt", linux_4_4_178()),
            "/captures/4.4.178/pages.txt")
      << "in numbers as before";
  EXPECT_EQ(path_of_kernel("/captures/4.4.178/pages.txt", linux_4_4_1()),
            "/captures/4.4/pages.txt");
  EXPECT_EQ(path_of_kernel("/v4_4/x/v4_4/y", linux_4_4_178()), "/v4_4/x/v4_4_178/y")
      << "the last one";
  EXPECT_EQ(path_of_kernel("/v4_4/default", linux_4_4_1()), "/v4_4/default") << "its own";
  EXPECT_EQ(path_of_kernel("/captures/default", linux_4_4_178()), "");
}

std::set<std::string> ids_of(const kernel_profile& profile) {
  std::set<std::string> ids;
  for (const kernel_difference& d : profile.differences()) ids.emplace(d.id);
  EXPECT_EQ(ids.size(), profile.differences().size()) << "each once";
  return ids;
}

// What the later release does as the port does, from its source: the rest is common to both.
TEST(differences, of_the_later_release_are_fewer) {
  const std::set<std::string> earlier = ids_of(linux_4_4_1());
  std::set<std::string> later = ids_of(linux_4_4_178());
  for (const char* agreed :
       {"free_level_mask", "disable_with_devices", "ats_switched_off", "tylersburg_identity_domain",
        "context_too_few_levels", "context_failure_told", "search_ends_at_frame_0"}) {
    EXPECT_TRUE(earlier.contains(agreed)) << agreed;
    EXPECT_TRUE(later.insert(agreed).second) << agreed;
  }
  EXPECT_EQ(later, earlier);
}

TEST(changes, are_whole_sentences_about_named_places) {
  EXPECT_TRUE(linux_4_4_1().changes().empty()) << "there is none before it";
  ASSERT_FALSE(linux_4_4_178().changes().empty());
  for (const kernel_change& change : linux_4_4_178().changes()) {
    EXPECT_FALSE(change.where.empty());
    EXPECT_FALSE(change.before.empty()) << change.where;
    EXPECT_FALSE(change.now.empty()) << change.where;
    EXPECT_FALSE(change.meaning.empty()) << change.where;
    EXPECT_NE(change.before, change.now) << change.where;
  }
}

}  // namespace
}  // namespace iommulab::catalogue_test
