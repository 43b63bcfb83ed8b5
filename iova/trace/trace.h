// SPDX-License-Identifier: GPL-2.0-only
//
// A run of an allocator, operation by operation, with what it answered: the content of a trace
// file. README.md describes the lines.
//
// What reader and recorder hold to, and players rely on: a domain is initialised before it is
// used and has its range caches before a *_fast operation; an id names one live allocation and is
// freed by the operation of the pair that gave it, in the same domain (free_pfn apart, which only
// a replay can follow); numbers lie within the bounds of their kind.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "iova/lab/range.h"
#include "iova/trace/recorded_end.h"

namespace iommulab {

enum class iova_trace_op : uint8_t {
  init,
  use,
  reserve,
  alloc,
  free,
  free_pfn,
  find,
  split,
  copy_reserved,
  rcache_init,
  cpu,
  alloc_fast,
  free_fast,
  flush_cpu,
  flush_global,
  work,
  depot,
  state,
  dump,
};

inline constexpr unsigned iova_trace_domains = 8;
inline constexpr unsigned iova_trace_cpus = 64;
/// The last frame of 64 address bits in pages of 4 KiB.
inline constexpr uint64_t iova_trace_last_frame = (uint64_t{1} << 52) - 1;

struct iova_trace_step {
  iova_trace_op what = iova_trace_op::init;
  uint8_t domain = 0;                   ///< that it acts on
  uint8_t cpu = 0;                      ///< that it runs on
  bool answered = false;                ///< a range came back: not FAIL, not none
  uint32_t line = 0;                    ///< in the file, from 1
  uint32_t slot = 0;                    ///< of alloc, free and split: a small number for the id
  uint32_t first = 0;                   ///< of dump, depot and state: where the answer begins in
  uint32_t count = 0;                   ///< the trace's list, and how many items it has
  std::array<uint64_t, 4> arguments{};  ///< as they stand in the line
  iova_range answer{};                  ///< when answered; work: lo is the number
};

struct iova_trace {
  std::string name;     ///< the file, for messages
  std::string version;  ///< what the first comment calls the kernel: "4.19fix"; may be empty
  std::vector<iova_trace_step> steps;
  std::vector<iova_range> ranges;  ///< of dumps
  std::vector<uint64_t> numbers;   ///< of depots
  std::vector<std::string> states;
  uint32_t slots = 0;  ///< one more than the highest slot
  trace_end end;       ///< of what was read
};

/// "alloc 3 1 0xfffff 1": the line up to the arrow.
std::string iova_trace_operation(const iova_trace_step& step);
/// "0x1 0x4", "FAIL", "none", "2 0 0 0 0 0" …: what stands behind the arrow. Empty where nothing
/// does, and for a dump.
std::string iova_trace_answer(const iova_trace& trace, const iova_trace_step& step);
/// The whole file.
std::string iova_trace_text(const iova_trace& trace);

}  // namespace iommulab
