// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/ignored_lines.h"

#include <algorithm>
#include <array>
#include <string>

#include "lab/replay/omissions.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

constexpr std::string_view driver_words = "DMAR:|iommu:|unmatched page|[ cut here ]|[ end trace";

constexpr std::array<ignored_line, 22> forms = {{
    {"vtd-trace.txt", "vtd_", "",
     "vtd_reg_read |vtd_reg_write |vtd_inv_desc |_page_hit|_page_update|"
     "vtd_dmar_translate ",
     "the unit's own events follow from accesses and descriptors"},
    {"vtd-trace.txt", "vtd_iotlb_page_", "", "",
     "what a device did is an input; its permissions are one where no call tree has them"},
    {"vtd-trace.txt", "vtd_dmar_translate ", "", "",
     "what a device did is an input, its pages too"},
    {"vtd-trace.txt", "vtd_inv_desc invalidate desc type iec ", "", "",
     "the port does not remap interrupts yet"},
    {"dmesg.txt", "[", "", driver_words,
     "other parts of the kernel, interrupt remapping among them"},
    {"dmesg-key.txt", "[", "", driver_words,
     "other parts of the kernel, interrupt remapping among them"},
    {"ops.txt", "# reserved_iova", "", "",
     "the ranges follow from pci.txt; every address of an operation depends on them"},
    {"ops.txt", "# cap", "", "", "the registers follow from qemu.args"},
    {"ops.txt", "# qemu", "", "", "qemu.args has it"},
    {"ops.txt", "# dmalab", "", "", "the recorder's clock"},
    {"ops.txt", "# mode", "", "", "cmdline has it"},
    {"ops.txt", "  k: ", "", driver_words,
     "other parts of the kernel; of a report of death, registers and stack"},
    {"fgraph-*.txt", "", "=>", "", "task switches of the tracer"},
    {"fgraph-*.txt", "", "------", "", "task switches of the tracer"},
    {"vfio.txt", "[", "", driver_words, "other parts of the kernel"},
    {"vfio.txt", "", "",
     "group |container |ioctl(|flags |iova_pgsizes |device fd |cmd |closed|edu dma |copy |"
     "ro page first byte |DMAR:|iommu:|unmatched page|[ cut here ]|[ end trace",
     "titles, what the client read from the device's registers, and how it ended"},
    {"hot.txt", "[", "", "DMAR:|iommu:|k44: STEP", "other parts of the kernel"},
    {"hot.txt", "ifconfig: ", "", "", "the recorder's tools"},
    {"pt-*.txt", "I ", "", "", "the port does not remap interrupts yet"},
    {"pt-*.txt", "# ", "", "# root table|# no root table|# count",
     "remarks that repeat an entry's fields"},
    {"sysfs-iommu.txt", "iommu * ->", "", "", "a pattern of the recorder's shell without a match"},
    {"sysfs-iommu.txt", "  * =", "", "", "a pattern of the recorder's shell without a match"},
}};

bool has_any(std::string_view line, std::string_view words) {
  if (words.empty()) return false;
  const auto parts = split_at(words, '|');
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view word) {
    return line.find(word) != std::string_view::npos;
  });
}

}  // namespace

absl::Span<const ignored_line> ignored_lines() {
  return forms;
}

const ignored_line* find_ignored_line(std::string_view file, std::string_view line) {
  const auto* found = std::find_if(forms.begin(), forms.end(), [&](const ignored_line& form) {
    return matches_pattern(form.file, file) && line.starts_with(form.begins) &&
           line.find(form.has) != std::string_view::npos && !has_any(line, form.lacks);
  });
  return found == forms.end() ? nullptr : &*found;
}

}  // namespace iommulab::verify
