// SPDX-License-Identifier: GPL-2.0-only
//
// What VFIO asked of the IOMMU API on a real kernel, read out of its call tree, and what its client
// made the device do, read out of the client's log (vfio.txt).
//
// A plain capture has no tree. VFIO maps and unmaps a range in runs of pages that lie together, so
// the runs of a plain run are those of the tables that were dumped while the ranges were mapped;
// the rest, permissions too, is as in the tree of the capture beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/types.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/driver_mappings.h"

namespace iommulab::verify {

struct vfio_call {
  std::string name;              ///< of the function
  size_t line = 0;               ///< of the tree
  std::string device;            ///< iommu_attach_group: the device that was attached
  dma_addr iova;                 ///< map, unmap
  phys_addr phys;                ///< map
  uint64_t size = 0;             ///< map, unmap: bytes
  int prot = 0;                  ///< map: IOMMU_READ and IOMMU_WRITE
  std::vector<phys_addr> pages;  ///< that the kernel got meanwhile
};

/// The top-level calls of a tree, in order.
std::vector<vfio_call> read_vfio_calls(absl::Span<const call_event> tree);

/// The runs of `mapped` with the permissions of the calls that map them, cut where these change:
/// what may be done with a page is what the calls say, not the dump.
std::vector<driver_mapping> with_called_permissions(absl::Span<const driver_mapping> mapped,
                                                    absl::Span<const vfio_call> calls);

/// The calls with the ranges of `mapped` in place of those that cover the same addresses.
std::vector<vfio_call> with_runs(absl::Span<const vfio_call> calls,
                                 absl::Span<const driver_mapping> mapped);

/// One transfer of the edu device: "edu dma src=0x100000 dst=0x40000 n=256 dir=0 done cmd=0".
struct edu_transfer {
  size_t line = 0;
  uint64_t source = 0;
  uint64_t destination = 0;
  uint64_t count = 0;  ///< bytes
  bool to_memory = false;
};

/// The transfers of vfio.txt, in order; none when it is not there.
absl::StatusOr<std::vector<edu_transfer>> read_edu_transfers(const capture_folder& folder);
/// The client's lines that say what a call returned, how a transfer ended and what came of it.
absl::StatusOr<numbered_lines> read_client_lines(const capture_folder& folder);

}  // namespace iommulab::verify
