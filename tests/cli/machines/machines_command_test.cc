// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/machines_command.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>

#include "cli/machines/class_names.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "platform/machine/builtin.h"
#include "support/command.h"
#include "support/golden.h"

namespace iommulab::machines_command_test {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

command_result machines(const machines_arguments& arguments) {
  return run_command(run_machines_command, arguments);
}

/// Names of all functions that answer, of the tree below `functions`.
void collect(const json& functions, std::vector<std::string>& names) {
  for (const json& function : functions) {
    if (function["present"]) names.push_back(function["name"]);
    if (function.contains("children")) collect(function["children"], names);
  }
}

TEST(machines_command_test, every_built_in_machine_has_one_line) {
  const command_result result = machines({});
  EXPECT_EQ(result.status, 0);
  const auto names = builtin_machine_names();
  EXPECT_EQ(static_cast<size_t>(std::count(result.out.begin(), result.out.end(), '\n')),
            1 + names.size());
  EXPECT_THAT(result.out, StartsWith("As Linux 4.4.178 (v4_4_178) finds them:\n"));
  EXPECT_THAT(machines({.kernel = "v4_4"}).out, StartsWith("As Linux 4.4.1 (v4_4) finds them:\n"));
  for (const std::string_view name : names) {
    const machine_config machine = *builtin_machine(name);
    EXPECT_THAT(result.out, HasSubstr(std::string(name)));
    EXPECT_THAT(result.out, HasSubstr(std::to_string(machine.units.size()) + " remapping unit"));
  }
}

TEST(machines_command_test, the_list_is_there_as_json) {
  const json document = json::parse(machines({.machine = "", .json = true}).out);
  EXPECT_EQ(document["schema"], "iommulab.machines");
  const json& list = document["machines"];
  ASSERT_EQ(list.size(), builtin_machine_names().size());
  for (size_t i = 0; i < list.size(); ++i) {
    const machine_config machine = *builtin_machine(builtin_machine_names()[i]);
    const auto present = std::count_if(machine.pci_functions.begin(), machine.pci_functions.end(),
                                       [](const pci_function_config& f) { return f.present; });
    EXPECT_EQ(list[i]["name"], std::string(builtin_machine_names()[i]));
    EXPECT_EQ(list[i]["units"], machine.units.size());
    EXPECT_EQ(list[i]["functions"], present);
    EXPECT_THAT(list[i]["memory_bytes"].get<std::string>(), ContainsRegex("^0x[0-9a-f]+$"));
  }
}

TEST(machines_command_test, the_servers_tree_nests_what_lies_behind_bridges) {
  const std::string out = machines({.machine = "server"}).out;
  // From the diagram in platform/machine/builtin.h.
  EXPECT_THAT(out, HasSubstr("\n  |-- 0000:00:02.0  PCI bridge, root port"));
  EXPECT_THAT(out, HasSubstr("\n  |   `-- 0000:02:00.0  PCI bridge, switch upstream port"));
  EXPECT_THAT(out, HasSubstr("\n  |       |-- 0000:03:08.0  PCI bridge, switch downstream port"));
  EXPECT_THAT(out, HasSubstr("\n  |       |   `-- 0000:04:00.0  "));
  EXPECT_THAT(out, HasSubstr("0000:c2:00.0  (empty slot)"));
  EXPECT_THAT(out, ContainsRegex("0000:41:00.0[^\n]* ATS, group "));
  EXPECT_THAT(out, ContainsRegex("0000:40:02.0[^\n]* ACS, group "));
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
}

TEST(machines_command_test, table_and_units_are_shown) {
  const machine_config machine = server_machine();
  const std::string out = machines({.machine = "server"}).out;
  for (size_t i = 0; i < machine.units.size(); ++i) {
    EXPECT_THAT(out, HasSubstr("  dmar" + std::to_string(i) + " at 0x"));
  }
  EXPECT_THAT(out, HasSubstr("all devices without another unit"));
  EXPECT_THAT(out, HasSubstr("  RMRR  memory 0x"));
  EXPECT_THAT(out, HasSubstr("PCI endpoint 80:01.0/00.0"));
  EXPECT_THAT(out, HasSubstr("proximity domain 1"));
}

TEST(machines_command_test, the_acpi_namespace_is_shown_with_the_kernels_names) {
  const std::string out = machines({.machine = "q35"}).out;
  EXPECT_THAT(out, ContainsRegex("\n  \\\\_SB.PCI0 +PNP0A08:00 +root bus 0000:00\n"));
  EXPECT_THAT(out, ContainsRegex("\n  \\\\_SB.PCI0.SF8 +device:03 +0000:00:1f.0\n"));
  EXPECT_THAT(out, ContainsRegex("\n  \\\\_GPE +no device\n"));
  const json d = json::parse(machines({.machine = "server", .json = true}).out);
  const auto found = std::find_if(d["acpi"].begin(), d["acpi"].end(),
                                  [](const json& o) { return o["path"] == "\\_SB.PC00.LPC0"; });
  ASSERT_NE(found, d["acpi"].end());
  EXPECT_EQ((*found)["hardware"], "0000:00:1f.0");
  EXPECT_EQ((*found)["present"], true);
}

TEST(machines_command_test, a_captures_tree_holds_each_function_that_the_kernel_listed) {
  size_t checked = 0;
  for (const char* name : {"boot/default", "boot/bridges", "boot/e1000"}) {
    const std::string folder = (golden::root() / "kernel/v4_4" / name).string();
    if (!std::filesystem::is_directory(folder)) continue;
    const auto sysfs = golden::read_text(folder + "/sysfs-iommu.txt");
    ASSERT_TRUE(sysfs.ok()) << sysfs.status();
    const json d = json::parse(machines({.machine = folder, .json = true}).out);
    std::vector<std::string> names;
    for (const json& bus : d["buses"]) collect(bus["functions"], names);
    for (const std::string& function : names) {
      EXPECT_THAT(*sysfs, HasSubstr(function)) << name;  // each is in a group
      ++checked;
    }
  }
  if (checked == 0) IOMMULAB_MISSING("none of the captures is there");
}

TEST(machines_command_test, an_unknown_machine_is_refused) {
  const command_result result = machines({.machine = "mainframe"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1);
  EXPECT_THAT(result.err, HasSubstr("'mainframe'"));
  EXPECT_THAT(result.err, HasSubstr("q35"));
}

TEST(machines_command_test, a_class_without_a_name_is_shown_by_its_number) {
  EXPECT_EQ(pci_class_name(0x0c0330), "USB controller");
  EXPECT_EQ(pci_class_name(0xfe1200), "class fe12");
}

TEST(machines_command_test, a_function_has_its_group_and_its_domain) {
  // q35's ISA bridge is identity mapped for the floppy (CONFIG_INTEL_IOMMU_FLOPPY_WA), and shares
  // the group of its slot, the fourth to be made.
  const command_result text = machines({.machine = "q35"});
  EXPECT_THAT(text.out, ContainsRegex("0000:00:1f.0  .*, group 3, domain DMA dmar0:1\n"));
  EXPECT_THAT(text.out, ContainsRegex("0000:00:1f.2  .*, group 3, domain none\n"));
  const json document = json::parse(machines({.machine = "q35", .json = true}).out);
  for (const json& function : document["buses"][0]["functions"]) {
    if (function["name"] != "0000:00:1f.0") continue;
    EXPECT_EQ(function["group"], 3);
    EXPECT_EQ(function["domain"]["type"], "DMA");
    EXPECT_EQ(function["domain"]["name"], "dmar0:1");
  }
}

}  // namespace
}  // namespace iommulab::machines_command_test
