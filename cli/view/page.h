// SPDX-License-Identifier: GPL-2.0-only
//
// A page as one file: the parts of page/ and the runs that it shows.
//
// The parts are plain modules: a browser could load them one by one. Here each stands once, behind
// those that it imports, without its import lines and the word `export`; all of them share one
// scope, in which every name is there once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/view/run_record.h"

namespace iommulab::view {

/// A file of page/: "views/registers.js" and its text.
struct page_part {
  std::string name;
  std::string text;
};

/// As they were when the program was built.
std::vector<page_part> built_in_parts();
/// As they lie in a folder. The error of one that cannot be read or has no index.html.
absl::StatusOr<std::vector<page_part>> parts_in(const std::string& folder);

/// The page. EINVAL names a part that is missing, imports one that is not there, or itself in the
/// end.
absl::StatusOr<std::string> page_of(const std::vector<page_part>& parts,
                                    const std::vector<run_record>& runs);

}  // namespace iommulab::view
