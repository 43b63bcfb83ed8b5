// SPDX-License-Identifier: GPL-2.0-only
//
// The list of known differences must not outlive what it excuses: each entry is met by a capture.
#include "lab/replay/known_differences.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "kernel/catalogue.h"
#include "lab/golden/captures.h"
#include "lab/verification/capture_verification.h"

namespace iommulab::known_differences_test {
namespace {

/// Hanging runs, and scripts that go where 4.4 goes wrong: others cannot meet an entry.
bool can_meet_one(const std::string& path) {
  constexpr std::string_view parts[] = {"/x2",      "/x4c",     "/x6",   "-bug",
                                        "-apigmap", "-apioops", "-apib", "-api2"};
  return std::any_of(std::begin(parts), std::end(parts),
                     [&](std::string_view part) { return path.find(part) != std::string::npos; });
}

TEST(known_differences, are_each_met_by_a_capture) {
  std::string met;
  for (const std::string& path : golden::captures()) {
    if (!can_meet_one(path)) continue;
    const auto done = verify::verify_capture(path);
    ASSERT_TRUE(done.ok()) << done.status();
    for (const verify::class_result& result : done->results) {
      if (result.status == verify::class_result::outcome::known) met += result.report;
    }
  }
  if (met.empty()) IOMMULAB_MISSING("no capture that could meet one");
  const auto expect_met = [&](std::string_view reason) {
    EXPECT_NE(met.find(reason), std::string::npos) << reason << ": no longer differs";
  };
  for (const auto& known : verify::known_differences()) expect_met(known.reason);
  for (const auto& known : verify::known_operation_differences()) expect_met(known.reason);
  for (const auto& known : verify::known_call_differences()) expect_met(known.reason);
}

/// Whether the profile has a difference of this id, which shows in this way.
bool is_difference_of_the_profile(std::string_view id, std::string_view shows) {
  const auto listed = default_kernel_profile().differences();
  return std::any_of(listed.begin(), listed.end(),
                     [&](const kernel_difference& d) { return d.id == id && d.shows == shows; });
}

TEST(known_differences, are_differences_of_the_kernels_profile) {
  for (const auto& known : verify::known_operation_differences()) {
    EXPECT_TRUE(is_difference_of_the_profile(known.id, "operation")) << known.id;
  }
  for (const auto& known : verify::known_call_differences()) {
    EXPECT_TRUE(is_difference_of_the_profile(known.id, "calls")) << known.id;
  }
}

}  // namespace
}  // namespace iommulab::known_differences_test
