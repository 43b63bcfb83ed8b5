// SPDX-License-Identifier: GPL-2.0-only
//
// The context-cache (VT-d specification 6.2.3): by source id, what the root and context entries
// said, already checked. Entries carry the domain id that they were loaded with, and are
// invalidated by it: a context entry whose domain changed in memory is found under the old one.
//
// With caching mode, lookups that failed are held too, under domain 0 (6.1), which software does
// not use then.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/types.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/fault_reason.h"

namespace iommulab {

/// One context entry, decoded for the walk.
struct context {
  bool valid = false;
  bool fault_processing_disabled = false;
  vtd::fault_reason reason = vtd::fault_reason::none;  ///< why there is none, or none
  vtd::translation_type type = vtd::translation_type::untranslated_only;
  uint8_t levels = 0;  ///< of the second-level tables
  domain_id domain;
  uint64_t address_limit = 0;  ///< last address that the tables may translate
  uint64_t table = 0;          ///< top paging structure
  // Of scalable mode's second level alone (9.6):
  bool accessed_bits = false;  ///< walks set A and D bits (SLADE)
  bool walks_snoop = false;    ///< PWSNP

  [[nodiscard]] bool failed() const { return reason != vtd::fault_reason::none; }
};

class context_cache {
 public:
  /// Null when nothing is cached for `source`.
  [[nodiscard]] const context* find(uint16_t source) const {
    const bus_entries* bus = buses_[source >> 8].get();
    if (bus == nullptr) return nullptr;
    const context& entry = (*bus)[source & 0xff];
    return entry.valid ? &entry : nullptr;
  }
  /// A source whose cached entry has `table` for its top paging structure.
  [[nodiscard]] std::optional<uint16_t> source_of_table(uint64_t table) const;
  /// Calls `f` with each source that something is cached for, in ascending order, and what.
  template <typename F>
  void for_each(F f) const {
    for (size_t bus = 0; bus < buses_.size(); ++bus) {
      if (buses_[bus] == nullptr) continue;
      for (size_t devfn = 0; devfn < buses_[bus]->size(); ++devfn) {
        const context& entry = (*buses_[bus])[devfn];
        if (entry.valid) f(static_cast<uint16_t>(bus << 8 | devfn), entry);
      }
    }
  }
  /// Returns the cached copy, which stays in place until the next insert or invalidation.
  const context* insert(uint16_t source, const context& entry);

  void invalidate_all();
  void invalidate_domain(domain_id domain);
  /// Entries of `domain` whose source agrees but for the low function bits that `function_mask`
  /// (0..3, CCMD.FM) names.
  void invalidate_device(domain_id domain, uint16_t source, unsigned function_mask);

  /// Low bits of the function number that FM leaves out of account: 00b none, 01b bit 2, 10b bits
  /// 2:1, 11b bits 2:0 (10.4.7).
  static constexpr uint16_t ignored_function_bits(unsigned function_mask) {
    constexpr std::array<uint16_t, 4> ignored = {0b000, 0b100, 0b110, 0b111};
    return ignored[function_mask & 3];
  }

 private:
  using bus_entries = std::array<context, vtd::context_entries_per_table>;
  std::array<std::unique_ptr<bus_entries>, vtd::root_entries_per_table> buses_;
};

}  // namespace iommulab
