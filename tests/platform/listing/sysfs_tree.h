// SPDX-License-Identifier: GPL-2.0-only
//
// A folder that looks like the root of a system with /sys and /proc, for as long as a test takes.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/types.h"
#include "platform/pci/pci_function.h"

namespace iommulab::listing_test {

namespace fs = std::filesystem;

class sysfs_tree {
 public:
  explicit sysfs_tree(const std::string& name)
      : root_(fs::temp_directory_path() / absl::StrCat("iommulab_", name, "_", ::getpid())) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  sysfs_tree(const sysfs_tree&) = delete;
  sysfs_tree& operator=(const sysfs_tree&) = delete;
  ~sysfs_tree() { fs::remove_all(root_); }

  [[nodiscard]] std::string path() const { return root_.string(); }

  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file, std::ios::binary) << text;
  }
  void write(const std::string& file, const std::vector<uint8_t>& bytes) const {
    write(file, std::string(bytes.begin(), bytes.end()));
  }
  void link(const std::string& file, const std::string& to) const {
    fs::create_symlink(to, root_ / file);
  }

  /// The folder of a function as the kernel fills it, with its first `shown` bytes.
  std::string add(const pci_function_config& f, size_t shown = SIZE_MAX) const {
    const std::string folder = absl::StrCat("sys/bus/pci/devices/", to_string(f.id));
    const auto id = [&](size_t at) {
      return absl::StrCat("0x", absl::Hex(f.config[at + 1], absl::kZeroPad2),
                          absl::Hex(f.config[at], absl::kZeroPad2), "\n");
    };
    write(folder + "/config",
          std::vector<uint8_t>(
              f.config.begin(),
              f.config.begin() + static_cast<std::ptrdiff_t>(std::min(shown, f.config.size()))));
    write(folder + "/vendor", id(0));
    write(folder + "/device", id(2));
    write(folder + "/class", absl::StrCat("0x", absl::Hex(f.config[11], absl::kZeroPad2),
                                          absl::Hex(f.config[10], absl::kZeroPad2),
                                          absl::Hex(f.config[9], absl::kZeroPad2), "\n"));
    return folder;
  }

 private:
  fs::path root_;
};

}  // namespace iommulab::listing_test
