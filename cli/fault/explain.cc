// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/explain.h"

namespace iommulab {

fault_explanation explain(const fault_line& fault) {
  if (fault.reason) return explain_reason(*fault.reason);
  return explain_message(fault.subject);
}

}  // namespace iommulab
