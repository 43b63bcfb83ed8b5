// SPDX-License-Identifier: GPL-2.0-only
//
// What device drivers had mapped when the tables of a capture were dumped at the boot mark. A dump
// also holds what start-up mapped; table_dump.h has the rule that tells them apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/types.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/translated_access.h"

namespace iommulab::verify {

/// Pages that lie one behind the other on both sides.
struct driver_mapping {
  std::string device;  ///< "0000:00:1f.2", of the context entry
  dma_addr address;
  phys_addr phys;
  uint64_t pages = 0;
  uint64_t prot = 0;  ///< R and W, by another witness than the dump; 0 when none was asked
};

/// The functions whose drivers had mapped memory, by domain id: the context entries that start-up
/// did not make. An entry of an alias that is no function's own is among them.
absl::StatusOr<std::vector<std::string>> functions_mapped_at_boot(const capture_folder& folder);

/// The same, taken apart where `accesses` knows other permissions.
std::vector<driver_mapping> with_permissions(absl::Span<const driver_mapping> mappings,
                                             const translated_access& accesses);

/// What they had mapped, with permissions: function by function as above, and for each from the
/// highest address down, which is the order in which addresses are given out.
absl::StatusOr<std::vector<driver_mapping>> mappings_at_boot(const capture_folder& folder);

/// What the tables of FILE ("pt-end.txt") map elsewhere than at its own address, for every function
/// that has a context entry.
absl::StatusOr<std::vector<driver_mapping>> mappings_in(const capture_folder& folder,
                                                        std::string_view file);

}  // namespace iommulab::verify
