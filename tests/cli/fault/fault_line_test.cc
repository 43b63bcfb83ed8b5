// SPDX-License-Identifier: GPL-2.0-only
//
// Lines out of public reports and kernel logs, of every wording since 2.6: what each says.
#include "cli/fault/lines/fault_line.h"

#include <optional>
#include <string>

#include "cli/fault/fault_report.h"
#include "cli/fault/lines/explain.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/golden.h"

namespace iommulab::fault_line_test {
namespace {

using ::testing::HasSubstr;

struct genuine_line {
  const char* kernel;  ///< as reported, else whose wording it is
  const char* line;    ///< with its second one behind a newline
  fault_kind kind;
  const char* device;
  bool write;
  uint64_t place;  ///< address, or index of an interrupt
  std::optional<uint32_t> pasid;
  unsigned reason;
};

const genuine_line genuine_lines[] = {
    {"3.5 (Ubuntu 12.10)",
     "DMAR:[DMA Write] Request device [05:01.0] fault addr ffbfe000\n"
     "DMAR:[fault reason 02] Present bit in context entry is clear",
     fault_kind::dma,
     "05:01.0",
     true,
     0xffbfe000,
     {},
     2},
    {"3.8.0-rc5",
     "[ 1692.021403] dmar: DMAR:[DMA Read] Request device [00:02.0] fault addr 1a45aa9000\n"
     "[ 1692.021403] DMAR:[fault reason 12] non-zero reserved fields in PTE",
     fault_kind::dma,
     "00:02.0",
     false,
     0x1a45aa9000,
     {},
     12},
    {"3.14-rc",
     "[ 611.857109] dmar: DMAR:[DMA Read] Request device [86:00.3] fault addr ffff7000\n"
     "[ 611.857109] DMAR:[fault reason 02] Present bit in context entry is clear",
     fault_kind::dma,
     "86:00.3",
     false,
     0xffff7000,
     {},
     2},
    {"3.14-rc",
     "[ 611.860995] dmar: INTR-REMAP: Request device [[86:00.3] fault index a4\n"
     "[ 611.860995] INTR-REMAP:[fault reason 34] Present field in the IRTE entry is clear",
     fault_kind::interrupt,
     "86:00.3",
     false,
     0xa4,
     {},
     0x22},
    {"4.4.1",
     "[    2.206409] DMAR: DMAR:[DMA Write] Request device [00:04.0] fault addr fffff000 \n"
     "[    2.206409] DMAR:[fault reason 05] PTE Write access is not set",
     fault_kind::dma,
     "00:04.0",
     true,
     0xfffff000,
     {},
     5},
    {"4.4",
     "[    0.057770] DMAR: INTR-REMAP: Request device [[f0:1f.0] fault index 0\n"
     "               INTR-REMAP:[fault reason 37] Blocked a compatibility format interrupt request",
     fault_kind::interrupt,
     "f0:1f.0",
     false,
     0,
     {},
     0x25},
    {"4.19.91",
     "kernel: DMAR: [DMA Write] Request device [99:00.0] fault addr 0 [fault reason 05] PTE Write "
     "access is not set",
     fault_kind::dma,
     "99:00.0",
     true,
     0,
     {},
     5},
    {"4.6 to 4.20",
     "[10672.868940] DMAR: [DMA Write] Request device [00:12.0] fault addr 0 [fault reason 05] PTE "
     "Write access is not set",
     fault_kind::dma,
     "00:12.0",
     true,
     0,
     {},
     5},
    {"4.6 to 4.20",
     "[  154.427700] DMAR: [DMA Read] Request device [01:00.0] fault addr ffff90d53fada000 [fault "
     "reason 04] Access beyond MGAW",
     fault_kind::dma,
     "01:00.0",
     false,
     0xffff90d53fada000,
     {},
     4},
    {"5.4.115",
     "000: DMAR: [DMA Read] Request device [ed:01.1] PASID ffffffff fault addr fffd0000 [fault "
     "reason 02] Present bit in context entry is clear",
     fault_kind::dma,
     "ed:01.1",
     false,
     0xfffd0000,
     {},
     2},
    {"5.0 to 5.13",
     "[  815.089014] DMAR: [DMA Read] Request device [06:00.0] PASID ffffffff fault addr 1a5e12000 "
     "[fault reason 06] PTE Read access is not set",
     fault_kind::dma,
     "06:00.0",
     false,
     0x1a5e12000,
     {},
     6},
    {"5.0 to 5.13",
     "[  228.845965] DMAR: [DMA Write] Request device [00:02.0] PASID ffffffff fault addr 0 [fault "
     "reason 02] Present bit in context entry is clear",
     fault_kind::dma,
     "00:02.0",
     true,
     0,
     {},
     2},
    {"5.0 to 5.13",
     "DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault addr 70ad5000 [fault reason "
     "07] Next page table ptr is invalid",
     fault_kind::dma,
     "00:02.0",
     false,
     0x70ad5000,
     {},
     7},
    {"5.14-rc",
     "[    0.938401] kernel: DMAR: [DMA Read NO_PASID] Request device [0x00:0x02.0] fault addr "
     "0x70ad5000 [fault reason 0x07] Next page table ptr is invalid",
     fault_kind::dma,
     "00:02.0",
     false,
     0x70ad5000,
     {},
     7},
    {"5.14-rc",
     "[    0.941083] kernel: DMAR: [DMA Read NO_PASID] Request device [0x00:0x02.0] fault addr "
     "0x70a28000 [fault reason 0x0c] non-zero reserved fields in PTE",
     fault_kind::dma,
     "00:02.0",
     false,
     0x70a28000,
     {},
     0xc},
    {"5.15 or later",
     "DMAR: [INTR-REMAP] Request device [01:05.0] fault index 0x2f [fault reason 0x26] Blocked an "
     "interrupt request due to source-id verification failure",
     fault_kind::interrupt,
     "01:05.0",
     false,
     0x2f,
     {},
     0x26},
    {"6.1-rc",
     " DMAR: [DMA Read NO_PASID] Request device [00:0d.0] fault addr 0x1154e1000\n"
     "       [fault reason 0x5a]\n       SM: Non-zero reserved field set in PASID Table Entry",
     fault_kind::dma,
     "00:0d.0",
     false,
     0x1154e1000,
     {},
     0x5a},
    {"6.2-rc",
     "[    0.555805] DMAR: [DMA Read NO_PASID] Request device [00:0d.2] fault addr 0x1026a4000 "
     "[fault reason 0x51] SM: Present bit in Directory Entry is clear",
     fault_kind::dma,
     "00:0d.2",
     false,
     0x1026a4000,
     {},
     0x51},
    {"5.15 or later",
     "[    0.361089] DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7cd80000 "
     "[fault reason 0x01] Present bit in root entry is clear",
     fault_kind::dma,
     "00:02.0",
     false,
     0x7cd80000,
     {},
     1},
    {"5.15 or later",
     "[   13.396478] DMAR: [DMA Read NO_PASID] Request device [81:00.0] fault addr 0xffffd000 "
     "[fault reason 0x59] SM: Present bit in PA$",
     fault_kind::dma,
     "81:00.0",
     false,
     0xffffd000,
     {},
     0x59},
    {"5.15 or later",
     "[ 6611.206544] DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0x100000 [fault "
     "reason 0x71] SM: Present bit in first-level paging entry is clear",
     fault_kind::dma,
     "03:00.0",
     false,
     0x100000,
     {},
     0x71},
    {"5.15 or later",
     "DMAR: [DMA Read NO_PASID] Request device [02:00.0] fault addr 0x40000000000\n"
     "      [fault reason 0x04] Access beyond MGAW",
     fault_kind::dma,
     "02:00.0",
     false,
     0x40000000000,
     {},
     4},
    // Not out of a report: what Linux 6.1's dmar_fault_do_one() prints for a request with PASID.
    {"6.1",
     "DMAR: [DMA Write PASID 0x1f] Request device [6a:01.0] fault addr 0x7f0000001000 [fault "
     "reason 0x59] SM: Present bit in PASID Table Entry is clear",
     fault_kind::dma, "6a:01.0", true, 0x7f0000001000, 0x1f, 0x59},
};

TEST(fault_line, genuine_lines_are_read_field_by_field) {
  for (const genuine_line& genuine : genuine_lines) {
    SCOPED_TRACE(testing::Message() << genuine.kernel << ": " << genuine.line);
    fault_collector faults;
    for (const std::string_view line : golden::lines(genuine.line)) faults.add(line, "here");
    faults.finish();
    EXPECT_TRUE(faults.unreadable().empty());
    ASSERT_EQ(faults.groups().size(), 1u);
    const fault_line& fault = faults.groups()[0].fault;
    EXPECT_EQ(fault.kind, genuine.kind);
    ASSERT_TRUE(fault.device);
    EXPECT_EQ(to_short_string(*fault.device), genuine.device);
    EXPECT_EQ(fault.write, genuine.write);
    EXPECT_EQ(fault.pasid, genuine.pasid);
    ASSERT_TRUE(fault.reason);
    EXPECT_EQ(*fault.reason, genuine.reason);
    if (genuine.kind == fault_kind::dma) {
      EXPECT_EQ(fault.address, genuine.place);
      EXPECT_FALSE(fault.index);
    } else {
      EXPECT_EQ(fault.index, genuine.place);
      EXPECT_FALSE(fault.address);
    }
    // The sentence that the kernel put behind the number is the one that we know it by.
    const std::string words = explain_reason(*fault.reason).kernel_words;
    const std::string text = genuine.line;
    const size_t cut = text.find("PA$");
    if (cut == std::string::npos) {
      EXPECT_THAT(text, HasSubstr(words));
    }
    EXPECT_TRUE(explain_reason(*fault.reason).known);
  }
}

struct other_line {
  const char* line;
  fault_kind kind;
  uint64_t number;
  const char* subject;
};

TEST(fault_line, lines_around_faults_are_known) {
  const other_line lines[] = {
      {"[ 144.480638] DMAR: DRHD: handling fault status reg 3", fault_kind::status, 3, ""},
      {"dmar: DRHD: handling fault status reg 402", fault_kind::status, 0x402, ""},
      {"DRHD: handling fault status reg 602", fault_kind::status, 0x602, ""},
      {"[  144.480629] dmar_fault: 893 callbacks suppressed", fault_kind::suppressed, 893, ""},
      {"DMAR: VT-d detected Invalidation Queue Error: Reason f", fault_kind::queue, 0,
       "VT-d detected Invalidation Queue Error"},
      {"DMAR: VT-d detected Invalidation Time-out Error: SID ffff", fault_kind::queue, 0,
       "VT-d detected Invalidation Time-out Error"},
      {"DMAR: VT-d detected Invalidation Completion Error: SID ffff", fault_kind::queue, 0,
       "VT-d detected Invalidation Completion Error"},
      {"DMAR: IOMMU: dmar0: Address is not canonical", fault_kind::page_request, 0,
       "Address is not canonical"},
      {"DMAR: dmar0: Invalid page request: 00000000 00000000", fault_kind::page_request, 0,
       "Invalid page request"},
      {"DMAR: Invalidation Time-out Error (ITE) cleared", fault_kind::queue, 0,
       "Invalidation Time-out Error (ITE) cleared"},
      {"xhci_hcd: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0xffa09000 "
       "flags=0x0000]",
       fault_kind::foreign, 0, "AMD's IOMMU (AMD-Vi)"},
  };
  for (const other_line& other : lines) {
    SCOPED_TRACE(other.line);
    const auto parsed = parse_fault_line(other.line);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    ASSERT_TRUE(*parsed);
    EXPECT_EQ((*parsed)->kind, other.kind);
    EXPECT_EQ((*parsed)->number, other.number);
    EXPECT_EQ((*parsed)->subject, other.subject);
    if (other.kind == fault_kind::queue || other.kind == fault_kind::page_request) {
      EXPECT_TRUE(explain(**parsed).known);
    }
  }
}

TEST(fault_line, other_lines_are_left_alone) {
  for (const char* line :
       {"", "DMAR: IOMMU enabled", "DMAR: DRHD base: 0x000000d97fc000 flags: 0x0",
        "pci 0000:00:02.0: [8086:0102] type 00 class 0x030000",
        "DMAR-IR: Enabled IRQ remapping in xapic mode", "dmar_fault: many callbacks suppressed",
        "some driver: Invalid page request"}) {
    const auto parsed = parse_fault_line(line);
    ASSERT_TRUE(parsed.ok()) << line;
    EXPECT_FALSE(*parsed) << line;
  }
}

TEST(fault_line, what_does_not_read_is_named) {
  const std::pair<const char*, const char*> lines[] = {
      {"DMAR:[DMA Read] Request device [xx:xx.x] fault addr 2affde000", "device is \"xx:xx.x\""},
      {"DMAR:[DMA Read] Request device [06:00.0] fault addr ffxxxxxx [fault reason 06] PTE",
       "fault addr is \"ffxxxxxx\""},
      {"DMAR:[DMA Read] Request device [06:00.0] fault addr 1ffffffffffffffff",
       "fault addr is \"1ffffffffffffffff\""},
      {"DMAR:[DMA Read] Request device [06:20.0] fault addr 0", "device is \"06:20.0\""},
      {"DMAR:[DMA Read] Request device [06:00.0]", "fault addr is \"\""},
      {"DMAR:[fault reason six] PTE Read access is not set", "fault reason is \"six\""},
      {"DMAR:[fault reason 256] PTE Read access is not set", "fault reason is \"256\""},
      {"DMAR: [DMA Read PASID x] Request device [06:00.0] fault addr 0x0", "PASID is "},
      {"INTR-REMAP: Request device [[00:00.0] fault index 10000", "fault index is \"10000\""},
      {"DMAR: DRHD: handling fault status reg x", "fault status reg is \"x\""},
  };
  for (const auto& [line, sentence] : lines) {
    const auto parsed = parse_fault_line(line);
    ASSERT_FALSE(parsed.ok()) << line;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(sentence));
  }
}

}  // namespace
}  // namespace iommulab::fault_line_test
