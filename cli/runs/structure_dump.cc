// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/structure_dump.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"
#include "lab/structures/system_structures.h"

namespace iommulab {

std::vector<structure_section> chosen_structures(kernel& system, const std::string& words) {
  const std::vector<std::string> chosen = absl::StrSplit(words, ',');
  const auto is_chosen = [&](const std::string& kind) {
    return std::any_of(chosen.begin(), chosen.end(),
                       [&](const std::string& word) { return word == every_kind || word == kind; });
  };
  std::vector<structure_section> sections;
  for (const std::string& kind : system_structure_kinds()) {
    if (!is_chosen(kind)) continue;
    for (structure_section& section : structures_of(system, {.kind = kind})) {
      sections.push_back(std::move(section));
    }
  }
  return sections;
}

}  // namespace iommulab
