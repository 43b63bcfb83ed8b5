// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reading/line_filter.h"

#include <array>

namespace iommulab {

bool may_say_something(std::string_view line) {
  // One of these stands in every line that some reader takes.
  constexpr std::array<std::string_view, 31> words = {
      "fault",    "DMAR",          "dmar",        "IOMMU", "iommu",  "DMA ",       "REMAP",
      "RMRR",     "VFIO",          "vfio",        "QI ",   "VT-d",   "VT-D",       "vtd_",
      "SMMU",     "smmu",          "pci ",        "PCI ",  "e820",   "Linux vers", "Command line",
      "emapping", "repeated",      "suppressed",  "IRTE",  "AMD-Vi", "dropped",    "Missed ",
      "BIOS is",  "messages lost", "page request"};
  for (const std::string_view word : words) {
    if (line.find(word) != std::string_view::npos) return true;
  }
  // Quoted-printable may hide them.
  return line.ends_with('=');
}

}  // namespace iommulab
