// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/fault.h"

#include <array>
#include <cerrno>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

// Linux v4.4 drivers/iommu/dmar.c: dma_remap_fault_reasons
constexpr std::array<std::string_view, 14> dma_remap_fault_reasons = {
    "Software",
    "Present bit in root entry is clear",
    "Present bit in context entry is clear",
    "Invalid context entry",
    "Access beyond MGAW",
    "PTE Write access is not set",
    "PTE Read access is not set",
    "Next page table ptr is invalid",
    "Root table address invalid",
    "Context table ptr is invalid",
    "non-zero reserved fields in RTP",
    "non-zero reserved fields in CTP",
    "non-zero reserved fields in PTE",
    "PCE for translation request specifies blocking",
};

// Linux v4.4 drivers/iommu/dmar.c: irq_remap_fault_reasons, from reason 20h
constexpr std::array<std::string_view, 7> irq_remap_fault_reasons = {
    "Detected reserved fields in the decoded interrupt-remapped request",
    "Interrupt index exceeded the interrupt-remapping table size",
    "Present field in the IRTE entry is clear",
    "Error accessing interrupt-remapping table pointed by IRTA_REG",
    "Detected reserved fields in the IRTE entry",
    "Blocked a compatibility format interrupt request",
    "Blocked an interrupt request due to source-id verification failure",
};
constexpr uint8_t first_irq_reason = 0x20;

// Linux v4.4 drivers/iommu/dmar.c: dmar_msi_write(), the message of the fault event
void dmar_msi_write(dmar_state& dmar, intel_iommu& iommu, msi_message message) {
  IOMMULAB_CALL(dmar.trace, "dmar_msi_write", {"irq", iommu.irq}, {"address", message.address},
                {"data", message.data});
  spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
  iommu.reg.writel(message.data, vtd::fedata_reg);
  iommu.reg.writel(static_cast<uint32_t>(message.address), vtd::feaddr_reg);
  iommu.reg.writel(static_cast<uint32_t>(message.address >> 32), vtd::feuaddr_reg);
}

// Linux v4.4 arch/x86/kernel/apic/msi.c: dmar_msi_write_msg()
void dmar_msi_write_msg(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_msi_write_msg", {"irq", iommu.irq});
  dmar_msi_write(dmar, iommu, dmar.host.irqs.compose_msi_msg(iommu.irq));
}

// Linux v4.4 arch/x86/kernel/apic/msi.c: dmar_msi_get_hwirq(). The number within the interrupt
// domain is the unit's, which is known here.
void dmar_msi_get_hwirq(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_msi_get_hwirq");
}

// Linux v4.4 arch/x86/kernel/apic/msi.c: dmar_msi_init(). The handler's data are the unit's
// pointer, which is known here.
void dmar_msi_init(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_msi_init");
}

// Linux v4.4 arch/x86/kernel/apic/msi.c: dmar_alloc_hwirq()
int dmar_alloc_hwirq(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_alloc_hwirq");
  const int irq = dmar.host.irqs.alloc_irq();
  if (irq <= 0) return this_call.result(irq);
  dmar_msi_get_hwirq(dmar);
  dmar_msi_init(dmar);
  return this_call.result(irq);
}

// request_irq(): the interrupt is activated (its message written), started (unmasked), and given
// its affinity, which writes the message again.
void request_fault_irq(dmar_state& dmar, intel_iommu& iommu) {
  dmar.host.irqs.request_irq(iommu.irq, [&dmar, &iommu] { dmar_fault(dmar, iommu); });
  dmar_msi_write_msg(dmar, iommu);
  dmar_msi_unmask(dmar, iommu);
  dmar_msi_write_msg(dmar, iommu);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_fault_do_one()
void dmar_fault_do_one(dmar_state& dmar, bool is_read, uint8_t fault_reason, uint16_t source,
                       uint64_t addr) {
  IOMMULAB_CALL(dmar.trace, "dmar_fault_do_one", {"type", is_read}, {"fault_reason", fault_reason},
                {"source_id", source}, {"addr", addr});
  fault_type type = fault_type::unknown;
  const std::string_view reason = dmar_get_fault_reason(dmar, fault_reason, type);
  const source_id id = source_id::from_requester_id(0, source);
  if (type == fault_type::intr_remap) {
    dmar.pr.err(
        "INTR-REMAP: Request device [[%02x:%02x.%d] fault index %x\n"
        "INTR-REMAP:[fault reason %02d] %s",
        id.bus, id.device(), id.function(), addr >> 48, fault_reason, reason);
    return;
  }
  dmar.pr.err(
      "DMAR:[%s] Request device [%02x:%02x.%d] fault addr %x \n"
      "DMAR:[fault reason %02d] %s",
      is_read ? "DMA Read" : "DMA Write", id.bus, id.device(), id.function(), addr, fault_reason,
      reason);
}

}  // namespace

std::string_view fault_reason_words(uint8_t fault_reason) {
  const size_t irq_index = static_cast<size_t>(fault_reason) - first_irq_reason;
  if (irq_index < irq_remap_fault_reasons.size()) return irq_remap_fault_reasons[irq_index];
  if (fault_reason < dma_remap_fault_reasons.size()) return dma_remap_fault_reasons[fault_reason];
  return "Unknown";
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_get_fault_reason()
std::string_view dmar_get_fault_reason(dmar_state& dmar, uint8_t fault_reason, fault_type& type) {
  IOMMULAB_CALL(dmar.trace, "dmar_get_fault_reason", {"fault_reason", fault_reason});
  const size_t irq_index = static_cast<size_t>(fault_reason) - first_irq_reason;
  if (irq_index < irq_remap_fault_reasons.size()) {
    type = fault_type::intr_remap;
  } else if (fault_reason < dma_remap_fault_reasons.size()) {
    type = fault_type::dma_remap;
  } else {
    type = fault_type::unknown;
  }
  return this_call.result(fault_reason_words(fault_reason));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_msi_unmask(), for the fault event
void dmar_msi_unmask(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_msi_unmask", {"irq", iommu.irq});
  spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
  iommu.reg.writel(0, vtd::fectl_reg);
  (void)iommu.reg.readl(vtd::fectl_reg);  // flushes the posted write
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_msi_mask(), for the fault event
void dmar_msi_mask(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_msi_mask", {"irq", iommu.irq});
  spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
  iommu.reg.writel(vtd::fectl::im.mask(), vtd::fectl_reg);
  (void)iommu.reg.readl(vtd::fectl_reg);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_fault()
void dmar_fault(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_fault", {"irq", iommu.irq}, {"dev_id", iommu});
  uint32_t fault_status = 0;
  {
    spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
    fault_status = iommu.reg.readl(vtd::fsts_reg);
  }
  if (fault_status != 0) dmar.pr.err("DRHD: handling fault status reg %x", fault_status);
  if (!vtd::fsts::ppf.test(fault_status)) return;

  uint32_t fault_index = vtd::fsts::fri.get(fault_status);
  const uint32_t records = iommu.cap.fault_recording_offset();
  constexpr uint32_t high_bits = 32;
  while (true) {
    const uint32_t record = records + fault_index * vtd::frcd_size;
    uint64_t high = 0;
    uint64_t guest_addr = 0;
    {
      spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
      high = uint64_t{iommu.reg.readl(record + 12)} << high_bits;
      if (!vtd::frcd_high::f.test(high)) break;
      high |= iommu.reg.readl(record + 8);
      guest_addr = iommu.reg.readq(record) & vtd::frcd_low::fi.mask();
      iommu.reg.writel(static_cast<uint32_t>(vtd::frcd_high::f.mask() >> high_bits), record + 12);
    }
    dmar_fault_do_one(dmar, vtd::frcd_high::t1.test(high),
                      static_cast<uint8_t>(vtd::frcd_high::fr.get(high)),
                      static_cast<uint16_t>(vtd::frcd_high::sid.get(high)), guest_addr);
    if (++fault_index >= iommu.cap.number_of_fault_records()) fault_index = 0;
  }
  spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
  iommu.reg.writel(vtd::fsts::pfo.mask() | vtd::fsts::ppf.mask(), vtd::fsts_reg);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_set_interrupt()
int dmar_set_interrupt(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_set_interrupt", {"iommu", iommu});
  if (iommu.irq != 0) return this_call.result(0);
  const int irq = dmar_alloc_hwirq(dmar);
  if (irq <= 0) {
    dmar.pr.err("No free IRQ vectors");
    return this_call.result(-EINVAL);
  }
  iommu.irq = irq;
  request_fault_irq(dmar, iommu);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: enable_drhd_fault_handling()
int enable_drhd_fault_handling(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "enable_drhd_fault_handling");
  for (dmar_drhd_unit& drhd : dmar.dmar_drhd_units) {
    intel_iommu& iommu = *drhd.iommu;
    if (const int ret = dmar_set_interrupt(dmar, iommu); ret != 0) {
      dmar.pr.err("DRHD %x: failed to enable fault, interrupt, ret %d", drhd.reg_base_addr.value(),
                  ret);
      return this_call.result(-1);
    }
    dmar_fault(dmar, iommu);
    const uint32_t fault_status = iommu.reg.readl(vtd::fsts_reg);
    iommu.reg.writel(fault_status, vtd::fsts_reg);
  }
  return this_call.result(0);
}

}  // namespace iommulab
