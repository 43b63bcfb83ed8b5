// SPDX-License-Identifier: GPL-2.0-only
//
// Recordings with stops in which one line is altered: each is noticed, in the class that is meant
// to notice it. What damages a file is refused: tests/lab/replay/stop_recordings_test.cc has those.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "kernel/catalogue.h"
#include "lab/verification/capture_verification.h"
#include "support/golden.h"

namespace iommulab::altered_stops_test {
namespace {

namespace fs = std::filesystem;

/// Puts `text` in place of the first `old` that follows `after`.
struct alteration {
  const char* capture;
  const char* file;
  const char* after;
  const char* old;
  const char* text;
  const char* noticed_by;  ///< a class's name
};

constexpr alteration alterations[] = {
    {"boot/default", "vtd-trace.txt", "", "vtd_reg_write addr 0x38 size 0x4 value 0x0",
     "vtd_reg_write addr 0x38 size 0x4 value 0x1", "registers"},
    {"boot/default", "vtd-reads.txt", "", "107 FECTL 0x38 4 0x0", "107 FECTL 0x38 4 0x1",
     "registers"},
    {"boot/default", "vtd-trace.txt", "", "type context-cache high 0x0 low 0x11",
     "type context-cache high 0x0 low 0x31", "queue"},
    {"boot/default", "vtd-trace.txt", "", "low 0x600e2", "low 0x500e2", "work queue"},
    {"boot/default", "vtd-trace.txt", "", "vtd_reg_write addr 0x34 size 0x4 value 0x83",
     "vtd_reg_write addr 0x34 size 0x4 value 0x3", "fault registers"},
    {"boot/default", "vtd-reads.txt", "", "829 FRCD0+0 0x220 8 0xabc000",
     "829 FRCD0+0 0x220 8 0xabd000", "fault registers"},
    {"boot/default", "events.txt", "", "did 6 pasid 0 ref 2", "did 6 pasid 0 ref 1", "boot events"},
    {"boot/default", "events.txt", "", "groupID=4 device=0000:00:1f.3",
     "groupID=5 device=0000:00:1f.3", "boot events"},
    {"boot/default", "events.txt", "# phase work", "alloc_iova: size=0x20", "alloc_iova: size=0x17",
     "work events"},
    {"boot/default", "events.txt", "# phase unbind", "unmapped_size=4096", "unmapped_size=8192",
     "unbind events"},
    {"boot/default", "groups.txt", "", "type=DMA-FQ", "type=DMA", "group types"},
    {"boot/default", "groups.txt", "", "feefffff msi", "feefffff direct", "group types"},
    {"boot/default", "sysfs-iommu.txt", "", "domains_used = 7", "domains_used = 8", "sysfs"},
    {"boot/default", "sysfs-iommu.txt", "", "group 4: 0000:00:1f.0 ", "group 4: ", "groups"},
    {"boot/default", "queue-work.txt", "", "lo=00000000000600e2", "lo=00000000000500e2",
     "work ring"},
    {"boot/default", "pt-boot.txt", "\nC ", "hi=0000000000000301", "hi=0000000000000401",
     "boot tables"},
    {"boot/default", "pt-work.txt", "\n1 ", "003  # iova", "001  # iova", "work tables"},
    {"boot/default", "pt-fault.txt", "\n1 ", "003  # iova", "001  # iova", "fault tables"},
    {"boot/default", "dmesg.txt", "", "lazy mode", "strict mode", "log"},
    {"boot/default", "dmesg.txt", "", "fault addr 0xabc000", "fault addr 0xabd000", "log"},
    {"boot/default", "dma-api/0000:00:05.0.txt", "", "  iova size=0x1 limit_pfn=0xfffff",
     "  iova size=0x1 limit_pfn=0xffffe", "dma-api 0000:00:05.0"},
    {"boot/default", "dma-api/0000:00:1f.2.txt", "flush timer", "freed=2", "freed=3",
     "dma-api 0000:00:1f.2"},
    {"boot/default", "dma-api/0000:00:04.0.txt", "", "type=DMA-FQ", "type=DMA",
     "dma-api 0000:00:04.0"},
    {"boot/strict", "events.txt", "# phase work", "pages 0x1 mask 0x0", "pages 0x1 mask 0x1",
     "work events"},
    {"boot/scalable", "pt-boot.txt", "\nP ", "q1=0000000000000002", "q1=0000000000000003",
     "boot tables"},
    {"boot/scalable", "queue-boot.txt", "", "q0=0000000000000037", "q0=0000000000000017",
     "boot ring"},
    {"groups/g1-types", "ops.txt", "", "group 3 type=DMA-FQ", "group 3 type=DMA", "operations"},
    {"groups/g1-types", "pt-d0-dma.txt", "\nC ", "hi=0000000000000301", "hi=0000000000000401",
     "d0-dma tables"},
    {"groups/g1-types", "pt-lpc-dma.txt", "\n1 ", "003  # iova", "001  # iova", "lpc-dma tables"},
    {"groups/g1-types", "effects.txt", "", "CC device did=5 sid=0x29", "CC device did=5 sid=0x28",
     "operations' effects"},
};

class altered_stops : public testing::TestWithParam<alteration> {};

TEST_P(altered_stops, are_noticed) {
  const kernel_profile* kernel = find_kernel_profile("v6_12");
  ASSERT_NE(kernel, nullptr);
  const alteration& a = GetParam();
  const fs::path original = golden::root() / "kernel/v6_12" / a.capture;
  if (!fs::is_directory(original)) IOMMULAB_MISSING("no capture " << a.capture << " of Linux 6.12");
  const fs::path root =
      fs::path(testing::TempDir()) / ("altered_stops_" + std::to_string(getpid()));
  fs::remove_all(root);
  fs::create_directories(root);
  const fs::path copy = root / original.filename();
  fs::copy(original, copy, fs::copy_options::recursive);
  fs::copy(original.parent_path().parent_path() / "traced-functions.txt.xz", root);
  const auto text = golden::read_text(copy / a.file);
  ASSERT_TRUE(text.ok()) << text.status();
  std::string altered = *text;
  const size_t at = altered.find(a.old, altered.find(a.after));
  ASSERT_NE(at, std::string::npos) << a.file << " has no " << a.old;
  altered.replace(at, std::string_view(a.old).size(), a.text);
  fs::remove(copy / (std::string(a.file) + ".xz"));
  fs::remove(copy / a.file);
  std::ofstream(copy / a.file, std::ios::binary) << altered;

  const auto done = verify::verify_capture(copy.string(), kernel);
  ASSERT_TRUE(done.ok()) << done.status();
  const auto& results = done->results;
  EXPECT_TRUE(std::any_of(results.begin(), results.end(), [&](const verify::class_result& result) {
    return !result.passes() && result.name == a.noticed_by;
  })) << to_string(*done);
  fs::remove_all(root);
}

INSTANTIATE_TEST_SUITE_P(golden, altered_stops, testing::ValuesIn(alterations));

}  // namespace
}  // namespace iommulab::altered_stops_test
