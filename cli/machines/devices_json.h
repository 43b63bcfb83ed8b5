// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <vector>

#include "cli/machines/device_states.h"
#include "cli/output/json.h"

namespace iommulab {

/// {"type": "DMA", "name": "dmar0:1"}; the name is null without a domain.
json domain_json(const device_domain& domain);
/// [{"name", "group", "domain"}]
json devices_json(const std::vector<device_state>& devices);

}  // namespace iommulab
