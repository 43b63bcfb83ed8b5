// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/boot_sink.h"

#include <stdexcept>

#include "gtest/gtest.h"

namespace iommulab::boot_sink_test {
namespace {

trace_event reg_write() {
  trace_event event;
  event.kind = trace_kind::reg_write;
  return event;
}

TEST(boot_sink_test, keeps_the_classes_that_are_asked_for) {
  boot_sink sink(trace_class::regs, "");
  tracer trace;
  trace.attach(&sink);
  {
    const call_scope scope(trace, "f");
    trace.emit(reg_write());
  }
  ASSERT_EQ(sink.events().size(), 1u);
  EXPECT_EQ(sink.events()[0].event.kind, trace_kind::reg_write);
}

TEST(boot_sink_test, throws_once_at_the_next_function_behind_the_return) {
  boot_sink sink(trace_class::calls, "f");
  tracer trace;
  trace.attach(&sink);
  EXPECT_NO_THROW({ const call_scope scope(trace, "f"); });
  EXPECT_TRUE(sink.returned());
  EXPECT_THROW({ const call_scope scope(trace, "g"); }, boot_stopped);
  EXPECT_NO_THROW({ const call_scope scope(trace, "h"); });
  ASSERT_EQ(sink.events().size(), 2u);  // f in, f out
  EXPECT_EQ(sink.events()[1].event.kind, trace_kind::call_exit);
}

TEST(boot_sink_test, throws_at_the_next_register_write_before_it_is_done) {
  boot_sink sink(trace_class::none, "f");
  tracer trace;
  trace.attach(&sink);
  { const call_scope scope(trace, "f"); }
  EXPECT_THROW(trace.emit(reg_write()), boot_stopped);
}

TEST(boot_sink_test, the_last_function_of_a_run_throws_nothing) {
  boot_sink sink(trace_class::calls, "f");
  tracer trace;
  trace.attach(&sink);
  EXPECT_NO_THROW({
    const call_scope outer(trace, "outer");
    const call_scope scope(trace, "f");
  });
  EXPECT_TRUE(sink.returned());
}

TEST(boot_sink_test, a_function_that_an_exception_leaves_has_not_returned) {
  boot_sink sink(trace_class::calls, "f");
  tracer trace;
  trace.attach(&sink);
  try {
    const call_scope scope(trace, "f");
    throw std::runtime_error("panic");
  } catch (const std::runtime_error&) {
    EXPECT_TRUE(sink.entered());
  }
  EXPECT_FALSE(sink.returned());
}

}  // namespace
}  // namespace iommulab::boot_sink_test
