// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/write_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "core/status.h"
#include "core/unbroken_write.h"
#include "support/files.h"

namespace iommulab::write_file_test {
namespace {

namespace fs = std::filesystem;

class write_file_to : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "iommulab_write_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string in(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path folder_;
};

TEST_F(write_file_to, a_new_file) {
  const mode_t mask = umask(027);
  EXPECT_TRUE(write_file(in("a"), "text\n").ok());
  umask(mask);
  EXPECT_EQ(content_of(in("a")), "text\n");
  EXPECT_EQ(fs::status(in("a")).permissions(), fs::perms(0640));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(write_file_to, a_file_that_keeps_its_permissions) {
  ASSERT_TRUE(write_file(in("a"), "old").ok());
  fs::permissions(in("a"), fs::perms(0600));
  EXPECT_TRUE(write_file(in("a"), "new").ok());
  EXPECT_EQ(content_of(in("a")), "new");
  EXPECT_EQ(fs::status(in("a")).permissions(), fs::perms(0600));
}

TEST_F(write_file_to, what_a_link_names) {
  fs::create_directory(in("sub"));
  ASSERT_TRUE(write_file(in("sub/target"), "old").ok());
  fs::create_symlink("sub/target", in("link"));
  fs::create_symlink("link", in("link_to_link"));
  EXPECT_TRUE(write_file(in("link_to_link"), "new").ok());
  EXPECT_TRUE(fs::is_symlink(in("link")));
  EXPECT_TRUE(fs::is_symlink(in("link_to_link")));
  EXPECT_EQ(content_of(in("sub/target")), "new");
}

TEST_F(write_file_to, what_a_dangling_link_names) {
  fs::create_symlink("nobody", in("link"));
  EXPECT_TRUE(write_file(in("link"), "new").ok());
  EXPECT_TRUE(fs::is_symlink(in("link")));
  EXPECT_EQ(content_of(in("nobody")), "new");
  fs::create_symlink("loop", in("loop"));
  EXPECT_EQ(status_errno(write_file(in("loop"), "new")), ELOOP);
}

TEST_F(write_file_to, a_device) {
  EXPECT_TRUE(write_file("/dev/null", "text").ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  EXPECT_EQ(status_errno(write_file("/dev/full", "text")), ENOSPC);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(write_file_to, nothing_where_nothing_can_be) {
  EXPECT_EQ(status_errno(write_file(in("no/a"), "")), ENOENT);
  EXPECT_EQ(status_errno(write_file(folder_.string(), "")), EISDIR);
  EXPECT_EQ(status_errno(check_writable(in("no/a"))), ENOENT);
  EXPECT_TRUE(check_writable(in("a")).ok());
  EXPECT_EQ(entries(), 0u);
}

/// What becomes of a process that runs this.
template <typename Run>
int status_of_process(Run&& run) {
  const pid_t child = fork();
  if (child == 0) {
    run();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

// As main() sets SIGXFSZ.
TEST_F(write_file_to, a_file_that_must_not_grow_so_large) {
  ASSERT_TRUE(write_file(in("a"), "old").ok());
  const int status = status_of_process([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small = {1024, 1024};
    setrlimit(RLIMIT_FSIZE, &small);
    _exit(status_errno(write_file(in("a"), std::string(100'000, 'x'))));
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), EFBIG);
  EXPECT_EQ(content_of(in("a")), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST(unbroken_write, lets_a_signal_wait_for_its_end) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const int status = status_of_process([&] {
    {
      const unbroken_write waits;
      raise(SIGTERM);
      const char reached = unbroken_write::interrupted() ? 'y' : 'n';
      if (write(pipe_ends[1], &reached, 1) != 1) _exit(1);
    }
    _exit(2);  // not reached
  });
  char reached = 0;
  ASSERT_EQ(read(pipe_ends[0], &reached, 1), 1);
  EXPECT_EQ(reached, 'y');
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST(unbroken_write, leaves_no_trace_without_one) {
  EXPECT_EQ(status_of_process([] { const unbroken_write waits; }), 0);
  EXPECT_FALSE(unbroken_write::interrupted());
}

}  // namespace
}  // namespace iommulab::write_file_test
