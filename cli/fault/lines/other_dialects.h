// SPDX-License-Identifier: GPL-2.0-only
//
// The same hardware record in the words of other systems:
//
//   FreeBSD  DMAR4: vgapci0: pci0:2:0 sid 10 fault acc 1 adt 0x0 reason 0x6 addr 9c000000
//   ESXi     IOMMUIntel: 2351: DMAR Fault IOMMU Unit #1: R/W=R, Device 0000:00:1f.2 Faulting addr =
//            0x3a000 Fault Reason = 0x06 -> PTE read access not set.
//   QEMU     vtd_iommu_translate: detected translation failure (dev=01:00:00, iova=0xfffff000)
//            vtd_iova_to_slpte: detected slpte permission error (iova=0xfd200000, level=0x2, …)
//            vtd_dmar_fault sid 0xb00 fault 6 addr 0x1187a9000 write 0          (trace event)
//
// Xen's are close to Linux's and stand in fault_line.cc.
#pragma once

#include <optional>
#include <string_view>

#include "cli/fault/lines/fault_line.h"

namespace iommulab {

/// As parse_fault_line(), of these alone; `line` is squeezed.
parsed_fault_line parse_other_dialect(std::string_view line);

/// Whether two lines of QEMU, one with the reason and one with the device, are one fault.
bool completes(const fault_line& reason, const fault_line& device);

}  // namespace iommulab
