// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/inside/path_mirror.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "vfio/process/device_nodes.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 12> folders_of_ours = {
    "/dev/vfio",
    "/sys/bus/pci",
    "/sys/kernel/iommu_groups",
    "/sys/class/iommu",
    "/sys/class/vfio",
    "/sys/class/vfio-dev",
    "/sys/devices/virtual/iommu",
    "/sys/devices/virtual/vfio",
    "/sys/devices/virtual/vfio-dev",
    "/sys/module/iommufd",
    "/sys/module/vfio",
    "/sys/module/vfio_iommu_type1",
};

constexpr std::string_view debug_folder = "/sys/kernel/debug";

}  // namespace

bool path_mirror::is_ours(std::string_view path, bool has_injected_failures) {
  if (path == "/dev/iommu" || path.starts_with("/sys/devices/pci")) return true;
  if (has_injected_failures && path.starts_with(debug_folder)) return true;
  return std::any_of(folders_of_ours.begin(), folders_of_ours.end(), [&](std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
  });
}

std::string path_mirror::plain(std::string_view path) {
  std::string text = fs::path(path).lexically_normal().string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text.starts_with("//") ? text.substr(1) : text;
}

bool path_mirror::lay_out() {
  if (is_current_) return true;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!system_.sysfs().write_out(folder_ + "/sys", true).ok()) return false;
  fs::remove_all(folder_ + "/dev", error);
  for (const auto& [path, open] : system_.nodes().all()) {
    const fs::path node = folder_ + path;
    fs::create_directories(node.parent_path(), error);
    std::ofstream(node).close();
  }
  if (has_injected_failures_) {
    const fs::path knobs = folder_ + std::string(debug_folder) + "/failslab";
    fs::create_directories(knobs, error);
    for (const char* const name : {"ignore-gfp-wait", "verbose"})
      std::ofstream(knobs / name).close();
  }
  is_current_ = true;
  return true;
}

std::string path_mirror::host_path(std::string_view path) {
  return lay_out() ? absl::StrCat(folder_, absl::string_view(path.data(), path.size())) : "";
}

std::string path_mirror::program_path(std::string_view host_path) const {
  if (!host_path.starts_with(folder_)) return std::string(host_path);
  host_path.remove_prefix(folder_.size());
  return host_path.empty() ? "/" : std::string(host_path);
}

}  // namespace iommulab
