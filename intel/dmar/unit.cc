// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/unit.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "intel/dmar/table.h"
#include "intel/hw/memory.h"
#include "intel/hw/width.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab {
namespace {

constexpr uint64_t dmar_operation_timeout_ns = 10'000'000'000;
constexpr uint64_t poll_ns = 1000;

// Linux v4.4 drivers/iommu/intel-iommu.c: __iommu_calculate_agaw()
int calculate_agaw(const intel_iommu& iommu, int max_gaw) {
  int agaw = width_to_agaw(max_gaw);
  while (agaw >= 0 && !iommu.cap.supports_width_code(static_cast<unsigned>(agaw))) --agaw;
  return agaw;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_alloc_seq_id()
int dmar_alloc_seq_id(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_alloc_seq_id");
  const auto free_id = std::find(dmar.dmar_seq_ids.begin(), dmar.dmar_seq_ids.end(), false);
  if (free_id == dmar.dmar_seq_ids.end()) {
    iommu.seq_id = -1;
    return this_call.result(-1);
  }
  *free_id = true;
  iommu.seq_id = static_cast<int>(free_id - dmar.dmar_seq_ids.begin());
  iommu.name = absl::StrFormat("dmar%d", iommu.seq_id);
  return this_call.result(iommu.seq_id);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_free_seq_id()
void dmar_free_seq_id(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_free_seq_id", {"iommu", iommu});
  if (iommu.seq_id < 0) return;
  dmar.dmar_seq_ids[static_cast<size_t>(iommu.seq_id)] = false;
  iommu.seq_id = -1;
}

// Linux v4.4 drivers/iommu/dmar.c: unmap_iommu()
void unmap_iommu(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "unmap_iommu", {"iommu", iommu});
  iommu.reg = iomem();
  dmar.host.iomem.release(iommu.reg_phys, iommu.reg_size);
}

// The claim and the mapping of map_iommu(), for one size.
int claim_registers(dmar_state& dmar, intel_iommu& iommu, uint64_t size, size_t table_offset) {
  iommu.reg_size = size;
  if (!dmar.host.iomem.request(iommu.reg_phys, size, iommu.name)) {
    dmar.pr.err("Can't reserve memory");
    dmar_report(dmar, table_refusal::drhd_window_taken, table_offset, iommu.reg_phys.value(),
                absl::StrFormat("the 0x%x bytes at register base address 0x%x are in use", size,
                                iommu.reg_phys.value()));
    return -EBUSY;
  }
  iommu.reg = iomem(dmar.host.mmio.map(iommu.reg_phys, size), dmar.trace);
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: map_iommu()
int map_iommu(dmar_state& dmar, intel_iommu& iommu, phys_addr base, uint64_t drhd_window,
              size_t table_offset) {
  IOMMULAB_CALL(dmar.trace, "map_iommu", {"iommu", iommu}, {"phys_addr", base});
  iommu.reg_phys = base;
  const uint64_t window = dmar.kernel.window_by_structure ? drhd_window : page_size;
  if (const int err = claim_registers(dmar, iommu, window, table_offset); err != 0) {
    return this_call.result(err);
  }

  iommu.cap = vtd::cap_register(iommu.reg.readq(vtd::cap_reg));
  iommu.ecap = vtd::ecap_register(iommu.reg.readq(vtd::ecap_reg));
  if (iommu.cap.value() == UINT64_MAX && iommu.ecap.value() == UINT64_MAX) {
    warn_invalid_dmar(dmar, base.value(), " returns all ones");
    dmar_report(dmar, table_refusal::drhd_reads_all_ones, table_offset, base.value(),
                absl::StrFormat("no unit answers at register base address 0x%x", base.value()));
    unmap_iommu(dmar, iommu);
    return this_call.result(-EINVAL);
  }

  // The registers may take more than one page.
  constexpr uint64_t iotlb_registers_size = 16;
  const uint64_t needed =
      std::max<uint64_t>(iommu.ecap.iotlb_offset() + iotlb_registers_size,
                         iommu.cap.fault_recording_offset() +
                             uint64_t{iommu.cap.number_of_fault_records()} * vtd::frcd_size);
  const uint64_t map_size = (needed + page_size - 1) & page_mask;
  if (map_size <= iommu.reg_size) return this_call.result(0);
  unmap_iommu(dmar, iommu);
  return this_call.result(claim_registers(dmar, iommu, map_size, table_offset));
}

}  // namespace

void iommu_flush_cache(const driver_base& drv, const intel_iommu& iommu, const void* address,
                       uint64_t size) {
  // Simulated memory is coherent: only an observer sees what clflush does.
  if (!iommu.ecap.page_walk_coherency()) observe_cache_flush(drv, address, size);
}

void iommu_wait_op(dmar_state& dmar, absl::FunctionRef<bool()> done,
                   absl::FunctionRef<void()> before_panic) {
  const uint64_t start = dmar.env.clock.now_ns();
  while (!done()) {
    if (dmar.env.clock.now_ns() - start > dmar_operation_timeout_ns) {
      before_panic();
      throw kernel_panic("DMAR hardware is malfunctioning");
    }
    dmar.env.clock.spin(poll_ns);
  }
}

int iommu_calculate_agaw(const intel_iommu& iommu) {
  return calculate_agaw(iommu, default_domain_address_width);
}

int iommu_calculate_max_sagaw(const intel_iommu& iommu) {
  constexpr int max_agaw_width = 64;
  return calculate_agaw(iommu, max_agaw_width);
}

// Linux v4.4 drivers/iommu/dmar.c: alloc_iommu()
int alloc_iommu(dmar_state& dmar, dmar_drhd_unit& drhd) {
  IOMMULAB_CALL(dmar.trace, "alloc_iommu", {"drhd", drhd});
  const size_t offset = drhd.hdr.table_offset + dmar_layout::drhd::register_base.offset;
  if (drhd.reg_base_addr.value() == 0) {
    warn_invalid_dmar(dmar, 0, "");
    dmar_report(dmar, table_refusal::drhd_base_zero, offset, 0, "register base address is 0");
    return this_call.result(-EINVAL);
  }
  kernel_ptr<intel_iommu> iommu = kernel_new<intel_iommu>(dmar);
  if (iommu == nullptr) return this_call.result(-ENOMEM);
  if (dmar_alloc_seq_id(dmar, *iommu) < 0) {
    dmar.pr.err("Failed to allocate seq_id");
    return this_call.result(-ENOSPC);
  }
  if (const int err = map_iommu(dmar, *iommu, drhd.reg_base_addr, drhd.reg_size, offset);
      err != 0) {
    dmar.pr.err("Failed to map %s", iommu->name);
    dmar_free_seq_id(dmar, *iommu);
    return this_call.result(err);
  }
  if (dmar.callbacks.find_widths) {
    dmar.callbacks.find_widths(drhd, *iommu);
  } else {
    iommu->agaw = iommu_calculate_agaw(*iommu);
    iommu->msagaw = iommu_calculate_max_sagaw(*iommu);
  }
  if (iommu->agaw < 0 && !drhd.ignored) {
    dmar.pr.err("Cannot get a valid agaw for iommu (seq_id = %d)", iommu->seq_id);
    dmar_report(dmar, table_refusal::drhd_without_address_width, offset, drhd.reg_base_addr.value(),
                absl::StrFormat("the unit at register base address 0x%x supports no address width "
                                "up to 48 bits: CAP is 0x%x",
                                drhd.reg_base_addr.value(), iommu->cap.value()));
    unmap_iommu(dmar, *iommu);
    dmar_free_seq_id(dmar, *iommu);
    return this_call.result(-EINVAL);
  }
  // "Cannot get a valid max agaw" cannot follow: what is found up to 48 bits is found up to 64.
  iommu->segment = drhd.segment;
  iommu->node = -1;

  const uint32_t ver = iommu->reg.readl(vtd::ver_reg);
  dmar.pr.info("%s: reg_base_addr %x ver %d:%d cap %x ecap %x", iommu->name,
               drhd.reg_base_addr.value(), vtd::ver::max.get(ver), vtd::ver::min.get(ver),
               iommu->cap.value(), iommu->ecap.value());

  // Reflect in gcmd what is on already.
  const uint32_t sts = iommu->reg.readl(vtd::gsts_reg);
  if (vtd::gsts::ires.test(sts)) iommu->gcmd |= vtd::gcmd::ire.mask();
  if (vtd::gsts::tes.test(sts)) iommu->gcmd |= vtd::gcmd::te.mask();
  if (vtd::gsts::qies.test(sts)) iommu->gcmd |= vtd::gcmd::qie.mask();

  if (dmar.callbacks.unit_is_added) {
    if (const int err = dmar.callbacks.unit_is_added(drhd, *iommu); err != 0) {
      unmap_iommu(dmar, *iommu);
      dmar_free_seq_id(dmar, *iommu);
      return this_call.result(err);
    }
  }
  iommu->drhd = &drhd;
  drhd.iommu = iommu.release();
  if (dmar.intel_iommu_enabled && dmar.callbacks.create_sysfs)
    dmar.callbacks.create_sysfs(*drhd.iommu);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: free_iommu()
void free_iommu(dmar_state& dmar, intel_iommu* iommu) {
  IOMMULAB_CALL(dmar.trace, "free_iommu", {"iommu", iommu});
  if (dmar.callbacks.unit_is_freed) dmar.callbacks.unit_is_freed(*iommu);
  iommu_device_destroy(dmar.host.iommu, iommu->iommu_dev);
  if (iommu->irq != 0) {
    dmar.host.irqs.free_irq(iommu->irq);
    iommu->irq = 0;
  }
  if (iommu->qi != nullptr) {
    dmar.env.tables.each(
        [&](table_observer* observer) { observer->table_page_freed(iommu->qi->desc_phys); });
    dmar.host.pages.free_pages(iommu->qi->desc_phys, iommu->qi->desc_order);
    dmar.host.pages.kfree_phys(iommu->qi->desc_status_phys);
    iommu->qi.reset();
  }
  if (iommu->reg) unmap_iommu(dmar, *iommu);
  dmar_free_seq_id(dmar, *iommu);
  kernel_delete(dmar, iommu);
}

}  // namespace iommulab
