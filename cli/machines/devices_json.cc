// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/devices_json.h"

namespace iommulab {

json domain_json(const device_domain& domain) {
  return {{"type", type_word(domain)},
          {"name", domain.name.empty() ? json(nullptr) : json(domain.name)}};
}

json devices_json(const std::vector<device_state>& devices) {
  json list = json::array();
  for (const device_state& d : devices) {
    list.push_back({{"name", d.name},
                    {"group", d.group ? json(*d.group) : json(nullptr)},
                    {"domain", domain_json(d.domain)}});
  }
  return list;
}

}  // namespace iommulab
