// SPDX-License-Identifier: GPL-2.0-only
//
// Printed kernel traces as lists of DMA events. README.md has the forms of the lines.
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"
#include "iova/ftrace/dma_event.h"

namespace iommulab {

/// Reads the text of a trace; `name` is for messages. EINVAL with "NAME: line 7: FIELD is "VALUE":
/// why" for a line of the DMA API or of the IOMMU API that is cut or does not say what it should,
/// for a last line that does not end, and where the kernel's heading counts more events than there
/// are; EINVAL, too, when there is no such event at all.
absl::StatusOr<dma_event_log> parse_dma_events(std::string name, std::string_view text);

/// Reads a file, plain or .xz. ENOENT when there is none; EINVAL as above or for a broken archive.
absl::StatusOr<dma_event_log> read_dma_events(const std::string& path);

}  // namespace iommulab
