// SPDX-License-Identifier: GPL-2.0-only
//
// The corpus' machines booted from what is known of them: lspci's listing, the DMAR table, the
// driver's lines of a log. No machine may stop a kernel or make it do what the unit's rules forbid,
// and where a log shows how the driver listed units and regions, ours lists them so.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernel/catalogue.h"
#include "lab/events/boot_run.h"
#include "platform/firmware/dmar_table.h"
#include "platform/listing/machine_folder.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"
#include "support/golden.h"

namespace iommulab::corpus_boot_test {
namespace {

namespace fs = std::filesystem;

std::vector<uint8_t> table_of(const fs::path& folder) {
  std::ifstream meta(folder / "meta.txt");
  for (std::string line; std::getline(meta, line);) {
    constexpr std::string_view mark = "DMAR table: ";
    if (line.rfind(mark, 0) != 0) continue;
    const auto table = read_dmar_file((golden::corpus_root() / line.substr(mark.size())).string());
    if (table.ok()) return *table;
  }
  return {};
}

/// "DMAR: RMRR base: …" of a log, without time stamps.
std::set<std::string> listing_lines(const std::vector<std::string>& log) {
  std::set<std::string> lines;
  for (const std::string& line : log) {
    const size_t at = line.find("DMAR: ");
    if (at == std::string::npos) continue;
    const std::string text = line.substr(at);
    for (const char* kind : {"DMAR: DRHD base:", "DMAR: RMRR base:", "DMAR: ATSR flags:",
                             "DMAR: Host address width"}) {
      if (text.rfind(kind, 0) == 0) lines.insert(text);
    }
  }
  return lines;
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::vector<std::string> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(corpus_boot, every_machine_with_a_table_boots_to_the_end) {
  const fs::path all = golden::corpus_root() / "machines";
  if (!fs::is_directory(all)) GTEST_SKIP() << "no corpus at " << all;
  size_t booted = 0;
  for (const auto& entry : fs::directory_iterator(all)) {
    if (!entry.is_directory()) continue;
    const std::vector<uint8_t> table = table_of(entry.path());
    if (table.empty()) continue;
    const auto machine = machine_of(files_of_folder(entry.path().string()), table);
    ASSERT_TRUE(machine.ok()) << entry.path() << machine.status();
    for (const char* name : {"v4_4_178", "v6_12"}) {
      boot_request request;
      request.kernel = find_kernel_profile(name);
      request.machine = *machine;
      request.command_line = "intel_iommu=on";
      request.sanitize = true;
      const auto run = run_boot(std::move(request));
      ASSERT_TRUE(run.ok()) << entry.path() << run.status();
      EXPECT_EQ((*run)->ending, boot_ending::complete) << entry.path() << ' ' << name;
      EXPECT_TRUE(translation_on(*(*run)->system)) << entry.path() << ' ' << name;
      EXPECT_EQ((*run)->system->sanitizer()->log().errors(), 0u) << entry.path() << ' ' << name;
      std::vector<std::string> log;
      for (const log_line& line : (*run)->log) log.push_back(to_string(line));
      const std::set<std::string> ours = listing_lines(log);
      for (const std::string& line : listing_lines(lines_of(entry.path() / "dmesg-iommu.txt"))) {
        EXPECT_EQ(ours.count(line), 1u) << entry.path() << ' ' << name << ": " << line;
      }
      ++booted;
    }
  }
  EXPECT_GE(booted, 20u);
}

}  // namespace
}  // namespace iommulab::corpus_boot_test
