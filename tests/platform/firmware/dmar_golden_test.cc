// SPDX-License-Identifier: GPL-2.0-only
//
// Tables that Linux 4.4 was booted with: what its log says of them, and what it did, against what
// our findings say.
#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/support/dmar_invariants.h"
#include "platform/firmware/support/table_files.h"
#include "support/golden.h"

namespace iommulab::dmar_golden_test {
namespace {

namespace fs = std::filesystem;
using ::testing::UnorderedElementsAreArray;

class dmar_golden : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::golden_kernel_folder();
    if (!folder_) IOMMULAB_MISSING("no recordings of real kernels: set IOMMULAB_GOLDEN");
  }
  [[nodiscard]] std::vector<fs::path> tables(const std::string& below) const {
    return testing::files_named(*folder_ / below, {"DMAR.bin", "DMAR-given.bin"});
  }
  std::optional<fs::path> folder_;
};

TEST_F(dmar_golden, every_table_keeps_the_invariants) {
  const std::vector<fs::path> files = tables("");
  EXPECT_FALSE(files.empty());
  for (const fs::path& file : files) {
    EXPECT_EQ(testing::broken_invariant(decode_dmar(testing::bytes_of(file))), "") << file;
  }
}

TEST_F(dmar_golden, the_tables_of_qemu_itself_are_flawless) {
  for (const fs::path& file : tables("boot")) {
    const dmar_table table = decode_dmar(testing::bytes_of(file));
    EXPECT_TRUE(table.decodable) << file;
    EXPECT_TRUE(table.findings.empty()) << file;
  }
}

/// The case of firmware/, without the suffix of its second recording.
std::string case_of(const fs::path& file) {
  const std::string name = file.parent_path().filename().string();
  return name.substr(0, name.find(".calls"));
}

/// What is wrong, above a note, with each table of firmware/, from the description of its case.
const std::map<std::string, std::set<std::string>>& expected_findings() {
  static const std::map<std::string, std::set<std::string>> expected = {
      {"r0", {}},
      {"r1", {}},
      {"r2", {}},
      {"r3", {}},
      {"r4", {}},
      {"r4s", {"include_all_not_last"}},
      {"r4z", {"include_all_not_last"}},
      {"x1", {"drhd_base_zero"}},
      {"x1b", {"drhd_base_zero", "include_all_not_last"}},
      {"x2", {"structure_length_zero"}},
      {"x2b", {"structure_length_zero"}},
      {"x3", {"structure_overruns_table"}},
      {"x4", {"structure_overruns_table"}},
      {"x4b", {"structure_overruns_table"}},
      {"x4c", {"trailing_bytes"}},
      {"x5", {"unknown_structure_type", "structures_out_of_order"}},
      {"x6", {"scope_length_zero"}},
      {"x6b", {"scope_too_short"}},
      {"x6d", {"scope_without_path"}},
      {"x6e", {"unknown_scope_type"}},
      {"x7", {"scope_overruns_structure"}},
      {"x7b", {"scope_overruns_structure"}},
      {"x8", {"bad_checksum"}},
      {"x8o", {"bad_checksum"}},
      {"x9", {"host_address_width_invalid"}},
      {"x9b", {"host_address_width_invalid"}},
      {"x10", {"rmrr_end_below_base"}},
      {"x10b", {"rmrr_unaligned"}},
      {"x10d", {"rmrr_base_zero", "rmrr_unaligned"}},
      {"x11", {"no_drhd"}},
      {"x12", {"duplicate_drhd"}},
      {"x12b", {"duplicate_drhd"}},
      {"x13", {}},
      {"x13c", {}},
      {"x14", {"bad_signature"}},
      {"x14b", {"no_drhd"}},
      {"x14c", {"table_header_truncated"}},
      {"x14d", {"table_header_truncated"}},
      {"x15", {"include_all_twice"}},
      {"x15b", {"include_all_twice"}},
      {"x15c", {"drhd_base_in_two_segments"}},
  };
  return expected;
}

TEST_F(dmar_golden, every_firmware_case_has_the_findings_that_its_description_names) {
  std::size_t seen = 0;
  for (const fs::path& file : testing::files_named(*folder_ / "firmware", {"DMAR-given.bin"})) {
    SCOPED_TRACE(file.string());
    const auto expected = expected_findings().find(case_of(file));
    if (expected == expected_findings().end()) continue;  // of such the other tests know enough
    std::set<std::string> found;
    for (const dmar_finding& finding : decode_dmar(testing::bytes_of(file)).findings) {
      if (finding.severity >= diagnosis_severity::warning) {
        found.insert(std::string(name(finding.id)));
      }
    }
    EXPECT_THAT(found, UnorderedElementsAreArray(expected->second));
    ++seen;
  }
  if (seen == 0) IOMMULAB_MISSING("no case with a description is there");
}

/// The structures in the words in which Linux 4.4 logs them, from our decode.
std::vector<std::string> as_linux_logs(const dmar_table& table) {
  std::vector<std::string> lines;
  lines.push_back(absl::StrFormat("Host address width %d", table.host_address_bits()));
  for (const dmar_structure& structure : table.structures) {
    if (!structure.complete) continue;
    if (const auto* drhd = std::get_if<dmar_drhd>(&structure.body)) {
      lines.push_back(
          absl::StrFormat("DRHD base: %#016x flags: %#x", drhd->register_base, drhd->flags));
    } else if (const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body)) {
      lines.push_back(absl::StrFormat("RMRR base: %#016x end: %#016x", rmrr->base, rmrr->limit));
    } else if (const auto* atsr = std::get_if<dmar_atsr>(&structure.body)) {
      lines.push_back(absl::StrFormat("ATSR flags: 0x%x", atsr->flags));
    } else if (const auto* rhsa = std::get_if<dmar_rhsa>(&structure.body)) {
      lines.push_back(absl::StrFormat("RHSA base: %#016x proximity domain: 0x%x",
                                      rhsa->register_base, rhsa->proximity_domain));
    } else if (const auto* andd = std::get_if<dmar_andd>(&structure.body)) {
      lines.push_back(absl::StrFormat("ANDD device: %x name: %s", andd->device_number, andd->name));
    }
  }
  return lines;
}

/// The kernel prints "%#x" of 0 as "0x0", the C library as "0": one form for both.
std::string normalised(std::string line) {
  line = std::regex_replace(line, std::regex("\\b0x0*([0-9a-f])"), "$1");
  return std::regex_replace(line, std::regex("(: )0*([0-9a-f])"), "$1$2");
}

TEST_F(dmar_golden, the_kernel_logged_the_structures_that_we_decode) {
  static const std::regex logged(
      R"(.*DMAR: ((?:Host address width|DRHD base|RMRR base|ATSR flags|RHSA base|ANDD device).*))");
  std::size_t compared = 0;
  for (const fs::path& file : testing::files_named(*folder_ / "firmware", {"DMAR.bin"})) {
    const fs::path log = file.parent_path() / "dmesg-key.txt";
    if (!golden::exists(log)) continue;
    SCOPED_TRACE(file.string());
    std::vector<std::string> kernel;
    bool all_read = false;
    for (const std::string& line : testing::lines_of(log)) {
      std::smatch match;
      if (std::regex_match(line, match, logged)) kernel.push_back(normalised(match[1]));
      all_read |=
          line.find("Intel(R) Virtualization Technology for Directed I/O") != std::string::npos;
    }
    std::vector<std::string> ours;
    for (const std::string& line : as_linux_logs(decode_dmar(testing::bytes_of(file)))) {
      ours.push_back(normalised(line));
    }
    // A kernel that gave up logged no more than the first of them.
    if (!all_read) ours.resize(std::min(ours.size(), kernel.size()));
    EXPECT_EQ(kernel, ours);
    compared += kernel.size();
  }
  if (compared == 0) IOMMULAB_MISSING("no log of a firmware case is there");
}

}  // namespace
}  // namespace iommulab::dmar_golden_test
