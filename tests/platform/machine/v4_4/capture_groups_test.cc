// SPDX-License-Identifier: GPL-2.0-only
//
// Each recorded machine, scanned and grouped, against what the kernel of the recording reported.
// The driver is a stand-in that takes the devices which the kernel's own driver took.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v4_4/iommu_ops.h"
#include "core/pci/pci.h"
#include "core/sysfs.h"
#include "platform/machine/capture_loader.h"
#include "platform/machine/golden_folder.h"
#include "platform/machine/kernel_log.h"
#include "support/golden.h"

namespace iommulab::capture_groups_test {
namespace {

/// The log's "iommu: Adding device" lines up to the end of start-up: what follows the first removal
/// is hot-plugging.
std::vector<std::string> adding_lines(const text_source& log) {
  std::vector<std::string> lines;
  for (const std::string_view stamped : log.lines()) {
    const std::string_view line = without_time_stamp(stamped);
    if (line.find("k44: STEP") != std::string_view::npos) break;
    if (line.substr(0, 21) == "iommu: Adding device ") lines.emplace_back(line);
  }
  return lines;
}

/// "group 3: 0000:00:1f.0 0000:00:1f.2 "
std::map<int, std::set<std::string>> recorded_groups(const text_source& sysfs) {
  std::map<int, std::set<std::string>> groups;
  for (const std::string_view line : sysfs.lines()) {
    if (line.substr(0, 6) != "group ") continue;
    const std::vector<std::string> words =
        absl::StrSplit(std::string(line.substr(6)), absl::ByAnyChar(": "), absl::SkipEmpty());
    std::set<std::string>& members = groups[std::stoi(words.front())];
    const std::string list(line.substr(line.find(": ") + 2));
    for (const auto& name : absl::StrSplit(list, ' ', absl::SkipEmpty())) {
      members.insert(std::string(name));
    }
  }
  return groups;
}

struct system_under_test {
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  std::unique_ptr<pci_machine> machine;
  std::unique_ptr<pci_core> pci;
  std::set<std::string> taken;
  v4_4::iommu_ops ops;

  void scan(const machine_config& config) {
    iommu_init(iommu);
    absl::StatusOr<std::unique_ptr<pci_machine>> live =
        pci_machine::create(config.pci_roots, config.pci_functions);
    ASSERT_TRUE(live.ok()) << live.status();
    machine = *std::move(live);
    pci = std::make_unique<pci_core>(bus, *machine);
    pci->request_acs();
    for (const pci_root& root : machine->roots()) pci->scan_root_bus(root.segment, root.bus);
  }

  void set_iommu() {
    ops.add_device = [this](device& dev) {
      if (!taken.contains(dev.name)) return -ENODEV;
      int error = 0;
      iommu_group* group = v4_4::iommu_group_get_for_dev(dev, error);
      if (group == nullptr) return error;
      iommu_group_put(group);
      return 0;
    };
    ops.device_group = pci_device_group;
    ASSERT_EQ(bus_set_iommu(bus, ops), 0);
  }

  [[nodiscard]] std::vector<std::string> iommu_lines() const {
    std::vector<std::string> lines;
    for (const log_line& line : env.log.lines()) {
      if (line.text.substr(0, 7) == "iommu: ") lines.push_back(line.text);
    }
    return lines;
  }

  [[nodiscard]] std::map<int, std::set<std::string>> groups() const {
    std::map<int, std::set<std::string>> found;
    for (const auto& group : iommu.groups()) {
      const std::vector<std::string> names = sysfs.list(group->sysfs_path + "/devices").value();
      found[group->id].insert(names.begin(), names.end());
    }
    return found;
  }
};

class capture : public testing::TestWithParam<std::string> {};

TEST_P(capture, gives_the_groups_and_log_lines_of_its_kernel) {
  const absl::StatusOr<machine_config> config = load_capture(GetParam());
  ASSERT_TRUE(config.ok()) << config.status();
  const absl::StatusOr<text_source> log = read_source(GetParam() + "/dmesg.txt");
  ASSERT_TRUE(log.ok()) << log.status();
  const absl::StatusOr<text_source> recorded = read_source(GetParam() + "/sysfs-iommu.txt");
  ASSERT_TRUE(recorded.ok()) << recorded.status();

  system_under_test sut;
  const std::vector<std::string> expected = adding_lines(*log);
  for (const std::string& line : expected) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    sut.taken.insert(words.at(3));
  }
  ASSERT_NO_FATAL_FAILURE(sut.scan(*config));
  ASSERT_NO_FATAL_FAILURE(sut.set_iommu());
  EXPECT_EQ(sut.iommu_lines(), expected);
  EXPECT_EQ(sut.groups(), recorded_groups(*recorded));
  EXPECT_EQ(sut.bus.devices.size(), config->pci_functions.size());
}

/// Every function at the sysfs path that the capture recorded, with its ids and resources.
TEST_P(capture, shows_each_function_where_its_kernel_showed_it) {
  const absl::StatusOr<machine_config> config = load_capture(GetParam());
  ASSERT_TRUE(config.ok()) << config.status();
  system_under_test sut;
  ASSERT_NO_FATAL_FAILURE(sut.scan(*config));
  const absl::StatusOr<text_source> listing = read_source(GetParam() + "/pci.txt");
  ASSERT_TRUE(listing.ok()) << listing.status();
  std::string path;
  std::string resources;
  bool in_resources = false;
  for (const std::string_view line : listing->lines()) {
    if (line.substr(0, 2) == "# ") {
      const size_t at = line.find(" path=../../../") + 15;
      path = std::string(line.substr(at, line.find(' ', at) - at));
      ASSERT_TRUE(sut.sysfs.exists(path)) << path;
    } else if (line == "resource:") {
      in_resources = true;
      resources.clear();
    } else if (line == "config:") {
      in_resources = false;
      EXPECT_EQ(sut.sysfs.read(path + "/resource").value(), resources) << path;
    } else if (in_resources) {
      resources.append(line).append("\n");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(golden, capture, testing::ValuesIn(golden_captures()),
                         [](const auto& param) { return golden_test_name(param.param); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(capture);

TEST(captures, are_there) {
  if (golden_captures().empty()) IOMMULAB_MISSING("no golden data below " << golden::root());
  for (const std::string& folder : golden_captures()) {
    EXPECT_TRUE(source_exists(folder + "/dmesg.txt")) << folder;
  }
}

}  // namespace
}  // namespace iommulab::capture_groups_test
