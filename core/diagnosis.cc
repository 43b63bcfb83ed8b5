// SPDX-License-Identifier: GPL-2.0-only
#include "core/diagnosis.h"

#include "core/enum_names.h"

namespace iommulab {

std::string_view name(diagnosis_severity severity) {
  using enum diagnosis_severity;
  static constexpr auto names = enum_names<diagnosis_severity>({
      {note, "note"},
      {warning, "warning"},
      {error, "error"},
  });
  return names(severity);
}

}  // namespace iommulab
