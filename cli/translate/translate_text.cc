// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/kernels/kernels_report.h"
#include "cli/output/assumptions.h"
#include "cli/translate/translate_report.h"
#include "intel/dmar/fault.h"
#include "lab/tables/walk_words.h"

namespace iommulab {
namespace {

std::string line(std::string_view name, const std::string& words) {
  return absl::StrFormat("%-11s  %s\n", name, words);
}

std::string device_line(const translate_report& report) {
  std::string words = absl::StrFormat("%s  %s", to_string(report.device), report.device_words);
  if (report.requester != report.device) {
    absl::StrAppend(&words, ", its requests bear the id ", to_short_string(report.requester));
  }
  return line("device", words);
}

std::string unit_line(const translate_report& report) {
  if (!report.has_unit)
    return line("unit", "none that the kernel uses for it, so nothing is translated");
  std::string words = absl::StrFormat("%s at 0x%x, ", report.unit, report.unit_base.value());
  absl::StrAppend(&words, report.translating ? absl::StrFormat("root table 0x%x", report.root_table)
                                             : std::string("translation is off"));
  return line("unit", words);
}

std::string step_rows(const address_walk& walk) {
  if (walk.steps.empty()) return "";
  const size_t width = entry_digits(walk.steps.front()).size();
  std::string text = absl::StrFormat("\n%-8s  %-12s  %5s  %-*s  %s\n", "step", "table", "index",
                                     width, "entry", "meaning");
  for (const walk_step& step : walk.steps) {
    absl::StrAppend(&text, absl::StrFormat("%-8s  %-12s  %5d  %*s  %s\n", step_name(step),
                                           absl::StrFormat("0x%x", step.table), step.index, width,
                                           entry_digits(step), entry_words(step)));
  }
  return text + '\n';
}

std::string fault_words(const address_walk& walk) {
  const auto number = static_cast<unsigned>(walk.reason);
  const std::string entry = walk.steps.empty()
                                ? ""
                                : absl::StrFormat(", %s entry %s",
                                                  walk.steps.back().level <= verify::root_level - 1
                                                      ? "paging"
                                                      : step_name(walk.steps.back()),
                                                  entry_section(walk.steps.back()));
  return absl::StrFormat(
      "blocked, fault reason %02xh (%d): \"%s\"\n             %s, condition %s: VT-d specification "
      "7.1%s; %s",
      number, number, fault_reason_words(static_cast<uint8_t>(number)), vtd::name(walk.reason),
      vtd::mnemonic(walk.reason), entry,
      walk.recorded ? "recorded" : "not recorded, the context entry has FPD");
}

std::string result_words(const address_walk& walk) {
  switch (walk.outcome) {
    case dma_outcome::passed:
      return absl::StrFormat("host address 0x%x, passed through untranslated", walk.host_address);
    case dma_outcome::translated:
      return absl::StrFormat(
          "host address 0x%x, in a page of %s, %s%s", walk.host_address, size_words(walk.page_bits),
          walk.readable && walk.writable ? "read and write"
                                         : (walk.readable ? "read only" : "write only"),
          walk.snoop ? ", snooped" : "");
    case dma_outcome::interrupt:
      return absl::StrFormat("0x%x is an interrupt request, not memory (VT-d specification 3.14)",
                             walk.host_address);
    case dma_outcome::blocked:
      break;
  }
  if (walk.reason == vtd::fault_reason::none) return "blocked: " + dropped_words();
  return fault_words(walk);
}

}  // namespace

std::string translate_text(const translate_report& report) {
  const address_walk& walk = report.walk;
  std::string text = line("kernel", kernel_text(*report.kernel));
  absl::StrAppend(&text,
                  line("machine", absl::StrFormat("%s, tables %s", report.machine, report.tables)));
  if (!report.panic.empty()) absl::StrAppend(&text, line("stopped", report.panic));
  absl::StrAppend(
      &text, device_line(report), unit_line(report),
      line("request", absl::StrFormat("%s 0x%x", walk.access == dma_access::read ? "read" : "write",
                                      walk.address)),
      step_rows(walk), line("result", result_words(walk)), line("device sees", device_view(walk)));
  if (!report.assumed.empty()) text += '\n' + assumptions_text(report.assumed);
  return text;
}

}  // namespace iommulab
