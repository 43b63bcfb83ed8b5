// SPDX-License-Identifier: GPL-2.0-only
//
// Turns a capture into the run of a port that did exactly what the real kernel did, so that a
// comparison must find it equal, and must find nothing else equal. Reads the capture by plain
// scanning. What a real run differs in without meaning anything is put in on purpose: functions
// that the tracer never saw, notes that it never printed, a read that shows as two.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/sysfs.h"
#include "lab/replay/comparison.h"
#include "platform/memory/physical_memory.h"

namespace iommulab::verify {

class synthesizer {
 public:
  /// Where the run's allocator put the page that the capture has at an address.
  using page_map = std::function<uint64_t(uint64_t)>;

  synthesizer(std::string capture, page_map pages);
  synthesizer(const synthesizer&) = delete;
  synthesizer& operator=(const synthesizer&) = delete;

  [[nodiscard]] run_result& run() { return run_; }
  [[nodiscard]] physical_memory& memory() { return *memory_; }
  [[nodiscard]] sysfs_tree& sysfs() { return sysfs_; }

 private:
  void add_trace();
  void add_trace_line(const std::string& line);
  void add_calls();
  void add_log();
  void add_tables();
  void add_sysfs();
  void poke(uint64_t address, uint64_t value);
  uint64_t moved(uint64_t address) const;
  std::string_view keep(std::string text);
  void add(trace_payload what);
  void enter(const std::string& name);
  void leave();

  std::string capture_;
  page_map pages_;
  std::deque<std::string> names_;
  std::vector<std::string_view> open_;
  std::unique_ptr<physical_memory> memory_;
  sysfs_tree sysfs_;
  run_result run_;
};

/// Every page where the capture has it.
uint64_t same_page(uint64_t page);
/// Every page elsewhere, in another order.
uint64_t other_page(uint64_t page);

}  // namespace iommulab::verify
