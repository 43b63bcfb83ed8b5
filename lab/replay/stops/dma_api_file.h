// SPDX-License-Identifier: GPL-2.0-only
//
// A device's calls of the DMA API as a recording of stops has them: dma-api/DEVICE.txt.
//
//   # device 0000:00:1f.2 group=4 type=DMA-FQ did=6 driver=ahci dma_mask_bits=64 consistent=64 (…)
//   # mark ahci
//   alloc size=0x1000 gfp=0xcc0 attrs=0x0 -> 0xfffff000
//     iova size=0x1 limit_pfn=0xfffff flush=0 tree=0x1 -> 0xfffff
//     map iova=0xfffff000 pa=0x6c48000 pages=0x1 prot=0x7
//   flush timer did=6 desc=0x600e2,0x0 freed=2: 0xfff3f:1 0xfff3e:1
//
// A line without indentation is a call, with what was asked and what came back, a flush of the
// domain's queue, or a mark of the workload; below it stands what it did. When a timer flushes is
// an input; that a full queue was flushed is a result. With `direct` in front no IOMMU is in the
// way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/dma/dma_map_ops.h"
#include "core/types.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

struct dma_api_item {
  enum class kind : uint8_t {
    mark,
    alloc,
    free,
    map_page,
    unmap_page,
    map_sg,
    unmap_sg,
    flush_timer,
    flush_full,
  };
  kind what = kind::mark;
  bool direct = false;
  size_t line = 0;
  std::string text;   ///< the line
  std::string given;  ///< up to the arrow
  phys_addr phys;     ///< map_page; of a direct alloc what came back
  dma_addr address;   ///< what came back, or was given back; unmap_sg: of the pages unmapped
  uint64_t size = 0;  ///< bytes
  uint64_t attrs = 0;
  dma_data_direction dir = dma_data_direction::bidirectional;
  unsigned pieces = 0;  ///< of a list
  /// Where each piece begins. Linux 6.1 does not tell: there it is what was mapped.
  std::vector<phys_addr> list;
  bool tells_parts =
      false;  ///< of map_sg: the result has what the device got, not their number alone
  /// What was mapped, page by page, in the order of the addresses.
  std::vector<phys_addr> pages;
  std::vector<uint64_t> runs;  ///< how many pages each line of those mapped
  unsigned domain = 0;         ///< whose queue was flushed
};

struct dma_api_file {
  std::string name;    ///< "dma-api/0000:00:1f.2.txt"
  std::string device;  ///< "0000:00:1f.2"
  std::string driver;
  unsigned domain = 0;  ///< id; 0 for none
  unsigned mask_bits = 0;
  unsigned coherent_mask_bits = 0;
  std::vector<dma_api_item> items;
  numbered_lines lines;
};

/// All of a folder's, by device. EINVAL for a line that is none of these forms.
absl::StatusOr<std::vector<dma_api_file>> read_dma_api_files(const capture_folder& folder);
/// One of them.
absl::StatusOr<dma_api_file> parse_dma_api_file(const numbered_lines& lines,
                                                const std::string& name, const std::string& path);

/// The pieces of a list: each goes on until a page on which another begins.
struct list_piece {
  phys_addr start;
  uint64_t length = 0;  ///< bytes
};
/// Empty where the pages do not have as many pieces.
std::vector<list_piece> pieces_of(const dma_api_item& item);

}  // namespace iommulab::verify
