// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tables/finding_text.h"

#include "absl/strings/str_format.h"

namespace iommulab {

std::string finding_line(const dmar_finding& finding) {
  return absl::StrFormat("%s: %s: %s", name(finding.severity), name(finding.id),
                         finding_sentence(finding));
}

std::string finding_sentence(const dmar_finding& finding) {
  return absl::StrFormat("offset 0x%04x: %s is 0x%x: %s", finding.where, finding.field,
                         finding.value, finding.sentence);
}

}  // namespace iommulab
