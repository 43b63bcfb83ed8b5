// SPDX-License-Identifier: GPL-2.0-only
//
// One event stream for everything that can be watched: function entries and exits, the notes
// that a function prints about its arguments and results, register accesses, table writes,
// descriptors, faults, I/O virtual address and page allocations, log lines.
//
// A `tracer` hands each event to at most one sink. Off, a trace point costs one load and one
// predictable branch; with IOMMULAB_NO_TRACE defined it costs nothing. Names are static strings:
// the kernel's exact names, which C++ cannot always spell.
//
// Threads: a tracer belongs to one thread while it is on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

enum class trace_class : uint32_t {
  none = 0,
  calls = 1u << 0,
  regs = 1u << 1,
  tables = 1u << 2,
  queue = 1u << 3,
  iova = 1u << 4,
  pages = 1u << 5,
  faults = 1u << 6,
  log = 1u << 7,
  all = 0xff,
};

constexpr trace_class operator|(trace_class a, trace_class b) {
  return static_cast<trace_class>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr bool overlaps(trace_class a, trace_class b) {
  return (static_cast<uint32_t>(a) & static_cast<uint32_t>(b)) != 0;
}

enum class trace_kind : uint8_t {
  call_enter,   ///< `name` entered; `text` is empty
  call_exit,    ///< `name` left
  note,         ///< `text`: what the innermost open function says of its arguments or result
  reg_read,     ///< `unit`, `address` = register offset, `size` = bytes, `value` = what came back
  reg_write,    ///< `unit`, `address` = register offset, `size` = bytes, `value`
  table_write,  ///< `name` = "root" | "context" | "pte", `address` = physical, `value`, `value2`
  descriptor,   ///< `unit`, `address` = queue index, `value` = low, `value2` = high; `text` decoded
  fault,        ///< `unit`, `address` = faulting address, `value` = reason, `value2` = source id
  interrupt,    ///< `unit`, `address` = message address, `value` = message data
  iova,         ///< `name` = "alloc" | "free" | "reserve", `value` = low pfn, `value2` = high pfn
  page,         ///< `name` = "alloc" | "free", `address` = physical, `value` = order
  log,          ///< `text`: one log line without its time stamp
  diagnosis,    ///< `name` = stable name of a broken rule, `text` the sentence
};

/// One event. Which fields mean something, `trace_kind` says.
struct trace_event {
  trace_kind kind = trace_kind::note;
  uint8_t size = 0;
  uint16_t depth = 0;  ///< open calls around the event
  std::string_view name;
  std::string_view unit;  ///< "dmar0", or empty
  uint64_t address = 0;
  uint64_t value = 0;
  uint64_t value2 = 0;
  std::string text;
};

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

class tracer {
 public:
  tracer() = default;
  tracer(const tracer&) = delete;
  tracer& operator=(const tracer&) = delete;

  /// Sends the events of `classes` to `sink` from now on; null switches tracing off.
  void attach(trace_sink* sink, trace_class classes = trace_class::all);
  /// Keeps open_calls() up to date even when no sink wants calls.
  void keep_open_calls(bool keep);

  [[nodiscard]] bool on(trace_class c) const {
#ifdef IOMMULAB_NO_TRACE
    (void)c;
    return false;
#else
    return __builtin_expect(static_cast<long>(overlaps(classes_, c)), 0) != 0;
#endif
  }

  /// Whether functions are to be told of: to the sink, or for open_calls() alone.
  [[nodiscard]] bool follows_calls() const {
#ifdef IOMMULAB_NO_TRACE
    return false;
#else
    return __builtin_expect(static_cast<long>(follows_calls_), 0) != 0;
#endif
  }

  // Call these only when on() the class, or follows_calls(): the arguments are what costs.
  void enter(std::string_view name);
  void leave(std::string_view name);
  /// An event other than a call; its depth is filled in.
  void emit(trace_event event);
  void note(std::string text);

  /// Kernel names of the functions now open, outermost first (for findings' call stacks). Empty
  /// unless a sink takes calls or keep_open_calls() is on.
  [[nodiscard]] const std::vector<std::string_view>& open_calls() const {
    return open_;
  }

 private:
  trace_sink* sink_ = nullptr;
  trace_class classes_ = trace_class::none;
  bool keep_open_calls_ = false;
  bool follows_calls_ = false;
  std::vector<std::string_view> open_;
};

/// The scoped object of one ported function.
class call_scope {
 public:
  call_scope(tracer& t, std::string_view kernel_name) {
    if (!t.follows_calls()) return;
    tracer_ = &t;
    name_ = kernel_name;
    t.enter(kernel_name);
  }
  ~call_scope() {
    if (tracer_ != nullptr) tracer_->leave(name_);
  }
  call_scope(const call_scope&) = delete;
  call_scope& operator=(const call_scope&) = delete;

 private:
  tracer* tracer_ = nullptr;
  std::string_view name_;
};

/// Opens the trace scope of a ported function, by the kernel's exact name.
#define IOMMULAB_CALL(tracer_, kernel_name)                                               \
  const ::iommulab::call_scope IOMMULAB_UNIQUE(iommulab_call_scope_, __LINE__)((tracer_), \
                                                                               (kernel_name))
#define IOMMULAB_UNIQUE(prefix, line) IOMMULAB_PASTE(prefix, line)
#define IOMMULAB_PASTE(a, b) a##b

/// A note of the innermost open function; the text is formatted only when calls are traced.
#define IOMMULAB_NOTE(tracer_, ...)                   \
  do {                                                \
    if ((tracer_).on(::iommulab::trace_class::calls)) \
      (tracer_).note(absl::StrFormat(__VA_ARGS__));   \
  } while (false)

}  // namespace iommulab
