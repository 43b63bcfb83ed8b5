// SPDX-License-Identifier: GPL-2.0-only
#include "core/text_source.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/unpack.h"

namespace iommulab {
namespace {

constexpr char xz_suffix[] = ".xz";
constexpr std::string_view xz_magic(
    "\xfd"
    "7zXZ\0",
    6);  // The .xz File Format, 2.1.1.1

/// A capture's files are small: more than this is a broken or hostile archive.
constexpr size_t text_limit = size_t{256} << 20;

bool is_standard_input(const std::string& path) {
  return path == "-" || path == "/dev/stdin";
}

absl::Status too_large(std::string_view name) {
  return errno_status(EINVAL, absl::StrFormat("%s: is larger than %d bytes", name, text_limit));
}

/// OK for a file whose bytes can be asked for.
absl::Status check_file(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return errno_status(ENOENT, absl::StrFormat("%s: no such file", path));
  }
  if (error) return errno_status(EIO, absl::StrFormat("%s: %s", path, error.message()));
  if (std::filesystem::is_directory(status)) {
    return errno_status(EINVAL, absl::StrFormat("%s: is a directory", path));
  }
  if (!std::filesystem::is_regular_file(status)) {
    return errno_status(EINVAL, absl::StrFormat("%s: is no regular file", path));
  }
  if (std::filesystem::file_size(path, error) > text_limit && !error) {
    return too_large(path);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> read_standard_input() {
  std::string bytes;
  std::array<char, 1 << 16> chunk;
  ssize_t got = 0;
  while ((got = ::read(STDIN_FILENO, chunk.data(), chunk.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return errno_status(EIO, absl::StrFormat("%s: cannot be read: %s", standard_input_name,
                                               std::generic_category().message(errno)));
    }
    bytes.append(chunk.data(), static_cast<size_t>(got));
    if (bytes.size() > text_limit) return too_large(standard_input_name);
  }
  return bytes;
}

absl::StatusOr<std::string> read_bytes(const std::string& path) {
  if (is_standard_input(path)) {
    // Once: it is gone then, and some readers look at a file twice.
    static const absl::StatusOr<std::string> input = read_standard_input();
    return input;
  }
  if (absl::Status status = check_file(path); !status.ok()) return status;
  std::ifstream in(path, std::ios::binary);
  if (!in) return errno_status(EIO, absl::StrFormat("%s: cannot be opened", path));
  std::string bytes;
  std::array<char, 1 << 16> chunk;
  while (in.read(chunk.data(), chunk.size()) || in.gcount() > 0) {
    bytes.append(chunk.data(), static_cast<size_t>(in.gcount()));
  }
  if (in.bad()) return errno_status(EIO, absl::StrFormat("%s: cannot be read", path));
  return bytes;
}

bool is_there(const std::string& path) {
  std::error_code ignored;
  return is_standard_input(path) || std::filesystem::exists(path, ignored);
}

absl::StatusOr<std::string> decompress(const std::string& path, const std::string& packed) {
  const std::unique_ptr<unpacker> archive = make_unpacker(packing::xz);
  std::string text;
  std::string_view rest = packed;
  while (!archive->complete()) {
    if (text.size() >= text_limit) {
      return errno_status(EINVAL,
                          absl::StrFormat("%s: unpacks to more than %d bytes", path, text_limit));
    }
    if (absl::Status status = archive->unpack(rest, /*last=*/true, text); !status.ok()) {
      return errno_status(EINVAL, absl::StrFormat("%s: %s", path, status.message()));
    }
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

std::string source_name(const std::string& path) {
  return is_standard_input(path) ? standard_input_name : path;
}

bool source_exists(const std::string& path) {
  return is_there(path) || is_there(absl::StrCat(path, xz_suffix));
}

absl::StatusOr<std::string> read_text_file(const std::string& path) {
  absl::StatusOr<std::string> bytes = read_bytes(path);
  if (!bytes.ok()) return bytes;
  const bool packed = path.ends_with(xz_suffix) || std::string_view(*bytes).starts_with(xz_magic);
  return packed ? decompress(source_name(path), *bytes) : bytes;
}

absl::StatusOr<text_source> read_source(const std::string& path) {
  std::string found = path;
  if (!is_there(found)) found += xz_suffix;
  if (!is_there(found)) {
    return errno_status(ENOENT, absl::StrFormat("%s: no such file, nor with .xz", path));
  }
  absl::StatusOr<std::string> text = read_text_file(found);
  if (!text.ok()) return text.status();
  return text_source{source_name(found), *std::move(text)};
}

std::string quoted(std::string_view value) {
  constexpr size_t longest = 60;
  const absl::string_view shown(value.data(), std::min(value.size(), longest));
  return absl::StrCat("\"", absl::CEscape(shown), value.size() > longest ? "...\"" : "\"");
}

absl::Status line_error(std::string_view file, size_t line, std::string_view field,
                        std::string_view value, std::string_view why) {
  const std::string place = line == 0 ? "" : absl::StrFormat("line %d: ", line);
  return errno_status(
      EINVAL, absl::StrFormat("%s: %s%s is %s: %s", file, place, field, quoted(value), why));
}

}  // namespace iommulab
