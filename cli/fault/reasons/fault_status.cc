// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reasons/fault_status.h"

#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

constexpr uint32_t all_ones = 0xffffffff;
/// Bit 7 in revisions before 3.0, which moved it to the page request status register.
constexpr vtd::field32 pro{7};
constexpr vtd::field32 reserved{31, 16};

struct flag {
  vtd::field32 field;
  std::string_view words;
};

constexpr std::array<flag, 7> status_flags = {{
    {vtd::fsts::pfo,
     "PFO: faults came faster than they were read, and some are lost; how many is not recorded"},
    {vtd::fsts::afo,
     "AFO: the fault log in memory overflowed (advanced logging, until revision 4.0)"},
    {vtd::fsts::apf,
     "APF: the fault log in memory has a new entry (advanced logging, until revision 4.0)"},
    {vtd::fsts::iqe, "IQE: the invalidation queue stopped at a descriptor"},
    {vtd::fsts::ice,
     "ICE: a device-TLB answered an invalidation that nobody had sent, or with a wrong tag or id"},
    {vtd::fsts::ite, "ITE: a device did not answer a device-TLB invalidation in time"},
    {pro,
     "PRO: the page request queue overflowed, and page requests were dropped (bit 7 until revision "
     "3.0; later units have it in the page request status register)"},
}};

void add(std::string& text, std::string_view words) {
  if (!text.empty()) text += "; ";
  text += words;
}

}  // namespace

std::string status_words(uint32_t fault_status) {
  if (fault_status == all_ones) {
    return "the unit's registers read all ones: the unit is not there (it lost power, something "
           "else was mapped over its registers, or the DMAR table gives a wrong base), and no "
           "single bit means anything";
  }
  std::string text;
  if (vtd::fsts::ppf.test(fault_status)) {
    text = absl::StrFormat("PPF: a fault record is pending, the first one in record %d (FRI)",
                           vtd::fsts::fri.get(fault_status));
  }
  for (const flag& f : status_flags) {
    if (f.field.test(fault_status)) add(text, f.words);
  }
  if (const uint32_t rest = reserved.get(fault_status); rest != 0) {
    add(text, absl::StrFormat("bits 31:16 are reserved and read 0x%x", rest));
  }
  if (text.empty() && fault_status == 0) return "no condition: nothing is pending";
  if (text.empty()) {
    return absl::StrFormat(
        "no condition: the record index (FRI) is %d, which means nothing "
        "without PPF",
        vtd::fsts::fri.get(fault_status));
  }
  return text;
}

}  // namespace iommulab
