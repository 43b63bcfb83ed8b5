// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/omissions.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/ensure.h"

namespace iommulab::verify {
namespace {

constexpr std::array<omission, 22> list = {{
    {"interrupts", "interrupts", "", "",
     "it counts interrupts of the whole machine, which the port does not remap yet"},
    {"remapping entries", "pt-*.txt", "I ", "", "the port does not remap interrupts yet"},
    {"remapping descriptors", "vtd-trace.txt", "vtd_inv_desc invalidate desc type iec ", "",
     "the port does not remap interrupts yet; the queue is compared without them"},
    {"remapping commands", "vtd-trace.txt", "vtd_reg_write addr 0xb8 ", "",
     "the port does not remap interrupts yet; the start-up is compared without its part in it"},
    {"driver that gave up", "", "", "",
     "the functions called while it was bound depend on a driver that is on no record; what it "
     "made "
     "the unit do is compared"},
    {"CASE", "CASE", "", "", "the recorder's title of the case"},
    {"dmesg-key.txt", "dmesg-key.txt", "", "dmesg.txt",
     "an excerpt of dmesg.txt, which is compared"},
    {"DMAR-given.bin", "DMAR-given.bin", "", "DMAR.bin",
     "the table as it was offered; DMAR.bin is the one that the kernel saw, and is used"},
    {"lines behind the last mark", "", "", "",
     "the recorder had let go of the machine, which was switched off"},
    {"APIC.bin", "APIC.bin", "", "", "a table of interrupt controllers; the port reads DMAR alone"},
    {"MCFG.bin", "MCFG.bin", "", "", "a table of configuration windows; iomem has them"},
    {"interrupts at the work stop", "interrupts-work", "", "",
     "it counts interrupts of the whole machine, which the port does not remap yet"},
    {"functions at the work stop", "pci-work.txt", "", "",
     "drivers and their masks are in dma-api; the rest is how interrupts were programmed"},
    {"calls before the initcalls", "fgraph/early.txt", "", "",
     "its tracer printed functions without nesting; most are of interrupt remapping"},
    {"command line of calls before the initcalls", "fgraph/early.cmdline", "", "",
     "that of fgraph/early.txt"},
    {"calls of another workload", "fgraph/work.txt", "", "",
     "another start's, whose calls are on no other record; its timers fell elsewhere"},
    {"calls of another workload, folded", "fgraph/work-tree.txt", "", "", "fgraph/work.txt folded"},
    {"tracepoints of the DMA API", "events.txt", "- dma_", "",
     "arguments and results of the calls, which dma-api has"},
    {"translations of DMA", "effects.txt", "    DMA ", "",
     "QEMU's event of each translation that it makes; where an address leads stands in the tables"},
    {"arguments of a client's calls", "fgraph.txt", "/* ", "",
     "most are kernel addresses; those from a mapping call to the page table are held by a test"},
    {"switching off", "", "", "",
     "what the kernel does when the machine is switched off, behind the last stop"},
}};

bool begins_a_line(std::string_view text, std::string_view lines) {
  if (text.starts_with(lines)) return true;
  return text.find(std::string("\n").append(lines)) != std::string_view::npos;
}

/// The files of the folder that the entry is about.
absl::StatusOr<std::vector<std::string>> files_of(const capture_folder& folder,
                                                  const omission& entry) {
  std::vector<std::string> found;
  if (entry.file.empty() || (!entry.beside.empty() && !folder.has(entry.beside))) return found;
  for (const std::string& name : folder.files()) {
    if (!matches_pattern(entry.file, name)) continue;
    if (!entry.lines.empty()) {
      const auto text = folder.read_text(name);
      if (!text.ok()) return text.status();
      if (!begins_a_line(*text, entry.lines)) continue;
    }
    found.push_back(name);
  }
  return found;
}

class_result result_of_omission(const omission& entry, std::vector<std::string> files) {
  return {std::string(entry.what), class_result::outcome::omitted, 0, std::string(entry.reason),
          std::move(files)};
}

}  // namespace

absl::Span<const omission> omissions() {
  return list;
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  const std::string_view tail = pattern.substr(star + 1);
  return name.size() >= star + tail.size() && name.starts_with(pattern.substr(0, star)) &&
         name.ends_with(tail);
}

const omission* find_omitted_file(const capture_folder& folder, std::string_view name) {
  const auto* found = std::find_if(list.begin(), list.end(), [&](const omission& entry) {
    return !entry.file.empty() && entry.lines.empty() && matches_pattern(entry.file, name) &&
           (entry.beside.empty() || folder.has(entry.beside));
  });
  return found == list.end() ? nullptr : &*found;
}

absl::StatusOr<std::vector<class_result>> omissions_in(const capture_folder& folder) {
  std::vector<class_result> results;
  for (const omission& entry : list) {
    auto files = files_of(folder, entry);
    if (!files.ok()) return files.status();
    if (files->empty()) continue;
    // Lines that are left out do not excuse the rest of their file.
    if (!entry.lines.empty()) files->clear();
    results.push_back(result_of_omission(entry, *std::move(files)));
  }
  return results;
}

class_result omitted_class(std::string_view what, std::vector<std::string> files) {
  const auto* found = std::find_if(list.begin(), list.end(),
                                   [&](const omission& entry) { return entry.what == what; });
  ensure(found != list.end(), "a class that is not compared is on the list");
  return result_of_omission(*found, std::move(files));
}

}  // namespace iommulab::verify
