// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_reasons.h"

#include <array>

#include "absl/strings/str_format.h"
#include "cli/fault/fault_advice.h"
#include "intel/dmar/fault.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

struct scalable_reason {
  uint8_t reason;
  std::string_view condition;
  std::string_view kernel_words;  // Linux v5.0 drivers/iommu/dmar.c: dma_remap_sm_fault_reasons
};

constexpr std::array<scalable_reason, 47> scalable_reasons = {{
    {0x30, "RTA.1", "SM: Invalid Root Table Address"},
    {0x31, "RTA.2", "SM: TTM 0 for request with PASID"},
    {0x32, "RTA.3", "SM: TTM 0 for page group request"},
    {0x38, "SRT.1", "SM: Error attempting to access Root Entry"},
    {0x39, "SRT.2", "SM: Present bit in Root Entry is clear"},
    {0x3a, "SRT.3", "SM: Non-zero reserved field set in Root Entry"},
    {0x40, "SCT.1", "SM: Error attempting to access Context Entry"},
    {0x41, "SCT.2", "SM: Present bit in Context Entry is clear"},
    {0x42, "SCT.3", "SM: Non-zero reserved field set in the Context Entry"},
    {0x43, "SCT.4", "SM: Invalid Context Entry"},
    {0x44, "SCT.5", "SM: DTE field in Context Entry is clear"},
    {0x45, "SCT.6", "SM: PASID Enable field in Context Entry is clear"},
    {0x46, "SCT.7", "SM: PASID is larger than the max in Context Entry"},
    {0x47, "SCT.8", "SM: PRE field in Context-Entry is clear"},
    {0x48, "SCT.9", "SM: RID_PASID field error in Context-Entry"},
    {0x50, "SPD.1", "SM: Error attempting to access the PASID Directory Entry"},
    {0x51, "SPD.2", "SM: Present bit in Directory Entry is clear"},
    {0x52, "SPD.3", "SM: Non-zero reserved field set in PASID Directory Entry"},
    {0x58, "SPT.1", "SM: Error attempting to access PASID Table Entry"},
    {0x59, "SPT.2", "SM: Present bit in PASID Table Entry is clear"},
    {0x5a, "SPT.3", "SM: Non-zero reserved field set in PASID Table Entry"},
    {0x5b, "SPT.4", "SM: Invalid Scalable-Mode PASID Table Entry"},
    {0x5c, "SPT.5", "SM: ERE field is clear in PASID Table Entry"},
    {0x5d, "SPT.6", "SM: SRE field is clear in PASID Table Entry"},
    {0x70, "SFS.1", "SM: Error attempting to access first-level paging entry"},
    {0x71, "SFS.2", "SM: Present bit in first-level paging entry is clear"},
    {0x72, "SFS.3", "SM: Non-zero reserved field set in first-level paging entry"},
    {0x73, "SFS.4", "SM: Error attempting to access FL-PML4 entry"},
    {0x74, "SFS.5", "SM: First-level entry address beyond MGAW in Nested translation"},
    {0x75, "SFS.6", "SM: Read permission error in FL-PML4 entry in Nested translation"},
    {0x76, "SFS.7", "SM: Read permission error in first-level paging entry in Nested translation"},
    {0x77, "SFS.8", "SM: Write permission error in first-level paging entry in Nested translation"},
    {0x78, "SSS.1", "SM: Error attempting to access second-level paging entry"},
    {0x79, "SSS.2", "SM: Read/Write permission error in second-level paging entry"},
    {0x7a, "SSS.3", "SM: Non-zero reserved field set in second-level paging entry"},
    {0x7b, "SSS.4", "SM: Invalid second-level page table pointer"},
    {0x7c, "SSS.5", "SM: A/D bit update needed in second-level entry when set up in no snoop"},
    {0x80, "SGN.1", "SM: Address in first-level translation is not canonical"},
    {0x81, "SGN.2", "SM: U/S set 0 for first-level translation with user privilege"},
    {0x82, "SGN.3", "SM: No execute permission for request with PASID and ER=1"},
    {0x83, "SGN.4", "SM: Address beyond the DMA hardware max"},
    {0x84, "SGN.5", "SM: Second-level entry address beyond the max"},
    {0x85, "SGN.6", "SM: No write permission for Write/AtomicOp request"},
    {0x86, "SGN.7", "SM: No read permission for Read/AtomicOp request"},
    {0x87, "SGN.8", "SM: Invalid address-interrupt address"},
    {0x90, "SFS.9", "SM: A/D bit update needed in first-level entry when set up in no snoop"},
    {0x91, "SFS.10", "Unknown"},  // the accessed or dirty bit could not be set
}};

const scalable_reason* find_scalable(uint8_t reason) {
  for (const scalable_reason& row : scalable_reasons) {
    if (row.reason == reason) return &row;
  }
  return nullptr;
}

void add_advice(const fault_advice& advice, fault_explanation& explanation) {
  explanation.section = advice.section;
  explanation.found = advice.found;
  for (const std::string_view cause : advice.causes) {
    if (!cause.empty()) explanation.causes.emplace_back(cause);
  }
  for (const std::string_view place : advice.look_at) {
    if (!place.empty()) explanation.look_at.emplace_back(place);
  }
}

}  // namespace

fault_explanation explain_reason(uint8_t reason) {
  fault_explanation explanation;
  if (const scalable_reason* row = find_scalable(reason); row != nullptr) {
    explanation.condition = row->condition;
    explanation.kernel_words = row->kernel_words;
  } else {
    const auto legacy = static_cast<vtd::fault_reason>(reason);
    explanation.condition = vtd::mnemonic(legacy);
    explanation.kernel_words = fault_reason_words(reason);
  }
  const fault_advice* advice = find_advice(reason);
  explanation.known = advice != nullptr && !explanation.condition.empty();
  if (advice != nullptr) add_advice(*advice, explanation);
  return explanation;
}

fault_explanation explain_message(std::string_view subject) {
  fault_explanation explanation;
  explanation.kernel_words = subject;
  if (const fault_advice* advice = find_advice(subject); advice != nullptr) {
    explanation.known = true;
    add_advice(*advice, explanation);
  }
  return explanation;
}

std::string status_words(uint32_t fault_status) {
  struct flag {
    vtd::field32 field;
    std::string_view words;
  };
  constexpr std::array<flag, 7> flags = {{
      {vtd::fsts::pfo, "PFO: faults came faster than they were read, and some are lost"},
      {vtd::fsts::ppf, "PPF: a fault record is pending"},
      {vtd::fsts::afo, "AFO: the fault log in memory overflowed"},
      {vtd::fsts::apf, "APF: the fault log in memory has a new entry"},
      {vtd::fsts::iqe, "IQE: the invalidation queue stopped at a descriptor"},
      {vtd::fsts::ice, "ICE: a device-TLB answered an invalidation that nobody had sent"},
      {vtd::fsts::ite, "ITE: a device did not answer a device-TLB invalidation"},
  }};
  std::string text;
  for (const flag& f : flags) {
    if (!f.field.test(fault_status)) continue;
    if (!text.empty()) text += "; ";
    text += f.words;
  }
  if (vtd::fsts::ppf.test(fault_status)) {
    text += absl::StrFormat(", first one in record %d", vtd::fsts::fri.get(fault_status));
  }
  return text.empty() ? "no condition" : text;
}

}  // namespace iommulab
