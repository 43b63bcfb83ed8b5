// SPDX-License-Identifier: GPL-2.0-only
//
// Lines as they stand in reports: of other systems, with segments, broken by mail programs,
// quoted, repeated, mixed. What each should be read as follows from the line itself.
#include <string>
#include <vector>

#include "cli/fault/fault_report.h"
#include "cli/fault/lines/explain.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/golden.h"

namespace iommulab::fault_wordings_test {
namespace {

/// What a collector made of a log, a line a group: "2x linux write 00:02.0 at 9c000000 reason 06".
std::vector<std::string> groups_of(const std::string& log) {
  fault_collector faults;
  for (const std::string_view line : golden::lines(log)) faults.add(line, "here");
  faults.finish();
  std::vector<std::string> found;
  for (const unreadable_line& line : faults.unreadable()) found.push_back("unreadable " + line.why);
  for (const unreadable_line& line : faults.unexplained()) {
    found.push_back("unexplained " + line.why);
  }
  for (const fault_group& group : faults.groups()) {
    const fault_line& fault = group.fault;
    std::string text = std::to_string(group.count) + "x " + device_text(fault);
    if (fault.kind == fault_kind::dma) text += fault.write ? " writes" : " reads";
    if (fault.kind == fault_kind::interrupt) text += " interrupts";
    char number[32];
    for (const uint64_t address : group.addresses) {
      std::snprintf(number, sizeof number, " %llx", static_cast<unsigned long long>(address));
      text += number;
    }
    for (const uint32_t index : group.indices) text += " index " + std::to_string(index);
    if (fault.pasid) text += " pasid " + std::to_string(*fault.pasid);
    if (fault.reason) {
      std::snprintf(number, sizeof number, " reason %02x", *fault.reason);
      text += number;
    }
    if (!explain(fault).known) text += " (not explained)";
    found.push_back(text);
  }
  return found;
}

struct worded_log {
  const char* what;
  const char* log;
  std::vector<std::string> groups;
};

void expect_all(const std::vector<worded_log>& logs) {
  for (const worded_log& log : logs) {
    SCOPED_TRACE(log.what);
    EXPECT_EQ(groups_of(log.log), log.groups);
  }
}

TEST(fault_wordings, xen) {
  expect_all({
      {"newer: two lines, the reason hexadecimal, a segment",
       "(XEN) [   37.201160] [VT-D]DMAR:[DMA Write] Request device [0000:00:1e.6] fault addr 0\n"
       "(XEN) [   37.201164] [VT-D]DMAR: reason 02 - Present bit in context entry is clear\n"
       "(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:02.0] fault addr 8e43c000, iommu reg = "
       "ffff82c00021d000\n"
       "(XEN) [VT-D]DMAR: reason 06 - PTE Read access is not set\n"
       "(XEN) [VT-D]INTR-REMAP: Request device [0000:f0:1f.0] fault index 0, iommu reg = "
       "ffff82c00021f000\n"
       "(XEN) [VT-D]INTR-REMAP: reason 22 - Present field in the IRTE entry is clear\n",
       {"1x 0000:00:1e.6 writes 0 reason 02", "1x 0000:00:02.0 reads 8e43c000 reason 06",
        "1x 0000:f0:1f.0 interrupts index 0 reason 22"}},
      {"25 is 0x25 there, and not decimal",
       "(XEN) [VT-D]INTR-REMAP: Request device [0000:f0:1f.0] fault index 3\n"
       "(XEN) [VT-D]INTR-REMAP: reason 25 - Blocked a compatibility format interrupt request\n",
       {"1x 0000:f0:1f.0 interrupts index 3 reason 25"}},
      {"older: the number ends in h",
       "(XEN) DMAR:[DMA Read] Request device [00:02.0] fault addr 8e43c000, iommu reg = "
       "ffff82c3fff57000\n"
       "(XEN) DMAR:[fault reason 06h] PTE Read access is not set\n",
       {"1x 00:02.0 reads 8e43c000 reason 06"}},
      {"a reason of two hexadecimal digits",
       "(XEN) DMAR:[DMA Write] Request device [01:00.0] fault addr 1000\n"
       "(XEN) DMAR:[fault reason 0ch] non-zero reserved fields in PTE\n",
       {"1x 01:00.0 writes 1000 reason 0c"}},
      {"words that are not read, and others of its driver",
       "(XEN) [VT-D]somewhere: a fault in words of tomorrow\n"
       "(XEN) [VT-D]d0:PCIe: map 0000:00:02.0\n",
       {"unexplained [VT-D]somewhere: a fault in words of tomorrow"}},
  });
}

TEST(fault_wordings, freebsd_esxi_and_qemu) {
  expect_all({
      {"FreeBSD: acc 1 is a read (FRCD.T); the device is the requester id",
       "DMAR4: pci0:2:0 sid 10 fault acc 1 adt 0x0 reason 0x6 addr 9c000000\n",
       {"1x 00:02.0 reads 9c000000 reason 06"}},
      {"with the device's name in front, a write, a bus beyond 9",
       "DMAR0: ix0: pci16:0:1 sid 1001 fault acc 0 adt 0x0 reason 0x5 addr ffffe000\n",
       {"1x 10:00.1 writes ffffe000 reason 05"}},
      {"an interrupt's index is in bits 63:48",
       "DMAR4: <unknown dev>:pci240:31:0 sid f0f8 fault acc 1 adt 0x0 reason 0x22 addr "
       "5000000000000\n",
       {"1x f0:1f.0 interrupts index 5 reason 22"}},
      {"ESXi",
       "IOMMUIntel: DMAR Fault IOMMU Unit #0: R/W=R, Device 0000:00:02.0 Faulting addr = "
       "0x9c000000 Fault Reason = 0x06 -> PTE read access not set.\n",
       {"1x 0000:00:02.0 reads 9c000000 reason 06"}},
      {"ESXi, with its log's front",
       "2019-03-05T10:00:00.123Z cpu3:65537)WARNING: IOMMUIntel: 2351: DMAR Fault IOMMU Unit #1: "
       "R/W=W, Device 00:1f.2 Faulting addr = 0x3a000 Fault Reason = 0x05 -> PTE write access not "
       "set.\n",
       {"1x 00:1f.2 writes 3a000 reason 05"}},
      {"QEMU says the device and no reason",
       "qemu-system-x86_64: vtd_iommu_translate: detected translation failure (dev=01:00:00, "
       "iova=0xfffff000)\n",
       {"1x 01:00.0 reads fffff000"}},
      {"QEMU says the reason in the line in front",
       "qemu-system-x86_64: vtd_iova_to_slpte: detected slpte permission error (iova=0x0, "
       "level=0x3, slpte=0x0, write=1)\n"
       "qemu-system-x86_64: vtd_iommu_translate: detected translation failure (dev=00:03:00, "
       "iova=0x0)\n",
       {"1x 00:03.0 writes 0 reason 05"}},
      {"the trace event; its reason is decimal",
       "236498@1676271757.075075:vtd_dmar_fault sid 0xb00 fault 12 addr 0x1187a9000 write 0\n",
       {"1x 0b:00.0 reads 1187a9000 reason 0c"}},
  });
}

TEST(fault_wordings, devices_in_every_legal_spelling) {
  const std::string tail = "] fault addr 0x0 [fault reason 0x05] PTE Write access is not set\n";
  const std::string front = "DMAR: [DMA Write NO_PASID] Request device [";
  const std::pair<const char*, const char*> spellings[] = {
      {"0000:73:00.1", "0000:73:00.1"}, {"10000:01:00.0", "10000:01:00.0"},
      {"73:00.1", "73:00.1"},           {" 73:00.1 ", "73:00.1"},
      {"73.00.1", "73:00.1"},           {"0x73:0x00.1", "73:00.1"},
      {"0x73:0x00.0x1", "73:00.1"},     {"00010000:e1:00.0", "10000:e1:00.0"},
      {"0001:73:1F.7", "0001:73:1f.7"},
  };
  for (const auto& [spelling, device] : spellings) {
    EXPECT_EQ(groups_of(front + spelling + tail),
              std::vector{"1x " + std::string(device) + " writes 0 reason 05"})
        << spelling;
  }
  for (const char* none : {"73:00", "73:20.0", "73:00.8", "1:2:3:4.5", "xx:xx.x", "", "100:00.0"}) {
    const auto groups = groups_of(front + none + tail);
    ASSERT_EQ(groups.size(), 1u) << none;
    EXPECT_THAT(groups[0], testing::StartsWith("unreadable device is ")) << none;
  }
}

TEST(fault_wordings, a_pasid_is_said_in_several_ways_and_blanks_do_not_matter) {
  expect_all({
      {"two blanks in the bracket",
       "[    3.1] DMAR: [DMA Read  NO_PASID] Request device [0000:01:00.0] fault addr 0x68c00000 "
       "[fault reason 0x0c] non-zero reserved fields in PTE\n",
       {"1x 0000:01:00.0 reads 68c00000 reason 0c"}},
      {"behind the device, none",
       "DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault addr 9c000000 [fault reason "
       "06] PTE Read access is not set\n",
       {"1x 00:02.0 reads 9c000000 reason 06"}},
      {"behind the device, one",
       "DMAR: [DMA Read] Request device [00:02.0] PASID 2 fault addr 9c000000 [fault reason 06] "
       "PTE Read access is not set\n",
       {"1x 00:02.0 reads 9c000000 pasid 2 reason 06"}},
      {"in the bracket",
       "DMAR: [DMA Read PASID 0x2] Request device [00:02.0] fault addr 0x9c000000 [fault reason "
       "0x79] SM: Read/Write permission error in second-level paging entry\n",
       {"1x 00:02.0 reads 9c000000 pasid 2 reason 79"}},
      {"10 without 0x is decimal, as kernels before 5.14 print it",
       "DMAR: [DMA Read] Request device [00:02.0] fault addr 0 [fault reason 12] non-zero reserved "
       "fields in PTE\n",
       {"1x 00:02.0 reads 0 reason 0c"}},
  });
}

TEST(fault_wordings, lines_that_mail_broke) {
  expect_all({
      {"quoted, escaped, broken in front of the address and inside the brackets",
       "> [  144.480641] DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault\n"
       "> addr 9c000000 [fault reason 06] PTE Read access is not set\n"
       "kernel: DMAR: [DMA Write NO_PASID] Request device [02:00.0] fault addr \n"
       "0xffe4c000 [fault reason 0x05] PTE Write access is not set\n"
       ">> [ 1414.206081] DMAR: [INTR-REMAP] Request device [02:00.0] fault index \n"
       ">> 0x0 [fault reason 0x25] Blocked a compatibility format interrupt request\n"
       ">> [   13.396478] DMAR: [DMA Read NO_PASID] Request device [81:00.0] \n"
       ">> fault addr 0xffffd000 [fault reason 0x59] SM: Present bit in PA$\n"
       ">> [ 1474=2E754463] DMAR: [DMA Read NO_PASID] Request device [0b:00=2E0]\n"
       ">> fault addr 0xffffe000 [fault reason 0x06] PTE Read access is not set\n",
       {"1x 00:02.0 reads 9c000000 reason 06", "1x 02:00.0 writes ffe4c000 reason 05",
        "1x 02:00.0 interrupts index 0 reason 25", "1x 81:00.0 reads ffffd000 reason 59",
        "1x 0b:00.0 reads ffffe000 reason 06"}},
      {"soft line ends",
       "[ 1.5] DMAR: [DMA Read NO_PASID] Request device [0b:00=2E0] fault addr 0xff=\n"
       "ffe000 [fault reason 0x06] PTE Read access is not set=20\n",
       {"1x 0b:00.0 reads ffffe000 reason 06"}},
      {"the old wording's first line",
       "> dmar: DMAR:[DMA Write] Request device [05:01.0] fault\n"
       "> addr ffbfe000\n"
       "> DMAR:[fault reason 02] Present bit in\n"
       "> context entry is clear\n",
       {"1x 05:01.0 writes ffbfe000 reason 02"}},
      {"HTML",
       "&gt; &lt;3&gt;DMAR: [DMA Read] Request device [00:02.0] fault addr 9c000000 [fault reason "
       "06] PTE Read access is not set\n",
       {"1x 00:02.0 reads 9c000000 reason 06"}},
      {"what follows is another line, though it has no time",
       "DMAR:[DMA Read] Request device [00:02.0] fault addr 9c000000\n"
       "usb 1-1: new high-speed USB device number 2 using xhci_hcd\n"
       "DMAR:[fault reason 06] PTE Read access is not set\n",
       {"1x 00:02.0 reads 9c000000 reason 06"}},
  });
}

/// A line broken at one blank, or between any two characters, reads as the whole does.
TEST(fault_wordings, a_line_may_be_broken_anywhere) {
  const std::string whole =
      "DMAR: [DMA Write NO_PASID] Request device [0000:02:00.0] fault addr 0xffe4c000 [fault "
      "reason 0x05] PTE Write access is not set";
  const std::vector<std::string> expected = {"1x 0000:02:00.0 writes ffe4c000 reason 05"};
  const size_t end_of_pattern = whole.find("] PTE");
  for (size_t at = whole.find('['); at <= end_of_pattern; ++at) {
    const std::string front = "[   13.396478] " + whole.substr(0, at);
    EXPECT_EQ(groups_of("> " + front + "\n> " + whole.substr(at) + "\n"), expected) << at;
  }
  // At every blank, into as many lines as there are words.
  std::string words = whole;
  for (size_t at = words.find(' ', words.find("Request")); at != std::string::npos;
       at = words.find(' ', at + 1)) {
    if (at < words.find("] PTE")) words[at] = '\n';
  }
  EXPECT_EQ(groups_of(words), expected);
}

TEST(fault_wordings, loggers_count) {
  expect_all({
      {"rsyslog's and sysklogd's repetitions",
       "Jan  1 00:00:00 host kernel: message repeated 9 times: [ [ 9100.100] DMAR: [DMA Read "
       "NO_PASID] Request device [00:02.0] fault addr 0x9c000000 [fault reason 0x06] PTE Read "
       "access is not set]\n"
       "Jan  1 00:00:00 host kernel: DMAR:[DMA Write] Request device [03:00.0] fault addr fff00000 "
       "\n"
       "Jan  1 00:00:00 host kernel: DMAR:[fault reason 05] PTE Write access is not set\n"
       "Jan  1 00:00:03 host last message repeated 37 times\n",
       {"9x 00:02.0 reads 9c000000 reason 06", "38x 03:00.0 writes fff00000 reason 05"}},
      {"the repetition of somebody else's line is not the fault's",
       "Jan  1 00:00:00 host kernel: DMAR: [DMA Read] Request device [00:02.0] fault addr 0 [fault "
       "reason 06] PTE Read access is not set\n"
       "Jan  1 00:00:01 host sshd[12]: fault of somebody else\n"
       "Jan  1 00:00:03 host last message repeated 37 times\n",
       {"1x 00:02.0 reads 0 reason 06"}},
  });
  fault_collector faults;
  faults.add("[ 1.0] dmar_fault: 893 callbacks suppressed", "here");
  faults.add("[ 2.0] fb_flashcursor: 5 callbacks suppressed", "here");
  EXPECT_FALSE(faults.lost() != 0);
  faults.add("** 120 printk messages dropped **", "here");
  faults.add("host systemd-journald[312]: Missed 7 kernel messages", "here");
  faults.finish();
  EXPECT_EQ(faults.suppressed(), 893u);
  EXPECT_EQ(faults.lost(), 127u);
  EXPECT_TRUE(faults.counts_are_least());
}

TEST(fault_wordings, two_processors_messages_are_told_apart) {
  expect_all({
      {"by who calls, whatever the order",
       "[    1.0][    C1] DMAR:[DMA Read] Request device [00:02.0] fault addr 1000\n"
       "[    1.0][    C2] DMAR:[DMA Write] Request device [03:00.0] fault addr 2000\n"
       "[    1.0][    C2] DMAR:[fault reason 05] PTE Write access is not set\n"
       "[    1.0][    C1] DMAR:[fault reason 06] PTE Read access is not set\n",
       {"1x 03:00.0 writes 2000 reason 05", "1x 00:02.0 reads 1000 reason 06"}},
      {"else by the order, with others between",
       "[    1.0] DMAR:[DMA Read] Request device [00:02.0] fault addr 1000\n"
       "[    1.0] e1000e: link is down\n"
       "[    1.0] DMAR:[DMA Write] Request device [03:00.0] fault addr 2000\n"
       "[    1.0] DMAR:[fault reason 06] PTE Read access is not set\n"
       "[    1.0] usb 1-1: reset\n"
       "[    1.0] DMAR:[fault reason 05] PTE Write access is not set\n",
       {"1x 00:02.0 reads 1000 reason 06", "1x 03:00.0 writes 2000 reason 05"}},
      {"an interrupt's reason is no DMA request's",
       "[    1.0] DMAR: INTR-REMAP: Request device [[f0:1f.0] fault index 1\n"
       "[    1.0] DMAR:[DMA Write] Request device [03:00.0] fault addr 2000\n"
       "[    1.0] DMAR:[fault reason 05] PTE Write access is not set\n"
       "[    1.0] INTR-REMAP:[fault reason 37] Blocked a compatibility format interrupt request\n",
       {"1x f0:1f.0 interrupts index 1 reason 25", "1x 03:00.0 writes 2000 reason 05"}},
      {"what a log lost, it lost in front",
       "[    1.0] DMAR:[DMA Read] Request device [00:02.0] fault addr 1000\n"
       "[    2.0] DMAR:[DMA Write] Request device [03:00.0] fault addr 2000\n"
       "[    2.0] DMAR:[fault reason 05] PTE Write access is not set\n",
       {"1x 00:02.0 reads 1000 (not explained)", "1x 03:00.0 writes 2000 reason 05"}},
  });
}

}  // namespace
}  // namespace iommulab::fault_wordings_test
