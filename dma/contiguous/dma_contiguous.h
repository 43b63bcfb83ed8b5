// SPDX-License-Identifier: GPL-2.0-only
//
// The area for contiguous DMA buffers: `cma=`, its reservation at boot, and who takes from it.
// Linux v4.4 drivers/base/dma-contiguous.c, by name; cma_declare_contiguous() of mm/cma.c.
//
// There is one area a system, and none without `cma=`: the size that a kernel is configured with is
// 0 here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/cmdline.h"
#include "core/printk.h"
#include "core/types.h"
#include "dma/contiguous/cma.h"
#include "platform/memory/page_allocator.h"

namespace iommulab {

/// `cma=size[@base[-limit]]`, in bytes.
struct cma_parameters {
  std::optional<uint64_t> size_cmdline;
  uint64_t base_cmdline = 0;
  uint64_t limit_cmdline = 0;  ///< 0: none
};

/// Registers the handler of `cma`; `parameters` must outlive the line's dispatch().
void add_cma_early_param(command_line& line, cma_parameters& parameters);

/// Reserves what `cma=` asks for in memory below `limit`, the end of memory. Base and size are
/// rounded up to 4 MiB, `limit` down; without a base, or with one and a limit, the highest place is
/// taken; with a base alone exactly that. Null when nothing is asked for or the place cannot be
/// had, which the log says.
std::unique_ptr<cma> dma_contiguous_reserve(const cma_parameters& parameters, page_allocator& pages,
                                            phys_addr limit, printk_log& log);

/// `count` pages, aligned to 2^align pages but at most to 1 MiB; nothing without an area (null).
std::optional<phys_addr> dma_alloc_from_contiguous(cma* area, uint64_t count, unsigned align);
/// False when the pages are not from the area.
bool dma_release_from_contiguous(cma* area, phys_addr pages, uint64_t count);

}  // namespace iommulab
