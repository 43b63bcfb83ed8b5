// SPDX-License-Identifier: GPL-2.0-only
//
// What scalable mode caches before any paging structure (VT-d specification 6.2.3, 6.2.4): context
// entries by source id, and PASID table entries by source id and PASID, both already checked. A
// context entry names no domain there, so only its source finds it; a PASID table entry goes by
// the domain that it was loaded with.
//
// With caching mode, lookups that failed are held too, under domain 0.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "core/types.h"
#include "platform/vtd/context_cache.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/spec/pasid_entry.h"

namespace iommulab {

/// A scalable-mode context entry, decoded for the walk.
struct scalable_context {
  bool fault_processing_disabled = false;
  vtd::fault_reason reason = vtd::fault_reason::none;  ///< why there is none, or none
  bool device_tlb = false;
  bool pasid_enabled = false;
  bool request_privileged = false;  ///< requests without PASID are
  uint32_t request_pasid = 0;       ///< the PASID of requests that have none
  uint32_t pasids = 0;              ///< that the directory has room for
  uint64_t directory = 0;

  [[nodiscard]] bool failed() const { return reason != vtd::fault_reason::none; }
};

/// A PASID table entry, decoded for the walk.
struct pasid_context {
  bool fault_processing_disabled = false;              ///< by this entry or by those above it
  vtd::fault_reason reason = vtd::fault_reason::none;  ///< why there is none, or none
  vtd::pasid_translation type = vtd::pasid_translation::second_level;
  domain_id domain;
  /// The second level, as legacy mode's walk takes it; with pass-through only how far addresses go.
  context second;
  uint64_t first_table = 0;  ///< top table of the first level; with nesting a guest address
  uint8_t first_levels = 0;
  bool supervisor_requests = false;
  bool execute_requests = false;
  bool write_protect = false;
  bool no_execute = false;
  bool supervisor_execute_prevented = false;
  bool extended_accessed = false;
  bool page_walk_snoop = false;
  bool page_snoop = false;

  [[nodiscard]] bool failed() const { return reason != vtd::fault_reason::none; }
  [[nodiscard]] bool has_first_level() const {
    return type == vtd::pasid_translation::first_level || nested();
  }
  [[nodiscard]] bool nested() const { return type == vtd::pasid_translation::nested; }
};

class scalable_context_cache {
 public:
  /// Null when nothing is cached for `source`.
  [[nodiscard]] const scalable_context* find(uint16_t source) const {
    const auto at = entries_.find(source);
    return at == entries_.end() ? nullptr : &at->second;
  }
  const scalable_context& insert(uint16_t source, const scalable_context& entry) {
    return entries_.insert_or_assign(source, entry).first->second;
  }
  /// Calls `f` with each source in ascending order, and what is cached for it.
  template <typename F>
  void for_each(F f) const {
    for (const auto& [source, entry] : entries_) f(source, entry);
  }
  void invalidate_all() { entries_.clear(); }
  /// Sources that agree but for the low function bits that `function_mask` (0..3) names.
  void invalidate_device(uint16_t source, unsigned function_mask);

 private:
  std::map<uint16_t, scalable_context> entries_;
};

class pasid_cache {
 public:
  /// Null when nothing is cached for the two.
  [[nodiscard]] const pasid_context* find(uint16_t source, uint32_t pasid) const {
    const auto at = entries_.find({source, pasid});
    return at == entries_.end() ? nullptr : &at->second;
  }
  const pasid_context& insert(uint16_t source, uint32_t pasid, const pasid_context& entry) {
    return entries_.insert_or_assign({source, pasid}, entry).first->second;
  }
  /// Calls `f` with source and PASID, in ascending order, and what is cached for them.
  template <typename F>
  void for_each(F f) const {
    for (const auto& [at, entry] : entries_) f(at.source, at.pasid, entry);
  }
  void invalidate_all() { entries_.clear(); }
  void invalidate_domain(domain_id domain);
  void invalidate_pasid(domain_id domain, uint32_t pasid);

 private:
  struct key {
    uint16_t source;
    uint32_t pasid;
    auto operator<=>(const key&) const = default;
  };
  std::map<key, pasid_context> entries_;
};

}  // namespace iommulab
