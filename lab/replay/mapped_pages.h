// SPDX-License-Identifier: GPL-2.0-only
//
// Which page lay behind an I/O virtual address of a function, as far as a capture shows it: by the
// tables dumped at a mark, and by the translations that hardware reported in a part of the trace.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/types.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/driver_mappings.h"

namespace iommulab::verify {

class mapped_pages {
 public:
  /// The tables of pt-MARK.txt, where it is there, and lines `first` to `last` of the trace.
  static absl::StatusOr<mapped_pages> read(const capture_folder& folder, std::string_view mark,
                                           size_t first, size_t last);

  /// The page behind `address`, whose offset is not looked at. The tables come first.
  [[nodiscard]] std::optional<phys_addr> find(std::string_view function, dma_addr address) const;

 private:
  absl::Status add_translations(const capture_folder& folder, size_t first, size_t last);

  std::vector<driver_mapping> tables_;
  std::map<std::pair<std::string, uint64_t>, phys_addr> translations_;  ///< by page
};

}  // namespace iommulab::verify
