// SPDX-License-Identifier: GPL-2.0-only
//
// Every number that a fault record can hold: which are conditions, and what is said of each.
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_format.h"
#include "cli/fault/reasons/fault_reasons.h"
#include "cli/fault/reasons/reason_rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/vtd/spec/fault_condition.h"
#include "platform/vtd/spec/fault_reason.h"

namespace iommulab::fault_reason_test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr unsigned numbers = 256;

// VT-d specification 5.10, table 30 (7.1.3); 82h of revision 3.0 to 4.0, 88h of revision 3.2.
// Interrupts, table 15 (5.1.4.1), have no mnemonics.
const std::map<unsigned, std::string>& mnemonics() {
  static const std::map<unsigned, std::string> table = {
      {0x01, "LRT.2"}, {0x02, "LCT.2"}, {0x03, "LCT.4"},  {0x04, "LGN.1"},  {0x05, "LGN.2"},
      {0x06, "LGN.3"}, {0x07, "LSS.1"}, {0x08, "LRT.1"},  {0x09, "LCT.1"},  {0x0a, "LRT.3"},
      {0x0b, "LCT.3"}, {0x0c, "LSS.2"}, {0x0d, "LCT.5"},  {0x0e, "LGN.4"},  {0x20, "20h"},
      {0x21, "21h"},   {0x22, "22h"},   {0x23, "23h"},    {0x24, "24h"},    {0x25, "25h"},
      {0x26, "26h"},   {0x27, "27h"},   {0x28, "28h"},    {0x29, "29h"},    {0x2a, "2Ah"},
      {0x2b, "2Bh"},   {0x30, "RTA.1"}, {0x31, "RTA.2"},  {0x32, "RTA.3"},  {0x33, "RTA.4"},
      {0x34, "RTA.5"}, {0x38, "SRT.1"}, {0x39, "SRT.2"},  {0x3a, "SRT.3"},  {0x40, "SCT.1"},
      {0x41, "SCT.2"}, {0x42, "SCT.3"}, {0x43, "SCT.4"},  {0x44, "SCT.5"},  {0x45, "SCT.6"},
      {0x46, "SCT.7"}, {0x47, "SCT.8"}, {0x48, "SCT.9"},  {0x49, "SCT.10"}, {0x50, "SPD.1"},
      {0x51, "SPD.2"}, {0x52, "SPD.3"}, {0x58, "SPT.1"},  {0x59, "SPT.2"},  {0x5a, "SPT.3"},
      {0x5b, "SPT.4"}, {0x5c, "SPT.5"}, {0x5d, "SPT.6"},  {0x60, "SPT.9"},  {0x70, "SFS.1"},
      {0x71, "SFS.2"}, {0x72, "SFS.3"}, {0x73, "SFS.4"},  {0x74, "SFS.5"},  {0x75, "SFS.6"},
      {0x76, "SFS.7"}, {0x77, "SFS.8"}, {0x78, "SSS.1"},  {0x79, "SSS.2"},  {0x7a, "SSS.3"},
      {0x7b, "SSS.4"}, {0x7c, "SSS.5"}, {0x7d, "SSS.6"},  {0x80, "SGN.1"},  {0x81, "SGN.2"},
      {0x82, "SGN.3"}, {0x83, "SGN.4"}, {0x84, "SGN.5"},  {0x85, "SGN.6"},  {0x86, "SGN.7"},
      {0x87, "SGN.8"}, {0x88, "SGN.9"}, {0x89, "SGN.10"}, {0x90, "SFS.9"},  {0x91, "SFS.10"},
      {0xa0, "HPT.1"}, {0xa1, "HPT.2"}, {0xa2, "HPT.3"},  {0xa3, "HPT.4"},  {0xa4, "HPT.5"},
      {0xa5, "HPT.6"}};
  return table;
}

// Linux v6.12 drivers/iommu/intel/dmar.c has words for these and "Unknown" for all others.
bool linux_has_words(unsigned reason) {
  return reason <= 0x0d || (reason >= 0x20 && reason <= 0x26) ||
         (reason >= 0x30 && reason <= 0x32) || (reason >= 0x38 && reason <= 0x3a) ||
         (reason >= 0x40 && reason <= 0x48) || (reason >= 0x50 && reason <= 0x52) ||
         (reason >= 0x58 && reason <= 0x5d) || (reason >= 0x70 && reason <= 0x7c) ||
         (reason >= 0x80 && reason <= 0x87) || reason == 0x90;
}

fault_explanation explained(unsigned reason) {
  return explain_reason(static_cast<uint8_t>(reason));
}

TEST(fault_reason, each_number_is_a_condition_with_its_own_words_or_reserved) {
  std::set<std::string> sentences;
  std::set<std::string> first_causes;
  for (unsigned n = 0; n < numbers; ++n) {
    SCOPED_TRACE(absl::StrFormat("%02xh", n));
    const fault_explanation e = explained(n);
    EXPECT_EQ(e.kernel_words == "Unknown", !linux_has_words(n)) << e.kernel_words;
    EXPECT_THAT(e.found, Not(IsEmpty()));
    const auto known = mnemonics().find(n);
    EXPECT_EQ(e.known, known != mnemonics().end());
    if (known == mnemonics().end()) {
      EXPECT_THAT(e.found, AnyOf(StartsWith("reserved"), StartsWith("0 is no fault")));
      EXPECT_THAT(e.causes, IsEmpty());
      continue;
    }
    EXPECT_EQ(e.condition, known->second);
    EXPECT_THAT(e.section, Not(IsEmpty()));
    EXPECT_TRUE(sentences.insert(e.found).second) << e.found;
    ASSERT_THAT(e.causes, Not(IsEmpty()));
    EXPECT_TRUE(first_causes.insert(e.causes.front()).second) << e.causes.front();
    EXPECT_THAT(e.look_at, Not(IsEmpty()));
  }
  EXPECT_EQ(sentences.size(), mnemonics().size());
}

TEST(fault_reason, the_data_sheet_has_the_same_numbers_in_both_its_tables) {
  EXPECT_EQ(vtd::fault_conditions().size(), mnemonics().size());
  for (unsigned n = 1; n <= 0x26; ++n) {
    const auto reason = static_cast<vtd::fault_reason>(n);
    if (vtd::name(reason) == "unknown") continue;
    const vtd::fault_condition* condition = vtd::find_fault_condition(static_cast<uint8_t>(n));
    ASSERT_NE(condition, nullptr) << n;
    EXPECT_EQ(vtd::mnemonic(reason), condition->mnemonic);
  }
}

TEST(fault_reason, the_kernel_words_of_legacy_mode_are_the_drivers) {
  // Out of the kernel's lines in public reports.
  EXPECT_EQ(explained(0x01).kernel_words, "Present bit in root entry is clear");
  EXPECT_EQ(explained(0x06).kernel_words, "PTE Read access is not set");
  EXPECT_EQ(explained(0x0c).kernel_words, "non-zero reserved fields in PTE");
  EXPECT_EQ(explained(0x25).kernel_words, "Blocked a compatibility format interrupt request");
  EXPECT_EQ(explained(0x3a).kernel_words, "SM: Non-zero reserved field set in Root Entry");
  EXPECT_EQ(explained(0x85).kernel_words, "SM: No write permission for Write/AtomicOp request");
}

TEST(fault_reason, revisions_are_named_where_a_reason_is_not_as_old_as_the_rest) {
  EXPECT_EQ(explained(0x06).revision, "");
  EXPECT_EQ(explained(0x71).revision, "since revision 3.0");
  EXPECT_EQ(explained(0x33).revision, "since revision 3.3");  // 3.3 added abort mode
  EXPECT_EQ(explained(0x27).revision, "since revision 2.3");  // 2.3 added posting
  EXPECT_EQ(explained(0x82).revision, "since revision 3.0, until 4.0");
  EXPECT_EQ(explained(0xa4).revision, "since revision 5.0");
  EXPECT_THAT(explained(0x1a).found, HasSubstr("revisions 2.2 to 2.5"));
  EXPECT_THAT(explained(0x2f).found, Not(HasSubstr("revisions 2.2 to 2.5")));
}

TEST(fault_reason, conditions_that_are_close_are_told_apart) {
  // Which entry, and which of the three things that can be wrong with it.
  struct entry {
    unsigned unreadable;
    unsigned absent;
    unsigned reserved;
    const char* name;
  };
  const entry entries[] = {
      {0x08, 0x01, 0x0a, "root"},           {0x09, 0x02, 0x0b, "context"},
      {0x38, 0x39, 0x3a, "root entry"},     {0x40, 0x41, 0x42, "context"},
      {0x50, 0x51, 0x52, "PASID director"}, {0x58, 0x59, 0x5a, "PASID table"},
      {0x70, 0x71, 0x72, "first-stage"},    {0x78, 0x79, 0x7a, "second-stage"},
  };
  for (const entry& e : entries) {
    for (const unsigned n : {e.unreadable, e.absent, e.reserved}) {
      EXPECT_THAT(explained(n).found, HasSubstr(e.name)) << n;
      EXPECT_EQ(explained(n).found.find("has reserved bits set") != std::string::npos,
                n == e.reserved)
          << n;
      EXPECT_EQ(explained(n).found.find("cannot read") != std::string::npos, n == e.unreadable)
          << n;
    }
  }
  // A right that a mapping lacks is no missing mapping.
  EXPECT_THAT(explained(0x85).causes.front(), HasSubstr("wrong direction"));
  EXPECT_THAT(explained(0x86).causes.front(), HasSubstr("wrong direction"));
  for (const unsigned n : {0x42u, 0x5au}) {
    EXPECT_THAT(explained(n).causes.front(), HasSubstr("lacks a feature that the kernel used"));
  }
  EXPECT_THAT(explained(0x3a).causes.front(), HasSubstr("wrong table format"));
}

TEST(fault_reason, peer_to_peer_is_a_cause_where_there_is_no_mapping) {
  for (unsigned n = 0; n < numbers; ++n) {
    const fault_explanation e = explained(n);
    bool named = false;
    for (const std::string& cause : e.causes) {
      named = named || cause.find("peer-to-peer") != std::string::npos;
    }
    EXPECT_EQ(named, n == 0x05 || n == 0x06 || n == 0x71 || n == 0x79) << n;
  }
}

TEST(fault_reason, causes_name_no_device_that_may_not_be_there) {
  for (unsigned n = 0; n < numbers; ++n) {
    for (const std::string& cause : explained(n).causes) {
      for (const char* device :
           {"Marvell", "JMicron", "Ricoh", "NVIDIA", "keyboard", "scans out"}) {
        EXPECT_THAT(cause, Not(HasSubstr(device))) << n;
      }
    }
  }
}

TEST(fault_reason, advice_about_mappings_goes_with_paging_entries_only) {
  // Table 30: what is found in root, context and PASID entries and in the address itself comes
  // before any paging entry; a host permission table holds no mapping.
  const auto before_paging = [](unsigned n) {
    return n == 0 || n <= 0x04 || (n >= 0x08 && n <= 0x0b) || n == 0x0d ||
           (n >= 0x20 && n <= 0x60) || n == 0x80 || n == 0x83 || n == 0x84 || n == 0x88 ||
           n == 0x89 || n >= 0xa0;
  };
  for (const auto& [n, mnemonic] : mnemonics()) {
    EXPECT_EQ(says_something_of_mappings(static_cast<uint8_t>(n)), !before_paging(n)) << mnemonic;
    if (!before_paging(n)) continue;
    EXPECT_FALSE(means_no_mapping(static_cast<uint8_t>(n)));
    for (const std::string& cause : explained(n).causes) {
      EXPECT_THAT(cause, Not(HasSubstr("use after unmap"))) << mnemonic;
      EXPECT_THAT(cause, Not(HasSubstr("wrong direction"))) << mnemonic;
    }
  }
  EXPECT_FALSE(says_something_of_mappings(0x63));
}

TEST(fault_reason, number_and_words_of_every_pair_agree_or_the_number_counts) {
  for (unsigned n = 0; n < numbers; ++n) {
    const std::string own = explained(n).kernel_words;
    for (unsigned other = 0; other < numbers; ++other) {
      const std::string words = explained(other).kernel_words;
      const std::string remark = words_remark(static_cast<uint8_t>(n), words);
      SCOPED_TRACE(absl::StrFormat("%02xh \"%s\"", n, words));
      if (words == own) {
        EXPECT_EQ(remark, "");
      } else if (words == "Unknown") {
        EXPECT_EQ(remark.empty(), !mnemonics().contains(n));
      } else {
        EXPECT_THAT(remark, HasSubstr(absl::StrFormat("is reason %02xh", other)));
        EXPECT_THAT(remark, HasSubstr("The number is hardware's record and counts"));
      }
    }
  }
}

TEST(fault_reason, words_that_are_cut_or_nobodys_are_no_contradiction) {
  EXPECT_EQ(words_remark(0x06, ""), "");
  EXPECT_EQ(words_remark(0x06, "PTE Read access is"), "");
  EXPECT_EQ(words_remark(0x06, " PTE Read access is not set]"), "");
  EXPECT_EQ(words_remark(0x06, "PTE read access not set."), "");
  EXPECT_THAT(words_remark(0x05, "PTE Read access is not set"),
              HasSubstr("\"PTE Read access is not set\" is reason 06h"));
  // Decimal 25 is 19h, and 25h is what the words say: Xen's digits.
  EXPECT_THAT(words_remark(25, "Blocked a compatibility format interrupt request"),
              HasSubstr("25 may be 25h written without 0x"));
  EXPECT_THAT(words_remark(24, "Blocked a compatibility format interrupt request"),
              Not(HasSubstr("without 0x")));
}

TEST(fault_reason, an_interrupts_index_is_recorded_or_not) {
  // 11.4.7.6: FI is undefined for 20h, 25h, 29h, 2Ah and 2Bh.
  for (unsigned n = 0; n < numbers; ++n) {
    const bool interrupt = n >= 0x20 && n <= 0x2b;
    EXPECT_EQ(is_interrupt_reason(static_cast<uint8_t>(n)), interrupt) << n;
    const bool undefined = n == 0x20 || n == 0x25 || n == 0x29 || n == 0x2a || n == 0x2b;
    EXPECT_EQ(vtd::records_interrupt_index(static_cast<uint8_t>(n)), interrupt && !undefined) << n;
  }
}

}  // namespace
}  // namespace iommulab::fault_reason_test
