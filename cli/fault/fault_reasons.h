// SPDX-License-Identifier: GPL-2.0-only
//
// What is known of each fault reason: what hardware found, what brings it about, where to look.
// Numbers and conditions of legacy mode are those of platform/vtd/spec/fault_reason.h, their
// sentences those of intel/dmar/fault.h; scalable mode (VT-d specification 3.0 on, Linux 5.0 on) is
// here alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

struct fault_explanation {
  bool known = false;
  std::string condition;     ///< the specification's mnemonic: "LGN.3", "SPT.2"
  std::string kernel_words;  ///< "PTE Read access is not set"; "Unknown" as the kernel says it
  std::string section;       ///< of the VT-d specification; empty of what is no hardware's finding
  std::string found;         ///< what hardware found
  std::vector<std::string> causes;  ///< the likeliest first
  std::vector<std::string> look_at;
  std::string printed_by;  ///< "Linux 4.1 to 5.2"; empty of reasons
};

fault_explanation explain_reason(uint8_t reason);
/// Of a message about the invalidation queue or a page request.
fault_explanation explain_message(std::string_view subject);
/// The fault status register in words: "PPF, first record 4"; with what overflow means.
std::string status_words(uint32_t fault_status);

}  // namespace iommulab
