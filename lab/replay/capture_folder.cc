// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/capture_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status.h"
#include "core/text_source.h"

namespace iommulab::verify {
namespace {

constexpr std::string_view xz_suffix = ".xz";

/// What every capture has at least one of; anything else is some other directory.
constexpr std::array<std::string_view, 4> capture_files = {"vtd-trace.txt", "dmesg.txt",
                                                           "dmesg-key.txt", "hot.txt"};

/// What says that a folder was one, be it that the above are lost.
constexpr std::array<std::string_view, 4> capture_remains = {"vtd-marks.txt", "qemu.args",
                                                             "fgraph-boot.txt", "pt-boot.txt"};

/// Files that one recorder alone writes.
constexpr std::array<std::string_view, 3> stop_files = {"vtd-reads.txt", "events.txt",
                                                        "groups.txt"};
constexpr std::array<std::string_view, 2> client_files = {"effects.txt", "script.txt"};

/// The longest captures have a million.
constexpr size_t line_limit = size_t{1} << 22;

std::string without_xz(std::string name) {
  if (name.ends_with(xz_suffix)) name.resize(name.size() - xz_suffix.size());
  return name;
}

}  // namespace

/// Files that were read. Threads may ask at once: a held run has its own.
class capture_folder::kept_texts {
 public:
  absl::StatusOr<std::string_view> text_of(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto kept = texts_.find(path);
    if (kept != texts_.end()) return kept->second;
    absl::StatusOr<std::string> text = read_text_file(path);
    if (!text.ok()) return text.status();
    return texts_.emplace(path, *std::move(text)).first->second;
  }

 private:
  std::mutex mutex_;
  /// By path. Its nodes stay where they are.
  std::map<std::string, std::string> texts_;
};

capture_folder::capture_folder() : texts_(std::make_shared<kept_texts>()) {}

bool looks_like_capture(const std::string& path) {
  const auto has = [&](std::string_view name) {
    return source_exists(absl::StrCat(path, "/", std::string(name)));
  };
  return std::any_of(capture_files.begin(), capture_files.end(), has) ||
         std::any_of(capture_remains.begin(), capture_remains.end(), has);
}

recording_kind recording_kind_of(const std::string& path) {
  const auto has = [&](std::string_view name) {
    return source_exists(absl::StrCat(path, "/", std::string(name)));
  };
  if (std::any_of(stop_files.begin(), stop_files.end(), has)) return recording_kind::stops;
  if (std::any_of(client_files.begin(), client_files.end(), has)) return recording_kind::script;
  return recording_kind::phases;
}

absl::StatusOr<capture_folder> capture_folder::open(std::string path,
                                                    const kernel_profile* kernel) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  capture_folder folder;
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code inside_error;
    std::filesystem::directory_iterator inside(entry->path(), inside_error);
    if (inside_error || inside == std::filesystem::directory_iterator()) {
      folder.files_.push_back(without_xz(name));
      continue;
    }
    for (; !error && inside != std::filesystem::directory_iterator(); inside.increment(error)) {
      folder.files_.push_back(without_xz(name + "/" + inside->path().filename().string()));
    }
  }
  if (error) {
    return errno_status(ENOENT,
                        absl::StrFormat("%s: not a capture folder (%s)", path, error.message()));
  }
  std::sort(folder.files_.begin(), folder.files_.end());
  folder.path_ = std::move(path);
  folder.recording_ = recording_kind_of(folder.path_);
  if (kernel == nullptr) {
    const auto recorded = recorded_kernel(folder.path_);
    if (!recorded.ok()) return recorded.status();
    kernel = *recorded;
  }
  folder.kernel_ = kernel;
  const bool known = std::any_of(capture_files.begin(), capture_files.end(),
                                 [&](std::string_view name) { return folder.has(name); });
  if (!known) {
    return errno_status(
        EINVAL, absl::StrFormat("%s: not a capture folder: no vtd-trace.txt and no log in it",
                                folder.path_));
  }
  return folder;
}

bool capture_folder::has_recorded_calls() const {
  return has("fgraph-boot.txt");
}

bool capture_folder::has(std::string_view name) const {
  return std::binary_search(files_.begin(), files_.end(), name);
}

std::string capture_folder::file_path(std::string_view name) const {
  std::string plain = path_ + "/" + std::string(name);
  std::error_code error;
  if (std::filesystem::exists(plain, error)) return plain;
  std::string packed = plain + std::string(xz_suffix);
  return std::filesystem::exists(packed, error) ? packed : plain;
}

absl::StatusOr<std::string_view> capture_folder::shared_text(const std::string& path) const {
  return texts_->text_of(path);
}

absl::StatusOr<std::string_view> capture_folder::text_of(std::string_view name) const {
  return texts_->text_of(file_path(name));
}

absl::StatusOr<std::string> capture_folder::read_text(std::string_view name) const {
  const absl::StatusOr<std::string_view> text = text_of(name);
  if (!text.ok()) return text.status();
  return std::string(*text);
}

absl::StatusOr<numbered_lines> capture_folder::read_lines(std::string_view name) const {
  const absl::StatusOr<std::string_view> text = text_of(name);
  if (!text.ok()) return text.status();
  numbered_lines lines;
  lines.reserve(static_cast<size_t>(std::count(text->begin(), text->end(), '\n')) + 1);
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (lines.size() == line_limit) {
      return errno_status(
          EINVAL, absl::StrFormat("%s: has more than %d lines", file_path(name), line_limit));
    }
    lines.push_back({lines.size() + 1, std::string(line)});
  }
  return lines;
}

}  // namespace iommulab::verify
