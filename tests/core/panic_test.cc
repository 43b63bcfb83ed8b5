// SPDX-License-Identifier: GPL-2.0-only
//
// How the kernel's stops, and ours, come out.
#include "core/panic.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "core/ensure.h"

namespace iommulab {
namespace {

using ending = guarded_outcome::ending;

TEST(run_guarded, says_that_the_code_came_to_its_end) {
  bool ran = false;
  const guarded_outcome end = run_guarded([&] {
    bug_on(false, "never");
    ran = true;
  });
  EXPECT_TRUE(ran);
  EXPECT_TRUE(end.complete());
  EXPECT_EQ(end.message, "");
  EXPECT_EQ(end.reason(), "");
  EXPECT_EQ(end.line(), "");
}

TEST(run_guarded, tells_a_panic_from_a_bug) {
  const guarded_outcome panic = run_guarded([] { throw kernel_panic("no memory"); });
  EXPECT_EQ(panic.how, ending::panic);
  EXPECT_FALSE(panic.complete());
  EXPECT_EQ(panic.message, "no memory");
  EXPECT_EQ(panic.reason(), "no memory");
  EXPECT_EQ(panic.line(), "Kernel panic - not syncing: no memory");

  const guarded_outcome bug = run_guarded([] { bug_on(true, "no direction"); });
  EXPECT_EQ(bug.how, ending::bug);
  EXPECT_FALSE(bug.complete());
  EXPECT_EQ(bug.message, "no direction");
  EXPECT_EQ(bug.reason(), "BUG: no direction");
  EXPECT_EQ(bug.line(), "BUG: no direction");
}

TEST(run_guarded, lets_pass_what_is_not_the_kernels) {
  EXPECT_THROW(run_guarded([] { throw std::runtime_error("ours"); }), std::runtime_error);
}

TEST(ensure, ends_the_process_with_its_sentence) {
  ensure(true, "holds");
  EXPECT_DEATH(ensure(false, "a page has a frame"), "does not hold: a page has a frame");
}

}  // namespace
}  // namespace iommulab
