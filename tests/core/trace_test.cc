// SPDX-License-Identifier: GPL-2.0-only
#include "core/trace.h"

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"
#include "core/environment.h"

namespace iommulab::trace_test {
namespace {

int inner(tracer& t, int value) {
  IOMMULAB_CALL(t, "__inner");
  IOMMULAB_NOTE(t, "value=%d", value);
  return value;
}

void outer(tracer& t) {
  IOMMULAB_CALL(t, "outer");
  inner(t, 7);
}

TEST(tracer, records_nesting_with_the_kernels_names) {
  tracer t;
  trace_recorder recorder;
  t.attach(&recorder);
  outer(t);
  const auto& e = recorder.events();
  ASSERT_EQ(e.size(), 5u);
  EXPECT_EQ(e[0].kind, trace_kind::call_enter);
  EXPECT_EQ(e[0].name, "outer");
  EXPECT_EQ(e[0].depth, 0);
  EXPECT_EQ(e[1].name, "__inner");
  EXPECT_EQ(e[1].depth, 1);
  EXPECT_EQ(e[2].kind, trace_kind::note);
  EXPECT_EQ(e[2].text, "value=7");
  EXPECT_EQ(e[2].depth, 2);
  EXPECT_EQ(e[3].kind, trace_kind::call_exit);
  EXPECT_EQ(e[3].depth, 1);
  EXPECT_EQ(e[4].name, "outer");
  EXPECT_EQ(e[4].depth, 0);
}

TEST(tracer, formats_nothing_when_the_class_is_off) {
  tracer t;
  trace_recorder recorder;
  t.attach(&recorder, trace_class::regs);
  int evaluated = 0;
  IOMMULAB_NOTE(t, "%d", ++evaluated);
  outer(t);
  EXPECT_EQ(evaluated, 0);
  EXPECT_TRUE(recorder.events().empty());
}

// For call stacks: open_calls() follows without a sink, and a sink gets no more than it asked for.
TEST(tracer, keeps_open_calls_that_no_sink_wants) {
  tracer t;
  t.keep_open_calls(true);
  {
    IOMMULAB_CALL(t, "outer");
    IOMMULAB_CALL(t, "__inner");
    EXPECT_EQ(t.open_calls(), (std::vector<std::string_view>{"outer", "__inner"}));
  }
  EXPECT_TRUE(t.open_calls().empty());

  trace_recorder recorder;
  t.attach(&recorder, trace_class::regs);
  {
    IOMMULAB_CALL(t, "outer");
    int evaluated = 0;
    IOMMULAB_NOTE(t, "%d", ++evaluated);
    EXPECT_EQ(evaluated, 0);
    trace_event access;
    access.kind = trace_kind::reg_read;
    t.emit(access);
    EXPECT_EQ(t.open_calls().size(), 1u);
  }
  ASSERT_EQ(recorder.events().size(), 1u);
  EXPECT_EQ(recorder.events()[0].kind, trace_kind::reg_read);
  EXPECT_EQ(recorder.events()[0].depth, 0);
  t.keep_open_calls(false);
  IOMMULAB_CALL(t, "outer");
  EXPECT_TRUE(t.open_calls().empty());
}

TEST(printk, stamps_virtual_time_and_splits_lines) {
  environment env;
  trace_recorder recorder;
  env.trace.attach(&recorder, trace_class::log);
  env.clock.advance(56'064'123);
  const pr_prefix pr(env.log, "DMAR: ");
  pr.info("Host address width %d\n", 39);
  pr.err("two\nlines");
  ASSERT_EQ(env.log.lines().size(), 3u);
  EXPECT_EQ(to_string(env.log.lines()[0]), "[    0.056064] DMAR: Host address width 39");
  EXPECT_EQ(env.log.lines()[2].text, "lines");
  EXPECT_EQ(env.log.lines()[2].level, log_level::err);
  EXPECT_EQ(recorder.events().size(), 3u);
}

}  // namespace
}  // namespace iommulab::trace_test
