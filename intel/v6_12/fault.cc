// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/fault.h"

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "intel/dmar/fault.h"

namespace iommulab::v6_12 {
namespace {

/// Words for a fault reason of scalable mode. Linux v6.12 drivers/iommu/intel/dmar.c:
/// dma_remap_sm_fault_reasons, a table with holes.
struct reason_words {
  uint8_t reason;
  std::string_view words;
};
constexpr std::array<reason_words, 46> scalable_reasons = {{
    {0x30, "SM: Invalid Root Table Address"},
    {0x31, "SM: TTM 0 for request with PASID"},
    {0x32, "SM: TTM 0 for page group request"},
    {0x38, "SM: Error attempting to access Root Entry"},
    {0x39, "SM: Present bit in Root Entry is clear"},
    {0x3a, "SM: Non-zero reserved field set in Root Entry"},
    {0x40, "SM: Error attempting to access Context Entry"},
    {0x41, "SM: Present bit in Context Entry is clear"},
    {0x42, "SM: Non-zero reserved field set in the Context Entry"},
    {0x43, "SM: Invalid Context Entry"},
    {0x44, "SM: DTE field in Context Entry is clear"},
    {0x45, "SM: PASID Enable field in Context Entry is clear"},
    {0x46, "SM: PASID is larger than the max in Context Entry"},
    {0x47, "SM: PRE field in Context-Entry is clear"},
    {0x48, "SM: RID_PASID field error in Context-Entry"},
    {0x50, "SM: Error attempting to access the PASID Directory Entry"},
    {0x51, "SM: Present bit in Directory Entry is clear"},
    {0x52, "SM: Non-zero reserved field set in PASID Directory Entry"},
    {0x58, "SM: Error attempting to access PASID Table Entry"},
    {0x59, "SM: Present bit in PASID Table Entry is clear"},
    {0x5a, "SM: Non-zero reserved field set in PASID Table Entry"},
    {0x5b, "SM: Invalid Scalable-Mode PASID Table Entry"},
    {0x5c, "SM: ERE field is clear in PASID Table Entry"},
    {0x5d, "SM: SRE field is clear in PASID Table Entry"},
    {0x70, "SM: Error attempting to access first-level paging entry"},
    {0x71, "SM: Present bit in first-level paging entry is clear"},
    {0x72, "SM: Non-zero reserved field set in first-level paging entry"},
    {0x73, "SM: Error attempting to access FL-PML4 entry"},
    {0x74, "SM: First-level entry address beyond MGAW in Nested translation"},
    {0x75, "SM: Read permission error in FL-PML4 entry in Nested translation"},
    {0x76, "SM: Read permission error in first-level paging entry in Nested translation"},
    {0x77, "SM: Write permission error in first-level paging entry in Nested translation"},
    {0x78, "SM: Error attempting to access second-level paging entry"},
    {0x79, "SM: Read/Write permission error in second-level paging entry"},
    {0x7a, "SM: Non-zero reserved field set in second-level paging entry"},
    {0x7b, "SM: Invalid second-level page table pointer"},
    {0x7c, "SM: A/D bit update needed in second-level entry when set up in no snoop"},
    {0x80, "SM: Address in first-level translation is not canonical"},
    {0x81, "SM: U/S set 0 for first-level translation with user privilege"},
    {0x82, "SM: No execute permission for request with PASID and ER=1"},
    {0x83, "SM: Address beyond the DMA hardware max"},
    {0x84, "SM: Second-level entry address beyond the max"},
    {0x85, "SM: No write permission for Write/AtomicOp request"},
    {0x86, "SM: No read permission for Read/AtomicOp request"},
    {0x87, "SM: Invalid address-interrupt address"},
    {0x90, "SM: A/D bit update needed in first-level entry when set up in no snoop"},
}};

constexpr uint8_t first_irq_reason = 0x20;
constexpr uint8_t last_irq_reason = 0x26;
bool is_of_interrupt_remapping(uint8_t reason) {
  return reason >= first_irq_reason && reason <= last_irq_reason;
}

/// What one fault record says.
struct fault_record {
  bool is_read = false;
  uint8_t reason = 0;
  uint16_t source = 0;
  uint64_t address = 0;
  std::optional<uint32_t> pasid;
};

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_fault_do_one(). dmar_fault_dump_ptes() is there with
// CONFIG_DMAR_DEBUG alone.
void tell_fault(intel_driver& drv, const fault_record& fault) {
  const source_id id = source_id::from_requester_id(0, fault.source);
  const std::string_view words = dmar_get_fault_reason(fault.reason);
  if (is_of_interrupt_remapping(fault.reason)) {
    drv.pr.err(
        "[INTR-REMAP] Request device [%02x:%02x.%d] fault index 0x%x [fault reason 0x%02x] %s",
        id.bus, id.device(), id.function(), fault.address >> 48, fault.reason, words);
    return;
  }
  const std::string pasid =
      fault.pasid ? absl::StrFormat("PASID 0x%x", *fault.pasid) : std::string("NO_PASID");
  drv.pr.err("[%s %s] Request device [%02x:%02x.%d] fault addr 0x%x [fault reason 0x%02x] %s",
             fault.is_read ? "DMA Read" : "DMA Write", pasid, id.bus, id.device(), id.function(),
             fault.address, fault.reason, words);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_msi_write(), the message of the fault event
void dmar_msi_write(intel_driver& drv, intel_iommu& iommu, msi_message message) {
  IOMMULAB_CALL(drv.trace, "dmar_msi_write", {"irq", iommu.irq}, {"address", message.address},
                {"data", message.data});
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  iommu.reg.writel(message.data, vtd::fedata_reg);
  iommu.reg.writel(static_cast<uint32_t>(message.address), vtd::feaddr_reg);
  iommu.reg.writel(static_cast<uint32_t>(message.address >> 32), vtd::feuaddr_reg);
}

// Linux v6.12 arch/x86/kernel/apic/msi.c: dmar_msi_compose_msg()
msi_message dmar_msi_compose_msg(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "dmar_msi_compose_msg", {"irq", iommu.irq});
  const msi_message message = drv.host.irqs.compose_msi_msg(iommu.irq);
  return this_call.result(message, message.address);
}

// Linux v6.12 kernel/irq/chip.c: irq_chip_compose_msi_msg()
msi_message irq_chip_compose_msi_msg(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "irq_chip_compose_msi_msg", {"irq", iommu.irq});
  const msi_message message = dmar_msi_compose_msg(drv, iommu);
  return this_call.result(message, message.address);
}

// Linux v6.12 arch/x86/kernel/apic/msi.c: dmar_msi_write_msg()
void dmar_msi_write_msg(intel_driver& drv, intel_iommu& iommu, const msi_message& message) {
  IOMMULAB_CALL(drv.trace, "dmar_msi_write_msg", {"irq", iommu.irq});
  dmar_msi_write(drv, iommu, message);
}

// Linux v6.12 kernel/irq/msi.c: msi_domain_activate()
void msi_domain_activate(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "msi_domain_activate", {"irq", iommu.irq});
  dmar_msi_write_msg(drv, iommu, irq_chip_compose_msi_msg(drv, iommu));
}

// Linux v6.12 kernel/irq/msi.c: msi_domain_set_affinity()
void msi_domain_set_affinity(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "msi_domain_set_affinity", {"irq", iommu.irq});
  dmar_msi_write_msg(drv, iommu, irq_chip_compose_msi_msg(drv, iommu));
}

// Linux v6.12 kernel/irq/msi.c: msi_domain_ops_get_hwirq(). The number within the interrupt domain
// is the unit's, which is known here.
void msi_domain_ops_get_hwirq(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "msi_domain_ops_get_hwirq");
}

// Linux v6.12 arch/x86/kernel/apic/msi.c: dmar_msi_init(). The handler's data are the unit's
// pointer, which is known here.
void dmar_msi_init(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "dmar_msi_init");
}

// Linux v6.12 arch/x86/kernel/apic/msi.c: dmar_alloc_hwirq()
int dmar_alloc_hwirq(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "dmar_alloc_hwirq");
  const int irq = drv.host.irqs.alloc_irq();
  if (irq <= 0) return this_call.result(irq);
  msi_domain_ops_get_hwirq(drv);
  dmar_msi_init(drv);
  return this_call.result(irq);
}

// Linux v6.12 kernel/irq/manage.c: request_irq(). The interrupt is activated, which writes its
// message; then it gets its affinity, which writes it again; then it is unmasked.
void request_fault_irq(intel_driver& drv, intel_iommu& iommu) {
  drv.host.irqs.request_irq(iommu.irq, [&drv, &iommu] { dmar_fault(drv, iommu); });
  msi_domain_activate(drv, iommu);
  msi_domain_set_affinity(drv, iommu);
  dmar_msi_unmask(drv, iommu);
}

/// Writes FECTL, and reads it to flush the posted write.
void write_fault_control(intel_driver& drv, intel_iommu& iommu, uint32_t value) {
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  iommu.reg.writel(value, vtd::fectl_reg);
  (void)iommu.reg.readl(vtd::fectl_reg);
}

constexpr unsigned high_half_shift = 32;
constexpr vtd::field32 fsts_pro{7};  // page request overflow

/// One record is read, unless so many were told that this one is only cleared; nothing when there
/// is none.
bool take_record(intel_driver& drv, intel_iommu& iommu, uint32_t at, bool is_told,
                 std::optional<fault_record>& fault) {
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  uint64_t high = uint64_t{iommu.reg.readl(at + 12)} << high_half_shift;
  if (!vtd::frcd_high::f.test(high)) return false;
  if (is_told) {
    high |= iommu.reg.readl(at + 8);
    const uint64_t low = iommu.reg.readq(at);
    fault.emplace();
    fault->is_read = vtd::frcd_high::t1.test(high);
    fault->reason = static_cast<uint8_t>(vtd::frcd_high::fr.get(high));
    fault->source = static_cast<uint16_t>(vtd::frcd_high::sid.get(high));
    fault->address = low & vtd::frcd_low::fi.mask();
    if (vtd::frcd_high::pp.test(high)) {
      fault->pasid = static_cast<uint32_t>(vtd::frcd_high::pv.get(high));
    }
  }
  iommu.reg.writel(static_cast<uint32_t>(vtd::frcd_high::f.mask() >> high_half_shift), at + 12);
  return true;
}

}  // namespace

std::string_view dmar_get_fault_reason(uint8_t fault_reason) {
  for (const reason_words& known : scalable_reasons) {
    if (known.reason == fault_reason) return known.words;
  }
  return fault_reason_words(fault_reason);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_msi_unmask(), for the fault event
void dmar_msi_unmask(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "dmar_msi_unmask", {"irq", iommu.irq});
  write_fault_control(drv, iommu, 0);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_msi_mask(), for the fault event
void dmar_msi_mask(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "dmar_msi_mask", {"irq", iommu.irq});
  write_fault_control(drv, iommu, vtd::fectl::im.mask());
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_fault()
void dmar_fault(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "dmar_fault", {"irq", iommu.irq}, {"dev_id", iommu});
  uint32_t fault_status = 0;
  {
    spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
    fault_status = iommu.reg.readl(vtd::fsts_reg);
  }
  if (fault_status != 0 && drv.fault_ratelimit.allows(drv.env, "dmar_fault")) {
    drv.pr.err("DRHD: handling fault status reg %x", fault_status);
  }
  if (!vtd::fsts::ppf.test(fault_status)) return;

  uint32_t fault_index = vtd::fsts::fri.get(fault_status);
  const uint32_t records = iommu.cap.fault_recording_offset();
  while (true) {
    const bool is_told = drv.fault_ratelimit.allows(drv.env, "dmar_fault");
    std::optional<fault_record> fault;
    if (!take_record(drv, iommu, records + fault_index * vtd::frcd_size, is_told, fault)) break;
    if (fault) tell_fault(drv, *fault);
    if (++fault_index >= iommu.cap.number_of_fault_records()) fault_index = 0;
  }
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  iommu.reg.writel(vtd::fsts::pfo.mask() | vtd::fsts::ppf.mask() | fsts_pro.mask(), vtd::fsts_reg);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_set_interrupt()
int dmar_set_interrupt(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "dmar_set_interrupt", {"iommu", iommu});
  if (iommu.irq != 0) return this_call.result(0);
  const int irq = dmar_alloc_hwirq(drv);
  if (irq <= 0) {
    drv.pr.err("No free IRQ vectors");
    return this_call.result(-EINVAL);
  }
  iommu.irq = irq;
  request_fault_irq(drv, iommu);
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
