// SPDX-License-Identifier: GPL-2.0-only
//
// What a driver does with a table in which something is wrong. The finding itself, and how bad it
// is, is the table's (platform/firmware/dmar_diagnosis.h).
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {

struct table_behaviour {
  dmar_diagnosis diagnosis;
  std::string_view sentence;  ///< "%s" stands for the kernel's name
};

/// A kernel, as far as it differs in this from Linux 4.4.
struct table_reader_kernel {
  std::string_view name;  ///< "Linux 4.4"
  absl::Span<const table_behaviour> own = {};
  bool knows_satc = false;
};

/// What the kernel does about a finding in `table`, one sentence, where that is remarkable and as
/// if it were the only finding; else empty.
std::string kernel_behaviour(const table_reader_kernel& kernel, const dmar_table& table,
                             const dmar_finding& finding);

}  // namespace iommulab
