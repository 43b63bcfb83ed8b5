// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/kdump.h"

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "intel/dmar/unit.h"
#include "intel/hw/publish.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/context.h"
#include "intel/v6_12/pages.h"

namespace iommulab::v6_12 {
namespace {

constexpr size_t table_halves = 2;  // lower and upper context table of a bus, in scalable mode
constexpr size_t entries_of_table = vtd::context_entries_per_table;

using copied_pair = std::array<phys_addr, table_halves>;

/// Copies the present entries of one old context table; every domain id that is found is taken.
void copy_present_entries(intel_driver& drv, intel_iommu& iommu, uint8_t bus, uint8_t first_devfn,
                          size_t step, const vtd::context_entry* old_table,
                          vtd::context_entry* out) {
  for (size_t i = 0; i < entries_of_table; i += step) {
    const vtd::context_entry entry = old_table[i];
    if (!entry.present()) continue;
    const uint16_t did = entry.domain().value();
    if (did < iommu.cap.number_of_domains()) state_of(drv, iommu).domain_ids.take(did);
    set_context_copied(drv, iommu, bus, static_cast<uint8_t>(first_devfn + i / step));
    store_word(drv, context_kind(drv, iommu), out[i].hi, entry.hi);
    store_word(drv, context_kind(drv, iommu), out[i].lo, entry.lo);
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: copy_context_table(), for one bus, a part of its caller
// there
int copy_context_table(intel_driver& drv, intel_iommu& iommu, uint8_t bus,
                       const vtd::root_entry& old_root, bool scalable, copied_pair& out) {
  const std::array<uint64_t, table_halves> roots = {old_root.lo, scalable ? old_root.hi : 0};
  const size_t step = scalable ? 2 : 1;
  for (size_t half = 0; half < table_halves; ++half) {
    if (!vtd::root_entry::p.test(roots[half])) continue;
    const phys_addr old_phys(roots[half] & vtd::root_entry::ctp.mask());
    if (old_phys == phys_addr()) continue;  // root_entry_lctp() gives 0 for no table, too
    const auto* old_table =
        drv.host.memory.object_at<vtd::context_entry>(old_phys, entries_of_table);
    if (old_table == nullptr) return -ENOMEM;  // memremap() fails
    const table_page page = iommu_alloc_page_node(drv, iommu.node);
    if (!page) return -ENOMEM;
    constexpr uint8_t devices_of_half = 0x80;
    copy_present_entries(drv, iommu, bus, static_cast<uint8_t>(half * devices_of_half), step,
                         old_table, table_at<vtd::context_entry>(drv, page.phys));
    iommu_flush_cache(drv, iommu, page.address, page_size);
    out[half] = page.phys;
  }
  return 0;
}

}  // namespace

int copy_translation_tables(intel_driver& drv, intel_iommu& iommu) {
  const uint64_t rtaddr = iommu.reg.readq(vtd::rtaddr_reg);
  // DMA_RTADDR_SMT: bit 10.
  const bool scalable =
      (vtd::rtaddr::ttm.get(rtaddr) & static_cast<uint64_t>(vtd::table_mode::scalable)) != 0;
  // The kind of table can change only with translation off, which would open a window.
  if (sm_supported(drv, iommu) != scalable) return -EINVAL;
  slab_token bitmap(drv.host.slab);
  if (!bitmap) return -ENOMEM;
  auto copied = std::make_unique<copied_context_tables>();
  copied->memory = std::move(bitmap);
  state_of(drv, iommu).copied_tables = std::move(copied);

  const phys_addr old_phys(rtaddr & page_mask);
  if (old_phys.value() == 0) return -EINVAL;
  const auto* old_table =
      drv.host.memory.object_at<vtd::root_entry>(old_phys, vtd::root_entries_per_table);
  if (old_table == nullptr) return -ENOMEM;
  const slab_token memory(drv.host.slab);  // ctxt_tbls
  if (!memory) return -ENOMEM;
  std::vector<copied_pair> tables(vtd::root_entries_per_table);
  for (size_t bus = 0; bus < tables.size(); ++bus) {
    if (copy_context_table(drv, iommu, static_cast<uint8_t>(bus), old_table[bus], scalable,
                           tables[bus]) != 0) {
      drv.pr.err("%s: Failed to copy context table for bus %d", iommu.name, bus);
    }
  }
  {
    const spin_guard lock(iommu.lock);
    auto* roots = table_at<vtd::root_entry>(drv, iommu.root_entry_phys);
    for (size_t bus = 0; bus < tables.size(); ++bus) {
      const auto& [lower, upper] = tables[bus];
      vtd::root_entry linked = roots[bus];
      if (lower != phys_addr()) linked.lo = lower.value() | vtd::root_entry::p.mask();
      if (upper != phys_addr()) linked.hi = upper.value() | vtd::root_entry::p.mask();
      publish(drv, root_kind(drv, iommu), &roots[bus], linked, [](const void*, size_t) {});
    }
  }
  iommu_flush_cache(drv, iommu, table_at<vtd::root_entry>(drv, iommu.root_entry_phys), page_size);
  return 0;
}

}  // namespace iommulab::v6_12
