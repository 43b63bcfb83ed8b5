// SPDX-License-Identifier: GPL-2.0-only
//
// Every capture of a real kernel, verified: what `iommulab verify` does with the folder, and it
// would exit 0. The captures are found by listing; more of them may be put beside those that are
// here.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "lab/golden/captures.h"
#include "lab/verification/capture_verification.h"

namespace iommulab::verify_test {
namespace {

class capture : public testing::TestWithParam<std::string> {};

TEST_P(capture, is_what_this_run_does) {
  const auto done = verify::verify_capture(GetParam());
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(done->passes()) << to_string(*done);
  const auto& results = done->results;
  EXPECT_TRUE(std::any_of(results.begin(), results.end(), [](const verify::class_result& result) {
    return result.status == verify::class_result::outcome::equal && result.lines > 0;
  })) << "nothing was compared";
}

INSTANTIATE_TEST_SUITE_P(golden, capture, testing::ValuesIn(golden::captures_to_run()),
                         golden::capture_name);

TEST(captures, are_found) {
  EXPECT_FALSE(golden::captures().empty());
}

}  // namespace
}  // namespace iommulab::verify_test
