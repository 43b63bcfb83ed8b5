// SPDX-License-Identifier: GPL-2.0-only
//
// Access to the recorded data that the tests compare with. Paths are relative to the golden root
// ($IOMMULAB_GOLDEN, else tests/golden of the source tree) and name files without ".xz".
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace iommulab::golden {

/// The golden root.
std::filesystem::path root();
/// Whether $IOMMULAB_GOLDEN names it; then it may hold further cases, or fewer.
bool is_given();
/// Real machines' tables and listings: $IOMMULAB_CORPUS, else ../shared/corpus beside the source
/// tree. May be absent: tests skip then.
std::filesystem::path corpus_root();

/// Whole content of `path` or, when that is not there, of `path`.xz (ENOENT when neither is;
/// EINVAL when the compressed data is damaged). Absolute paths are read as they are.
absl::StatusOr<std::string> read_text(const std::filesystem::path& path);
/// Whether `path` or `path`.xz is there.
bool exists(const std::filesystem::path& path);

/// Lines without their ends; the views live as long as `text`.
std::vector<std::string_view> lines(std::string_view text);

/// Names of the folders in `path`, sorted: one a case.
std::vector<std::string> cases(const std::filesystem::path& path);
/// Names of the files in `path` that end in `suffix` (a trailing ".xz" apart), sorted, without
/// ".xz".
std::vector<std::string> files(const std::filesystem::path& path, std::string_view suffix);

/// Ends a test that lacks what it compares with, which `what` says, streamed. A given root may lack
/// it; the tree's own may not.
#define IOMMULAB_MISSING(what)                              \
  do {                                                      \
    if (::iommulab::golden::is_given()) {                   \
      GTEST_SKIP() << what; /* NOLINT */                    \
    }                                                       \
    FAIL() << "the tree's captures: " << what; /* NOLINT */ \
  } while (false)

}  // namespace iommulab::golden
