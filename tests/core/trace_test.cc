// SPDX-License-Identifier: GPL-2.0-only
#include "core/trace.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "core/environment.h"
#include "core/types.h"

namespace iommulab::trace_test {
namespace {

int inner(tracer& t, int value) {
  IOMMULAB_CALL(t, "__inner", {"value", value}, {"frame", uint64_t{0xfee00}}, {"", "0000:00:1f.0"});
  IOMMULAB_NOTE(t, "value=%d", value);
  IOMMULAB_RESULT(t, {"", value + 1});
  return value + 1;
}

void outer(tracer& t) {
  IOMMULAB_CALL(t, "outer");
  inner(t, 7);
}

events::reg_write write_of(uint64_t value) {
  return {{"dmar0", 0x18, 4, value}};
}

TEST(tracer, records_nesting_with_the_kernels_names) {
  tracer t;
  trace_recorder recorder;
  const trace_subscription subscription = t.subscribe(recorder);
  outer(t);
  const auto& e = recorder.events();
  ASSERT_EQ(e.size(), 5u);
  EXPECT_EQ(e[0].kind(), trace_kind::call_enter);
  EXPECT_EQ(e[0].function(), "outer");
  EXPECT_EQ(e[0].depth, 0);
  EXPECT_EQ(e[1].function(), "__inner");
  EXPECT_EQ(e[1].depth, 1);
  ASSERT_EQ(e[2].kind(), trace_kind::note);
  EXPECT_EQ(e[2].as<events::note>()->text, "value=7");
  EXPECT_EQ(e[2].depth, 2);
  EXPECT_EQ(e[3].kind(), trace_kind::call_exit);
  EXPECT_EQ(e[3].depth, 1);
  EXPECT_EQ(e[4].function(), "outer");
  EXPECT_EQ(e[4].depth, 0);
}

TEST(tracer, calls_own_their_arguments_and_their_result) {
  tracer t;
  trace_recorder recorder;
  const trace_subscription subscription = t.subscribe(recorder, trace_class::calls);
  outer(t);
  const auto& e = recorder.events();
  ASSERT_EQ(e.size(), 5u);
  EXPECT_TRUE(e[0].as<events::call_enter>()->arguments.empty());
  EXPECT_EQ(to_string(e[1].as<events::call_enter>()->arguments),
            "value=7 frame=0xfee00 0000:00:1f.0");
  EXPECT_EQ(to_string(e[3].as<events::call_exit>()->result), "8");
  EXPECT_TRUE(e[4].as<events::call_exit>()->result.empty()) << "the callee's is not its caller's";
}

struct thing {
  std::string label;
};
std::string trace_word(const thing& t) {
  return "thing " + t.label;
}

enum class colour : uint8_t { red, blue };
std::string_view trace_word(colour c) {
  return c == colour::red ? "red" : "blue";
}

/// What a function that returns `value` says that it returned.
template <typename... Value>
std::string told_of(Value&&... value) {
  tracer t;
  trace_recorder recorder;
  const trace_subscription subscription = t.subscribe(recorder, trace_class::calls);
  {
    IOMMULAB_CALL(t, "f");
    (void)this_call.result(std::forward<Value>(value)...);
  }
  return to_string(recorder.events().back().as<events::call_exit>()->result);
}

TEST(tracer, tells_a_result_by_what_identifies_it) {
  const thing one{"1"};
  const thing* none = nullptr;
  EXPECT_EQ(told_of(-12), "-12");
  EXPECT_EQ(told_of(uint16_t{12}), "0xc");
  EXPECT_EQ(told_of(true), "1");
  EXPECT_EQ(told_of(phys_addr(0xfee00000)), "0xfee00000");
  EXPECT_EQ(told_of(std::string("word")), "word");
  EXPECT_EQ(told_of(colour::blue), "blue");
  EXPECT_EQ(told_of(one), "thing 1");
  EXPECT_EQ(told_of(&one), "thing 1");
  EXPECT_EQ(told_of(std::make_unique<thing>(one)), "thing 1");
  EXPECT_EQ(told_of(std::optional<phys_addr>(0x1000)), "0x1000");
  EXPECT_EQ(told_of(none), "none");
  EXPECT_EQ(told_of(nullptr), "none");
  EXPECT_EQ(told_of(std::unique_ptr<thing>()), "none");
  EXPECT_EQ(told_of(std::optional<phys_addr>()), "none");
  EXPECT_EQ(told_of(std::nullopt), "none");
}

TEST(tracer, tells_a_result_by_another_value_where_the_function_asks_for_that) {
  EXPECT_EQ(told_of(false, -12), "-12");
  EXPECT_EQ(told_of(1, "node"), "node");
  EXPECT_EQ(told_of(1, [] { return phys_addr(0x2000); }), "0x2000");
}

TEST(tracer, passes_a_result_through) {
  tracer t;
  IOMMULAB_CALL(t, "f");
  thing one;
  EXPECT_EQ(&this_call.result(one), &one);
  auto owned = std::make_unique<thing>();
  const thing* address = owned.get();
  const std::unique_ptr<thing> moved = this_call.result(std::move(owned));
  EXPECT_EQ(moved.get(), address);
}

TEST(tracer, builds_nothing_when_the_class_is_off) {
  tracer t;
  int built = 0;
  const auto all = [&] {
    IOMMULAB_NOTE(t, "%d", ++built);
    IOMMULAB_CALL(t, "f", {"n", ++built});
    IOMMULAB_RESULT(t, {"n", ++built});
    EXPECT_EQ(this_call.result(7, [&] { return ++built; }), 7);
    t.tell([&] {
      ++built;
      return events::page{};
    });
  };
  all();
  trace_recorder recorder;
  trace_subscription subscription = t.subscribe(recorder, trace_class::regs);
  all();
  EXPECT_EQ(built, 0);
  EXPECT_TRUE(recorder.events().empty());
  subscription.end();
  all();
  EXPECT_EQ(built, 0);
}

// For call stacks: open_calls() follows without a sink, and a sink gets no more than it asked for.
TEST(tracer, keeps_open_calls_that_no_sink_wants) {
  tracer t;
  t.keep_open_calls(true);
  {
    const call_scope outer(t, "outer");
    const call_scope inner(t, "__inner");
    EXPECT_EQ(t.open_calls(), (std::vector<std::string_view>{"outer", "__inner"}));
  }
  EXPECT_TRUE(t.open_calls().empty());

  trace_recorder recorder;
  const trace_subscription subscription = t.subscribe(recorder, trace_class::regs);
  {
    IOMMULAB_CALL(t, "outer");
    int evaluated = 0;
    IOMMULAB_NOTE(t, "%d", ++evaluated);
    EXPECT_EQ(evaluated, 0);
    t.emit(events::reg_read{});
    EXPECT_EQ(t.open_calls().size(), 1u);
  }
  ASSERT_EQ(recorder.events().size(), 1u);
  EXPECT_EQ(recorder.events()[0].kind(), trace_kind::reg_read);
  t.keep_open_calls(false);
  IOMMULAB_CALL(t, "outer");
  EXPECT_TRUE(t.open_calls().empty());
}

TEST(tracer, every_sink_gets_the_classes_that_it_asked_for_and_the_same_event) {
  tracer t;
  trace_recorder calls;
  trace_recorder registers;
  trace_recorder everything;
  const trace_subscription a = t.subscribe(calls, trace_class::calls);
  const trace_subscription b = t.subscribe(registers, trace_class::regs);
  const trace_subscription c = t.subscribe(everything);
  {
    IOMMULAB_CALL(t, "f");
    t.emit(write_of(1));
  }
  EXPECT_EQ(calls.events().size(), 2u);
  ASSERT_EQ(registers.events().size(), 1u);
  ASSERT_EQ(everything.events().size(), 3u);
  EXPECT_EQ(registers.events()[0].seq, everything.events()[1].seq);
  EXPECT_EQ(registers.events()[0].access()->value, 1u);
}

TEST(tracer, a_subscription_ends_itself) {
  tracer t;
  trace_recorder recorder;
  {
    const trace_subscription subscription = t.subscribe(recorder);
    EXPECT_TRUE(subscription.active());
    t.emit(write_of(1));
  }
  EXPECT_FALSE(t.on(trace_class::all));
  EXPECT_FALSE(t.follows_calls());
  t.emit(write_of(2));
  EXPECT_EQ(recorder.events().size(), 1u);
}

TEST(tracer, a_subscription_moves_and_lives_longer_than_its_tracer) {
  trace_recorder recorder;
  trace_subscription kept;
  {
    tracer t;
    trace_subscription made = t.subscribe(recorder);
    kept = std::move(made);
    EXPECT_FALSE(made.active());  // NOLINT(bugprone-use-after-move): that is the question
    t.emit(write_of(1));
    trace_subscription again(std::move(kept));
    t.emit(write_of(2));
    kept = std::move(again);
    EXPECT_TRUE(kept.active());
  }
  EXPECT_FALSE(kept.active());
  EXPECT_EQ(recorder.events().size(), 2u);
}

/// Ends a subscription, its own or another's, at the first event.
class ends_a_subscription : public trace_sink {
 public:
  explicit ends_a_subscription(trace_subscription& which) : which_(which) {}
  void on_event(const trace_event& /*event*/) override {
    ++told;
    which_.end();
  }
  int told = 0;

 private:
  trace_subscription& which_;
};

TEST(tracer, who_is_ended_while_an_event_is_told_hears_of_it_no_more) {
  tracer t;
  trace_subscription own;
  trace_subscription others;
  ends_a_subscription first(others);
  ends_a_subscription second(own);
  own = t.subscribe(first);
  others = t.subscribe(second);
  t.emit(write_of(1));
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.told, 0);
  t.emit(write_of(2));
  EXPECT_EQ(first.told, 2);
}

/// Subscribes another sink at the first event.
class brings_another : public trace_sink {
 public:
  brings_another(tracer& t, trace_sink& other) : tracer_(t), other_(other) {}
  void on_event(const trace_event& /*event*/) override {
    if (!brought_.active()) brought_ = tracer_.subscribe(other_);
  }

 private:
  tracer& tracer_;
  trace_sink& other_;
  trace_subscription brought_;
};

TEST(tracer, who_comes_while_an_event_is_told_hears_from_the_next_on) {
  tracer t;
  trace_recorder recorder;
  brings_another first(t, recorder);
  const trace_subscription subscription = t.subscribe(first);
  t.emit(write_of(1));
  EXPECT_TRUE(recorder.events().empty());
  t.emit(write_of(2));
  ASSERT_EQ(recorder.events().size(), 1u);
  EXPECT_EQ(recorder.events()[0].access()->value, 2u);
}

TEST(tracer, numbers_grow_and_time_is_the_clocks) {
  environment env;
  trace_recorder recorder;
  const trace_subscription subscription = env.trace.subscribe(recorder);
  env.trace.emit(write_of(1));
  env.clock.advance(1234);
  env.trace.emit(write_of(2));
  const auto& e = recorder.events();
  ASSERT_EQ(e.size(), 2u);
  EXPECT_LT(e[0].seq, e[1].seq);
  EXPECT_EQ(e[0].time_ns, 0u);
  EXPECT_EQ(e[1].time_ns, 1234u);
}

TEST(tracer, systems_with_one_sink_have_numbers_in_common_and_names_of_their_own) {
  event_numbers numbers;
  environment a;
  environment b;
  b.trace.set_system(1);
  a.trace.number_by(numbers);
  b.trace.number_by(numbers);
  trace_recorder recorder;
  const trace_subscription of_a = a.trace.subscribe(recorder);
  const trace_subscription of_b = b.trace.subscribe(recorder);
  a.trace.emit(write_of(1));
  b.trace.emit(write_of(2));
  a.trace.emit(write_of(3));
  const auto& e = recorder.events();
  ASSERT_EQ(e.size(), 3u);
  for (size_t i = 0; i < e.size(); ++i) {
    EXPECT_EQ(e[i].seq, i + 1);
    EXPECT_EQ(e[i].system, i % 2);
  }
}

TEST(tracer, once_muted_nobody_hears_anything) {
  tracer t;
  trace_recorder recorder;
  const trace_subscription before = t.subscribe(recorder);
  t.keep_open_calls(true);
  t.mute();
  EXPECT_FALSE(before.active());
  const trace_subscription after = t.subscribe(recorder);
  t.keep_open_calls(true);
  outer(t);
  EXPECT_TRUE(recorder.events().empty());
  EXPECT_FALSE(t.follows_calls());
}

TEST(tracer, tells_which_classes_are_wanted_when_that_changes) {
  tracer t;
  std::vector<trace_class> told;
  const tracer::class_watch watch = t.watch_classes([&](trace_class c) { told.push_back(c); });
  trace_recorder recorder;
  trace_subscription a = t.subscribe(recorder, trace_class::unit);
  trace_subscription b = t.subscribe(recorder, trace_class::unit);
  a.end();
  b.end();
  EXPECT_EQ(told,
            (std::vector<trace_class>{trace_class::none, trace_class::unit, trace_class::none}));
}

TEST(trace_event, every_kind_has_a_class_and_a_name_of_its_own) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < trace_kinds; ++i) {
    const auto kind = static_cast<trace_kind>(i);
    EXPECT_TRUE(overlaps(class_of(kind), trace_class::all)) << i;
    EXPECT_EQ(std::count(names.begin(), names.end(), name(kind)), 0) << name(kind);
    names.push_back(name(kind));
  }
}

TEST(printk, stamps_virtual_time_and_splits_lines) {
  environment env;
  trace_recorder recorder;
  const trace_subscription subscription = env.trace.subscribe(recorder, trace_class::log);
  env.clock.advance(56'064'123);
  const pr_prefix pr(env.log, "DMAR: ");
  pr.info("Host address width %d\n", 39);
  pr.err("two\nlines");
  ASSERT_EQ(env.log.lines().size(), 3u);
  EXPECT_EQ(to_string(env.log.lines()[0]), "[    0.056064] DMAR: Host address width 39");
  EXPECT_EQ(env.log.lines()[2].text, "lines");
  EXPECT_EQ(env.log.lines()[2].level, log_level::err);
  ASSERT_EQ(recorder.events().size(), 3u);
  EXPECT_EQ(recorder.events()[2].as<events::log_text>()->text, "lines");
  EXPECT_EQ(recorder.events()[2].time_ns, 56'064'123u);
}

}  // namespace
}  // namespace iommulab::trace_test
