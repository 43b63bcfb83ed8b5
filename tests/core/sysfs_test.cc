// SPDX-License-Identifier: GPL-2.0-only
#include "core/sysfs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace iommulab::sysfs_test {
namespace {

namespace fs = std::filesystem;

/// devices/a/b, devices/virtual/iommu/unit0 with a file, and links between the two.
void build(sysfs_tree& tree) {
  ASSERT_TRUE(tree.create_directory("devices/a/b").ok());
  ASSERT_TRUE(tree.create_directory("devices/virtual/iommu/unit0").ok());
  ASSERT_TRUE(tree.create_file("devices/virtual/iommu/unit0/version", [] { return "1:0\n"; }).ok());
  ASSERT_TRUE(tree.create_link("devices/a/b/iommu", "devices/virtual/iommu/unit0").ok());
}

TEST(sysfs, a_link_reads_as_the_way_from_its_own_directory) {
  sysfs_tree tree;
  build(tree);
  EXPECT_EQ(tree.read_link("devices/a/b/iommu").value(), "../../virtual/iommu/unit0");
  ASSERT_TRUE(tree.create_directory("class/iommu").ok());
  ASSERT_TRUE(tree.create_link("class/iommu/unit0", "devices/virtual/iommu/unit0").ok());
  EXPECT_EQ(tree.read_link("class/iommu/unit0").value(), "../../devices/virtual/iommu/unit0");
  ASSERT_TRUE(tree.create_link("devices/a/sibling", "devices/a/b").ok());
  EXPECT_EQ(tree.read_link("devices/a/sibling").value(), "b");
}

TEST(sysfs, a_read_follows_links_anywhere_on_the_path) {
  sysfs_tree tree;
  build(tree);
  EXPECT_EQ(tree.read("devices/a/b/iommu/version").value(), "1:0\n");
  ASSERT_TRUE(tree.create_link("devices/v", "devices/a/b/iommu/version").ok());
  EXPECT_EQ(tree.read("devices/v").value(), "1:0\n");
}

TEST(sysfs, a_link_survives_its_target_and_then_leads_nowhere) {
  sysfs_tree tree;
  build(tree);
  ASSERT_TRUE(tree.remove("devices/virtual/iommu/unit0").ok());
  EXPECT_TRUE(tree.exists("devices/a/b/iommu"));
  EXPECT_EQ(status_errno(tree.read("devices/a/b/iommu/version").status()), ENOENT);
}

TEST(sysfs, links_in_a_circle_are_not_followed_for_ever) {
  sysfs_tree tree;
  ASSERT_TRUE(tree.create_directory("c").ok());
  ASSERT_TRUE(tree.create_link("c/d", "c").ok());
  // c/d/d/d/… is a way without end, but a path has only so many components: more links than a
  // path may have are refused.
  std::string path = "c";
  for (int i = 0; i < 30; ++i) path += "/d";
  EXPECT_TRUE(tree.list(path).ok());
  for (int i = 0; i < 30; ++i) path += "/d";
  EXPECT_EQ(status_errno(tree.list(path).status()), ENOENT);
}

TEST(sysfs, refusals_carry_the_errno) {
  sysfs_tree tree;
  build(tree);
  EXPECT_EQ(status_errno(tree.create_directory("devices/a/b")), EEXIST);
  EXPECT_EQ(status_errno(tree.create_file("devices/absent/f", [] { return ""; })), ENOENT);
  EXPECT_EQ(status_errno(tree.create_link("devices/a/b/iommu", "devices/a")), EEXIST);
  EXPECT_EQ(status_errno(tree.create_link("devices/a/n", "devices/absent")), ENOENT);
  EXPECT_EQ(status_errno(tree.remove("devices/absent")), ENOENT);
  EXPECT_EQ(status_errno(tree.read_link("devices/a").status()), EINVAL);
  EXPECT_EQ(status_errno(tree.write("devices/virtual/iommu/unit0/version", "2")), EACCES);
}

TEST(sysfs, a_write_may_remove_its_own_file) {
  sysfs_tree tree;
  ASSERT_TRUE(tree.create_directory("d").ok());
  std::string seen;
  ASSERT_TRUE(tree.create_file("d/remove", {},
                               [&](std::string_view content) {
                                 seen = std::string(content);
                                 return tree.remove("d");
                               })
                  .ok());
  EXPECT_TRUE(tree.write("d/remove", "1").ok());
  EXPECT_EQ(seen, "1");
  EXPECT_FALSE(tree.exists("d"));
}

TEST(sysfs, lists_names_bytewise) {
  sysfs_tree tree;
  for (const char* name : {"g/10", "g/2", "g/1", "g/a"}) {
    ASSERT_TRUE(tree.create_directory(name).ok());
  }
  EXPECT_EQ(tree.list("g").value(), (std::vector<std::string>{"1", "10", "2", "a"}));
}

TEST(sysfs, writes_itself_out_to_the_host) {
  sysfs_tree tree;
  build(tree);
  const fs::path out = fs::temp_directory_path() / ("iommulab_sysfs_" + std::to_string(::getpid()));
  ASSERT_TRUE(tree.write_out(out.string()).ok());
  EXPECT_EQ(fs::read_symlink(out / "devices/a/b/iommu"), "../../virtual/iommu/unit0");
  std::ifstream file(out / "devices/a/b/iommu/version");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "1:0\n");
  EXPECT_EQ(status_errno(tree.write_out(out.string())), EEXIST);
  fs::remove_all(out);
}

}  // namespace
}  // namespace iommulab::sysfs_test
