// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/hotplug_steps.h"

#include <gtest/gtest.h>

#include "lab/replay/captures.h"

namespace iommulab::verify::hotplug_steps_test {
namespace {

using action = hotplug_step::action;

TEST(hotplug_steps_test, every_capture_gives_the_steps_states_and_log_lines_that_a_search_finds) {
  const std::vector<std::string> paths = capture_paths();
  if (paths.empty()) IOMMULAB_MISSING("no captures of Linux 4.4");
  size_t scripts = 0;
  for (const std::string& path : paths) {
    const auto folder = capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    if (!folder->has("hot.txt")) continue;
    ++scripts;
    const auto script = read_hotplug_script(*folder);
    ASSERT_TRUE(script.ok()) << script.status();
    const std::vector<std::string> lines = scan(path, "hot.txt");
    EXPECT_EQ(script->steps.size(), count(lines, "k44: STEP ")) << path;
    size_t groups = 0;
    size_t logged = 0;
    size_t states = 0;
    size_t output = 0;
    for (const hotplug_step& step : script->steps) {
      groups += step.groups.size();
      logged += step.log.size();
      if (step.domains_used) ++states;
      output += step.output.size();
      EXPECT_NE(step.what, action::other) << path << ": " << step.title;
      const bool on_device = step.what == action::remove || step.what == action::up ||
                             step.what == action::unbind || step.what == action::bind;
      EXPECT_EQ(on_device, !step.device.empty()) << path << ": " << step.title;
    }
    EXPECT_EQ(groups, count(lines, "  group ")) << path;
    EXPECT_EQ(states, count(lines, "  domains_used=")) << path;
    EXPECT_EQ(output, count(lines, "ifconfig: ")) << path;
    size_t expected = 0;
    bool in_steps = false;
    for (const std::string& line : lines) {
      in_steps = in_steps || line.find("k44: STEP ") != std::string::npos;
      const bool by_driver =
          line.find("] DMAR: ") != std::string::npos || line.find("] iommu: ") != std::string::npos;
      if (in_steps && by_driver) ++expected;
    }
    EXPECT_EQ(logged, expected) << path;
    EXPECT_EQ(script->steps.front().what, action::before);
    EXPECT_EQ(script->steps.back().what, action::end);
  }
  if (scripts == 0) IOMMULAB_MISSING("no capture has steps");
}

TEST(hotplug_steps_test, a_step_says_what_was_done_to_which_device) {
  IOMMULAB_NEEDS_CAPTURE("hotplug/bridges-hot");
  const auto folder = capture_folder::open(capture_path("hotplug/bridges-hot"));
  ASSERT_TRUE(folder.ok()) << folder.status();
  const auto script = read_hotplug_script(*folder);
  ASSERT_TRUE(script.ok()) << script.status();
  EXPECT_EQ(script->network_device, "0000:00:04.1");
  const hotplug_step* removal = nullptr;
  for (const hotplug_step& step : script->steps) {
    if (step.title == "remove root port 02.0 subtree") removal = &step;
  }
  ASSERT_NE(removal, nullptr);
  EXPECT_EQ(removal->what, action::remove);
  EXPECT_EQ(removal->device, "0000:00:02.0");
  ASSERT_EQ(removal->log.size(), 4u);
  EXPECT_EQ(removal->log[0].text, "iommu: Removing device 0000:03:00.0 from group 8");
  EXPECT_EQ(removal->domains_used, 3u);
  EXPECT_EQ(removal->groups.size(), 9u);
  EXPECT_EQ(removal->groups[2].text, "group 10: 0000:05:00.0 0000:06:01.0 0000:06:02.0");
}

}  // namespace
}  // namespace iommulab::verify::hotplug_steps_test
