// SPDX-License-Identifier: GPL-2.0-only
#include "support/golden.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/text_source.h"

namespace iommulab::golden {
namespace fs = std::filesystem;
namespace {

constexpr const char* root_variable = "IOMMULAB_GOLDEN";

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0';
}

fs::path from_environment(const char* variable, const char* fallback) {
  if (!is_set(variable)) return fs::path(IOMMULAB_SOURCE_DIR) / fallback;
  return fs::absolute(std::getenv(variable));  // NOLINT(concurrency-mt-unsafe)
}

std::vector<std::string> names_in(const fs::path& path, bool directories) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root() / path, ignored)) {
    if (entry.is_directory() == directories) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

fs::path root() {
  return from_environment(root_variable, "tests/golden");
}

bool is_given() {
  return is_set(root_variable);
}

fs::path corpus_root() {
  return from_environment("IOMMULAB_CORPUS", "../shared/corpus");
}

absl::StatusOr<std::string> read_text(const fs::path& path) {
  absl::StatusOr<text_source> source = read_source((root() / path).string());
  if (!source.ok()) return source.status();
  return std::move(source->text);
}

bool exists(const fs::path& path) {
  return source_exists((root() / path).string());
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    result.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return result;
}

std::vector<std::string> cases(const fs::path& path) {
  return names_in(path, true);
}

std::vector<std::string> files(const fs::path& path, std::string_view suffix) {
  std::vector<std::string> result;
  for (std::string& name : names_in(path, false)) {
    if (name.ends_with(".xz")) name.resize(name.size() - 3);
    if (name.ends_with(suffix)) result.push_back(std::move(name));
  }
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

}  // namespace iommulab::golden
