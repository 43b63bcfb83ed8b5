// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/dma_debug_json.h"

#include <string>
#include <utility>

namespace iommulab {

json dma_debug_json(const dma_debug_log& log) {
  json findings = json::array();
  for (const dma_debug_finding& f : log.findings()) {
    findings.push_back({{"rule", std::string(name(f.id))},
                        {"device", f.device},
                        {"line", f.line},
                        {"address", hex(f.where)},
                        {"size", hex(f.value)},
                        {"sentence", f.sentence},
                        {"history", f.history}});
  }
  return {{"errors", log.errors()}, {"findings", std::move(findings)}};
}

}  // namespace iommulab
