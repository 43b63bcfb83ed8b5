// SPDX-License-Identifier: GPL-2.0-only
//
// The early parameters of x86 that decide over remapping hardware and belong to no one driver:
// iommu=, swiotlb=, intremap=, nointremap, elfcorehdr=, acpi=.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/cmdline.h"

namespace iommulab {

/// What `iommu=` sets, under the kernel's names.
struct iommu_parameters {
  bool no_iommu = false;            ///< off: no remapping hardware is used
  bool force_iommu = false;         ///< force, biomerge, merge: remap where it is not needed too
  bool iommu_merge = false;         ///< any `iommu=` switches merging on, nomerge off
  bool panic_on_overflow = false;   ///< panic, nopanic
  bool iommu_sac_force = false;     ///< forcesac
  int forbid_dac = 0;               ///< nodac 1, allowdac 0, usedac -1
  bool swiotlb = false;             ///< soft: bounce buffers
  bool iommu_pass_through = false;  ///< pt: devices see physical memory one to one
};

struct x86_options {
  iommu_parameters iommu;
  bool swiotlb_force = false;               ///< swiotlb=force
  uint64_t io_tlb_nslabs = 0;               ///< swiotlb=N: bounce slots of 2 KiB; 0: the default
  bool disable_irq_remap = false;           ///< intremap=off, nointremap
  bool acpi_disabled = false;               ///< acpi=off: there is no table, DMAR neither
  std::optional<uint64_t> elfcorehdr_addr;  ///< set: this kernel runs after a crash (kdump)

  /// Linux v4.4 arch/x86/kernel/pci-swiotlb.c: pci_swiotlb_detect_override(). Bounce buffers are
  /// asked for: no other way of doing DMA is looked for then, remapping hardware included.
  [[nodiscard]] bool swiotlb_override() const { return iommu.swiotlb || swiotlb_force; }
};

/// Registers the handlers of all of them, as 4.4 has them; `options` must outlive the line's
/// dispatch().
void add_x86_early_params(command_line& line, x86_options& options);
/// Those alone that have stayed the same since: intremap=, nointremap, elfcorehdr=, acpi=.
void add_platform_early_params(command_line& line, x86_options& options);

/// Linux v4.4 arch/x86/kernel/pci-dma.c: iommu_setup(), the early handler of "iommu". Options are
/// separated by commas and recognised by their beginning; unknown ones are passed over. `usedac`
/// ends the parsing and returns 1, which the kernel then calls malformed. No value: -EINVAL.
int iommu_setup(iommu_parameters& parameters, std::optional<std::string_view> value);

/// One word of `iommu=`, as far as it means the same in every kernel: off, force, noforce,
/// biomerge, merge, nomerge, panic, nopanic. `rest` begins with it.
void take_common_iommu_word(iommu_parameters& parameters, std::string_view rest);

/// Linux v4.4 lib/cmdline.c: memparse(). A number (0x hexadecimal, a leading 0 octal) with an
/// optional K, M, G, T, P or E, taken off the front of `text`; 0 and nothing taken when there is
/// none.
uint64_t memparse(std::string_view& text);

}  // namespace iommulab
