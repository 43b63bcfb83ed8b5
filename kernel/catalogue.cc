// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/catalogue.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <regex>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/status.h"
#include "kernel/v4_4/profile.h"
#include "kernel/v4_4_178/profile.h"
#include "kernel/v6_1/profile.h"
#include "kernel/v6_12/profile.h"

namespace iommulab {
namespace {

/// "4.4" of "v4_4".
std::string in_numbers(const kernel_profile& profile) {
  std::string numbers(profile.name().substr(1));
  std::replace(numbers.begin(), numbers.end(), '_', '.');
  return numbers;
}

/// What one or another of the kernels has, in their order.
std::vector<std::string> words_of_all(
    absl::Span<const std::string_view> (kernel_profile::*words_of_one)() const) {
  std::vector<std::string> all;
  for (const kernel_profile* profile : kernel_profiles()) {
    for (const std::string_view word : (profile->*words_of_one)()) {
      if (std::find(all.begin(), all.end(), word) == all.end()) all.emplace_back(word);
    }
  }
  return all;
}

}  // namespace

absl::Span<const kernel_profile* const> kernel_profiles() {
  static const std::array profiles = {&v4_4::profile(), &v4_4_178::profile(), &v6_1::profile(),
                                      &v6_12::profile()};
  return profiles;
}

std::vector<std::string> structure_kinds() {
  return words_of_all(&kernel_profile::structure_kinds);
}

std::vector<std::string> structure_variables() {
  return words_of_all(&kernel_profile::structure_variables);
}

const kernel_profile* find_kernel_profile(std::string_view name) {
  for (const kernel_profile* profile : kernel_profiles()) {
    if (name == profile->name() || name == in_numbers(*profile) || name == profile->release()) {
      return profile;
    }
  }
  return nullptr;
}

const kernel_profile* kernel_named_in(const std::string& path) {
  const kernel_profile* named = nullptr;
  for (const auto& part : std::filesystem::absolute(path)) {
    if (const kernel_profile* found = find_kernel_profile(part.string())) named = found;
  }
  return named;
}

std::string path_of_kernel(const std::string& path, const kernel_profile& other) {
  const std::filesystem::path whole = std::filesystem::absolute(path);
  std::vector<std::string> parts;
  for (const auto& part : whole) parts.push_back(part.string());
  const auto own = std::find_if(parts.rbegin(), parts.rend(), [](const std::string& part) {
    return find_kernel_profile(part) != nullptr;
  });
  if (own == parts.rend()) return {};
  *own = own->starts_with('v') ? std::string(other.name()) : in_numbers(other);
  std::filesystem::path of_other;
  for (const std::string& part : parts) of_other /= part;
  return of_other.string();
}

const kernel_profile& default_kernel_profile() {
  return v4_4_178::profile();
}

std::string kernel_names() {
  std::string names;
  for (const kernel_profile* profile : kernel_profiles()) {
    if (!names.empty()) names += ", ";
    names += profile->name();
  }
  return names;
}

absl::StatusOr<const kernel_profile*> recorded_kernel(const std::string& path) {
  if (const kernel_profile* named = kernel_named_in(path)) return named;
  static const std::regex name_of_kernel("v[0-9]+(_[0-9]+)+");
  for (const auto& part : std::filesystem::absolute(path)) {
    if (!std::regex_match(part.string(), name_of_kernel)) continue;
    return errno_status(ENOENT, absl::StrFormat("%s: it lies in a folder of %s, and there is no "
                                                "such kernel here; there are %s (--kernel takes "
                                                "another)",
                                                path, part.string(), kernel_names()));
  }
  return &default_kernel_profile();
}

const kernel_profile& kernel_of_path(const std::string& path) {
  const kernel_profile* named = kernel_named_in(path);
  return named != nullptr ? *named : default_kernel_profile();
}

}  // namespace iommulab
