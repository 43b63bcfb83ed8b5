// SPDX-License-Identifier: GPL-2.0-only
//
// Events of what has a state and changes it: domains, groups, devices, and the inside of remapping
// units. See core/events.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/trace_class.h"

namespace iommulab::events {

// --- domains and groups ---

enum class domain_action : uint8_t { create, free, attach, detach };
/// A domain of the driver. What is attached is a device under a requester id of a unit, which has
/// an id of its own for the domain.
struct domain_change {
  static constexpr trace_class of = trace_class::domains;
  domain_action action{};
  uint64_t table = 0;    ///< physical address of its top table, 0 while it has none
  std::string device{};  ///< "0000:00:1f.2"; empty for an alias that is no device
  uint16_t source = 0;   ///< requester id
  std::string unit{};    ///< "dmar0"
  uint16_t id = 0;

  bool operator==(const domain_change&) const = default;
};

enum class group_action : uint8_t { create, free, join, leave };
struct group_change {
  static constexpr trace_class of = trace_class::domains;
  group_action action{};
  int group = 0;
  std::string device{};  ///< of join and leave

  bool operator==(const group_change&) const = default;
};

// --- devices ---

enum class device_action : uint8_t { add, remove, bind, unbind };
struct device_change {
  static constexpr trace_class of = trace_class::devices;
  device_action action{};
  std::string device{};
  std::string driver{};  ///< of bind and unbind

  bool operator==(const device_change&) const = default;
};
/// A register of a function's configuration space holds something else: command register with bus
/// mastering, ATS control, and so on.
struct config_change {
  static constexpr trace_class of = trace_class::devices;
  std::string device{};
  uint16_t offset = 0;
  uint32_t before = 0;
  uint32_t after = 0;

  bool operator==(const config_change&) const = default;
};

// --- inside a unit ---

/// A register holds something else, whoever changed it.
struct reg_change {
  static constexpr trace_class of = trace_class::unit;
  std::string unit{};
  std::string_view name{};  ///< "GSTS"
  uint64_t offset = 0;
  uint64_t before = 0;
  uint64_t after = 0;

  bool operator==(const reg_change&) const = default;
};
/// A command took effect on what is not a register.
struct latch {
  static constexpr trace_class of = trace_class::unit;
  std::string unit{};
  std::string_view what{};  ///< "root table", "interrupt table", "translation", "write buffers"
  uint64_t value = 0;

  bool operator==(const latch&) const = default;
};
enum class cache_action : uint8_t { insert, evict, invalidate };
struct cache_change {
  static constexpr trace_class of = trace_class::unit;
  std::string unit{};
  std::string_view cache{};  ///< "context-cache", "IOTLB", "paging-structure cache", …
  cache_action action{};
  uint16_t domain = 0;
  uint64_t address = 0;  ///< of the entry: I/O address; of the context-cache: requester id
  std::string text{};    ///< in words

  bool operator==(const cache_change&) const = default;
};
/// A request was answered.
struct answer {
  static constexpr trace_class of = trace_class::answers;
  std::string unit{};
  uint16_t source = 0;
  uint64_t address = 0;     ///< that was asked for
  std::string_view from{};  ///< "IOTLB", "tables", "pass-through", …
  uint64_t target = 0;      ///< where it leads; 0 when it was blocked
  std::string text{};       ///< in words

  bool operator==(const answer&) const = default;
};

}  // namespace iommulab::events
