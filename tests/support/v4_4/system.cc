// SPDX-License-Identifier: GPL-2.0-only
#include "support/v4_4/system.h"

#include <gtest/gtest.h>

#include <iterator>
#include <utility>

#include "core/spin_lock.h"

namespace iommulab::test::linux_4_4 {
namespace {

kernel_options of_the_series(kernel_options options) {
  if (options.profile == nullptr) options.profile = &v4_4::profile();
  return options;
}

}  // namespace

system::system(const machine_config& machine, std::string command_line, trace_class classes,
               const kernel_profile& profile)
    : test::system(machine, {.profile = &profile, .command_line = std::move(command_line)},
                   classes) {}

system::system(const machine_config& machine, kernel_options options, trace_class classes)
    : test::system(machine, of_the_series(std::move(options)), classes) {}

std::set<v4_4::dmar_domain*> system::domains() {
  std::set<v4_4::dmar_domain*> found;
  const spin_guard guard(driver().device_domain_lock);
  for (const v4_4::device_domain_info& info : driver().device_domains) found.insert(info.domain);
  if (driver().si_domain != nullptr) found.insert(driver().si_domain);
  return found;
}

uint64_t system::reachable_pages() {
  std::set<uint64_t> pages;
  uint64_t status_words = 0;
  for (const dmar_drhd_unit& drhd : driver().dmar_drhd_units) {
    const intel_iommu& iommu = *drhd.iommu;
    if (iommu.qi != nullptr) {
      EXPECT_TRUE(pages.insert(iommu.qi->desc_phys.value()).second);
      ++status_words;
    }
    const uint64_t root = iommu.root_entry_phys.value();
    if (root != 0) add_context_tables(root, pages);
  }
  for (v4_4::dmar_domain* domain : domains()) {
    if (!domain->has_pgd()) continue;
    add_tables(domain->pgd.value(), static_cast<unsigned>(domain->agaw) + 2, pages);
  }
  // 256 status words of 4 bytes: four arrays share a page.
  return pages.size() + (status_words + 3) / 4;
}

int64_t system::reachable_objects() {
  int64_t count = 0;
  const auto nodes = [](iova_domain& d) {
    const spin_guard lock(d.iova_rbtree_lock);
    return std::distance(d.ranges.tree.begin(), d.ranges.tree.end());
  };
  v4_4::intel_driver& drv = driver();
  for (const dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    count += drhd.devices.empty() ? 1 : 2;
    if (drhd.iommu == nullptr) continue;
    ++count;
    if (drhd.iommu->qi != nullptr) ++count;
    const v4_4::unit_domains& of_unit = domains_of(drv, *drhd.iommu);
    if (of_unit.domains.empty()) continue;
    ++count;  // the bitmap
    for (const auto& second : of_unit.domains) count += second != nullptr ? 1 : 0;
  }
  for (const dmar_rmrr_unit& rmrr : drv.dmar_rmrr_units) count += rmrr.devices.empty() ? 1 : 2;
  for (const dmar_atsr_unit& atsr : drv.dmar_atsr_units) count += atsr.devices.empty() ? 1 : 2;
  if (!drv.g_iommus.empty()) count += 2;  // with the deferred flushes
  {
    const spin_guard guard(drv.iova_mem.iova_cache_mutex);
    if (drv.iova_mem.iova_cache_users != 0) ++count;
  }
  count += nodes(*drv.reserved_iova_list);
  for (v4_4::dmar_domain* domain : domains()) count += 1 + nodes(domain->iovad);
  const spin_guard guard(drv.device_domain_lock);
  return count + static_cast<int64_t>(drv.device_domains.size());
}

void system::expect_nothing_leaked() {
  EXPECT_EQ(k().pages().live_pages(), reachable_pages());
  EXPECT_EQ(k().slab().live(), reachable_objects());
  EXPECT_TRUE(k().pages().diagnoses().empty());
}

}  // namespace iommulab::test::linux_4_4
