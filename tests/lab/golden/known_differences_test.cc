// SPDX-License-Identifier: GPL-2.0-only
//
// The list of known differences must not outlive what it excuses: each entry is met by a capture.
#include "lab/replay/known_differences.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/events.h"
#include "core/trace.h"
#include "kernel/catalogue.h"
#include "lab/golden/captures.h"
#include "lab/verification/capture_verification.h"

namespace iommulab::known_differences_test {
namespace {

/// Hanging runs, and scripts that go where the kernel goes wrong: others cannot meet an entry.
bool can_meet_one(const std::string& path) {
  constexpr std::string_view parts[] = {"/x2",      "/x4c",  "/x6",   "-bug",         "-apigmap",
                                        "-apioops", "-apib", "-api2", "/s7-superpage"};
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
  for (const auto& known : verify::known_effect_differences()) expect_met(known.reason);
}

TEST(known_differences, excuse_one_part_of_an_effect) {
  const auto known = verify::known_effect_differences();
  ASSERT_EQ(known.size(), 1u);
  const auto left = [&](std::string effect) {
    return verify::without_known_part(known.front(), std::move(effect));
  };
  EXPECT_EQ(left("IOTLB page did=3 addr=0x200000 am=4 ih=1 dr=1 dw=1"),
            "IOTLB page did=3 addr=0x200000 am=4 ih=? dr=1 dw=1");
  for (const std::string other : {"IOTLB domain did=3 dr=1 dw=1", "CC device did=3 ih=1",
                                  "IOTLB page did=3 addr=0x200000 am=4 dr=1 dw=1", "W 0x34 0x83"}) {
    EXPECT_EQ(left(other), other);
  }
}

TEST(known_differences, excuse_effects_where_our_run_reports_it) {
  const auto known = verify::known_effect_differences();
  ASSERT_EQ(known.size(), 1u);
  trace_recorder recorder;
  tracer trace;
  const trace_subscription recording = trace.subscribe(recorder, trace_class::faults);
  trace.tell([] { return events::diagnosis{.name = "api_unmap_everything"}; });
  EXPECT_EQ(verify::find_known_effect_difference(recorder.events()), nullptr);
  trace.tell([&] { return events::diagnosis{.name = known.front().id}; });
  EXPECT_EQ(verify::find_known_effect_difference(recorder.events()), &known.front());
}

/// Whether the profile has a difference of this id, which shows in this way.
bool is_difference_of(const kernel_profile& profile, std::string_view id, std::string_view shows) {
  const auto listed = profile.differences();
  return std::any_of(listed.begin(), listed.end(),
                     [&](const kernel_difference& d) { return d.id == id && d.shows == shows; });
}

TEST(known_differences, are_differences_of_the_kernels_profile) {
  const kernel_profile& v4_4 = default_kernel_profile();
  for (const auto& known : verify::known_operation_differences()) {
    EXPECT_TRUE(is_difference_of(v4_4, known.id, "operation")) << known.id;
  }
  for (const auto& known : verify::known_call_differences()) {
    EXPECT_TRUE(is_difference_of(v4_4, known.id, "calls")) << known.id;
  }
  const kernel_profile* const v6_12 = find_kernel_profile("v6_12");
  ASSERT_NE(v6_12, nullptr);
  for (const auto& known : verify::known_effect_differences()) {
    EXPECT_TRUE(is_difference_of(*v6_12, known.id, "operation")) << known.id;
  }
}

}  // namespace
}  // namespace iommulab::known_differences_test
