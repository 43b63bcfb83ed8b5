// SPDX-License-Identifier: GPL-2.0-only
//
// The calls inside bus_set_iommu() at start-up, and those of each bus notification while devices
// are removed and found again, against the kernel's own function graph.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/trace.h"
#include "platform/machine/capture_loader.h"
#include "platform/machine/golden_folder.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/v4_4/stand_in_driver.h"

namespace iommulab::call_tree_test {
namespace {

using lines = std::vector<std::string>;

/// What belongs to the driver, or came in between by interrupt.
bool left_out(std::string_view name) {
  return name == "device_to_iommu" || name == "flush_unmaps_timeout";
}

std::string indented(size_t depth, std::string_view text) {
  return std::string(2 * depth, ' ').append(text);
}

/// Collects calls and notes below each call of `root`, indented relative to it.
class tree_filter {
 public:
  explicit tree_filter(std::string_view root) : root_(root) {}

  void enter(std::string_view name, size_t depth) {
    if (skip_ != none) return;
    if (start_ == none) {
      if (name != root_) return;
      start_ = depth;
    }
    if (left_out(name)) {
      skip_ = depth;
      return;
    }
    found.push_back(indented(depth - start_, name));
  }
  void leave(size_t depth) {
    if (skip_ == depth) {
      skip_ = none;
    } else if (start_ == depth) {
      start_ = none;
    }
  }
  void note(std::string_view text, size_t depth) {
    if (start_ == none || skip_ != none) return;
    found.push_back(indented(depth - start_, std::string("/* ").append(text).append(" */")));
  }

  lines found;

 private:
  static constexpr size_t none = static_cast<size_t>(-1);
  std::string_view root_;
  size_t start_ = none;
  size_t skip_ = none;
};

/// " 0)   0.232 us    |      iommu_group_get();" and its like.
lines recorded_calls(const text_source& graph, std::string_view root) {
  tree_filter filter(root);
  for (const std::string_view line : graph.lines()) {
    const size_t bar = line.find('|');
    if (bar == std::string_view::npos) continue;
    const std::string_view body = line.substr(bar + 1);
    const size_t first = body.find_first_not_of(' ');
    if (first == std::string_view::npos || first < 2) continue;
    const size_t depth = (first - 2) / 2;
    const std::string_view text = body.substr(first);
    if (text.substr(0, 3) == "/* ") {
      if (text.find(": IOMMU: ") == std::string_view::npos) continue;
      filter.note(text.substr(3, text.rfind(" */") - 3), depth);
    } else if (text.substr(0, 1) == "}") {
      filter.leave(depth);
    } else {
      filter.enter(text.substr(0, text.find('(')), depth);
      if (text.find('{') == std::string_view::npos) filter.leave(depth);
    }
  }
  return filter.found;
}

lines own_calls(const trace_recorder& recorder, std::string_view root) {
  tree_filter filter(root);
  for (const trace_event& event : recorder.events()) {
    if (event.kind() == trace_kind::call_enter) filter.enter(event.function(), event.depth);
    if (event.kind() == trace_kind::call_exit) filter.leave(event.depth);
    if (const auto* note = event.as<events::note>()) filter.note(note->text, event.depth);
  }
  return filter.found;
}

lines iommu_lines(const environment& env) {
  lines found;
  for (const log_line& line : env.log.lines()) {
    if (line.text.substr(0, 7) == "iommu: ") found.push_back(line.text);
  }
  return found;
}

std::vector<std::string> captures_with(const std::string& file) {
  std::vector<std::string> found;
  for (const std::string& folder : golden_captures()) {
    if (source_exists(absl::StrCat(folder, "/", file))) found.push_back(folder);
  }
  return found;
}

/// The functions that the kernel put into groups.
std::set<std::string> added_devices(const text_source& log) {
  constexpr std::string_view added = "iommu: Adding device ";
  std::set<std::string> found;
  for (const std::string_view stamped : log.lines()) {
    const std::string_view line = without_time_stamp(stamped);
    if (!line.starts_with(added)) continue;
    const std::string_view rest = line.substr(added.size());
    found.insert(std::string(rest.substr(0, rest.find(' '))));
  }
  return found;
}

class start_up : public testing::TestWithParam<std::string> {};

TEST_P(start_up, makes_the_calls_of_its_kernel_in_bus_set_iommu) {
  const absl::StatusOr<text_source> graph = read_source(GetParam() + "/fgraph-boot.txt");
  ASSERT_TRUE(graph.ok()) << graph.status();
  const lines expected = recorded_calls(*graph, "bus_set_iommu");
  const absl::StatusOr<text_source> log = read_source(GetParam() + "/dmesg.txt");
  ASSERT_TRUE(log.ok()) << log.status();
  if (expected.empty()) {
    // The kernel gave up before: then it grouped nothing either.
    EXPECT_EQ(log->text.find("iommu: Adding device"), std::string::npos);
    return;
  }
  const absl::StatusOr<machine_config> config = load_capture(GetParam());
  ASSERT_TRUE(config.ok()) << config.status();

  trace_recorder recorder;
  stand_in_system sys(*config);
  sys.scope = added_devices(*log);  // the table may name some functions only
  const trace_subscription subscription = sys.env.trace.subscribe(recorder, trace_class::calls);
  ASSERT_EQ(sys.set_iommu(), 0);
  EXPECT_EQ(own_calls(recorder, "bus_set_iommu"), expected);
}

INSTANTIATE_TEST_SUITE_P(golden, start_up, testing::ValuesIn(captures_with("fgraph-boot.txt")),
                         [](const auto& param) { return golden_test_name(param.param); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(start_up);

class hot_plugging : public testing::TestWithParam<std::string> {
 protected:
  /// Binds what the capture had bound, wherever it is not bound now. The port driver also tries
  /// each new bridge, and refuses those that are no PCIe ports: they had no driver.
  void bind_drivers(stand_in_system& sys, const machine_config& config) {
    std::map<std::string, std::string> drivers;
    for (const pci_function_config& f : config.pci_functions) {
      drivers[to_string(f.id)] = f.captured_driver;
    }
    bus_for_each_dev(sys.bus, [&](device& dev) {
      const std::string& driver = drivers.at(dev.name);
      if (!dev.driver.empty()) return 0;
      if (!driver.empty()) return device_bind_driver(dev, driver, [](device&) { return 0; });
      if (dev.pci->hdr_type != pci_header_type::bridge || !tried_.insert(&dev).second) return 0;
      device_bind_driver(dev, "pcieport", [](device&) { return -ENODEV; });
      return 0;
    });
  }

  /// "remove 0000:00:04.1 with interface up", "remove root port 02.0 subtree"
  static pci_dev* named_in(const stand_in_system& sys, const std::string& step) {
    for (const auto& view : absl::StrSplit(step, ' ')) {
      const std::string word(view);
      if (word.size() < 4 || word[word.size() - 2] != '.') continue;
      const std::string full = word.size() == 4 ? "0000:00:" + word : word;
      for (const device* dev : sys.bus.devices) {
        if (dev->name == full) return dev->pci;
      }
    }
    return nullptr;
  }

 private:
  std::set<const device*> tried_;
};

TEST_P(hot_plugging, makes_the_calls_and_prints_the_lines_of_its_kernel) {
  const absl::StatusOr<text_source> steps = read_source(GetParam() + "/hot.txt");
  ASSERT_TRUE(steps.ok()) << steps.status();
  const absl::StatusOr<machine_config> config = load_capture(GetParam());
  ASSERT_TRUE(config.ok()) << config.status();
  trace_recorder recorder;
  stand_in_system sys(*config);
  ASSERT_EQ(sys.set_iommu(), 0);
  bind_drivers(sys, *config);
  const trace_subscription subscription = sys.env.trace.subscribe(recorder, trace_class::calls);

  std::string interface;
  lines expected_log;
  for (const std::string_view line : steps->lines()) {
    const std::string text(line);
    const std::string_view unstamped = without_time_stamp(line);
    if (unstamped.substr(0, 7) == "iommu: ") expected_log.emplace_back(unstamped);
    if (text.rfind("eth0 is ", 0) == 0) interface = text.substr(8, 12);
    if (text.rfind("STEP ", 0) != 0) continue;
    const std::string step = text.substr(5);
    if (step.rfind("remove ", 0) == 0) {
      pci_dev* pdev = named_in(sys, step);
      ASSERT_NE(pdev, nullptr) << step;
      sys.pci->remove(*pdev);
    } else if (step == "rescan") {
      sys.pci->rescan();
      bind_drivers(sys, *config);
    } else if (step == "unbind driver") {
      device_release_driver(named_in(sys, interface)->dev);
    } else if (step == "bind") {
      bind_drivers(sys, *config);
    }
  }
  EXPECT_EQ(iommu_lines(sys.env), expected_log);
  if (!source_exists(GetParam() + "/fgraph-lab.txt")) return;
  const absl::StatusOr<text_source> graph = read_source(GetParam() + "/fgraph-lab.txt");
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(own_calls(recorder, "iommu_bus_notifier"),
            recorded_calls(*graph, "iommu_bus_notifier"));
}

INSTANTIATE_TEST_SUITE_P(golden, hot_plugging, testing::ValuesIn(captures_with("hot.txt")),
                         [](const auto& param) { return golden_test_name(param.param); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(hot_plugging);

}  // namespace
}  // namespace iommulab::call_tree_test
