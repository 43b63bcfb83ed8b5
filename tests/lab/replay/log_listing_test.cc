// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/log_listing.h"

#include <gtest/gtest.h>

#include "lab/replay/captures.h"

namespace iommulab::verify::log_listing_test {
namespace {

numbered_lines numbered(const std::vector<std::string>& texts) {
  numbered_lines lines;
  for (const std::string& text : texts) lines.push_back({lines.size() + 1, text});
  return lines;
}

std::vector<std::string> texts(const numbered_lines& lines) {
  std::vector<std::string> found;
  for (const numbered_line& line : lines) found.push_back(line.text);
  return found;
}

TEST(log_listing_test, every_capture_has_the_driver_lines_that_a_search_finds) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    std::vector<std::string> log = scan(path, "dmesg.txt");
    if (log.empty()) log = scan(path, "dmesg-key.txt");
    const auto lines = read_start_up_log(*folder);
    ASSERT_TRUE(lines.ok()) << lines.status();
    size_t expected = count(log, "] DMAR: ") + count(log, "] iommu: ");
    expected += count(log, "] ACPI: DMAR 0x") - count(log, "Physical table override");
    expected += count(log, "] Your BIOS is broken") + count(log, "] BIOS vendor: ");
    // The only line of the boot that a device driver causes before the mark.
    const size_t by_drivers = count(log, "] DMAR: Allocating domain for 0000:");
    EXPECT_EQ(lines->size(), expected - by_drivers) << path;
    const std::string all = "\n" + [&] {
      std::string joined;
      for (const numbered_line& line : *lines) joined += line.text + "\n";
      return joined;
    }();
    EXPECT_EQ(all.find("[ "), all.find("[ cut")) << path;
    EXPECT_EQ(all.find("Allocating domain"), std::string::npos) << path;
    EXPECT_EQ(all.find("WARNING"), std::string::npos) << path;
    for (const numbered_line& line : *lines) {
      EXPECT_TRUE(log[line.line - 1].ends_with(line.text)) << path << " line " << line.line;
    }
  }
}

TEST(log_listing_test, a_line_glued_to_the_cut_command_line_is_found) {
  const numbered_lines lines = driver_lines(numbered({
      "[    0.000000] Kernel command line: k44trace ftrace=a,<b>,hardwa<6>[    0.000000] DMAR: "
      "IOMMU enabled",
      "[    0.000000] DMAR ACPI table found in initrd [kernel/firmware/acpi/DMAR.aml][0x48]",
      "[    0.000000] Kernel command line: hardwa[    0.000000] DMAR: IOMMU disabled",
      "[    0.500000] DMAR: Setting identity map for device 0000:00:1f.0 [0x0 - 0xffffff]",
  }));
  EXPECT_EQ(texts(lines),
            (std::vector<std::string>{
                "DMAR: IOMMU enabled", "DMAR: IOMMU disabled",
                "DMAR: Setting identity map for device 0000:00:1f.0 [0x0 - 0xffffff]"}));
  EXPECT_EQ(lines[0].line, 1u);
}

TEST(log_listing_test, of_a_warning_only_the_sentences_stay) {
  const numbered_lines lines = driver_lines(numbered({
      "[    0.000000] ------------[ cut here ]------------",
      "[    0.000000] WARNING: CPU: 0 PID: 0 at drivers/iommu/dmar.c:822 warn()",
      "[    0.000000] Your BIOS is broken; DMAR reported at address 0!",
      "[    0.000000] BIOS vendor: V; Ver: 1; Product Version: p",
      "[    0.000000] Modules linked in:",
      "[    0.000000] CPU: 0 PID: 0 Comm: swapper",
      "[    0.000000]  000000000000000b ffffffff814c7d88",
      "[    0.000000] Call Trace:",
      "[    0.000000]  [<ffffffff8119051e>] dump_stack+0x44/0x56",
      "[    0.000000] ---[ end trace 4b158550cff9cd4e ]---",
      "[    0.080069] DMAR: Host address width 39",
  }));
  EXPECT_EQ(texts(lines),
            (std::vector<std::string>{"Your BIOS is broken; DMAR reported at address 0!",
                                      "BIOS vendor: V; Ver: 1; Product Version: p",
                                      "DMAR: Host address width 39"}));
}

TEST(log_listing_test, start_up_ends_behind_the_last_group_line_of_the_registration) {
  const std::vector<std::string> log = {
      "DMAR: Setting RMRR:",
      "DMAR: Intel(R) Virtualization Technology for Directed I/O",
      "iommu: Adding device 0000:00:00.0 to group 0",
      "iommu: Adding device 0000:00:04.0 to group 1",
      "DMAR: Allocating domain for 0000:00:1f.2 failed",
      "iommu: Adding device 0000:00:05.0 to group 2",
  };
  const numbered_lines kept = keep_start_up(numbered(log));
  EXPECT_EQ(texts(kept), std::vector<std::string>(log.begin(), log.begin() + 4));
}

TEST(log_listing_test, a_run_gives_its_sentences_without_the_cut_marks) {
  const std::vector<std::string> log = {"------------[ cut here ]------------", "A sentence.",
                                        "---[ end trace ]---", "pci 0000:00:00.0: something",
                                        "DMAR: No ATSR found"};
  const numbered_lines lines = log_of_run(log);
  EXPECT_EQ(texts(lines), (std::vector<std::string>{"A sentence.", "DMAR: No ATSR found"}));
  EXPECT_EQ(lines[1].line, 5u);
}

}  // namespace
}  // namespace iommulab::verify::log_listing_test
