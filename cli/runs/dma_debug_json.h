// SPDX-License-Identifier: GPL-2.0-only
//
// What dma_debug found, for documents.
#pragma once

#include "cli/output/json.h"
#include "dma/debug/finding.h"

namespace iommulab {

json dma_debug_json(const dma_debug_log& log);

}  // namespace iommulab
