// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_command.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "cli/boot/run_boot.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/machine/builtin.h"
#include "support/golden.h"

namespace iommulab::boot_command_test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// What the recorded kernel printed of the driver and the groups, without times.
std::vector<std::string> recorded_log(const std::string& name) {
  const auto text = golden::read_text(capture(name) + "/dmesg.txt");
  if (!text.ok()) return {};
  // Not from the line's start: a command line too long for one record ends without a newline.
  const std::regex line(R"(\[ *\d+\.\d+\] ((DMAR|iommu): .*)$)");
  std::vector<std::string> result;
  for (std::string l : lines_of(*text)) {
    std::erase(l, '\r');
    std::smatch match;
    if (std::regex_search(l, match, line)) result.push_back(match[1]);
  }
  return result;
}

std::vector<std::string> printed_log(const std::string& out) {
  const std::regex line(R"(^\[ *\d+\.\d{6}\] ((DMAR|iommu): .*)$)");
  std::vector<std::string> result;
  for (const std::string& l : lines_of(out)) {
    std::smatch match;
    if (std::regex_match(l, match, line)) result.push_back(match[1]);
  }
  return result;
}

class empty_folder {
 public:
  explicit empty_folder(const std::string& name)
      : path_(::testing::TempDir() + "boot_command_" + name + "_" + std::to_string(getpid())) {
    fs::remove_all(path_);
  }
  ~empty_folder() { fs::remove_all(path_); }
  empty_folder(const empty_folder&) = delete;
  empty_folder& operator=(const empty_folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(boot_command_test, the_log_of_each_recorded_boot_is_what_the_kernel_printed) {
  size_t compared = 0;
  for (const std::string& name : golden::cases(golden::root() / "kernel/v4_4/boot")) {
    const std::vector<std::string> expected = recorded_log("boot/" + name);
    const command_result result = boot({.machines = {capture("boot/" + name)}});
    const std::vector<std::string> printed = printed_log(result.out);
    EXPECT_EQ(result.status, 0) << name << result.err;
    EXPECT_THAT(result.err, "") << name;
    EXPECT_EQ(printed, expected) << name;
    compared += printed.size();
  }
  EXPECT_GT(compared, 0u);
}

TEST(boot_command_test, the_default_machine_is_q35_with_the_driver_switched_on) {
  const command_result result = boot({});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("\nMachine: q35\nCommand line: intel_iommu=on\n"));
  EXPECT_THAT(result.out, HasSubstr("\nDMA remapping: asked for: yes; on\n"));
  EXPECT_THAT(result.out, HasSubstr("  dmar0 at 0xfed90000: translation on"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST(boot_command_test, every_device_of_the_server_is_shown_in_a_group) {
  const auto machine = server_machine();
  const command_result result = boot({.machines = {"server"}});
  EXPECT_EQ(result.status, 0);
  const size_t groups = result.out.find("\nGroups: ");
  ASSERT_NE(groups, std::string::npos);
  for (const pci_function_config& function : machine.pci_functions) {
    const bool found = result.out.find(to_string(function.id), groups) != std::string::npos;
    EXPECT_EQ(found, function.present) << to_string(function.id);
  }
}

TEST(boot_command_test, without_the_option_translation_stays_off_and_that_is_good) {
  for (const char* line : {"", "intel_iommu=off", "intel_iommu=on iommu=off", "intel_iommu=on,off",
                           "intel_iommu=on intel_iommu=off", "iommu=soft", "swiotlb=force"}) {
    const command_result result = boot({.command_lines = {line}});
    EXPECT_EQ(result.status, 0) << line;
    EXPECT_THAT(result.out, HasSubstr("\nDMA remapping: asked for: no; off\n")) << line;
  }
}

// The same run, and a note; where the line names intel_iommu= and remapping stays off, a finding.
TEST(boot_command_test, words_of_the_command_line_without_effect_are_named) {
  const struct {
    const char* line;
    int status;
    const char* part;
  } cases[] = {
      {"intel_iommu=ON", 1, "command line: unknown_value: intel_iommu=ON: "},
      {"intel_iommu=1", 1, "command line: unknown_value: intel_iommu=1: "},
      {"intel_iommu = on", 1, "command line: unknown_value: intel_iommu: "},
      {"intel_iommu=on,iommu=pt", 0, "command line: unknown_value: intel_iommu=iommu=pt: "},
      {"intel_iommu=on iommu.passthrough=1 iommu.strict=0", 0, "other_kernel: iommu.strict=0: "},
      {"intel_iommu=on,sm_on", 0, "other_kernel: intel_iommu=sm_on: from Linux 5.0 on"},
      {"amd_iommu=on iommu=pt", 0, "other_driver: amd_iommu=on: "},
      {"iommu=on", 0, "command line: unknown_value: iommu=on: "},
  };
  for (const auto& c : cases) {
    const command_result result = boot({.command_lines = {c.line}});
    EXPECT_EQ(result.status, c.status) << c.line;
    EXPECT_THAT(result.out, HasSubstr(c.part)) << c.line;
    const bool in_vain = c.status == 1;
    EXPECT_EQ(result.out.find("\nDMA remapping: asked for: in words that this kernel does not "
                              "know; off\n") != std::string::npos,
              in_vain)
        << c.line;
  }
}

// Linux v4.4 arch/x86/kernel/acpi/boot.c: acpi_boot_table_init() returns before acpi_table_init().
TEST(boot_command_test, without_acpi_there_is_no_table_and_no_hardware) {
  for (const char* kernel : {"v4_4", "v4_4_178"}) {
    const command_result result =
        boot({.kernels = {kernel}, .command_lines = {"intel_iommu=on acpi=off"}});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(printed_log(result.out), std::vector<std::string>{"DMAR: IOMMU enabled"});
    EXPECT_THAT(result.out, Not(HasSubstr("ACPI: DMAR")));
    EXPECT_THAT(result.out, HasSubstr("\nDMA remapping: asked for: yes; off\n"));
    EXPECT_THAT(result.out, HasSubstr("\nGroups: none\n"));
  }
  const command_result forced = boot({.command_lines = {"intel_iommu=on acpi=off acpi=force"}});
  EXPECT_THAT(forced.out, HasSubstr("\nDMA remapping: asked for: yes; on\n"));
  const command_result malformed = boot({.command_lines = {"intel_iommu=on acpi=ht"}});
  EXPECT_THAT(malformed.out, HasSubstr("Malformed early option 'acpi'\n"));
  EXPECT_EQ(malformed.status, 0);
}

TEST(boot_command_test, bounce_buffers_keep_hardware_from_being_looked_for) {
  for (const char* line : {"intel_iommu=on iommu=soft", "intel_iommu=on swiotlb=force"}) {
    const command_result result = boot({.command_lines = {line}});
    EXPECT_EQ(result.status, 1) << line;
    EXPECT_THAT(result.out, HasSubstr("\nDMA remapping: asked for: yes; off\n")) << line;
    EXPECT_THAT(result.out,
                HasSubstr("\nBounce buffers are asked for: neither detect_intel_iommu() "
                          "nor intel_iommu_init() was called\n"))
        << line;
    EXPECT_THAT(result.out, HasSubstr("command line: bounce_buffers: ")) << line;
  }
}

TEST(boot_command_test, translation_asked_for_and_not_on_is_a_finding) {
  // x1: a unit at address 0; x13: only absent devices in its scope.
  for (const char* name : {"firmware/x1", "firmware/x13"}) {
    if (!fs::is_directory(capture(name))) continue;
    const command_result result = boot({.machines = {capture(name)}});
    EXPECT_EQ(result.status, 1) << name;
    EXPECT_THAT(result.out, HasSubstr("\nDMA remapping: asked for: yes; off\n")) << name;
    EXPECT_EQ(result.err, "") << name;
  }
}

TEST(boot_command_test, what_the_parser_refuses_in_the_table_is_named) {
  if (!fs::is_directory(capture("firmware/x1"))) IOMMULAB_MISSING("no capture firmware/x1");
  const command_result result = boot({.machines = {capture("firmware/x1")}});
  EXPECT_THAT(result.out, HasSubstr("DMAR table: drhd_base_zero: offset 0x38: "));
}

TEST(boot_command_test, the_access_that_4_4_does_unaligned_is_reported_and_is_no_finding) {
  const command_result result = boot({.kernels = {"v4_4"}});
  EXPECT_THAT(result.out, HasSubstr("Diagnoses: none\nNotes, all good: hardware puts up with it\n"
                                    "  dmar0: unaligned_access: offset 0x1c, "));
  EXPECT_EQ(result.status, 0);
}

TEST(boot_command_test, the_kernel_of_the_walk_through_is_the_default) {
  const command_result result = boot({});
  EXPECT_THAT(result.out, StartsWith("Linux 4.4.178 (v4_4_178) on q35\n"));
  EXPECT_THAT(result.out, HasSubstr("Diagnoses: none\n"));
}

TEST(boot_command_test, an_unknown_machine_is_refused_with_the_names_there_are) {
  const command_result result = boot({.machines = {"mainframe"}});
  expect_refusal_with(result, "'mainframe'");
  for (const std::string_view name : builtin_machine_names()) {
    EXPECT_THAT(result.err, HasSubstr(std::string(name)));
  }
}

TEST(boot_command_test, a_folder_that_is_no_capture_is_refused_in_the_loaders_words) {
  const empty_folder folder("no_capture");
  fs::create_directories(folder.path());
  expect_refusal_with(boot({.machines = {folder.path()}}), folder.path());
}

TEST(boot_command_test, options_that_contradict_are_refused) {
  expect_refusal_with(boot({.machines = {"q35", "server"}}), "--diff");
  expect_refusal_with(boot({.diff = true}), "twice");
  expect_refusal_with(boot({.machines = {"q35", "q35", "q35"}, .diff = true}), "twice");
  expect_refusal_with(boot({.machines = {"q35", "q35"}, .sysfs = "x", .diff = true}), "--sysfs");
}

TEST(boot_command_test, the_sysfs_tree_is_written_where_it_is_asked_for) {
  const empty_folder folder("sysfs");
  const command_result result = boot({.sysfs = folder.path()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(fs::is_directory(folder.path() + "/kernel/iommu_groups"));
  std::string address;
  std::ifstream(folder.path() + "/class/iommu/dmar0/intel-iommu/address") >> address;
  EXPECT_EQ(address, "fed90000");  // QEMU's unit
}

TEST(boot_command_test, a_folder_with_something_in_it_is_not_written_to) {
  const empty_folder folder("sysfs_taken");
  fs::create_directories(folder.path());
  std::ofstream(folder.path() + "/mine") << "keep";
  expect_refusal_with(boot({.sysfs = folder.path()}), folder.path());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator{}), 1);
}

}  // namespace
}  // namespace iommulab::boot_command_test
