// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reading/blanks.h"

namespace iommulab {

std::string squeezed(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\0';
    if (blank && (plain.empty() || plain.back() == ' ')) continue;
    plain += blank ? ' ' : c;
  }
  return plain;
}

}  // namespace iommulab
