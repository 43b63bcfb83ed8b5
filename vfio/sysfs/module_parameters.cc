// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/sysfs/module_parameters.h"

#include <cerrno>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/number.h"
#include "core/status.h"

namespace iommulab {
namespace {

/// Linux v6.12 lib/kstrtox.c: kstrtobool()
std::optional<bool> to_bool(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const char c = text[0];
  if (c == 'y' || c == 'Y' || c == 't' || c == 'T' || c == '1') return true;
  if (c == 'n' || c == 'N' || c == 'f' || c == 'F' || c == '0') return false;
  if ((c != 'o' && c != 'O') || text.size() < 2) return std::nullopt;
  if (text[1] == 'n' || text[1] == 'N') return true;
  if (text[1] == 'f' || text[1] == 'F') return false;
  return std::nullopt;
}

absl::Status refuse(const std::string& path, std::string_view text) {
  return errno_status(EINVAL, absl::StrCat("sysfs: ", path, ": cannot become ", std::string(text)));
}

}  // namespace

module_parameters::module_parameters(sysfs_tree& sysfs, std::string_view module)
    : sysfs_(sysfs), path_(absl::StrCat("module/", std::string(module))) {
  sysfs_.create_directory(absl::StrCat(path_, "/parameters")).IgnoreError();
}

module_parameters::~module_parameters() {
  sysfs_.remove(path_).IgnoreError();
}

void module_parameters::add(std::string_view name, bool& value) {
  const std::string path = absl::StrCat(path_, "/parameters/", std::string(name));
  const auto store = [&value, path](std::string_view text) {
    const std::optional<bool> read = to_bool(text);
    if (!read) return refuse(path, text);
    value = *read;
    return absl::OkStatus();
  };
  sysfs_
      .create_file(
          path, [&value] { return std::string(value ? "Y\n" : "N\n"); }, store)
      .IgnoreError();
}

void module_parameters::add(std::string_view name, unsigned& value) {
  const std::string path = absl::StrCat(path_, "/parameters/", std::string(name));
  const auto store = [&value, path](std::string_view text) {
    const std::string_view number = text.substr(0, text.find('\n'));
    const auto read = parse_number(number);
    if (!read || *read > UINT32_MAX) return refuse(path, text);
    value = static_cast<unsigned>(*read);
    return absl::OkStatus();
  };
  sysfs_
      .create_file(
          path, [&value] { return absl::StrCat(value, "\n"); }, store)
      .IgnoreError();
}

}  // namespace iommulab
