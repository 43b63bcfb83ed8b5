// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/registers.h"

#include <cerrno>

#include "absl/strings/str_format.h"
#include "intel/dmar/unit.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/queue.h"
#include "intel/v6_12/release.h"

namespace iommulab::v6_12 {
namespace {

// Writes a command on top of the bits that stay set and waits for a status.
void command(intel_driver& drv, intel_iommu& iommu, uint32_t bits, vtd::field32 status, bool set) {
  iommu.reg.writel(iommu.gcmd | bits, vtd::gcmd_reg);
  iommu_wait_op(drv, [&] { return status.test(iommu.reg.readl(vtd::gsts_reg)) == set; });
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_alloc_root_entry()
int iommu_alloc_root_entry(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_alloc_root_entry", {"iommu", iommu});
  const table_page root = iommu_alloc_page_node(drv, iommu.node);
  if (!root) {
    drv.pr.err("Allocating root entry for %s failed", iommu.name);
    return this_call.result(-ENOMEM);
  }
  iommu_flush_cache(drv, iommu, root.address, page_size);
  iommu.root_entry_phys = root.phys;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_set_root_entry()
void iommu_set_root_entry(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_set_root_entry", {"iommu", iommu});
  uint64_t addr = iommu.root_entry_phys.value();
  const bool scalable = sm_supported(drv, iommu);
  if (scalable) addr |= vtd::rtaddr::ttm.make(static_cast<uint64_t>(vtd::table_mode::scalable));
  {
    spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
    iommu.reg.writeq(addr, vtd::rtaddr_reg);
    command(drv, iommu, vtd::gcmd::srtp.mask(), vtd::gsts::rtps, true);
  }
  if (iommu.cap.enhanced_set_root_table()) return;
  iommu.flush.flush_context(drv, iommu, domain_id(0), 0, 0, vtd::context_granularity::global);
  if (scalable) qi_flush_pasid_cache(drv, iommu, 0, vtd::pasid_cache_granularity::global, 0);
  iommu.flush.flush_iotlb(drv, iommu, domain_id(0), 0, 0, vtd::iotlb_granularity::global);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_flush_write_buffer()
void iommu_flush_write_buffer(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_flush_write_buffer", {"iommu", iommu});
  if (!drv.rwbf_quirk && !iommu.cap.required_write_buffer_flush()) return;
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  command(drv, iommu, vtd::gcmd::wbf.mask(), vtd::gsts::wbfs, false);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_enable_translation()
void iommu_enable_translation(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_enable_translation", {"iommu", iommu});
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  iommu.gcmd |= vtd::gcmd::te.mask();
  command(drv, iommu, 0, vtd::gsts::tes, true);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_disable_translation()
void iommu_disable_translation(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "iommu_disable_translation", {"iommu", iommu});
  // Some integrated graphics hang when the unit that is theirs alone goes off.
  if (drv.iommu_skip_te_disable && iommu.drhd->gfx_dedicated &&
      (iommu.cap.read_drain() || iommu.cap.write_drain())) {
    return;
  }
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  iommu.gcmd &= ~vtd::gcmd::te.mask();
  command(drv, iommu, 0, vtd::gsts::tes, false);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: iommu_disable_protect_mem_regions()
void iommu_disable_protect_mem_regions(intel_driver& drv, intel_iommu& iommu) {
  const bool has_regions = iommu.cap.protected_low_memory() || iommu.cap.protected_high_memory();
  if (!has_regions && drv.release.looks_for_protected_regions_first()) return;
  IOMMULAB_CALL(drv.trace, "iommu_disable_protect_mem_regions", {"iommu", iommu});
  if (!has_regions) return;
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  const uint32_t pmen = iommu.reg.readl(vtd::pmen_reg) & ~vtd::pmen::epm.mask();
  iommu.reg.writel(pmen, vtd::pmen_reg);
  iommu_wait_op(drv, [&] { return !vtd::pmen::prs.test(iommu.reg.readl(vtd::pmen_reg)); });
}

// Linux v6.12 drivers/iommu/intel/iommu.c: init_translation_status(), a part of its caller there
void init_translation_status(intel_iommu& iommu) {
  const uint32_t gsts = iommu.reg.readl(vtd::gsts_reg);
  if (vtd::gsts::tes.test(gsts)) iommu.trans_pre_enabled = true;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: __iommu_flush_context()
void iommu_flush_context_reg(dmar_state& dmar, intel_iommu& iommu, domain_id did,
                             uint16_t source_id, uint8_t function_mask,
                             vtd::context_granularity type) {
  IOMMULAB_CALL(dmar.trace, "__iommu_flush_context", {"iommu", iommu}, {"did", did},
                {"source_id", source_id}, {"function_mask", function_mask}, {"type", type});
  uint64_t val = vtd::ccmd::icc.mask() | vtd::ccmd::cirg.make(static_cast<uint64_t>(type));
  switch (type) {
    case vtd::context_granularity::global:
      break;
    case vtd::context_granularity::domain:
      val |= vtd::ccmd::did.make(did.value());
      break;
    case vtd::context_granularity::device:
      val |= vtd::ccmd::did.make(did.value()) | vtd::ccmd::sid.make(source_id) |
             vtd::ccmd::fm.make(function_mask);
      break;
    case vtd::context_granularity::none:
      dmar.pr.warn("%s: Unexpected context-cache invalidation type 0x0", iommu.name);
      return;
  }
  spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
  iommu.reg.writeq(val, vtd::ccmd_reg);
  iommu_wait_op(dmar, [&] { return !vtd::ccmd::icc.test(iommu.reg.readq(vtd::ccmd_reg)); });
}

// Linux v6.12 drivers/iommu/intel/iommu.c: __iommu_flush_iotlb()
void iommu_flush_iotlb_reg(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint64_t addr,
                           unsigned size_order, vtd::iotlb_granularity type) {
  IOMMULAB_CALL(dmar.trace, "__iommu_flush_iotlb", {"iommu", iommu}, {"did", did}, {"addr", addr},
                {"size_order", size_order}, {"type", type});
  const uint32_t tlb_offset = iommu.ecap.iotlb_offset();
  uint64_t val = vtd::iotlb::ivt.mask() | vtd::iotlb::iirg.make(static_cast<uint64_t>(type));
  uint64_t val_iva = 0;
  switch (type) {
    case vtd::iotlb_granularity::global:
      break;
    case vtd::iotlb_granularity::page:
      val_iva = size_order | addr;
      [[fallthrough]];
    case vtd::iotlb_granularity::domain:
      val |= vtd::iotlb::did.make(did.value());
      break;
    case vtd::iotlb_granularity::none:
      dmar.pr.warn("%s: Unexpected iotlb invalidation type 0x0", iommu.name);
      return;
  }
  if (iommu.cap.write_drain()) val |= vtd::iotlb::dw.mask();

  {
    spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
    if (val_iva != 0) iommu.reg.writeq(val_iva, tlb_offset + vtd::iva_reg_relative);
    iommu.reg.writeq(val, tlb_offset + vtd::iotlb_reg_relative);
    iommu_wait_op(dmar, [&] {
      val = iommu.reg.readq(tlb_offset + vtd::iotlb_reg_relative);
      return !vtd::iotlb::ivt.test(val);
    });
  }
  const uint64_t performed = vtd::iotlb::iaig.get(val);
  if (performed == 0) dmar.pr.err("Flush IOTLB failed");
  if (performed != static_cast<uint64_t>(type)) {
    dmar.pr.debug("TLB flush request %x, actual %x", static_cast<uint64_t>(type), performed);
  }
}

}  // namespace iommulab::v6_12
