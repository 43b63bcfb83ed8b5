// SPDX-License-Identifier: GPL-2.0-or-later
#include "support/golden.h"

#include <lzma.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/str_format.h"

namespace iommulab::golden {
namespace fs = std::filesystem;
namespace {

fs::path from_environment(const char* variable, const char* fallback) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  if (value != nullptr && *value != '\0') return fs::absolute(value);
  return fs::path(IOMMULAB_SOURCE_DIR) / fallback;
}

fs::path compressed(const fs::path& path) {
  return fs::path(path).concat(".xz");
}

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

absl::StatusOr<std::string> unpack(const fs::path& path) {
  const std::string packed = slurp(path);
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK) {
    return errno_status(ENOMEM, "the xz decoder cannot be set up");
  }
  std::string out;
  std::array<uint8_t, 65536> chunk;
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  lzma_ret result = LZMA_OK;
  while (result == LZMA_OK) {
    stream.next_out = chunk.data();
    stream.avail_out = chunk.size();
    result = lzma_code(&stream, LZMA_FINISH);
    out.append(chunk.begin(), chunk.end() - static_cast<std::ptrdiff_t>(stream.avail_out));
  }
  lzma_end(&stream);
  if (result == LZMA_STREAM_END) return out;
  return errno_status(EINVAL, absl::StrFormat("%s: damaged xz data (liblzma code %d)",
                                              path.string(), static_cast<int>(result)));
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
  return from_environment("IOMMULAB_GOLDEN", "tests/golden");
}

fs::path corpus_root() {
  return from_environment("IOMMULAB_CORPUS", "../shared/corpus");
}

absl::StatusOr<std::string> read_text(const fs::path& path) {
  const fs::path plain = root() / path;
  if (fs::exists(plain)) return slurp(plain);
  if (fs::exists(compressed(plain))) return unpack(compressed(plain));
  return errno_status(ENOENT,
                      absl::StrFormat("%s: neither it nor its .xz is there", plain.string()));
}

bool exists(const fs::path& path) {
  return fs::exists(root() / path) || fs::exists(compressed(root() / path));
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
