// SPDX-License-Identifier: GPL-2.0-only
//
// A running system under a test's eyes: boots a machine, remembers every event, and answers
// questions about the log, the register accesses and the tables in memory. Tables are read by
// shifting and adding here, not through the code under test. Of a generation's own code it knows
// nothing: support/v4_4/system.h does.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/kernel.h"

namespace iommulab::test {

/// "W4 18 84000000", "R8 1c": direction, bytes, offset, and for a write what was written; hex.
std::string write4(uint64_t offset, uint64_t value);
std::string write8(uint64_t offset, uint64_t value);
std::string read4(uint64_t offset);
std::string read8(uint64_t offset);
/// The lists one behind the other.
std::vector<std::string> chain(std::initializer_list<std::vector<std::string>> parts);

class system {
 public:
  explicit system(const machine_config& machine, std::string command_line = "intel_iommu=on",
                  trace_class classes = trace_class::all);
  /// With options of the caller's; the events come here all the same.
  system(const machine_config& machine, kernel_options options,
         trace_class classes = trace_class::all);
  ~system();
  system(const system&) = delete;
  system& operator=(const system&) = delete;

  /// start_up(); the outcome stays readable.
  boot_outcome& boot();
  boot_outcome outcome;

  kernel& k() { return *kernel_; }
  vtd_unit& unit(size_t index = 0) { return *kernel_->units()[index]; }
  trace_recorder& events() { return events_; }
  /// No further events.
  void stop_recording() { subscription_.end(); }
  pci_dev& function(source_id id);

  // --- the log -----------------------------------------------------------------------------
  [[nodiscard]] std::vector<std::string> log() const;
  [[nodiscard]] int logged(std::string_view line) const;  ///< how many lines are exactly this
  [[nodiscard]] bool log_contains(std::string_view part) const;
  [[nodiscard]] std::string log_text() const;

  // --- register accesses -------------------------------------------------------------------
  /// Those of one unit, of the whole run or while the function `within` was open.
  [[nodiscard]] std::vector<std::string> accesses(std::string_view unit = "dmar0",
                                                  std::string_view within = {}) const;
  /// Values written to a register, 4 or 8 bytes wide.
  [[nodiscard]] std::vector<uint64_t> written(uint64_t offset, std::string_view unit = "dmar0",
                                              std::string_view within = {}) const;
  /// Descriptors that a unit fetched, wait descriptors left out, as (low, high).
  [[nodiscard]] std::vector<std::pair<uint64_t, uint64_t>> descriptors(
      std::string_view unit = "dmar0") const;

  // --- calls -------------------------------------------------------------------------------
  /// Those of the functions `names` that were entered, in this order.
  [[nodiscard]] std::vector<std::string> calls_of(
      std::initializer_list<std::string_view> names) const;

  // --- memory ------------------------------------------------------------------------------
  /// A word of memory; a test failure and a dummy when there is none.
  uint64_t& word(uint64_t address);
  /// The root table that the unit's RTADDR names.
  uint64_t root_table(size_t unit_index = 0);
  struct context {
    uint64_t lo = 0;
    uint64_t hi = 0;
    [[nodiscard]] bool present() const { return (lo & 1) != 0; }
    [[nodiscard]] unsigned type() const { return lo >> 2 & 3; }
    [[nodiscard]] uint64_t table() const { return lo & ~uint64_t{0xfff}; }
    [[nodiscard]] unsigned width_code() const { return hi & 7; }
    [[nodiscard]] unsigned domain() const { return hi >> 8 & 0xffff; }
    [[nodiscard]] bool copied() const { return (hi & 8) != 0; }
  };
  /// The context entry of a requester id in the table of a unit; zero when the bus has no table.
  context context_of(source_id id, size_t unit_index = 0);
  /// Where `address` leads through `levels` levels from `table`; -1 when it leads nowhere.
  uint64_t walk(uint64_t table, unsigned levels, uint64_t address);

  dma_translation dma(source_id source, uint64_t address, dma_access access = dma_access::read,
                      size_t unit_index = 0);

  /// Adds the pages of a table of tables: itself, and all that its entries lead to. A test failure
  /// when one is there already.
  void add_tables(uint64_t table, unsigned levels, std::set<uint64_t>& pages);
  /// The same of a root table and its context tables, without the tables of domains.
  void add_context_tables(uint64_t root, std::set<uint64_t>& pages);

 private:
  trace_recorder events_;
  std::unique_ptr<kernel> kernel_;
  trace_subscription subscription_;
  uint64_t no_word_ = 0;
};

}  // namespace iommulab::test
