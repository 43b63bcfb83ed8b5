// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/choice.h"

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace iommulab {

absl::StatusOr<const iova_catalogue_entry*> choose_iova_allocator(std::string_view name) {
  const iova_catalogue_entry* entry = find_iova_allocator(name);
  if (entry != nullptr) return entry;
  return errno_status(
      EINVAL,
      absl::StrFormat("--allocator is \"%s\": unknown; `iommulab iova list` names them", name));
}

absl::StatusOr<std::vector<const iova_catalogue_entry*>> choose_iova_allocators(
    const std::vector<std::string>& names) {
  std::vector<const iova_catalogue_entry*> chosen;
  if (names.empty()) {
    for (const iova_catalogue_entry& entry : iova_allocators()) chosen.push_back(&entry);
  }
  for (const std::string& name : names) {
    const auto entry = choose_iova_allocator(name);
    if (!entry.ok()) return entry.status();
    chosen.push_back(*entry);
  }
  return chosen;
}

absl::StatusOr<const iova_trace_version*> choose_iova_version(std::string_view name,
                                                              std::string_view option) {
  const iova_trace_version* version = find_iova_trace_version(name);
  if (version != nullptr) return version;
  const std::string known = absl::StrJoin(
      iova_trace_versions(), ", ",
      [](std::string* text, const iova_trace_version& each) { text->append(each.name); });
  return errno_status(EINVAL,
                      absl::StrFormat("%s is \"%s\": unknown; there are %s", option, name, known));
}

absl::StatusOr<const iova_trace_version*> version_of_trace(const iova_trace& trace,
                                                           std::string_view given,
                                                           std::string_view option) {
  if (!given.empty()) return choose_iova_version(given, option);
  const std::string folder =
      std::filesystem::absolute(trace.name).parent_path().filename().string();
  for (const std::string& name : {trace.version, folder}) {
    if (const iova_trace_version* version = find_iova_trace_version(name)) return version;
  }
  return errno_status(
      EINVAL, absl::StrFormat("%s: neither its first comment nor its folder says which kernel it "
                              "was recorded from: give %s",
                              trace.name, option));
}

}  // namespace iommulab
