// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver says about the invalidation queue (VT-d specification 6.5.2) and about page
// requests (7.5), and what that means. Since Linux 5.14 the descriptors at the queue's head and in
// front of it are printed behind the message:
//
//   DMAR: VT-d detected Invalidation Time-out Error: SID 5300
//   DMAR: QI HEAD: Invalidation Wait qw0 = 0x200000025, qw1 = 0x10005f634
//   DMAR: QI PRIOR: Device-TLB Invalidation qw0 = 0x5300530000000003, qw1 = 0x7ffffffffffff001
//   DMAR: Invalidation Time-out Error (ITE) cleared
//
// Before, "VT-d detected invalid descriptor: low=…, high=…" stood for all of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/fault/lines/fault_line.h"
#include "cli/fault/reasons/fault_reasons.h"

namespace iommulab {

inline constexpr std::string_view queue_head_words = "QI HEAD";
inline constexpr std::string_view queue_prior_words = "QI PRIOR";

/// Kinds `queue`, `queue_entry` and `page_request`; `line` is squeezed. EINVAL when a number in it
/// does not read.
parsed_fault_line parse_queue_message(std::string_view line);

/// Whether the lines behind the message complete it.
bool takes_descriptors(const fault_line& message);

/// Puts a `queue_entry` into the message in front of it, whose device it may name.
void add_descriptor(const fault_line& entry, fault_line& message);

/// "Device-TLB invalidation (type 3) of af:00.3, …": by its type and fields.
std::string descriptor_text(const queue_descriptor& descriptor);

/// Of kinds `queue`, `queue_entry` and `page_request`, with code, SID and descriptors.
fault_explanation explain_queue_message(const fault_line& message);

}  // namespace iommulab
