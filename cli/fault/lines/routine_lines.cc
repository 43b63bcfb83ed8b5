// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver says in every boot, or says because it was asked to.
#include "cli/fault/lines/driver_note_table.h"

namespace iommulab {
namespace {

constexpr std::string_view routine_rows[] = {
    // Linux 4.4 and 6.12, and what older ones call the same.
    "Host address width",
    "DRHD base:",
    "DRHD (flags:",
    "RMRR base:",
    "RMRR (",
    "ATSR flags:",
    "ATSR (",
    "RHSA base:",
    "SATC flags:",
    "SIDP",
    "ANDD device:",
    "reg_base_addr",
    "ACPI device \"*\" under DMAR at",
    "IOMMU enabled",
    "IOMMU disabled",
    "Disable GFX device mapping",
    "Disable integrated GPU device mapping",
    "Forcing DAC for PCI devices",
    "forcedac deprecated",
    "strict deprecated",
    "Disable batched IOTLB flush",
    "Disable supported super page",
    "Enable scalable mode if hardware supports",
    "Scalable mode is disallowed",
    "disable extended context table support",
    "enable pre-production PASID support",
    "Unknown option - ",
    "Using Register based invalidation",
    "Using Queued invalidation",
    "using Register based invalidation",
    "using Queued invalidation",
    "Setting RMRR",
    "Setting identity map for device",
    "setting identity map for device",
    "identity mapping for device",
    "Ignoring identity map for HW passthrough device",
    "Prepare 0-16MiB unity mapping for LPC",
    "uses identity mapping",
    "uses non-identity mapping",
    "No RMRR found",
    "No ATSR found",
    "No SATC found",
    "Intel(R) Virtualization Technology for Directed I/O",
    "Intel-IOMMU force enabled due to platform opt in",
    "Translation already enabled - trying to copy",
    "Copied translation tables from previous kernel",
    "Copied IR table for",
    "IOMMU batching disallowed due to virtualization",
    "IOMMU feature*inconsistent",
    "Set context mapping for",
    "Number of Domains",
    "Allocated order",
    "dmar: IOMMU*Using",
    "Enabled IRQ remapping in",
    "Enabled Interrupt-remapping",
    "Queued invalidation will be enabled to support x2apic",
    "Use 'intremap=no_x2apic_optout' to override",
    "HPET id",
    "IOAPIC id",
    "BIOS vendor:",
    "you are vulnerable to IRQ injection",
    "on a chipset that contains an erratum",
    "feature unstable",
    "interrupt remapping is being disabled",
    "contact your BIOS vendor",
    "root table is not present",
    "root entry: ",
    "context table is not present",
    "context entry: ",
    "page table is not present",
    "page table not present at level",
    "pasid directory table is not present",
    "pasid dir entry",
    "pasid table entry[",
    "pasid table is not present",
    "pte level:",
    "iommu_page_fault: iommu",
    "Intel VT-d ",
    "unknown fault type",
};

}  // namespace

absl::Span<const std::string_view> routine_lines() {
  return routine_rows;
}

}  // namespace iommulab
