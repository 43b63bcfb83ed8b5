// SPDX-License-Identifier: GPL-2.0-only
#include "core/text_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
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
constexpr char gzip_suffix[] = ".gz";

/// A capture's files are small: more than this is a broken or hostile archive.
constexpr size_t text_limit = size_t{256} << 20;

bool is_standard_input(const std::string& path) {
  return path == "-" || path == "/dev/stdin" || path == "/dev/fd/0" || path == "/proc/self/fd/0";
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
  if (std::filesystem::is_fifo(status)) {
    return errno_status(EINVAL, absl::StrFormat("%s: is a named pipe: only standard input (-) and "
                                                "<(…) are read as pipes",
                                                path));
  }
  if (!std::filesystem::is_regular_file(status)) {
    return errno_status(EINVAL, absl::StrFormat("%s: is no regular file", path));
  }
  if (std::filesystem::file_size(path, error) > text_limit && !error) {
    return too_large(path);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> read_stream(int descriptor, const std::string& name) {
  std::string bytes;
  std::array<char, 1 << 16> chunk;
  ssize_t got = 0;
  while ((got = ::read(descriptor, chunk.data(), chunk.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return errno_status(EIO, absl::StrFormat("%s: cannot be read: %s", name,
                                               std::generic_category().message(errno)));
    }
    bytes.append(chunk.data(), static_cast<size_t>(got));
    if (bytes.size() > text_limit) return too_large(name);
  }
  return bytes;
}

/// Once: what a pipe held is gone then, and some readers look at a file twice.
absl::StatusOr<std::string> read_descriptor(const std::string& path) {
  static std::map<std::string, absl::StatusOr<std::string>> read;
  const std::string name = source_name(path);
  if (const auto known = read.find(name); known != read.end()) return known->second;
  if (is_standard_input(path)) {
    return read.emplace(name, read_stream(STDIN_FILENO, name)).first->second;
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno_status(EIO, absl::StrFormat("%s: cannot be opened", path));
  const auto kept = read.emplace(name, read_stream(descriptor, name)).first;
  ::close(descriptor);
  return kept->second;
}

/// Whether a descriptor's bytes come one after the other and but once.
bool is_pipe(const std::string& path) {
  std::error_code ignored;
  return is_standard_input(path) ||
         (is_descriptor(path) && std::filesystem::is_fifo(std::filesystem::status(path, ignored)));
}

absl::StatusOr<std::string> read_bytes(const std::string& path) {
  if (is_pipe(path)) return read_descriptor(path);
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

/// By what it begins with; what is called an archive has to be one.
packing archive_of(const std::string& name, std::string_view bytes) {
  const packing found = packing_of(bytes);
  if (found != packing::none) return found;
  if (name.ends_with(xz_suffix)) return packing::xz;
  return name.ends_with(gzip_suffix) ? packing::gzip : packing::none;
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

bool is_descriptor(const std::string& path) {
  return is_standard_input(path) || path.starts_with("/dev/fd/") ||
         path.starts_with("/proc/self/fd/");
}

absl::StatusOr<std::string> unpacked(const std::string& name, std::string bytes) {
  const std::unique_ptr<unpacker> archive = make_unpacker(archive_of(name, bytes));
  if (archive == nullptr) return bytes;
  std::string text;
  for (std::string_view rest = bytes; !archive->complete() || !rest.empty();) {
    if (text.size() >= text_limit) {
      return errno_status(EINVAL,
                          absl::StrFormat("%s: unpacks to more than %d bytes", name, text_limit));
    }
    if (absl::Status status = archive->unpack(rest, /*last=*/true, text); !status.ok()) {
      return errno_status(EINVAL, absl::StrFormat("%s: %s", name, status.message()));
    }
  }
  return text;
}

bool source_exists(const std::string& path) {
  return is_there(path) || is_there(absl::StrCat(path, xz_suffix));
}

absl::StatusOr<std::string> read_text_file(const std::string& path) {
  absl::StatusOr<std::string> bytes = read_bytes(path);
  if (!bytes.ok()) return bytes;
  return unpacked(source_name(path), *std::move(bytes));
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
