// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/capture_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/status.h"
#include "lab/replay/captures.h"

namespace iommulab::verify::capture_folder_test {
namespace {

namespace fs = std::filesystem;

class temporary_folder {
 public:
  temporary_folder()
      : path_(fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name() / "boot/case") {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

TEST(capture_folder_test, a_folder_that_is_absent_is_named_in_the_error) {
  const auto folder = capture_folder::open("/nonexistent/boot/default");
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(status_errno(folder.status()), ENOENT);
  EXPECT_NE(folder.status().message().find("/nonexistent/boot/default"), std::string::npos);
}

TEST(capture_folder_test, a_folder_without_a_capture_is_refused) {
  const temporary_folder folder;
  folder.write("notes.txt", "nothing\n");
  const auto opened = capture_folder::open(folder.path());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(status_errno(opened.status()), EINVAL);
}

TEST(capture_folder_test, lines_are_numbered_and_a_missing_last_newline_is_no_matter) {
  const temporary_folder folder;
  folder.write("dmesg.txt", "one\n\nthree");
  const auto opened = capture_folder::open(folder.path() + "/");
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto lines = opened->read_lines("dmesg.txt");
  ASSERT_TRUE(lines.ok());
  ASSERT_EQ(lines->size(), 3u);
  EXPECT_EQ((*lines)[0].text, "one");
  EXPECT_EQ((*lines)[1].text, "");
  EXPECT_EQ((*lines)[2].text, "three");
  EXPECT_EQ((*lines)[2].line, 3u);
}

TEST(capture_folder_test, a_damaged_compressed_file_is_an_error_that_names_it) {
  const temporary_folder folder;
  folder.write("dmesg.txt.xz", "this is not xz data");
  const auto opened = capture_folder::open(folder.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(opened->has("dmesg.txt"));
  const auto text = opened->read_text("dmesg.txt");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(status_errno(text.status()), EINVAL);
  EXPECT_NE(text.status().message().find("dmesg.txt.xz"), std::string::npos);
}

TEST(capture_folder_test, a_folder_in_the_place_of_a_file_is_an_error_that_names_it) {
  const temporary_folder folder;
  folder.write("dmesg.txt", "");
  fs::create_directory(fs::path(folder.path()) / "vtd-trace.txt");
  const auto opened = capture_folder::open(folder.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(opened->has("vtd-trace.txt"));
  const auto text = opened->read_text("vtd-trace.txt");
  EXPECT_EQ(text.status().message(), folder.path() + "/vtd-trace.txt: is a directory");
}

TEST(capture_folder_test, more_lines_than_any_capture_has_are_refused) {
  const temporary_folder folder;
  folder.write("dmesg.txt", std::string((size_t{1} << 22) + 1, '\n'));
  const auto opened = capture_folder::open(folder.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->read_lines("dmesg.txt").status().message(),
            folder.path() + "/dmesg.txt: has more than 4194304 lines");
}

TEST(capture_folder_test, a_truncated_compressed_file_is_an_error) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  std::string packed;
  for (const std::string& path : paths) {
    const std::string file = path + "/fgraph-boot.txt.xz";
    if (!fs::exists(file)) continue;
    std::ifstream stream(file, std::ios::binary);
    packed.assign(std::istreambuf_iterator<char>(stream), {});
    break;
  }
  if (packed.empty()) IOMMULAB_MISSING("no capture has a compressed call tree");
  const temporary_folder folder;
  folder.write("dmesg.txt.xz", packed.substr(0, packed.size() / 2));
  const auto opened = capture_folder::open(folder.path());
  ASSERT_TRUE(opened.ok());
  EXPECT_FALSE(opened->read_text("dmesg.txt").ok());
}

TEST(capture_folder_test, every_file_of_every_capture_reads_as_the_xz_program_reads_it) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_EQ(folder->has_recorded_calls(), !scan(path, "fgraph-boot.txt").empty());
    for (const char* file : {"dmesg.txt", "vtd-trace.txt", "cmdline", "sysfs-iommu.txt"}) {
      const std::vector<std::string> expected = scan(path, file);
      EXPECT_EQ(folder->has(file), !expected.empty() || fs::exists(path + "/" + file));
      if (!folder->has(file)) continue;
      const auto lines = folder->read_lines(file);
      ASSERT_TRUE(lines.ok()) << lines.status();
      EXPECT_EQ(lines->size(), expected.size()) << path << "/" << file;
    }
  }
}

}  // namespace
}  // namespace iommulab::verify::capture_folder_test
