// SPDX-License-Identifier: GPL-2.0-only
//
// What device drivers asked of the DMA API between the marks of a capture. A capture "NAME.calls"
// has it in its own graphs. For a plain one it is taken from another run (twin_capture.h): the same
// drivers did the same on the same machine, with other pages. Where a page lay in the
// plain run is taken from the tables that were dumped at the end of the phase, and from the
// translations that hardware reported meanwhile, at the same I/O virtual address. A page that
// neither shows makes no difference to anything that is compared, and stays the other run's.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/api_calls.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/driver_mappings.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/vfio_calls.h"

namespace iommulab::verify {

/// A part of a run: what its graph recorded, up to a mark of vtd-marks.txt.
struct workload_phase {
  std::string_view name;
  std::string_view graph;
  std::string_view mark;
};

inline constexpr workload_phase boot_phase = {"boot", "fgraph-boot.txt", "boot"};
inline constexpr std::array<workload_phase, 5> workload_phases = {{
    {"disk", "fgraph-disk.txt", "afterdisk"},
    {"netup", "fgraph-netup.txt", "afternet"},
    {"netdown", "fgraph-netdown.txt", "end"},
    {"vfio mapped", "fgraph-vfio.txt", "vfio"},
    {"vfio", "fgraph-vfio.txt", "end"},
}};
/// VFIO's client pauses while its memory is mapped. Where a capture has that mark, its first phase
/// of VFIO ends before the first call that asks where a page is, with which unmapping begins.
inline constexpr std::string_view vfio_graph = "fgraph-vfio.txt";
inline constexpr std::string_view vfio_mark = "vfio";

/// Lines of vtd-trace.txt, both included.
struct line_range {
  size_t first = 1;
  size_t last = 0;
};
/// The lines up to `mark`, from the mark before it; nothing when there is no such mark.
std::optional<line_range> lines_before(absl::Span<const trace_mark> marks, std::string_view mark);

/// Adds the memory of the coherent buffers that `calls` get.
void add_coherent_buffers(absl::Span<const api_call> calls, std::vector<page_block>& blocks);

class workload_calls {
 public:
  /// Errors are those of the files. `folder` outlives the result.
  static absl::StatusOr<workload_calls> find(const capture_folder& folder);

  /// Whether there is a call tree at all, and whether it is the capture's own.
  [[nodiscard]] bool known() const { return source_.has_value(); }
  [[nodiscard]] bool own() const { return own_; }
  [[nodiscard]] bool has(std::string_view graph) const {
    return known() && source_->has(graph) && (!boot_only_ || graph == boot_phase.graph);
  }

  /// Where the graph is, as messages name it.
  [[nodiscard]] std::string path_of(std::string_view graph) const {
    return source_->file_path(graph);
  }

  /// The graph's tree with the timer's calls apart and without what interrupt remapping does; of
  /// the boot only what comes after intel_iommu_init().
  [[nodiscard]] absl::StatusOr<std::vector<call_event>> tree(const workload_phase& phase) const;
  /// The DMA API calls in a part of a tree(), with the capture's pages at that phase's mark.
  [[nodiscard]] absl::StatusOr<std::vector<api_call>> calls_in(absl::Span<const call_event> part,
                                                               const workload_phase& phase) const;
  /// The DMA API calls of a tree() of that phase, with the capture's pages.
  [[nodiscard]] absl::StatusOr<std::vector<api_call>> calls(const workload_phase& phase) const;
  /// The calls of VFIO in a tree() of that phase, with the capture's pages.
  [[nodiscard]] absl::StatusOr<std::vector<vfio_call>> vfio_calls(
      absl::Span<const call_event> tree) const;
  /// The memory that is the capture's own, for a run whose tables lie elsewhere: coherent buffers,
  /// and what VFIO mapped. Empty where the tree is the capture's own.
  [[nodiscard]] absl::StatusOr<std::vector<page_block>> used_blocks() const;

 private:
  explicit workload_calls(const capture_folder& folder) : folder_(folder) {}
  absl::StatusOr<std::vector<driver_mapping>> vfio_runs() const;
  absl::Status move_pages(const workload_phase& phase, std::vector<api_call>& calls) const;

  const capture_folder& folder_;
  std::optional<capture_folder> source_;
  bool own_ = false;
  bool boot_only_ = false;  ///< the source says nothing of what came after the boot mark
  bool has_vfio_mark_ = false;
};

}  // namespace iommulab::verify
