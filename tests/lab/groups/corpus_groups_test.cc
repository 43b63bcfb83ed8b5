// SPDX-License-Identifier: GPL-2.0-only
//
// Groups of real machines against those that their own kernels made: the corpus' machines, listed
// by lspci, each with the release it ran and the DMAR table that it has.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "lab/groups/machine_groups.h"
#include "platform/listing/listed_machine.h"
#include "support/golden.h"

namespace iommulab::corpus_groups_test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> machine_folders() {
  std::vector<fs::path> folders;
  const fs::path all = golden::corpus_root() / "machines";
  if (!fs::is_directory(all)) return folders;
  for (const auto& entry : fs::directory_iterator(all)) {
    if (entry.is_directory() && fs::exists(entry.path() / "groups.tsv")) {
      folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// What stands behind "NAME: " in meta.txt; empty when it does not.
std::string meta(const fs::path& folder, const std::string& name) {
  std::ifstream file(folder / "meta.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ": ", 0) == 0) return line.substr(name.size() + 2);
  }
  return "";
}

pci_release release_of(const fs::path& folder) {
  pci_release release;
  char dot = 0;
  std::istringstream(meta(folder, "kernel")) >> release.major >> dot >> release.minor;
  return release;
}

std::vector<uint8_t> table_of(const fs::path& folder) {
  const std::string name = meta(folder, "DMAR table");
  std::ifstream file(golden::corpus_root() / name, std::ios::binary);
  if (name.empty() || !file) return {};
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Devices and groups, "0000:00:1f.2" and 12.
std::map<std::string, int> recorded_groups(const fs::path& folder) {
  std::map<std::string, int> groups;
  std::ifstream file(folder / "groups.tsv");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string device;
    int group = 0;
    if (words >> device >> group) groups[device] = group;
  }
  return groups;
}

struct compared {
  std::map<std::string, int> recorded;
  std::map<std::string, int> ours;
  std::vector<std::string> assumed;
  std::vector<std::string> lost;
};

compared compare(const fs::path& folder) {
  compared result;
  result.recorded = recorded_groups(folder);
  auto machine = machine_of_listing(read_source((folder / "lspci.txt").string()).value());
  EXPECT_TRUE(machine.ok()) << machine.status();
  if (!machine.ok()) return result;
  const auto groups =
      machine_groups::create({machine->roots, machine->functions, machine->virtual_functions,
                              machine->volumes, table_of(folder)},
                             release_of(folder));
  EXPECT_TRUE(groups.ok()) << groups.status();
  if (!groups.ok()) return result;
  for (size_t i = 0; i < machine->functions.size(); ++i) {
    const iommu_group* group = (*groups)->group_of(machine->functions[i].id);
    if (group == nullptr) continue;
    const std::string address = machine->listed[i].address();
    if (result.recorded.count(address) != 0) result.ours[address] = group->id;
  }
  for (const source_id id : (*groups)->not_found()) result.lost.push_back(to_string(id));
  result.assumed = machine->assumed;
  return result;
}

/// Groups as sets of their members.
std::set<std::set<std::string>> partition(const std::map<std::string, int>& groups) {
  std::map<int, std::set<std::string>> members;
  for (const auto& [device, group] : groups) members[group].insert(device);
  std::set<std::set<std::string>> sets;
  for (const auto& [group, devices] : members) sets.insert(devices);
  return sets;
}

/// "00:1f.0 …": each of the sets that the other partition has not.
std::vector<std::string> only_in(const std::map<std::string, int>& these,
                                 const std::map<std::string, int>& those) {
  std::vector<std::string> lines;
  const auto others = partition(those);
  for (const std::set<std::string>& group : partition(these)) {
    if (others.count(group) != 0) continue;
    lines.emplace_back();
    for (const std::string& device : group) lines.back() += device + " ";
  }
  return lines;
}

std::vector<std::string> other_numbers(const compared& result) {
  std::vector<std::string> lines;
  for (const auto& [device, group] : result.recorded) {
    const auto found = result.ours.find(device);
    const int ours = found == result.ours.end() ? -1 : found->second;
    if (ours != group) {
      lines.push_back(absl::StrFormat("%s: group %d, recorded %d", device, ours, group));
    }
  }
  return lines;
}

TEST(corpus_groups, are_those_that_each_machines_kernel_made) {
  const std::vector<fs::path> folders = machine_folders();
  if (folders.empty()) GTEST_SKIP() << "no corpus at " << golden::corpus_root();
  for (const fs::path& folder : folders) {
    const compared result = compare(folder);
    EXPECT_EQ(only_in(result.ours, result.recorded), std::vector<std::string>()) << folder;
    EXPECT_EQ(only_in(result.recorded, result.ours), std::vector<std::string>()) << folder;
    EXPECT_EQ(result.lost, std::vector<std::string>()) << folder;
  }
}

TEST(corpus_groups, bear_the_numbers_that_each_kernel_gave) {
  const std::vector<fs::path> folders = machine_folders();
  if (folders.empty()) GTEST_SKIP() << "no corpus at " << golden::corpus_root();
  for (const fs::path& folder : folders) {
    const compared result = compare(folder);
    EXPECT_EQ(other_numbers(result), std::vector<std::string>()) << folder;
  }
}

}  // namespace
}  // namespace iommulab::corpus_groups_test
