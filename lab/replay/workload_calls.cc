// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/workload_calls.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <iterator>
#include <utility>

#include "lab/replay/interrupt_remapping.h"
#include "lab/replay/mapped_pages.h"
#include "lab/replay/twin_capture.h"

namespace iommulab::verify {
namespace {

using wanted_kind = api_call::kind;

/// What follows the last of the start-up's calls.
absl::Span<const call_event> after_start_up(absl::Span<const call_event> events) {
  constexpr std::array<std::string_view, 3> start_up = {"iommu_init", "iommu_dev_init",
                                                        "intel_iommu_init"};
  size_t depth = 0;
  size_t end = 0;
  bool inside = false;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].what == call_event::kind::enter && depth++ == 0) {
      inside = std::find(start_up.begin(), start_up.end(), events[i].text) != start_up.end();
    } else if (events[i].what == call_event::kind::exit && depth > 0 && --depth == 0 && inside) {
      end = i + 1;
    }
  }
  return events.subspan(end);
}

/// The part of VFIO's tree that goes before its first look-up of a page, or the rest.
absl::Span<const call_event> part_of_vfio(absl::Span<const call_event> events, bool before) {
  const auto first = std::find_if(events.begin(), events.end(), [](const call_event& e) {
    return e.what == call_event::kind::enter && e.text == "iommu_iova_to_phys";
  });
  const auto at = static_cast<size_t>(first - events.begin());
  return before ? events.first(at) : events.subspan(at);
}

/// Where a call's memory lay in the capture, as far as `pages` knows it.
void move_call(const mapped_pages& pages, api_call& call) {
  const bool coherent = call.what == wanted_kind::alloc_coherent;
  if (call.what == wanted_kind::map_sg) {
    for (uint64_t offset = 0; offset < call.size; offset += page_size) {
      call.list_pages.push_back(pages.find(call.device, call.address + offset));
    }
  } else if (coherent || call.what == wanted_kind::map_page) {
    const auto page =
        call.address.value() == 0 ? std::nullopt : pages.find(call.device, call.address);
    if (page) call.phys = *page + call.phys.page_offset();
  }
  call.pages.clear();
  if (coherent) call.pages.push_back(call.phys);
}

}  // namespace

std::optional<line_range> lines_before(absl::Span<const trace_mark> marks, std::string_view mark) {
  size_t before = 0;
  for (const trace_mark& m : marks) {
    if (m.name == mark) return line_range{before + 1, m.line};
    before = m.line;
  }
  return std::nullopt;
}

void add_coherent_buffers(absl::Span<const api_call> calls, std::vector<page_block>& blocks) {
  for (const api_call& call : calls) {
    if (call.what != wanted_kind::alloc_coherent) continue;
    blocks.push_back({call.phys, std::bit_ceil(std::max(call.size, page_size))});
  }
}

absl::StatusOr<workload_calls> workload_calls::find(const capture_folder& folder) {
  workload_calls calls(folder);
  if (folder.has("vtd-marks.txt")) {
    const auto marks = read_marks(folder);
    if (!marks.ok()) return marks.status();
    calls.has_vfio_mark_ = lines_before(*marks, vfio_mark).has_value();
  }
  if (folder.has_recorded_calls()) {
    calls.source_ = folder;
    calls.own_ = true;
    return calls;
  }
  absl::StatusOr<std::optional<twin_capture>> twin = find_twin(folder);
  if (!twin.ok()) return twin.status();
  if (!twin->has_value()) return calls;
  calls.boot_only_ = (*twin)->boot_only;
  calls.source_ = std::move((*twin)->folder);
  return calls;
}

absl::StatusOr<std::vector<call_event>> workload_calls::tree(const workload_phase& phase) const {
  absl::StatusOr<std::vector<call_event>> events = read_call_graph(*source_, phase.graph);
  if (!events.ok()) return events.status();
  absl::Span<const call_event> part = *events;
  if (phase.graph == boot_phase.graph) part = after_start_up(part);
  if (phase.graph == vfio_graph && has_vfio_mark_) {
    part = part_of_vfio(part, phase.mark == vfio_mark);
  }
  return without_interrupt_functions(timers_apart(part));
}

absl::StatusOr<std::vector<api_call>> workload_calls::calls(const workload_phase& phase) const {
  if (!has(phase.graph)) return std::vector<api_call>();
  absl::StatusOr<std::vector<call_event>> events = tree(phase);
  if (!events.ok()) return events.status();
  return calls_in(*events, phase);
}

absl::StatusOr<std::vector<api_call>> workload_calls::calls_in(absl::Span<const call_event> part,
                                                               const workload_phase& phase) const {
  absl::StatusOr<std::vector<api_call>> found =
      read_api_calls(part, source_->file_path(phase.graph));
  if (!found.ok() || own_) return found;
  if (absl::Status status = move_pages(phase, *found); !status.ok()) return status;
  return found;
}

absl::Status workload_calls::move_pages(const workload_phase& phase,
                                        std::vector<api_call>& calls) const {
  line_range lines;
  if (folder_.has("vtd-marks.txt")) {
    const auto marks = read_marks(folder_);
    if (!marks.ok()) return marks.status();
    lines = lines_before(*marks, phase.mark).value_or(line_range());
  }
  const auto pages = mapped_pages::read(folder_, phase.mark, lines.first, lines.last);
  if (!pages.ok()) return pages.status();
  for (api_call& call : calls) move_call(*pages, call);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<driver_mapping>> workload_calls::vfio_runs() const {
  constexpr std::string_view file = "pt-vfio.txt";
  std::vector<driver_mapping> runs;
  if (!has_vfio_mark_ || !folder_.has(file) || !has(vfio_graph)) return runs;
  const auto events = read_call_graph(*source_, vfio_graph);
  if (!events.ok()) return events.status();
  const auto mapped = mappings_in(folder_, file);
  if (!mapped.ok()) return mapped.status();
  const std::vector<vfio_call> all = read_vfio_calls(*events);
  for (const vfio_call& call : all) {
    if (call.device.empty()) continue;
    std::copy_if(mapped->begin(), mapped->end(), std::back_inserter(runs),
                 [&](const driver_mapping& m) { return m.device == call.device; });
  }
  return with_called_permissions(runs, all);
}

absl::StatusOr<std::vector<vfio_call>> workload_calls::vfio_calls(
    absl::Span<const call_event> tree) const {
  std::vector<vfio_call> calls = read_vfio_calls(tree);
  if (own_) return calls;
  const auto runs = vfio_runs();
  if (!runs.ok()) return runs.status();
  for (vfio_call& call : calls) call.pages.clear();
  return with_runs(calls, *runs);
}

absl::StatusOr<std::vector<page_block>> workload_calls::used_blocks() const {
  std::vector<page_block> blocks;
  if (own_ || !known()) return blocks;
  std::vector<workload_phase> phases(workload_phases.begin(), workload_phases.end());
  phases.push_back(boot_phase);
  for (const workload_phase& phase : phases) {
    const absl::StatusOr<std::vector<api_call>> made = calls(phase);
    if (!made.ok()) return made.status();
    add_coherent_buffers(*made, blocks);
  }
  const auto runs = vfio_runs();
  if (!runs.ok()) return runs.status();
  for (const driver_mapping& run : *runs) blocks.push_back({run.phys, run.pages * page_size});
  return blocks;
}

}  // namespace iommulab::verify
