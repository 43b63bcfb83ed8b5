// SPDX-License-Identifier: GPL-2.0-only
//
// What is known of a fault reason: what hardware found, what brings it about, where to look; and
// whether the words behind the number are that number's. The numbers are the data sheet's
// (platform/vtd/spec/fault_condition.h), the sentences stand in reason_rows.h.
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
  std::string revision;      ///< "since revision 3.0"; empty for what the first revisions have
  std::string found;         ///< what hardware found; of a reserved number, that it is one
  std::vector<std::string> causes;  ///< the likeliest first
  std::vector<std::string> look_at;
  std::string printed_by;  ///< "Linux 4.1 to 5.2"; empty of reasons
};

fault_explanation explain_reason(uint8_t reason);
/// Of a message about the invalidation queue or a page request.
fault_explanation explain_message(std::string_view subject);

/// What is to be said when `words`, as a line prints them behind the number, are not what the
/// kernel says for it: which one counts, and what the other would mean. Empty when they agree, are
/// cut short, or are nobody's.
std::string words_remark(uint8_t reason, std::string_view words);

/// Paging entries were read: the fault says something about a mapping. Not so of reasons that are
/// found before, nor of reserved numbers.
bool says_something_of_mappings(uint8_t reason);
/// Paging entries were read, and there is no mapping at the address, or there may be none (05h,
/// 06h).
bool means_no_mapping(uint8_t reason);
/// The device, or its PASID, has not been set up: root, context or PASID entry is not present.
bool means_not_set_up(uint8_t reason);
bool is_interrupt_reason(uint8_t reason);

}  // namespace iommulab
