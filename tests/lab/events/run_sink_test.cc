// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/run_sink.h"

#include <memory>
#include <stdexcept>

#include "gtest/gtest.h"

namespace iommulab::run_sink_test {
namespace {

/// A run of `body` under the sink's eyes.
struct sink_run {
  sink_run(run_sink& watching, trace_class classes, std::function<void(tracer&)> body)
      : run([this, b = std::move(body)] { b(trace); }, [this] { trace.mute(); }) {
    watching.set_run(run);
    subscription = trace.subscribe(watching, classes);
  }

  tracer trace;
  trace_subscription subscription;
  held_run run;
};

TEST(run_sink_test, keeps_the_classes_that_are_asked_for) {
  run_sink sink(trace_class::regs, "");
  sink_run r(sink, trace_class::all, [](tracer& trace) {
    const call_scope scope(trace, "f");
    trace.emit(events::reg_write{});
  });
  EXPECT_FALSE(r.run.go_on());
  ASSERT_EQ(sink.events().size(), 1u);
  EXPECT_EQ(sink.events()[0].kind(), trace_kind::reg_write);
}

TEST(run_sink_test, asks_for_calls_when_it_looks_for_one) {
  EXPECT_EQ(run_sink(trace_class::regs, "").classes(), trace_class::regs);
  EXPECT_EQ(run_sink(trace_class::regs, "f").classes(), trace_class::regs | trace_class::calls);
}

TEST(run_sink_test, holds_at_the_first_return_and_hears_no_more) {
  run_sink sink(trace_class::calls, "f");
  int step = 0;
  sink_run r(sink, sink.classes(), [&](tracer& trace) {
    { const call_scope scope(trace, "f"); }
    step = 1;
    { const call_scope scope(trace, "f"); }
    step = 2;
  });
  EXPECT_TRUE(r.run.go_on());
  EXPECT_EQ(step, 0);
  EXPECT_TRUE(sink.returned());
  ASSERT_EQ(sink.events().size(), 2u);  // f in, f out
  EXPECT_EQ(sink.events()[1].kind(), trace_kind::call_exit);
  r.trace.emit(events::call_enter{"looked at"});
  r.run.drop();
  EXPECT_EQ(step, 2);
  EXPECT_EQ(sink.events().size(), 2u);
}

TEST(run_sink_test, holds_where_the_function_is_the_last_of_the_run) {
  run_sink sink(trace_class::calls, "f");
  sink_run r(sink, sink.classes(), [](tracer& trace) {
    const call_scope outer(trace, "outer");
    const call_scope scope(trace, "f");
  });
  EXPECT_TRUE(r.run.go_on());
  EXPECT_TRUE(sink.returned());
}

TEST(run_sink_test, a_function_that_an_exception_leaves_has_not_returned) {
  run_sink sink(trace_class::calls, "f");
  sink_run r(sink, sink.classes(), [](tracer& trace) {
    const call_scope scope(trace, "f");
    throw std::runtime_error("panic");
  });
  EXPECT_THROW(r.run.go_on(), std::runtime_error);
  EXPECT_TRUE(sink.entered());
  EXPECT_FALSE(sink.returned());
}

}  // namespace
}  // namespace iommulab::run_sink_test
