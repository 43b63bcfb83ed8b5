// SPDX-License-Identifier: GPL-2.0-only
//
// Machines with a DMAR table that is not their own, and captures whose emulator was asked for its
// unit in other words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/boot/run_boot.h"
#include "cli/machines/machines_command.h"
#include "cli/translate/translate_command.h"
#include "nlohmann/json.hpp"
#include "platform/firmware/dmar_builder.h"
#include "support/files.h"
#include "support/golden.h"

namespace iommulab::given_table_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

std::string table_file(const std::string& name, const dmar_builder& builder) {
  const std::vector<uint8_t> bytes = builder.finish();
  return temporary("given_table_" + name, std::string(bytes.begin(), bytes.end()));
}

/// The unit of q35, and regions for its network function.
dmar_builder unit() {
  return dmar_builder(39).add_drhd(1, 0, 0xfed90000, {dmar_scope_spec::ioapic(2, 0xf0, {0x1f, 0})});
}
dmar_builder with_regions(const std::vector<std::pair<uint64_t, uint64_t>>& regions) {
  dmar_builder builder = unit();
  for (const auto& [first, last] : regions) {
    builder.add_rmrr(0, first, last, {dmar_scope_spec::endpoint(0, {{5, 0}})});
  }
  return builder;
}

std::vector<std::string> log_of(const std::string& out) {
  std::vector<std::string> log;
  for (const std::string& line : lines_of(out)) {
    if (line.starts_with("[")) log.push_back(line);
  }
  return log;
}

struct region_case {
  const char* name;
  std::vector<std::pair<uint64_t, uint64_t>> regions;
  const char* diagnosis;
};

// q35 has usable memory up to 0x3ffdffff, and nothing from 0x40000000 to 0xafffffff.
TEST(given_table, what_no_kernel_of_that_time_says_of_regions_is_a_diagnosis) {
  const region_case cases[] = {
      {"ram", {{0x10000000, 0x100fffff}}, "rmrr_in_usable_memory"},
      {"hole", {{0x8d800000, 0x8fffffff}}, "rmrr_in_memory_hole"},
      {"overlap", {{0x3ffe0000, 0x3ffe5fff}, {0x3ffe4000, 0x3ffeffff}}, "rmrr_overlap"},
      {"duplicate", {{0x3ffe0000, 0x3ffe5fff}, {0x3ffe0000, 0x3ffe5fff}}, "rmrr_duplicate"},
  };
  for (const region_case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string file = table_file(c.name, with_regions(c.regions));
    const command_result text = boot({.dmar_files = {file}});
    EXPECT_EQ(text.status, 0) << text.err;
    EXPECT_THAT(text.out, HasSubstr(std::string(") DMAR table: ") + c.diagnosis + ": offset 0x00"));
    EXPECT_THAT(text.out, Not(HasSubstr("all good"))) << "it is not";
    for (const std::string& line : log_of(text.out)) {
      EXPECT_THAT(line, Not(HasSubstr("Firmware Bug"))) << "the log is 4.4's";
    }
    const json document = json::parse(boot({.json = true, .dmar_files = {file}}).out);
    bool seen = false;
    for (const json& d : document["diagnoses"]) seen |= d["name"] == c.diagnosis;
    EXPECT_TRUE(seen);
    const command_result hardware =
        run_command(run_machines_command, {.machine = "q35", .dmar_file = file});
    EXPECT_EQ(hardware.status, 0);
    EXPECT_THAT(hardware.out, HasSubstr(std::string(": ") + c.diagnosis + ": offset 0x00"));
  }
}

TEST(given_table, the_log_lists_the_table_and_is_else_that_of_the_machine) {
  const std::string file = table_file("reserved", with_regions({{0x3ffe0000, 0x3ffe5fff}}));
  const command_result result = boot({.dmar_files = {file}});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("RMRR base: 0x0000003ffe0000 end: 0x0000003ffe5fff"));
  EXPECT_THAT(result.out, HasSubstr("Diagnoses: none"));
}

/// Two units where nobody answers.
dmar_builder nobodys_units() {
  return dmar_builder(39)
      .add_drhd(0, 0, 0xfed64000, {dmar_scope_spec::endpoint(0, {{2, 0}})})
      .add_drhd(1, 0, 0xfed65000);
}

TEST(given_table, on_hardware_a_unit_that_is_not_there_reads_all_ones) {
  const std::string file = table_file("nobody", nobodys_units());
  const command_result server = boot({.machines = {"server"}, .dmar_files = {file}});
  EXPECT_EQ(server.status, 1);
  // Linux v4.4 drivers/iommu/dmar.c: warn_invalid_dmar()
  EXPECT_THAT(
      server.out,
      HasSubstr("Your BIOS is broken; DMAR reported at address fed64000 returns all ones!"));
  EXPECT_THAT(server.out, HasSubstr("drhd_without_hardware: offset 0x0038: "));
  EXPECT_THAT(server.out, HasSubstr("DMA remapping: asked for: yes; off"));
  const command_result emulated = boot({.dmar_files = {file}});
  EXPECT_EQ(emulated.status, 1);
  EXPECT_THAT(emulated.out, Not(HasSubstr("all ones!")));
  EXPECT_THAT(emulated.out, HasSubstr("Cannot get a valid agaw for iommu (seq_id = 0)"));
}

TEST(given_table, two_tables_are_compared) {
  const std::string one = table_file("one", unit());
  const std::string other = table_file("other", with_regions({{0x3ffe0000, 0x3ffe5fff}}));
  const command_result result = boot({.diff = true, .dmar_files = {one, other}});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("RMRR base: 0x0000003ffe0000"));
  expect_refusal_with(boot({.dmar_files = {one, other}}), "--diff");
}

TEST(given_table, a_table_that_does_not_read_is_refused) {
  expect_refusal_with(boot({.dmar_files = {"no/such/table"}}), "no/such/table: cannot be read");
  expect_refusal_with(run_command(run_machines_command, {.dmar_file = "x"}), "name it");
  const std::string text = temporary("given_table_text", "DMAR @ 0x0\n  0000: 44 4d 41\n");
  expect_refusal_with(boot({.dmar_files = {text}}), text + ": line 2: bytes is \"44 4d 41\"");
}

TEST(given_table, a_table_that_is_cut_at_any_byte_is_refused) {
  const std::vector<uint8_t> whole = unit().finish();
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string file =
        temporary("given_table_cut",
                  std::string(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    expect_refusal_with(boot({.dmar_files = {file}}), file + ": ");
  }
  std::string other(whole.begin(), whole.end());
  other[0] = 'E';
  expect_refusal_with(boot({.dmar_files = {temporary("given_table_cut", other)}}),
                      "the signature is");
}

TEST(given_table, an_address_is_followed_through_the_tables_that_it_leads_to) {
  const std::string file = table_file("mapped", with_regions({{0x3ffe0000, 0x3ffe5fff}}));
  const auto walk = [&](const std::string& table) {
    return run_command(run_translate_command,
                       {.device = "00:05.0", .address = "0x3ffe1000", .dmar_file = table});
  };
  EXPECT_EQ(walk(file).status, 0);
  EXPECT_THAT(walk(file).out, HasSubstr("0x3ffe1000"));
  EXPECT_EQ(walk("").status, 1) << "without the region nothing is mapped there";
}

TEST(machines, say_what_addresses_read_that_nobody_owns) {
  EXPECT_THAT(run_command(run_machines_command, {.machine = "server"}).out,
              HasSubstr("an address that nobody owns reads all ones\n"));
  EXPECT_THAT(run_command(run_machines_command, {.machine = "q35"}).out,
              HasSubstr("an address that nobody owns reads zero\n"));
  const auto document =
      json::parse(run_command(run_machines_command, {.machine = "server", .json = true}).out);
  EXPECT_EQ(document["unowned_reads"], "ones");
}

/// A copy of boot/default with another argument for its unit.
class copied_capture {
 public:
  explicit copied_capture(const std::string& argument)
      : path_(fs::temp_directory_path() / ("iommulab_copied_" + std::to_string(getpid()))) {
    fs::remove_all(path_);
    fs::copy(capture("boot/default"), path_);
    std::string text = content_of((path_ / "qemu.args").string());
    const std::string own = "-device intel-iommu,intremap=off";
    text.replace(text.find(own), own.size(), argument);
    fs::remove(path_ / "qemu.args");
    std::ofstream(path_ / "qemu.args") << text;
  }
  ~copied_capture() { fs::remove_all(path_); }
  copied_capture(const copied_capture&) = delete;
  copied_capture& operator=(const copied_capture&) = delete;
  [[nodiscard]] std::string folder() const { return path_.string(); }

 private:
  fs::path path_;
};

command_result boot_with(const std::string& argument) {
  const copied_capture copy(argument);
  return boot({.machines = {copy.folder()}, .command_lines = {"intel_iommu=on"}});
}

TEST(emulators_arguments, make_the_same_unit_in_each_spelling) {
  if (!fs::is_directory(capture("boot/default"))) IOMMULAB_MISSING("no boot/default");
  for (
      const char* argument : {
          R"(-device '{"driver":"intel-iommu","id":"iommu0","intremap":"on","caching-mode":true,"device-iotlb":true}')",
          "-device driver=intel-iommu,intremap=off",
          "-device intel-iommu,id=iommu0,intremap=on,caching-mode=on",
          "-device intel-iommu,intremap=on,bus=pcie.0",
          "-device intel-iommu,intremap=auto",
          "-device intel-iommu,intremap=yes,caching-mode=true",
          "-device intel-iommu,x-aw-bits=48",
          "-device intel-iommu,x-scalable-mode=off",
          "-machine q35,iommu=on",
      }) {
    SCOPED_TRACE(argument);
    const command_result result = boot_with(argument);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("DMA remapping: asked for: yes; on"));
    EXPECT_THAT(result.out, Not(HasSubstr("agaw")));
  }
}

TEST(emulators_arguments, that_make_no_unit_or_one_that_is_not_modelled_are_named) {
  if (!fs::is_directory(capture("boot/default"))) IOMMULAB_MISSING("no boot/default");
  expect_refusal_with(boot_with("-device intel-iommu,intremap=on,x-flts=on"),
                      "qemu.args: line 1: -device is \"intel-iommu,intremap=on,x-flts=on\": "
                      "intel-iommu: x-flts is \"on\"");
  expect_refusal_with(boot_with(""),
                      "qemu.args: -device is \"\": no argument makes an intel-iommu, "
                      "but the capture's DMAR table describes a unit at 0xfed90000");
  expect_refusal_with(boot_with("-device intel-iommu -device intel-iommu"),
                      "qemu.args: line 1: -device is \"intel-iommu\": a second intel-iommu");
}

TEST(emulators_arguments, a_capture_says_what_nobodys_addresses_read) {
  if (!fs::is_directory(capture("boot/default"))) IOMMULAB_MISSING("no boot/default");
  const copied_capture copy("-device intel-iommu,intremap=off");
  std::ofstream(copy.folder() + "/unowned-reads") << "ones\n";
  const command_result result =
      boot({.machines = {copy.folder()}, .dmar_files = {table_file("nobody", nobodys_units())}});
  EXPECT_THAT(result.out, HasSubstr("address fed64000 returns all ones!"));
}

TEST(emulators_arguments, a_folder_that_is_no_capture_is_said_to_be_none) {
  const std::string folder = ::testing::TempDir() + "iommulab_no_capture";
  fs::create_directories(folder);
  expect_refusal_with(boot({.machines = {folder}}),
                      folder +
                          ": is no capture's folder: it has no pci.txt, no dmesg.txt, no "
                          "iomem, no cmdline (");
}

}  // namespace
}  // namespace iommulab::given_table_test
