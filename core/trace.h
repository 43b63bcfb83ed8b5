// SPDX-License-Identifier: GPL-2.0-only
//
// One event stream for everything that can be watched: function entries and exits with arguments
// and results, the lines that recorded kernels print, register accesses, table writes, descriptors,
// faults, addresses, pages, domains, groups, devices, what happens inside units, log lines.
//
// A `tracer` hands each event to every sink that subscribed to its class. Off, a trace point costs
// one load and one predictable branch; with IOMMULAB_NO_TRACE defined it costs nothing.
//
// Threads: a tracer belongs to one thread while it is on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/listeners.h"
#include "core/trace_event.h"

namespace iommulab {

class virtual_clock;

class trace_sink {
 public:
  virtual ~trace_sink() = default;
  virtual void on_event(const trace_event& event) = 0;
};

/// Keeps what it is given, in order.
class trace_recorder : public trace_sink {
 public:
  void on_event(const trace_event& event) override { events_.push_back(event); }
  [[nodiscard]] const std::vector<trace_event>& events() const { return events_; }
  void clear() { events_.clear(); }

 private:
  std::vector<trace_event> events_;
};

/// Who listens, and to what.
struct trace_listener {
  trace_sink* sink = nullptr;
  trace_class classes = trace_class::none;
};
/// Ends when it is destroyed; outlives its tracer or not.
using trace_subscription = listener_list<trace_listener>::subscription;

/// Numbers for events. Systems that have a sink together draw from one.
struct event_numbers {
  uint64_t last = 0;
};

class tracer {
 public:
  /// Without a clock every event has time 0.
  explicit tracer(const virtual_clock* clock = nullptr);
  tracer(const tracer&) = delete;
  tracer& operator=(const tracer&) = delete;

  /// Sends the events of `classes` to `sink`, which outlives the subscription.
  [[nodiscard]] trace_subscription subscribe(trace_sink& sink,
                                             trace_class classes = trace_class::all);
  /// Nobody hears of anything any more, now and later: subscriptions end, call stacks too.
  void mute();

  /// What events say of their system; 0 unless told.
  void set_system(uint16_t system) { system_ = system; }
  /// Events get their numbers from `numbers`, which outlives the tracer. They count what was
  /// emitted, so which number an event has depends on the classes that are listened to.
  void number_by(event_numbers& numbers) { numbers_ = &numbers; }

  /// Functions that are a part of their callers in the kernel at hand, because its compiler put
  /// them there: call scopes of these names tell of nothing.
  void set_inlined(std::vector<std::string_view> names);
  [[nodiscard]] bool is_inlined(std::string_view name) const;

  /// Keeps open_calls() up to date even when no sink wants calls.
  void keep_open_calls(bool keep);

  /// `listener` is called, with the classes that are now wanted, whenever these change; once at
  /// the start. For those who have a part to switch on.
  using class_watch = listener_list<std::function<void(trace_class)>>::subscription;
  [[nodiscard]] class_watch watch_classes(std::function<void(trace_class)> listener);

  [[nodiscard]] bool on(trace_class c) const {
#ifdef IOMMULAB_NO_TRACE
    (void)c;
    return false;
#else
    return __builtin_expect(static_cast<long>(overlaps(classes_, c)), 0) != 0;
#endif
  }

  /// Whether functions are to be told of: to a sink, or for open_calls() alone.
  [[nodiscard]] bool follows_calls() const {
#ifdef IOMMULAB_NO_TRACE
    return false;
#else
    return __builtin_expect(static_cast<long>(follows_calls_), 0) != 0;
#endif
  }

  /// Emits what `make` returns, a struct of core/events.h; calls it only when a sink wants it.
  template <typename Make>
  void tell(Make make) {
    if (on(std::invoke_result_t<Make>::of)) [[unlikely]]
      emit(make());
  }
  /// For who knows that on(): gives the event number, time, system and depth, the one place for it.
  void emit(trace_payload what);

  /// Call it only when follows_calls(); arguments only when on(trace_class::calls).
  void enter(std::string_view name, call_values arguments = {});
  void leave();
  /// The result of the innermost open function; call it only when on(trace_class::calls).
  void set_result(call_values result);
  /// A note that says what the innermost open function was given, and its result if it has one
  /// already: "alloc_iova size=0x1 -> lo=0xfffff". `printed` is what the kernel calls itself there.
  void note_call(std::string_view printed);

  /// Kernel names of the functions now open, outermost first (for findings' call stacks). Empty
  /// unless a sink takes calls or keep_open_calls() is on.
  [[nodiscard]] const std::vector<std::string_view>& open_calls() const {
    return open_;
  }

 private:
  void listeners_changed();

  const virtual_clock* clock_;
  event_numbers own_numbers_;
  event_numbers* numbers_ = &own_numbers_;
  uint16_t system_ = 0;
  trace_class classes_ = trace_class::none;
  bool keep_open_calls_ = false;
  bool follows_calls_ = false;
  bool muted_ = false;
  std::vector<std::string_view> inlined_;  // sorted
  std::vector<std::string_view> open_;
  /// What the open calls are given and return.
  struct call_words {
    call_values arguments;
    call_values result;
  };
  std::vector<call_words> words_;
  listener_list<trace_listener> listeners_;
  listener_list<std::function<void(trace_class)>> class_watches_;
};

/// The scoped object of one ported function. It holds nothing but who follows the call, and hands
/// copies to what is cold: so it lives in a register, and the arguments' closure nowhere.
class call_scope {
 public:
  call_scope(tracer& t, std::string_view kernel_name)
      : call_scope(t, kernel_name, [] { return call_values(); }) {}
  /// `arguments` returns call_values, and is called only when somebody takes calls.
  template <typename Arguments>
  call_scope(tracer& t, std::string_view kernel_name, Arguments arguments) {
    if (t.follows_calls()) [[unlikely]]
      tracer_ = opened(t, kernel_name, arguments);
  }
  ~call_scope() {
    if (tracer_ != nullptr) [[unlikely]]
      tracer_->leave();
  }
  call_scope(const call_scope&) = delete;
  call_scope& operator=(const call_scope&) = delete;

  /// For the way out of a ported function, `return this_call.result(value);`: tells what it
  /// returns.
  template <typename T>
  T result(T&& value) const {
    if (tracer_ != nullptr) [[unlikely]]
      tell<std::remove_cvref_t<T>>(*tracer_, value);
    return std::forward<T>(value);
  }
  /// The same where something else tells a reader more than the value does: what the kernel returns
  /// in its place, or what a function returns that is called only then.
  template <typename T, typename Told>
  T result(T&& value, const Told& told) const {
    if (tracer_ != nullptr) [[unlikely]] {
      if constexpr (std::is_invocable_v<const Told&>) {
        if (tracer_->on(trace_class::calls))
          tell<std::remove_cvref_t<std::invoke_result_t<const Told&>>>(*tracer_, told());
      } else {
        tell<std::decay_t<const Told>>(*tracer_, told);
      }
    }
    return std::forward<T>(value);
  }

 private:
  /// Small values come as copies, so that the caller's own may stay in a register.
  template <typename T>
  using copied =
      std::conditional_t<std::is_trivially_copyable_v<T> && sizeof(T) <= 2 * sizeof(uint64_t), T,
                         const T&>;
  template <typename T>
  [[gnu::noinline, gnu::cold]] static void tell(tracer& t, copied<T> value) {
    if (t.on(trace_class::calls)) t.set_result({call_value("", value)});
  }
  template <typename Arguments>
  [[gnu::noinline, gnu::cold]] static tracer* opened(tracer& t, std::string_view name,
                                                     Arguments arguments) {
    if (t.is_inlined(name)) return nullptr;
    t.enter(name, t.on(trace_class::calls) ? arguments() : call_values());
    return &t;
  }

  tracer* tracer_ = nullptr;
};

/// Opens the trace scope of a ported function, by the kernel's exact name, as the variable
/// `this_call`. Its arguments follow, each {"name", value}:
/// IOMMULAB_CALL(trace, "alloc_iova", {"size", size}).
#define IOMMULAB_CALL(tracer_, kernel_name, ...)    \
  const ::iommulab::call_scope this_call((tracer_), \
                                         (kernel_name)__VA_OPT__(, IOMMULAB_VALUES(__VA_ARGS__)))
#define IOMMULAB_VALUES(...) [&] { return ::iommulab::call_values{__VA_ARGS__}; }

/// A result of the innermost open function that is several values:
/// IOMMULAB_RESULT(trace, {"lo", lo}, {"hi", hi}). One value goes through call_scope::result().
#define IOMMULAB_RESULT(tracer_, ...)                             \
  do {                                                            \
    if ((tracer_).on(::iommulab::trace_class::calls))             \
      (tracer_).set_result(::iommulab::call_values{__VA_ARGS__}); \
  } while (false)

/// Here recorded kernels print a line with the call's arguments, and with its result if it has one
/// already; `printed_name` is how the line begins.
#define IOMMULAB_NOTE_CALL(tracer_, printed_name)                                        \
  do {                                                                                   \
    if ((tracer_).on(::iommulab::trace_class::calls)) (tracer_).note_call(printed_name); \
  } while (false)

/// Any other line that recorded kernels print in this place; the text is formatted only when calls
/// are traced. The includer brings absl/strings/str_format.h.
#define IOMMULAB_NOTE(tracer_, ...) \
  (tracer_).tell([&] { return ::iommulab::events::note{absl::StrFormat(__VA_ARGS__)}; })

}  // namespace iommulab
