// SPDX-License-Identifier: GPL-2.0-only
//
// One line that a kernel printed about a DMAR fault, in whatever wording of Linux 2.6.24 to 6.12:
//
//   2.6.24  DMAR:[DMA Read] Request device [00:02.0] fault addr 9c000000
//           DMAR:[fault reason 06] PTE Read access is not set
//   2.6.29  INTR-REMAP: Request device [[f0:1f.0] fault index 0
//           INTR-REMAP:[fault reason 37] Blocked a compatibility format interrupt request
//   3.x     the same behind "dmar: "; 4.3 to 4.5 behind "DMAR: "
//   4.6     DMAR: [DMA Read] Request device [00:02.0] fault addr 9c000000 [fault reason 06] PTE …
//           DMAR: [INTR-REMAP] Request device [00:1f.0] fault index 2f [fault reason 38] Blocked …
//   5.0     … Request device [00:02.0] PASID ffffffff fault addr …      (ffffffff: without one)
//   5.14    DMAR: [DMA Read NO_PASID] Request device [0x00:0x02.0] fault addr 0x… [fault reason
//   0x06] …
//           and soon after [00:02.0]; with one: [DMA Write PASID 0x1]
//
// Numbers of reasons are decimal without 0x. Time stamps, "kernel:", quotation marks of mails and
// whatever else stands in front do not matter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/status.h"
#include "core/types.h"

namespace iommulab {

enum class fault_kind : uint8_t {
  dma,           ///< a DMA request was blocked
  interrupt,     ///< an interrupt request was blocked
  reason_only,   ///< the second line of the two-line wordings
  status,        ///< "handling fault status reg"
  queue,         ///< the invalidation queue stopped or a device-TLB did not answer
  page_request,  ///< a page request that the kernel could not serve
  suppressed,    ///< "dmar_fault: 893 callbacks suppressed"
  foreign,       ///< another IOMMU's fault
};

struct fault_line {
  fault_kind kind = fault_kind::dma;
  std::optional<source_id> device{};  ///< the segment is never printed, and 0
  bool write = false;                 ///< of a DMA request
  std::optional<uint64_t> address{};  ///< of a DMA request, its page
  std::optional<uint32_t> index{};    ///< of an interrupt request, its entry in the table
  std::optional<uint32_t> pasid{};
  std::optional<uint8_t> reason{};
  uint64_t number = 0;    ///< the status register, or how many lines were suppressed
  std::string subject{};  ///< queue, page_request: the message; foreign: whose it is
};

/// What a line says; nothing when it is no line about a fault. EINVAL, naming field and value,
/// when it is one and does not read.
absl::StatusOr<std::optional<fault_line>> parse_fault_line(std::string_view line);

}  // namespace iommulab
