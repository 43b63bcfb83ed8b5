// SPDX-License-Identifier: GPL-2.0-only
//
// One event in words, decoded by the specification's formats.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/trace_event.h"
#include "platform/vtd/unit.h"

namespace iommulab {

/// Decodes the events of one run, whose system it may outlive, in their order: entries that lead to
/// context tables are remembered, so that an entry of such a table can be called by its device.
class event_words {
 public:
  event_words() = default;
  explicit event_words(const std::vector<std::unique_ptr<vtd_unit>>& units);

  /// "write32 dmar0 GCMD 0x18 = 0x84000000 TE|QIE"; for calls the function's name alone. One line,
  /// no indentation.
  std::string describe(const trace_event& event);
  /// What is read or written: "GCMD", "context entry of 00:1f.0". Empty for what is neither
  /// register nor table.
  std::string place(const trace_event& event);
  /// The decoded part alone: "TE|QIE". Empty where nothing is encoded.
  [[nodiscard]] std::string decode(const trace_event& event) const;

 private:
  [[nodiscard]] const vtd_config* unit_named(std::string_view name) const;
  [[nodiscard]] std::string access(const char* verb, const events::reg_access& e) const;
  [[nodiscard]] std::string fields(const events::reg_access& e) const;
  std::string table_place(const events::table_write& e);
  std::string table_entry(const events::table_write& e);

  std::vector<vtd_config> units_;
  std::map<uint64_t, uint8_t> context_tables_;     ///< bus by physical address
  std::map<uint64_t, source_id> scalable_tables_;  ///< of the first entry, by physical address
};

}  // namespace iommulab
