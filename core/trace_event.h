// SPDX-License-Identifier: GPL-2.0-only
//
// One event of the trace: what happened, with its number, its time and its system.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/events.h"
#include "core/state_events.h"

namespace iommulab {

/// In the order of the variant below.
enum class trace_kind : uint8_t {
  call_enter,
  call_exit,
  note,
  reg_read,
  reg_write,
  table_write,
  descriptor,
  fault,
  interrupt,
  iova,
  page,
  log,
  diagnosis,
  domain,
  group,
  device,
  config,
  reg_change,
  latch,
  cache,
  answer,
};

namespace trace_detail {
using alternatives =
    std::variant<events::call_enter, events::call_exit, events::note, events::reg_read,
                 events::reg_write, events::table_write, events::descriptor, events::fault,
                 events::interrupt, events::iova_range, events::page, events::log_text,
                 events::diagnosis, events::domain_change, events::group_change,
                 events::device_change, events::config_change, events::reg_change, events::latch,
                 events::cache_change, events::answer>;
}

/// What happened. trace_event.cc copies, moves and compares it: code for each of twenty kinds that
/// would otherwise be made, and thrown away, for every file that includes this.
struct trace_payload : trace_detail::alternatives {
  using variant::variant;
  trace_payload(const trace_payload& other);
  trace_payload(trace_payload&& other) noexcept;
  trace_payload& operator=(const trace_payload& other);
  trace_payload& operator=(trace_payload&& other) noexcept;
  ~trace_payload();

  bool operator==(const trace_payload& other) const;
};
constexpr size_t trace_kinds = std::variant_size_v<trace_detail::alternatives>;

namespace trace_detail {
template <trace_kind Kind, typename Payload>
inline constexpr bool is =
    std::is_same_v<std::variant_alternative_t<static_cast<size_t>(Kind), alternatives>, Payload>;
}
static_assert(trace_detail::is<trace_kind::reg_write, events::reg_write> &&
              trace_detail::is<trace_kind::log, events::log_text> &&
              trace_detail::is<trace_kind::diagnosis, events::diagnosis> &&
              trace_detail::is<trace_kind::answer, events::answer>);

trace_class class_of(trace_kind kind);
std::string_view name(trace_kind kind);  ///< "call_enter", "reg_read", …
std::string_view name(events::range_action action);
std::string_view name(events::page_action action);
std::string_view name(events::domain_action action);
std::string_view name(events::group_action action);
std::string_view name(events::device_action action);
std::string_view name(events::cache_action action);

struct trace_event {
  uint64_t seq = 0;      ///< grows with every event, see tracer::number_by()
  uint64_t time_ns = 0;  ///< virtual
  uint16_t system = 0;   ///< which system it is of, where several have one sink
  uint16_t depth = 0;    ///< open calls around the event, 0 while nobody follows calls
  trace_payload what;

  [[nodiscard]] trace_kind kind() const { return static_cast<trace_kind>(what.index()); }
  /// The payload when it is this kind's, else null.
  template <typename Payload>
  [[nodiscard]] const Payload* as() const {
    return std::get_if<Payload>(&what);
  }
  /// A read or a write of a register by the driver, else null.
  [[nodiscard]] const events::reg_access* access() const {
    if (const auto* read = as<events::reg_read>()) return read;
    return as<events::reg_write>();
  }
  /// Name of the function that is entered or left, else empty.
  [[nodiscard]] std::string_view function() const {
    if (const auto* enter = as<events::call_enter>()) return enter->name;
    const auto* exit = as<events::call_exit>();
    return exit == nullptr ? std::string_view() : exit->name;
  }

  bool operator==(const trace_event&) const = default;
};

}  // namespace iommulab
