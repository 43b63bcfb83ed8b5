// SPDX-License-Identifier: GPL-2.0-only
//
// Captures in which one line is altered: each is noticed, in the class that is meant to notice it,
// or refused where it is damaged. Inputs and the lines of ignored_lines.h are not altered here.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "lab/golden/captures.h"
#include "lab/verification/capture_verification.h"
#include "support/golden.h"

namespace iommulab::altered_capture_test {
namespace {

namespace fs = std::filesystem;

/// Puts `text` in place of the first `old` that follows `after`.
struct alteration {
  const char* capture;
  const char* file;
  const char* after;
  const char* old;
  const char* text;
  const char* noticed_by;  ///< part of a class's name; "" for a refusal
};

constexpr alteration alterations[] = {
    // What 4.4 says of a fault's reason.
    {"workload-ir/vfio", "vfio.txt", "", "fault reason 05", "fault reason 06", "vfio log"},
    {"workload-ir/vfio", "vfio.txt", "", "PTE Write access", "PTE write access", "vfio log"},
    {"dmalab/bridges-flt1", "ops.txt", "", "fault reason 05", "fault reason 06", "operations' log"},
    {"boot/default", "dmesg.txt", "", "DMAR: No RMRR found", "DMAR:[fault reason 05] x", "log"},
    // What a fault makes the driver do, on a machine that remaps interrupts.
    {"workload-ir/vfio", "vtd-trace.txt", "vtd_reg_read addr 0x22c",
     "vtd_reg_write addr 0x34 size 0x4 value 0x3", "vtd_reg_write addr 0x34 size 0x4 value 0x1",
     "vfio mapped registers"},
    {"workload-ir/vfio.calls", "vtd-trace.txt", "vtd_fsts_ppf", "vtd_reg_read addr 0x34",
     "vtd_reg_read addr 0x38", "vfio mapped registers"},
    // Permissions that no dump may tell the run.
    {"workload-ir/vfio", "pt-vfio.txt", "\n1 ", "003  # iova", "001  # iova", "vfio mapped tables"},
    {"firmware/r1b", "pt-boot.txt", "\n1 ", "003  # iova", "001  # iova", "boot tables"},
    // Hot plugging.
    {"hotplug/lazy-hot", "pt-removed.txt", "\nC ", "hi=0", "hi=1", "removed tables"},
    {"hotplug/lazy-hot", "pt-netup.txt", "\n1 ", "003  # iova", "001  # iova", "netup tables"},
    {"hotplug/lazy-hot.calls", "vtd-trace.txt", "vtd_reg_write addr 0x88 size 0x4 value 0x60",
     "type context-cache high 0x0 low 0x11", "type context-cache high 0x0 low 0x31",
     "removed queue"},
    {"hotplug/lazy-hot.calls", "fgraph-lab.txt", "intel_unmap_page",
     "domain_unmap start=", "domain_unmap stop=", "hotplug calls"},
    {"hotplug/pt-hot", "hot.txt", "", "domains_used=", "domains_used=1", "hotplug"},
    // What 4.4 does before it dies, how it dies, and where it writes by mistake.
    {"dmalab/lazy-apibug", "ops.txt", "peek 0 0x200018", "0300403d00000000", "0300403e00000000",
     "operations"},
    {"dmalab/lazy-apibug", "ops.txt", "iunmap", "0000000000000000", "0000000000000001",
     "operations"},
    {"dmalab/lazy-apibug", "vtd-trace.txt", "", "OP begin 7\n",
     "OP begin 7\nvtd_reg_read addr 0x34 size 0x4\n", "operations' registers"},
    {"dmalab/pt-ptbug", "ops.txt", "", "uses non-identity mapping", "uses identity mapping",
     "operations' log"},
    {"dmalab/pt-ptbug", "vtd-trace.txt", "OP begin 8", "low 0xd2", "low 0xd1", "operations' queue"},
    {"dmalab/lazy-apigmap.calls", "fgraph-lab.txt", "OP 5 ", "iommu_no_mapping() {",
     "identity_mapping() {", "operations' calls"},
    {"dmalab/lazy-bug", "ops.txt", "", "Kernel BUG at ", "kernel bug at ", ""},
    {"dmalab/lazy-api2.calls", "fgraph-lab.txt", "OP 199 ", "to_dmar_domain();",
     "to_dmar_device();", "operations' calls"},
    {"firmware/x6b", "dmesg-key.txt", "", "DMAR: Unsupported device scope", "DMAR: scope", "log"},
    // Files that end too early, or lack what others refer to.
    {"boot/default", "vtd-marks.txt", "", "boot: ", "boat: ", ""},
    {"boot/default", "vtd-marks.txt", "", "end: ", "stop: ", ""},
    {"boot/default", "vtd-marks.txt", "", "afterdisk: ", "netup: ", ""},
    {"dmalab/lazy-s1", "vtd-marks.txt", "", "mid: ", "middle: ", ""},
    {"dmalab/lazy-s1", "ops.txt", "", "# end ops=", "# ops=", ""},
    {"dmalab/lazy-s1", "vtd-trace.txt", "", "OP end 20\n", "", ""},
    {"dmalab/lazy-s1.calls", "fgraph-lab.txt", "", "/* OP 20 ", "/* OP 21 ", ""},
};

class altered : public testing::TestWithParam<alteration> {
 protected:
  void SetUp() override {
    const fs::path original = golden::captures_root() / GetParam().capture;
    if (!fs::is_directory(original)) IOMMULAB_MISSING("no capture " << GetParam().capture);
    root_ = fs::path(testing::TempDir()) / ("altered_" + std::to_string(getpid()));
    fs::remove_all(root_);
    link_neighbours(original);
    copy_ = root_ / original.filename();
    fs::remove(copy_);
    fs::copy(original, copy_);
  }
  void TearDown() override { fs::remove_all(root_); }

  /// A capture is compared with what lies beside it.
  void link_neighbours(const fs::path& original) const {
    fs::create_directories(root_);
    for (const auto& entry : fs::directory_iterator(original.parent_path())) {
      fs::create_directory_symlink(entry.path(), root_ / entry.path().filename());
    }
    for (const char* list : {"traced-functions.txt", "traced-functions.txt.xz"}) {
      const fs::path path = golden::captures_root() / list;
      if (fs::exists(path)) fs::create_symlink(path, root_ / list);
    }
  }

  void alter() const {
    const alteration& a = GetParam();
    auto content = golden::read_text(copy_ / a.file);
    ASSERT_TRUE(content.ok()) << content.status();
    const size_t at = content->find(a.old, content->find(a.after));
    ASSERT_NE(at, std::string::npos) << a.file << " has no " << a.old;
    content->replace(at, std::string_view(a.old).size(), a.text);
    fs::remove(copy_ / (std::string(a.file) + ".xz"));
    std::ofstream(copy_ / a.file, std::ios::binary) << *content;
  }

  fs::path root_;
  fs::path copy_;
};

TEST_P(altered, is_noticed) {
  ASSERT_NO_FATAL_FAILURE(alter());
  const auto done = verify::verify_capture(copy_.string(), find_kernel_profile("v4_4"));
  const std::string_view class_name = GetParam().noticed_by;
  if (class_name.empty()) {
    ASSERT_FALSE(done.ok()) << to_string(*done);
    const std::string sentence(done.status().message());
    EXPECT_NE(sentence.find((copy_ / GetParam().file).string()), std::string::npos) << sentence;
    return;
  }
  ASSERT_TRUE(done.ok()) << done.status();
  const auto& results = done->results;
  EXPECT_TRUE(std::any_of(results.begin(), results.end(), [&](const verify::class_result& result) {
    return !result.passes() && result.name == class_name;
  })) << to_string(*done);
}

INSTANTIATE_TEST_SUITE_P(captures, altered, testing::ValuesIn(alterations));

/// A copy of a capture with a file that is not there in any other.
TEST(a_file_of_another_kind, is_not_passed_over) {
  const fs::path original = golden::captures_root() / "boot/no-option";
  if (!fs::is_directory(original)) IOMMULAB_MISSING("no capture boot/no-option");
  const fs::path copy = fs::path(testing::TempDir()) / ("another_" + std::to_string(getpid()));
  fs::remove_all(copy);
  fs::copy(original, copy);
  const auto before = verify::verify_capture(copy.string(), find_kernel_profile("v4_4"));
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_TRUE(before->passes()) << to_string(*before);
  std::ofstream(copy / "susp.txt") << "STEP pm_test core\n";
  const auto after = verify::verify_capture(copy.string(), find_kernel_profile("v4_4"));
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_FALSE(after->passes());
  EXPECT_NE(to_string(*after).find("file susp.txt NOT COMPARED: "), std::string::npos);
  fs::remove_all(copy);
}

}  // namespace
}  // namespace iommulab::altered_capture_test
