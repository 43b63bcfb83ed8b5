// SPDX-License-Identifier: GPL-2.0-only
#include "cli/verify/verify_copies.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "cli/verify/verify_command.h"

namespace iommulab {

namespace fs = std::filesystem;

command_result verify(std::vector<std::string> arguments) {
  CLI::App app;
  command_result result;
  result.status = 0;
  add_verify_command(app, result.status);
  arguments.insert(arguments.begin(), "verify");
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  app.parse(std::move(arguments));
  result.out = testing::internal::GetCapturedStdout();
  result.err = testing::internal::GetCapturedStderr();
  return result;
}

void verify_copies::SetUp() {
  // The path says which kernel the captures are of.
  root_ = fs::path(testing::TempDir()) / ("iommulab_verify_" + std::to_string(getpid())) / "v4_4";
  fs::remove_all(root_);
  fs::create_directories(root_);
}

void verify_copies::TearDown() {
  fs::remove_all(root_);
}

fs::path verify_copies::capture(const std::string& name) {
  return golden::root() / "kernel/v4_4" / name;
}

bool verify_copies::copy(const std::string& name, const std::string& as) {
  if (!fs::is_directory(capture(name)) || !fs::is_directory(capture("firmware/r0"))) return false;
  fs::copy(capture(name), root_ / as, fs::copy_options::recursive);
  for (const char* list : {"traced-functions.txt", "traced-functions.txt.xz"}) {
    if (fs::exists(capture(list)) && !fs::exists(root_ / list)) fs::copy(capture(list), root_);
  }
  if (!fs::exists(root_ / "r0")) {
    fs::copy(capture("firmware/r0"), root_ / "r0", fs::copy_options::recursive);
  }
  folder_ = (root_ / as).string();
  return true;
}

void verify_copies::remove(const std::string& file) const {
  fs::remove(path(file));
  fs::remove(path(file) + ".xz");
}

void verify_copies::write(const std::string& file, const std::string& text) const {
  remove(file);
  std::ofstream(path(file), std::ios::binary) << text;
}

std::string verify_copies::read(const std::string& file) const {
  return golden::read_text(path(file)).value();
}

void verify_copies::expect_refused(const std::string& sentence) const {
  expect_refusal(verify({folder_}), sentence);
}

}  // namespace iommulab
