// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/text_source.h"

#include <lzma.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr char xz_suffix[] = ".xz";

/// A capture's files are small: more than this is a broken or hostile archive.
constexpr uint64_t decoder_memory_limit = uint64_t{256} << 20;
constexpr size_t text_limit = size_t{256} << 20;

absl::StatusOr<std::string> read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return errno_status(EIO, absl::StrFormat("%s: cannot be opened", path));
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return errno_status(EIO, absl::StrFormat("%s: cannot be read", path));
  return bytes;
}

absl::StatusOr<std::string> decompress(const std::string& path, const std::string& packed) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, decoder_memory_limit, LZMA_CONCATENATED) != LZMA_OK) {
    return errno_status(ENOMEM, absl::StrFormat("%s: no memory to decompress", path));
  }
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  std::string text;
  std::array<uint8_t, 1 << 16> chunk;
  lzma_ret ret = LZMA_OK;
  while (ret == LZMA_OK && text.size() < text_limit) {
    stream.next_out = chunk.data();
    stream.avail_out = chunk.size();
    ret = lzma_code(&stream, LZMA_FINISH);
    text.append(chunk.begin(), chunk.end() - static_cast<std::ptrdiff_t>(stream.avail_out));
  }
  lzma_end(&stream);
  if (ret == LZMA_OK) {
    return errno_status(EINVAL,
                        absl::StrFormat("%s: unpacks to more than %d bytes", path, text_limit));
  }
  if (ret != LZMA_STREAM_END) {
    return errno_status(EINVAL, absl::StrFormat("%s: not a sound xz archive: liblzma says %d", path,
                                                static_cast<int>(ret)));
  }
  return text;
}

}  // namespace

std::vector<std::string_view> text_source::lines() const {
  std::vector<std::string_view> found;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    found.push_back(line);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return found;
}

bool source_exists(const std::string& path) {
  return std::filesystem::exists(path) || std::filesystem::exists(absl::StrCat(path, xz_suffix));
}

absl::StatusOr<std::string> read_text_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return errno_status(ENOENT, absl::StrFormat("%s: no such file", path));
  }
  absl::StatusOr<std::string> bytes = read_bytes(path);
  if (!bytes.ok() || !path.ends_with(xz_suffix)) return bytes;
  return decompress(path, *bytes);
}

absl::StatusOr<text_source> read_source(const std::string& path) {
  std::error_code ignored;
  std::string found = path;
  if (!std::filesystem::is_regular_file(path, ignored)) found += xz_suffix;
  if (!std::filesystem::is_regular_file(found, ignored)) {
    return errno_status(ENOENT, absl::StrFormat("%s: no such file, nor with .xz", path));
  }
  absl::StatusOr<std::string> text = read_text_file(found);
  if (!text.ok()) return text.status();
  return text_source{std::move(found), *std::move(text)};
}

absl::Status line_error(std::string_view file, size_t line, std::string_view field,
                        std::string_view value, std::string_view why) {
  return errno_status(
      EINVAL, absl::StrFormat("%s: line %d: %s is \"%s\": %s", file, line, field, value, why));
}

}  // namespace iommulab
