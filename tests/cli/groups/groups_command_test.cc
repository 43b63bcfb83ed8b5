// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab groups` on the example listing (cli/groups/examples), on built-in machines and
// captures, and on what cannot be used. Which groups those are follows from PCI Express Base 6.12
// by hand.
#include "cli/groups/groups_command.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/output/json.h"

namespace iommulab::groups_command_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct outcome {
  int status;
  std::string out;
  std::string err;
};

outcome run(groups_arguments arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int status = run_groups_command(arguments, out, err);
  return {status, out.str(), err.str()};
}

std::string example() {
  return std::string(IOMMULAB_SOURCE_DIR) + "/cli/groups/examples/switch.lspci";
}

TEST(groups_command, shows_groups_as_the_scripts_do) {
  const outcome r = run({.machine = example()});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(
      r.out,
      "IOMMU Group 0:\n"
      "\t00:00.0 Host bridge [0600]: Example host bridge [1234:0001] (rev 01)\n"
      "IOMMU Group 1:\n"
      "\t00:01.0 PCI bridge [0604]: Example root port [1234:0002] (rev 01) (prog-if 00 "
      "[Normal decode])\n"
      "IOMMU Group 2:\n"
      "\t00:1c.0 PCI bridge [0604]: Example bridge to PCI [1234:0003] (rev 01) (prog-if 00 "
      "[Normal decode])\n"
      "\t05:04.0 Multimedia audio controller [0401]: Example sound card [1234:0009] (rev 01)\n"
      "\t05:05.0 Serial controller [0700]: Example serial card [1234:000a] (rev 01)\n"
      "IOMMU Group 3:\n"
      "\t00:1f.0 ISA bridge [0601]: Example LPC bridge [1234:0004] (rev 01)\n"
      "\t00:1f.2 SATA controller [0106]: Example SATA controller [1234:0005] (rev 01) "
      "(prog-if 01 [AHCI 1.0])\n"
      "IOMMU Group 4:\n"
      "\t01:00.0 PCI bridge [0604]: Example switch [1234:0006] (rev 01) (prog-if 00 [Normal "
      "decode])\n"
      "IOMMU Group 5:\n"
      "\t02:01.0 PCI bridge [0604]: Example switch [1234:0006] (rev 01) (prog-if 00 [Normal "
      "decode])\n"
      "\t03:00.0 Ethernet controller [0200]: Example network card [1234:0007] (rev 01)\n"
      "IOMMU Group 6:\n"
      "\t02:02.0 PCI bridge [0604]: Example switch [1234:0006] (rev 01) (prog-if 00 [Normal "
      "decode])\n"
      "\t04:00.0 Non-Volatile memory controller [0108]: Example disk [1234:0008] (rev 01) "
      "(prog-if 02 [NVM Express])\n"
      "assumed: the rules of Linux 6.12, as nothing says which kernel the machine ran\n"
      "assumed: the numbers, without the table of remapping units (--dmar): as for one unit\n");
}

TEST(groups_command, json_has_each_group_with_whole_addresses) {
  const outcome r = run({.machine = example(), .kernel = "5.10", .json = true});
  const json document = json::parse(r.out);
  EXPECT_EQ(document["schema"], "iommulab.groups");
  EXPECT_EQ(document["groups"][3]["id"], 3);
  EXPECT_EQ(document["groups"][3]["devices"], (json{"0000:00:1f.0", "0000:00:1f.2"}));
  EXPECT_TRUE(document["assumed"].empty()) << "numbers of 5.10 do not follow units";
}

TEST(groups_command, why_follows_the_way_up) {
  const outcome r = run({.machine = example(), .why = {"03:00.0"}});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out, HasSubstr("- 02:01.0 (switch's downstream port) may turn requests back before "
                               "they reach the IOMMU, as it has no ACS capability"));
  EXPECT_THAT(r.out, HasSubstr("- Group 5: 02:01.0 may keep the port driver, as a bridge does."));
  const outcome two = run({.machine = example(), .why = {"05:04.0", "0000:05:05.0"}});
  EXPECT_THAT(two.out, HasSubstr("So 05:04.0 and 05:05.0 are together in group 2."));
}

// The recording says 0 to 4, the last with three members (golden/kernel/v6_12, groups.txt).
TEST(groups_command, a_capture_gives_its_own_kernels_groups) {
  const outcome r = run(
      {.machine = std::string(IOMMULAB_SOURCE_DIR) + "/tests/golden/kernel/v6_12/boot/default"});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out, HasSubstr("IOMMU Group 4:\n\t00:1f.0"));
  EXPECT_THAT(r.out, Not(HasSubstr("IOMMU Group 5:")));
}

TEST(groups_command, a_listing_that_shows_other_groups_is_a_finding) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "groups-test.lspci";
  std::ofstream(file) << "00:1f.0 0601: 8086:2918\n\tIOMMU group: 7\n00:1f.2 0106: 8086:2922\n"
                         "\tIOMMU group: 8\n00:02.0 0300: 1234:1111\n\tIOMMU group: 3\n";
  const outcome r = run({.machine = file.string()});
  std::filesystem::remove(file);
  EXPECT_EQ(r.status, 1);
  EXPECT_THAT(r.out, HasSubstr("differs: 00:1f.2 is in group 8 of the listing, here in group 1"));
  EXPECT_THAT(r.out, Not(HasSubstr("differs: 00:02.0")));
}

class folder_of_a_machine : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    write("lspci.txt",
          "00:1f.0 0601: 8086:2918\n00:1f.2 0106: 8086:2922\n00:02.0 0300: 1234:1111\n");
    write("pci.ids",
          "8086  Example Corp.\n\t2918  Bridge of theirs\nC 06  Bridge\n\t01  ISA bridge\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  [[nodiscard]] outcome of_folder(groups_arguments arguments = {}) const {
    arguments.machine = folder_.string();
    return run(std::move(arguments));
  }

  const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / "groups-folder";
};

TEST_F(folder_of_a_machine, takes_the_rules_of_the_kernel_that_ran) {
  EXPECT_EQ(json::parse(of_folder({.json = true}).out)["kernel"], "6.12");
  write("osrelease", "5.11.22-4-PVE\n");
  EXPECT_EQ(json::parse(of_folder({.json = true}).out)["kernel"], "5.11");
  EXPECT_THAT(of_folder().out, HasSubstr("kernel: 5.11, which the machine ran\n"));
  EXPECT_THAT(of_folder({.svg = true}).out, HasSubstr("Linux 5.11</title>"));
  EXPECT_EQ(json::parse(of_folder({.kernel = "6.1", .json = true}).out)["kernel"], "6.1");
  write("osrelease", "3.10.0-1160.el7\n");
  const outcome old = of_folder();
  EXPECT_EQ(old.status, 0) << old.err;
  EXPECT_THAT(old.out,
              HasSubstr("assumed: that 3.10, which the machine ran and which is not known"));
}

TEST_F(folder_of_a_machine, is_compared_with_the_groups_that_were_recorded) {
  write("groups.tsv", "0000:00:1f.0\t7\n0000:00:1f.2\t7\n0000:00:02.0\t3\n");
  EXPECT_EQ(of_folder().status, 0);
  write("groups.tsv", "0000:00:1f.0\t7\n0000:00:1f.2\t8\n0000:00:02.0\t3\n");
  const outcome r = of_folder();
  EXPECT_EQ(r.status, 1);
  EXPECT_THAT(r.out, HasSubstr("differs: 00:1f.2 is in group 8"));
}

TEST_F(folder_of_a_machine, has_the_names_that_a_list_gives) {
  const outcome r = of_folder({.pci_ids = (folder_ / "pci.ids").string()});
  if (r.err.find("built without libpci") != std::string::npos) GTEST_SKIP() << r.err;
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out,
              HasSubstr("00:1f.0 ISA bridge [0601]: Example Corp. Bridge of theirs [8086:2918]"));
  EXPECT_THAT(r.out, HasSubstr("00:1f.2 SATA controller [0106]: Example Corp. Device [8086:2922]"));
  EXPECT_THAT(r.out, HasSubstr("00:02.0 VGA controller [0300]: [1234:1111]"))
      << "a vendor that the list does not have";
  EXPECT_THAT(of_folder({.pci_ids = (folder_ / "lspci.txt").string()}).err,
              HasSubstr("lspci.txt: no list of names: Parse error"));
  EXPECT_THAT(of_folder({.pci_ids = "nowhere"}).err,
              HasSubstr("nowhere: is no regular file, or not there"));
}

TEST(groups_command, what_cannot_be_used_is_one_sentence) {
  EXPECT_THAT(run({.machine = "nowhere"}).err, HasSubstr("machine 'nowhere'"));
  EXPECT_THAT(run({.machine = example(), .kernel = "3.2"}).err,
              HasSubstr("kernel is \"3.2\": releases before 4.4 are not known"));
  EXPECT_THAT(run({.machine = example(), .kernel = "six"}).err,
              HasSubstr("kernel is \"six\": no release of Linux"));
  EXPECT_THAT(run({.machine = example(), .why = {"00:09.0"}}).err,
              HasSubstr("--why is \"00:09.0\": the machine has no such function"));
  EXPECT_THAT(run({.machine = example(), .dmar_file = example()}).err, HasSubstr("switch.lspci"));
  for (const outcome& r :
       {run({.machine = "nowhere"}), run({.machine = example(), .kernel = "six"})}) {
    EXPECT_EQ(r.status, 2);
    EXPECT_EQ(r.out, "");
  }
}

}  // namespace
}  // namespace iommulab::groups_command_test
