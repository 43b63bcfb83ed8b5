// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify/hotplug_mapping.h"

#include <map>
#include <utility>

#include "cli/verify/table_dump.h"
#include "intel/iommu/device.h"
#include "intel/iommu/identity.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab::verify {
namespace {

constexpr const char* boot_tables = "pt-boot.txt";

/// iommu_no_mapping(): whether the device needs no mapping because memory is mapped one to one.
bool is_identity_mapped(intel_driver& drv, device& dev) {
  if (iommu_dummy(drv, dev)) return true;
  if (drv.iommu_identity_mapping == 0) return false;
  const dmar_domain* domain = find_domain(drv, dev);
  const bool belongs = iommu_should_identity_map(drv, dev, false);
  if (domain != nullptr && domain == drv.si_domain) {
    if (belongs) return true;
    dmar_remove_one_dev_info(drv, dev);
    drv.pr.info("32bit %s uses non-identity mapping", dev.name);
    return false;
  }
  if (!belongs || domain_add_dev_info(drv, *drv.si_domain, dev) != 0) return false;
  drv.pr.info("64bit %s uses identity mapping", dev.name);
  return true;
}

using context_entries = std::map<source_id, vtd::context_entry>;

context_entries contexts_of(const dumped_tables& tables) {
  context_entries found;
  if (!tables.root()) return found;
  const auto buses = tables.entries(root_level, *tables.root());
  if (!buses) return found;
  for (const table_entry& bus : *buses) {
    const auto contexts = tables.entries(context_level, bus.low & vtd::root_entry::ctp.mask());
    if (!contexts) continue;
    for (const table_entry& c : *contexts) {
      const source_id id{0, static_cast<uint8_t>(bus.index), static_cast<uint8_t>(c.index)};
      found[id] = vtd::context_entry{c.low, c.high};
    }
  }
  return found;
}

}  // namespace

bool enter_domain(intel_driver& drv, device& dev) {
  if (is_identity_mapped(drv, dev)) return true;
  if (get_domain_for_dev(drv, dev, default_domain_address_width) != nullptr) return true;
  drv.pr.err("Allocating domain for %s failed", dev.name);
  return false;
}

absl::StatusOr<std::vector<std::string>> functions_mapped_at_boot(const capture_folder& folder) {
  absl::StatusOr<dumped_tables> tables = dumped_tables::read(folder, boot_tables);
  if (!tables.ok()) return tables.status();
  const context_entries all = contexts_of(*tables);
  tables->keep_start_up();
  const context_entries start_up = contexts_of(*tables);
  std::map<std::pair<domain_id, source_id>, std::string> by_domain;
  for (const auto& [id, entry] : all) {
    if (!start_up.contains(id)) by_domain[{entry.domain(), id}] = to_string(id);
  }
  std::vector<std::string> names;
  for (auto& [key, name] : by_domain) names.push_back(std::move(name));
  return names;
}

}  // namespace iommulab::verify
