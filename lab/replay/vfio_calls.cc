// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/vfio_calls.h"

#include <algorithm>
#include <array>

#include "core/text_source.h"
#include "lab/replay/api_calls.h"
#include "lab/replay/call_note.h"
#include "lab/replay/capture_files.h"

namespace iommulab::verify {
namespace {

constexpr std::string_view transfer_line = "edu dma ";
constexpr auto client_results = std::to_array<std::string_view>(
    {"group ", "container ", "ioctl(", "flags ", "iova_pgsizes ", "device fd ", "cmd ",
     transfer_line, "copy ", "ro page first byte ", "closed"});

constexpr std::string_view map_call = "iommu_map";
constexpr std::string_view unmap_call = "iommu_unmap";
constexpr std::string_view lookup_call = "iommu_iova_to_phys";

void take_note(const call_note& note, vfio_call& call) {
  if (note.name() == "map:" || note.name() == "unmap:") {
    call.iova = dma_addr(note.value("iova").value_or(0));
    call.size = note.value("size").value_or(0);
    // Printed when all pieces are mapped: the address behind the last.
    call.phys = phys_addr(note.value("paddr").value_or(call.size) - call.size);
  } else if (note.name() == "__domain_mapping") {
    call.prot = static_cast<int>(note.value("prot").value_or(0));
  } else if (note.name() == "attach_device_to_domain:") {
    call.device = note.word("device").value_or("");
  }
}

bool covers(const driver_mapping& run, dma_addr address) {
  return address.value() - run.address.value() < run.pages * page_size;
}

bool lies_in(absl::Span<const driver_mapping> mapped, const vfio_call& call) {
  return call.size != 0 && std::any_of(mapped.begin(), mapped.end(),
                                       [&](const auto& run) { return covers(run, call.iova); });
}

vfio_call call_for(const driver_mapping& run, std::string_view name, size_t line) {
  vfio_call call;
  call.name = name;
  call.line = line;
  call.iova = run.address;
  call.phys = run.phys;
  call.size = run.pages * page_size;
  call.prot = static_cast<int>(run.prot);
  return call;
}

}  // namespace

std::vector<vfio_call> read_vfio_calls(absl::Span<const call_event> tree) {
  std::vector<vfio_call> calls;
  std::vector<call_event> events;
  size_t depth = 0;
  for (const call_event& event : tree) {
    if (event.what == call_event::kind::enter && depth++ == 0) {
      events.clear();
      calls.emplace_back();
      calls.back().name = event.text;
      calls.back().line = event.line;
    }
    if (depth == 0) continue;
    events.push_back(event);
    if (event.what == call_event::kind::note) take_note(call_note(event.text), calls.back());
    if (event.what == call_event::kind::exit && --depth == 0) {
      calls.back().pages = requested_pages(events);
    }
  }
  return calls;
}

std::vector<driver_mapping> with_called_permissions(absl::Span<const driver_mapping> mapped,
                                                    absl::Span<const vfio_call> calls) {
  std::vector<driver_mapping> runs;
  for (const driver_mapping& run : mapped) {
    bool is_first = true;
    for (uint64_t page = 0; page < run.pages; ++page) {
      const dma_addr address = run.address + page * page_size;
      const auto call = std::find_if(calls.begin(), calls.end(), [&](const vfio_call& c) {
        return c.name == map_call && address.value() - c.iova.value() < c.size;
      });
      const uint64_t prot = call == calls.end() ? 0 : static_cast<uint64_t>(call->prot);
      if (is_first || runs.back().prot != prot) {
        runs.push_back({run.device, address, run.phys + page * page_size, 0, prot});
      }
      ++runs.back().pages;
      is_first = false;
    }
  }
  return runs;
}

std::vector<vfio_call> with_runs(absl::Span<const vfio_call> calls,
                                 absl::Span<const driver_mapping> mapped) {
  std::vector<vfio_call> result;
  bool are_mapped = false;
  for (size_t i = 0; i < calls.size(); ++i) {
    const vfio_call& call = calls[i];
    if (call.name == map_call && lies_in(mapped, call)) {
      if (are_mapped) continue;
      are_mapped = true;
      for (const driver_mapping& run : mapped) {
        result.push_back(call_for(run, map_call, call.line));
      }
      continue;
    }
    if (call.name != unmap_call || !lies_in(mapped, call)) {
      if (call.name != lookup_call) result.push_back(call);
      continue;
    }
    dma_addr end = call.iova + call.size;
    for (; i + 1 < calls.size(); ++i) {
      const vfio_call& next = calls[i + 1];
      if (next.name == lookup_call) continue;
      if (next.name != unmap_call || next.iova != end) break;
      end = next.iova + next.size;
    }
    for (const driver_mapping& run : mapped) {
      if (run.address < call.iova || run.address >= end) continue;
      result.push_back(call_for(run, unmap_call, call.line));
    }
  }
  return result;
}

absl::StatusOr<std::vector<edu_transfer>> read_edu_transfers(const capture_folder& folder) {
  std::vector<edu_transfer> transfers;
  if (!folder.has(client_file)) return transfers;
  const absl::StatusOr<numbered_lines> lines = folder.read_lines(client_file);
  if (!lines.ok()) return lines.status();
  for (const numbered_line& line : *lines) {
    if (!line.text.starts_with(transfer_line)) continue;
    const call_note words(line.text);
    const auto source = words.value("src");
    const auto destination = words.value("dst");
    const auto count = words.value("n");
    const auto direction = words.value("dir");
    if (!source || !destination || !count || !direction) {
      return line_error(folder.file_path(client_file), line.line, "transfer", line.text,
                        "not of the form edu dma src=A dst=A n=N dir=D");
    }
    transfers.push_back({line.line, *source, *destination, *count, *direction != 0});
  }
  return transfers;
}

absl::StatusOr<numbered_lines> read_client_lines(const capture_folder& folder) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(client_file);
  if (!lines.ok()) return lines.status();
  std::erase_if(*lines, [](const numbered_line& line) {
    return std::none_of(client_results.begin(), client_results.end(),
                        [&](std::string_view form) { return line.text.starts_with(form); });
  });
  return lines;
}

}  // namespace iommulab::verify
