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

#include <array>
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
  queue_entry,   ///< "QI HEAD", "QI PRIOR": a descriptor, of the queue message in front of it
  page_request,  ///< a page request that the kernel could not serve
  suppressed,    ///< "dmar_fault: 893 callbacks suppressed", lost or dropped messages
  firmware,      ///< the kernel's complaint about a table of the firmware; often with a region
  note,          ///< another line of the driver that has an explanation (driver_notes.h)
  foreign,       ///< another IOMMU's fault
  unexplained,   ///< a line of the driver that is none of these, nor routine
};

/// Whose wording a line is in. Hardware's record and its numbers are the same.
enum class log_dialect : uint8_t { linux_kernel, xen, freebsd, esxi, qemu };

/// A descriptor of the invalidation queue as "QI HEAD" and "QI PRIOR" show it.
struct queue_descriptor {
  std::array<uint64_t, 4> words{};  ///< qw0 to qw3; the upper two only where they are printed
  bool wide = false;                ///< the upper two are printed
  bool operator==(const queue_descriptor&) const = default;
};

/// What a message about the invalidation queue says besides its words.
struct queue_report {
  std::optional<uint64_t> code{};  ///< "Reason": IQERCD.IQEI
  std::optional<uint64_t> sid{};   ///< "SID": IQERCD.ITESID or ICESID
  std::optional<queue_descriptor> head{};
  std::optional<queue_descriptor> prior{};
  bool operator==(const queue_report&) const = default;
};

/// A region that a line names, both ends included.
struct named_region {
  uint64_t first = 0;
  uint64_t last = 0;
  bool operator==(const named_region&) const = default;
};

struct fault_line {
  fault_kind kind = fault_kind::dma;
  log_dialect dialect = log_dialect::linux_kernel;
  std::optional<source_id> device{};  ///< its segment is 0 where `segment` is none or too wide
  std::optional<uint32_t> segment{};  ///< where it is printed; VMD's have more than 16 bits
  bool write = false;                 ///< of a DMA request
  std::optional<uint64_t> address{};  ///< of a DMA request, its page
  /// Of an interrupt request, its entry in the table. With reasons that the kernel does not know
  /// as an interrupt's (27h to 29h) it stands in bits 63:48 of `address`, which is kept.
  std::optional<uint32_t> index{};
  std::optional<uint32_t> pasid{};
  std::optional<uint8_t> reason{};
  std::string words{};           ///< behind the reason, as printed; may be cut short
  uint64_t number = 0;           ///< the status register, or how many lines were suppressed
  uint64_t count = 1;            ///< how often the line came, by its logger
  std::optional<double> when{};  ///< seconds, by the kernel's stamp
  bool no_pasid = false;         ///< "NO_PASID" is printed: Linux 5.14 or later
  std::string subject{};         ///< queue, page_request, firmware, note: the message's name;
                                 ///< unexplained: the line; foreign: whose it is
  std::optional<queue_report> queue{};
  std::optional<named_region> region{};  ///< firmware
};

/// "00:1f.2", with its segment where the line has one; "a device" where it has none.
std::string device_text(const fault_line& fault);

using parsed_fault_line = absl::StatusOr<std::optional<fault_line>>;

/// Of kind `dma` or `interrupt`.
bool is_request(const fault_line& fault);

/// What a line says; nothing when it is neither about a fault nor one of the driver that
/// a person asks about. EINVAL, naming field and value, when it is one and does not read.
parsed_fault_line parse_fault_line(std::string_view line);

}  // namespace iommulab
