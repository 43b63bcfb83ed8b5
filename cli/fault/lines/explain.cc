// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/explain.h"

#include "cli/fault/lines/driver_notes.h"
#include "cli/fault/lines/queue_messages.h"

namespace iommulab {
namespace {

/// QEMU's emulated unit says that it did not translate, and not always why.
fault_explanation explain_without_reason(const fault_line& fault) {
  fault_explanation e;
  if (fault.dialect != log_dialect::qemu) return e;
  e.known = true;
  e.found =
      "QEMU's emulated unit did not translate the request. Its words do not say why; what the "
      "guest's kernel logs at the same moment has the reason";
  e.look_at = {"the guest's kernel log: the DMAR line with this device and address",
               "the QEMU line in front of it: permission, reserved bits or address width"};
  return e;
}

}  // namespace

fault_explanation explain(const fault_line& fault) {
  if (fault.reason) return explain_reason(*fault.reason);
  switch (fault.kind) {
    case fault_kind::queue:
    case fault_kind::queue_entry:
    case fault_kind::page_request:
      return explain_queue_message(fault);
    case fault_kind::note:
    case fault_kind::firmware:
      return explain_note(fault);
    case fault_kind::dma:
    case fault_kind::interrupt:
      return explain_without_reason(fault);
    default:
      return explain_message(fault.subject);
  }
}

}  // namespace iommulab
