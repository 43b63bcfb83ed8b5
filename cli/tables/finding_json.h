// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "cli/output/json.h"
#include "platform/firmware/dmar_diagnosis.h"

namespace iommulab {

/// A finding about a DMAR table: diagnosis, severity, offset, field, value as "0x…", sentence.
inline json finding_json(const dmar_finding& finding) {
  return {{"diagnosis", name(finding.id)}, {"severity", name(finding.severity)},
          {"offset", finding.where},       {"field", finding.field},
          {"value", hex(finding.value)},   {"sentence", finding.sentence}};
}

}  // namespace iommulab
