// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/kdump.h"

#include <array>
#include <cerrno>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/v4_4/divergence.h"
#include "intel/dmar/unit.h"
#include "intel/hw/memory.h"
#include "intel/hw/publish.h"
#include "intel/v4_4/context_entry.h"

namespace iommulab::v4_4 {
namespace {

constexpr size_t context_entries = vtd::context_entries_per_table;
constexpr size_t halves = 2;  // lower and upper context table of a bus

using copied_tables = std::vector<std::array<phys_addr, halves>>;

/// Copies the present entries of one old context table into `out`, marked as copied. Every domain
/// id that is found is taken.
void copy_entries(intel_driver& drv, intel_iommu& iommu, const vtd::context_entry* old_table,
                  bool extended, vtd::context_entry* out) {
  const size_t step = extended ? 2 : 1;
  for (size_t i = 0; i < context_entries; i += step) {
    vtd::context_entry entry = old_table[i];
    if (!entry.present()) continue;
    const uint16_t did = entry.domain().value();
    if (did < iommu.cap.number_of_domains()) {
      domains_of(drv, iommu).domain_ids.take(did);
    }
    // The mark's place is the PGE bit of an extended entry, free once PASIDs are off.
    context_clear_pasid_enable(entry);
    context_set_copied(entry);
    store_word(drv, table_kind::context, out[i].hi, entry.hi);
    store_word(drv, table_kind::context, out[i].lo, entry.lo);
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: copy_context_table(), for one bus
int copy_context_table(intel_driver& drv, intel_iommu& iommu, const vtd::root_entry& old_root,
                       bool extended, std::array<phys_addr, halves>& out) {
  IOMMULAB_CALL(drv.trace, "copy_context_table", {"iommu", iommu}, {"old_re", old_root.lo},
                {"ext", extended});
  const std::array<uint64_t, halves> roots = {old_root.lo, extended ? old_root.hi : 0};
  for (size_t half = 0; half < halves; ++half) {
    if (!vtd::root_entry::p.test(roots[half])) continue;
    const phys_addr old_phys(roots[half] & vtd::root_entry::ctp.mask());
    const auto* old_table =
        drv.host.memory.object_at<vtd::context_entry>(old_phys, context_entries);
    if (old_table == nullptr) return this_call.result(-ENOMEM);  // memremap() fails
    const table_page page = alloc_pgtable_page(drv, iommu.node);
    if (!page) return this_call.result(-ENOMEM);
    copy_entries(drv, iommu, old_table, extended, table_at<vtd::context_entry>(drv, page.phys));
    iommu_flush_cache(drv, iommu, page.address, page_size);
    out[half] = page.phys;
  }
  return this_call.result(0);
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: copy_translation_tables()
int copy_translation_tables(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "copy_translation_tables", {"iommu", iommu});
  const uint64_t rtaddr = iommu.reg.readq(vtd::rtaddr_reg);
  const bool extended = vtd::rtaddr::rtt.test(rtaddr);
  // The kind of table can change only with translation off, which would open a window.
  if (iommu.ecap.extended_context() != extended) return this_call.result(-EINVAL);
  const phys_addr old_phys(rtaddr & page_mask);
  if (old_phys.value() == 0) return this_call.result(-EINVAL);
  const auto* old_table =
      drv.host.memory.object_at<vtd::root_entry>(old_phys, vtd::root_entries_per_table);
  if (old_table == nullptr) return this_call.result(-ENOMEM);
  const slab_token memory(drv.host.slab);  // ctxt_tbls
  if (!memory) return this_call.result(-ENOMEM);

  copied_tables tables(vtd::root_entries_per_table);
  for (size_t bus = 0; bus < tables.size(); ++bus) {
    if (copy_context_table(drv, iommu, old_table[bus], extended, tables[bus]) != 0) {
      drv.pr.err("%s: Failed to copy context table for bus %d", iommu.name, bus);
    }
  }
  {
    spin_lock_irqsave lock(drv.host.interrupts, iommu.lock);
    auto* roots = table_at<vtd::root_entry>(drv, iommu.root_entry_phys);
    for (size_t bus = 0; bus < tables.size(); ++bus) {
      const auto& [lower, upper] = tables[bus];
      vtd::root_entry linked = roots[bus];
      if (lower != phys_addr()) linked.lo = lower.value() | vtd::root_entry::p.mask();
      if (upper != phys_addr()) linked.hi = upper.value() | vtd::root_entry::p.mask();
      if (lower == phys_addr() && upper != phys_addr()) {
        report(drv.env, divergence::upper_context_table_alone, absl::StrFormat("bus %d", bus));
      }
      publish(drv, &roots[bus], linked);
    }
  }
  iommu_flush_cache(drv, iommu, table_at<vtd::root_entry>(drv, iommu.root_entry_phys), page_size);
  return this_call.result(0);
}

}  // namespace iommulab::v4_4
