// SPDX-License-Identifier: GPL-2.0-only
//
// What an event of the trace says: a small struct for each kind, named as what happened. Each kind
// belongs to one class, which is what a sink asks for.
//
// Events own what they hold, so that they can be kept longer than the system that they are of.
// Only names are views: they are string literals, the kernel's exact names, which C++ cannot
// always spell.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/call_values.h"
#include "core/trace_class.h"

namespace iommulab {

namespace events {

// --- calls ---

struct call_enter {
  static constexpr trace_class of = trace_class::calls;
  std::string_view name{};
  call_values arguments{};  ///< those worth telling, in the kernel's order

  bool operator==(const call_enter&) const = default;
};
struct call_exit {
  static constexpr trace_class of = trace_class::calls;
  std::string_view name{};
  call_values result{};

  bool operator==(const call_exit&) const = default;
};
/// What the innermost open function says; the lines that the recorded kernels print.
struct note {
  static constexpr trace_class of = trace_class::calls;
  std::string text{};

  bool operator==(const note&) const = default;
};

// --- registers, as the driver reaches them ---

struct reg_access {
  static constexpr trace_class of = trace_class::regs;
  std::string unit{};   ///< "dmar0"; empty where no unit answers
  uint64_t offset = 0;  ///< bytes from the unit's first register
  uint8_t size = 0;     ///< bytes
  uint64_t value = 0;   ///< what came back, or was written

  bool operator==(const reg_access&) const = default;
};
struct reg_read : reg_access {
  bool operator==(const reg_read&) const = default;
};
/// Told before the write is done.
struct reg_write : reg_access {
  bool operator==(const reg_write&) const = default;
};

// --- tables in memory ---

/// An entry was written, whole. `hi` is of a root or context entry.
struct table_write {
  static constexpr trace_class of = trace_class::tables;
  std::string_view table{};  ///< "root", "context" or "pte"
  uint64_t address = 0;      ///< physical
  uint64_t lo = 0;
  uint64_t hi = 0;
  uint64_t lo_before = 0;
  uint64_t hi_before = 0;

  bool operator==(const table_write&) const = default;
};

// --- the invalidation queue ---

/// A unit fetched a descriptor.
struct descriptor {
  static constexpr trace_class of = trace_class::queue;
  std::string unit{};
  uint32_t index = 0;
  uint64_t low = 0;
  uint64_t high = 0;
  std::string text{};  ///< decoded

  bool operator==(const descriptor&) const = default;
};

// --- addresses and pages ---

enum class range_action : uint8_t { alloc, free, reserve };
struct iova_range {
  static constexpr trace_class of = trace_class::iova;
  range_action action{};
  uint64_t low_pfn = 0;
  uint64_t high_pfn = 0;  ///< inclusive

  bool operator==(const iova_range&) const = default;
};

enum class page_action : uint8_t { alloc, free };
struct page {
  static constexpr trace_class of = trace_class::pages;
  page_action action{};
  uint64_t address = 0;  ///< physical
  unsigned order = 0;

  bool operator==(const page&) const = default;
};

// --- faults and diagnoses ---

struct fault {
  static constexpr trace_class of = trace_class::faults;
  std::string unit{};
  std::string_view reason{};  ///< stable name
  uint8_t code = 0;           ///< the reason's number
  uint64_t address = 0;
  uint16_t source = 0;  ///< requester id
  std::string text{};   ///< with what became of it

  bool operator==(const fault&) const = default;
};
/// A message that a unit sent.
struct interrupt {
  static constexpr trace_class of = trace_class::faults;
  std::string unit{};
  uint64_t address = 0;
  uint32_t data = 0;

  bool operator==(const interrupt&) const = default;
};
/// A rule was broken: by software towards a unit, by a firmware table, by whoever frees pages.
struct diagnosis {
  static constexpr trace_class of = trace_class::faults;
  std::string_view name{};  ///< stable
  std::string unit{};       ///< empty when it is not about one
  uint64_t address = 0;     ///< register offset, offset in the table, or physical address
  uint64_t value = 0;
  std::string text{};

  bool operator==(const diagnosis&) const = default;
};

// --- the log ---

struct log_text {
  static constexpr trace_class of = trace_class::log;
  uint8_t level = 0;   ///< log_level
  std::string text{};  ///< one line, without its time

  bool operator==(const log_text&) const = default;
};
}  // namespace events

}  // namespace iommulab
