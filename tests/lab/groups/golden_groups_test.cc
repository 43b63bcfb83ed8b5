// SPDX-License-Identifier: GPL-2.0-only
//
// Groups of the machines that real kernels booted on under QEMU, bridges and switches among them:
// numbers and members are the kernel's, and of any two functions the reasons conclude what it did.
#include <gmock/gmock.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "lab/groups/group_reasons.h"
#include "platform/machine/capture_loader.h"
#include "platform/machine/parse.h"
#include "support/golden.h"

namespace iommulab::golden_groups_test {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

/// Folders of boots of all kernels ("kernel/v4_4/boot/bridges"), in order of name.
std::vector<std::string> boots() {
  std::vector<std::string> found;
  const fs::path kernels = golden::root() / "kernel";
  if (!fs::is_directory(kernels)) return found;
  for (const std::string& kernel : golden::cases(kernels)) {
    if (!fs::is_directory(kernels / kernel / "boot")) continue;
    for (const std::string& boot : golden::cases(kernels / kernel / "boot")) {
      const fs::path folder = kernels / kernel / "boot" / boot;
      const bool is_whole =
          golden::exists(folder / "pci.txt") && golden::exists(folder / "sysfs-iommu.txt");
      if (is_whole) found.push_back(folder.string());
    }
  }
  return found;
}

/// Of "kernel/v6_12/boot/bridges"; stable releases of 6.x have all quirks that are known.
pci_release release_of_boot(const std::string& folder) {
  const std::string kernel = fs::path(folder).parent_path().parent_path().filename().string();
  pci_release release;
  EXPECT_EQ(std::sscanf(kernel.c_str(), "v%hu_%hu", &release.major, &release.minor), 2) << kernel;
  return release.major == 6 ? newest_pci_release : release;
}

/// "group 10: 0000:05:00.0 0000:06:01.0 "
std::map<source_id, int> recorded_in(const std::string& folder) {
  std::map<source_id, int> groups;
  const std::string text = golden::read_text(fs::path(folder) / "sysfs-iommu.txt").value();
  for (const std::string_view line : golden::lines(text)) {
    const std::vector<std::string> words =
        absl::StrSplit(std::string(line), absl::ByAnyChar(" "), absl::SkipEmpty());
    if (words.size() < 3 || words[0] != "group" || words[1].back() != ':') continue;
    for (size_t i = 2; i < words.size(); ++i) {
      const auto device = parse_pci_address(words[i]);
      if (device) groups[*device] = std::stoi(words[1]);
    }
  }
  return groups;
}

std::unique_ptr<machine_groups> groups_of(const std::string& folder) {
  const auto machine = load_capture(folder);
  EXPECT_TRUE(machine.ok()) << machine.status();
  if (!machine.ok()) return nullptr;
  return machine_groups::create(
             {machine->pci_roots, machine->pci_functions, {}, {}, machine->dmar_table},
             release_of_boot(folder))
      .value();
}

TEST(golden_groups, are_those_of_the_kernel_with_their_numbers) {
  size_t compared = 0;
  for (const std::string& folder : boots()) {
    SCOPED_TRACE(folder);
    const std::map<source_id, int> recorded = recorded_in(folder);
    if (recorded.empty()) continue;  // a boot without remapping
    const auto groups = groups_of(folder);
    ASSERT_NE(groups, nullptr);
    for (const auto& [id, number] : recorded) {
      const iommu_group* const group = groups->group_of(id);
      ASSERT_NE(group, nullptr) << to_string(id);
      EXPECT_EQ(group->id, number) << to_string(id);
    }
    ++compared;
  }
  if (compared == 0) IOMMULAB_MISSING("no boot with groups below " << golden::root());
}

TEST(golden_groups, of_two_functions_the_reasons_conclude_what_the_kernel_did) {
  size_t compared = 0;
  for (const std::string& folder : boots()) {
    if (folder.find("bridges") == std::string::npos) continue;
    SCOPED_TRACE(folder);
    const std::map<source_id, int> recorded = recorded_in(folder);
    const auto groups = groups_of(folder);
    ASSERT_NE(groups, nullptr);
    for (const auto& [one, number] : recorded) {
      for (const auto& [other, its_number] : recorded) {
        if (!(one < other)) continue;
        const std::string last = group_reasons(*groups, one, other).back().sentence;
        EXPECT_THAT(last, number == its_number ? HasSubstr("are together in group")
                                               : HasSubstr("are in different groups"))
            << to_string(one) << ' ' << to_string(other);
        ++compared;
      }
    }
  }
  if (compared == 0) IOMMULAB_MISSING("no boot with bridges below " << golden::root());
}

}  // namespace
}  // namespace iommulab::golden_groups_test
