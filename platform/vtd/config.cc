// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/config.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "platform/vtd/spec/registers.h"
#include "platform/vtd/spec/scalable_entries.h"

namespace iommulab {
namespace {

constexpr unsigned modelled_width_codes = 4;  // 30, 39, 48, 57
constexpr uint32_t fixed_registers_end = vtd::irta_reg + 8;
constexpr uint32_t iotlb_registers_size = 16;

bool modelled(unsigned width) {
  return width == 30 || width == 39 || width == 48 || width == 57;
}

absl::Status refuse(const vtd_config& config, std::string_view what) {
  return errno_status(EINVAL, absl::StrFormat("%s: %s", config.name, what));
}

absl::Status check_scalable(const vtd_config& config) {
  const vtd::cap_register cap = config.cap;
  const vtd::ecap_register ecap = config.ecap;
  if (!ecap.queued_invalidation()) {
    return refuse(config, "scalable mode (SMTS) needs queued invalidation (QI)");
  }
  if (!ecap.first_level() && !ecap.second_level()) {
    return refuse(config, "scalable mode (SMTS) has neither first (FLTS) nor second level (SLTS)");
  }
  if (ecap.nested_translation() && !(ecap.first_level() && ecap.second_level())) {
    return refuse(config, "nested translation (NEST) needs both levels (FLTS, SLTS)");
  }
  if (ecap.pasid() && ecap.pasid_bits() > vtd::pasid_bits_most) {
    return refuse(config, absl::StrFormat("PSS names PASIDs of %u bits", ecap.pasid_bits()));
  }
  if (cap.first_level_5_levels() && !ecap.first_level()) {
    return refuse(config, "five levels (FL5LP) of a first level that is not there (FLTS)");
  }
  return absl::OkStatus();
}

}  // namespace

vtd_config& vtd_config::add_table_width(unsigned width) {
  if (!modelled(width)) return *this;  // check() names it
  cap.set_sagaw(cap.sagaw() | vtd::sagaw_bit(width));
  cap.set_max_guest_address_width(std::max(width, cap.max_guest_address_width()));
  return *this;
}

vtd_config& vtd_config::set_only_table_width(unsigned width) {
  cap.set_sagaw(0);
  cap.set_max_guest_address_width(1);
  add_table_width(width);
  host_address_width = std::min(width, 52u);
  return *this;
}

absl::Status check(const vtd_config& config) {
  const vtd::cap_register cap = config.cap;
  const vtd::ecap_register ecap = config.ecap;

  unsigned widest = 0;
  for (unsigned code = 0; code < vtd::cap::sagaw.width(); ++code) {
    if (!cap.supports_width_code(code)) continue;
    if (code >= modelled_width_codes) {
      return refuse(config, absl::StrFormat("SAGAW names %u-bit tables, which are not modelled",
                                            vtd::width_of(code)));
    }
    widest = vtd::width_of(code);
  }
  // Without a width the unit cannot translate (QEMU's dma-translation=off); drivers turn it down.
  if (widest != 0 && cap.max_guest_address_width() > widest) {
    return refuse(config, absl::StrFormat("MGAW of %u bits is beyond the widest table, %u bits",
                                          cap.max_guest_address_width(), widest));
  }
  if (config.host_address_width < 32 || config.host_address_width > 52) {
    return refuse(config, absl::StrFormat("host address width is %u, not 32 to 52",
                                          config.host_address_width));
  }
  if (cap.super_pages() > 0b0011) {
    return refuse(config, "SLLPS names pages above 1 GiB, which are not modelled");
  }
  if (ecap.extended_context()) return refuse(config, "extended context (ECS) is not modelled");
  if (ecap.scalable_mode()) {
    if (const absl::Status status = check_scalable(config); !status.ok()) return status;
  }
  if (cap.advanced_fault_logging()) {
    return refuse(config, "advanced fault logging (AFL) is not modelled");
  }
  if (ecap.interrupt_remapping() && !ecap.queued_invalidation()) {
    return refuse(config, "interrupt remapping (IR) needs queued invalidation (QI)");
  }
  if (ecap.device_tlb() && !ecap.queued_invalidation()) {
    return refuse(config, "device-TLB support (DT) needs queued invalidation (QI)");
  }
  const uint64_t alignment = config.protected_alignment;
  if (alignment < 0x1000 || alignment > (uint64_t{1} << 30) || (alignment & (alignment - 1)) != 0) {
    return refuse(config, absl::StrFormat("protected region alignment is 0x%x", alignment));
  }

  const uint64_t iotlb_start = ecap.iotlb_offset();
  const uint64_t iotlb_end = iotlb_start + iotlb_registers_size;
  const uint64_t faults_start = cap.fault_recording_offset();
  const uint64_t faults_end =
      faults_start + uint64_t{cap.number_of_fault_records()} * vtd::frcd_size;
  if (config.register_window % 8 != 0 || config.register_window > (uint64_t{1} << 20)) {
    return refuse(config, absl::StrFormat("register window is 0x%x bytes", config.register_window));
  }
  if (iotlb_start < fixed_registers_end || iotlb_end > config.register_window) {
    return refuse(config, absl::StrFormat("IRO puts the IOTLB registers at 0x%x", iotlb_start));
  }
  if (faults_start < fixed_registers_end || faults_end > config.register_window) {
    return refuse(config, absl::StrFormat("FRO puts the fault records at 0x%x", faults_start));
  }
  if (iotlb_start < faults_end && faults_start < iotlb_end) {
    return refuse(config, "the IOTLB registers and the fault records overlap");
  }
  return absl::OkStatus();
}

}  // namespace iommulab
