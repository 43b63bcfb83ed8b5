// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/spec/fault_condition.h"

#include <algorithm>
#include <array>

namespace iommulab::vtd {
namespace {

using enum lookup_step;

// "at the latest": the revision is the first that is known to have it, an earlier one may.
constexpr auto conditions = std::to_array<fault_condition>({
    {0x01, "LRT.2", "9.1", "", "", root_entry},
    {0x02, "LCT.2", "9.3", "", "", context_entry},
    {0x03, "LCT.4", "9.3", "", "", context_entry},
    {0x04, "LGN.1", "3.7", "", "", address},
    {0x05, "LGN.2", "9.8", "", "", permission},
    {0x06, "LGN.3", "9.8", "", "", permission},
    {0x07, "LSS.1", "9.8", "", "", paging_entry},
    {0x08, "LRT.1", "9.1", "", "", root_entry},
    {0x09, "LCT.1", "9.3", "", "", context_entry},
    {0x0a, "LRT.3", "9.1", "", "", root_entry},
    {0x0b, "LCT.3", "9.3", "", "", context_entry},
    {0x0c, "LSS.2", "9.8", "", "", paging_entry},
    {0x0d, "LCT.5", "9.3", "", "", context_entry},
    {0x0e, "LGN.4", "3.15", "3.0", "", output_address},
    {0x20, "20h", "5.1.4.1", "", "", interrupt},
    {0x21, "21h", "5.1.4.1", "", "", interrupt},
    {0x22, "22h", "5.1.4.1", "", "", interrupt},
    {0x23, "23h", "5.1.4.1", "", "", interrupt},
    {0x24, "24h", "5.1.4.1", "", "", interrupt},
    {0x25, "25h", "5.1.4.1", "", "", interrupt},
    {0x26, "26h", "5.1.4.1", "", "", interrupt},
    {0x27, "27h", "5.2.3", "2.3", "", interrupt},
    {0x28, "28h", "5.2.3", "2.3", "", interrupt},
    {0x29, "29h", "5.1.4.1", "3.1", "", interrupt},
    {0x2a, "2Ah", "5.1.4.1", "5.0", "", interrupt},
    {0x2b, "2Bh", "5.1.4.1", "5.10 at the latest", "", interrupt},
    {0x30, "RTA.1", "11.4.5", "3.0", "", root_register},
    {0x31, "RTA.2", "11.4.5", "3.0", "", root_register},
    {0x32, "RTA.3", "11.4.5", "3.0", "", root_register},
    {0x33, "RTA.4", "3.4.4", "3.3", "", root_register},
    {0x34, "RTA.5", "11.4.5", "5.10 at the latest", "", root_register},
    {0x38, "SRT.1", "9.2", "3.0", "", root_entry},
    {0x39, "SRT.2", "9.2", "3.0", "", root_entry},
    {0x3a, "SRT.3", "9.2", "3.0", "", root_entry},
    {0x40, "SCT.1", "9.4", "3.0", "", context_entry},
    {0x41, "SCT.2", "9.4", "3.0", "", context_entry},
    {0x42, "SCT.3", "9.4", "3.0", "", context_entry},
    {0x43, "SCT.4", "9.4", "3.0", "", context_entry},
    {0x44, "SCT.5", "9.4", "3.0", "", context_entry},
    {0x45, "SCT.6", "9.4", "3.0", "", context_entry},
    {0x46, "SCT.7", "9.4", "3.0", "", context_entry},
    {0x47, "SCT.8", "9.4", "3.0", "", context_entry},
    {0x48, "SCT.9", "9.4", "3.0", "", context_entry},
    {0x49, "SCT.10", "9.4", "5.0", "", context_entry},
    {0x50, "SPD.1", "9.5", "3.0", "", pasid_directory},
    {0x51, "SPD.2", "9.5", "3.0", "", pasid_directory},
    {0x52, "SPD.3", "9.5", "3.0", "", pasid_directory},
    {0x58, "SPT.1", "9.6", "3.0", "", pasid_entry},
    {0x59, "SPT.2", "9.6", "3.0", "", pasid_entry},
    {0x5a, "SPT.3", "9.6", "3.0", "", pasid_entry},
    {0x5b, "SPT.4", "9.6", "3.0", "", pasid_entry},
    {0x5c, "SPT.5", "9.6", "3.0", "", pasid_entry},
    {0x5d, "SPT.6", "9.6", "3.0", "", pasid_entry},
    {0x60, "SPT.9", "9.6", "5.0", "", address},
    {0x70, "SFS.1", "9.7", "3.0", "", paging_entry},
    {0x71, "SFS.2", "9.7", "3.0", "", paging_entry},
    {0x72, "SFS.3", "9.7", "3.0", "", paging_entry},
    {0x73, "SFS.4", "9.7", "3.0", "", paging_entry},
    {0x74, "SFS.5", "9.7", "3.0", "", paging_entry},
    {0x75, "SFS.6", "9.7", "3.0", "", paging_entry},
    {0x76, "SFS.7", "9.7", "3.0", "", paging_entry},
    {0x77, "SFS.8", "9.7", "3.0", "", paging_entry},
    {0x78, "SSS.1", "9.8", "3.0", "", paging_entry},
    {0x79, "SSS.2", "9.8", "3.0", "", permission},
    {0x7a, "SSS.3", "9.8", "3.0", "", paging_entry},
    {0x7b, "SSS.4", "9.8", "3.0", "", paging_entry},
    {0x7c, "SSS.5", "9.8", "3.0", "", paging_entry},
    {0x7d, "SSS.6", "9.8", "3.2 at the latest", "", paging_entry},
    {0x80, "SGN.1", "3.6", "3.0", "", address},
    {0x81, "SGN.2", "3.6.1", "3.0", "", permission},
    {0x82, "SGN.3", "3.6.1", "3.0", "4.0", permission},
    {0x83, "SGN.4", "7.1.3", "3.0", "", address},
    {0x84, "SGN.5", "3.7", "3.0", "", address},
    {0x85, "SGN.6", "3.6.1", "3.0", "", permission},
    {0x86, "SGN.7", "3.7.1", "3.0", "", permission},
    {0x87, "SGN.8", "3.15", "3.0", "", output_address},
    {0x88, "SGN.9", "7.1.3", "3.2 at the latest", "4.1", address},
    {0x89, "SGN.10", "7.1.3", "3.2 at the latest", "", address},
    {0x90, "SFS.9", "9.7", "3.0", "", paging_entry},
    {0x91, "SFS.10", "9.7", "3.2 at the latest", "", paging_entry},
    {0xa0, "HPT.1", "4.2.4", "5.0", "", host_permission},
    {0xa1, "HPT.2", "4.2.4", "5.0", "", host_permission},
    {0xa2, "HPT.3", "4.2.4", "5.0", "", host_permission},
    {0xa3, "HPT.4", "4.2.4", "5.0", "", host_permission},
    {0xa4, "HPT.5", "4.2.4", "5.0", "", host_permission},
    {0xa5, "HPT.6", "4.2.4", "5.0", "", host_permission},
});

static_assert(std::is_sorted(conditions.begin(), conditions.end(),
                             [](const fault_condition& a, const fault_condition& b) {
                               return a.reason < b.reason;
                             }));

}  // namespace

absl::Span<const fault_condition> fault_conditions() {
  return conditions;
}

const fault_condition* find_fault_condition(uint8_t reason) {
  const auto at = std::find_if(conditions.begin(), conditions.end(),
                               [reason](const fault_condition& c) { return c.reason == reason; });
  return at == conditions.end() ? nullptr : &*at;
}

bool records_interrupt_index(uint8_t reason) {
  const fault_condition* condition = find_fault_condition(reason);
  if (condition == nullptr || condition->step != interrupt) return false;
  constexpr std::array<uint8_t, 5> without = {0x20, 0x25, 0x29, 0x2a, 0x2b};
  return std::find(without.begin(), without.end(), reason) == without.end();
}

}  // namespace iommulab::vtd
