// SPDX-License-Identifier: GPL-2.0-only
//
// The walk of scalable mode: root entry, context entry, PASID directory and PASID table (VT-d
// specification 3.4.3), first-level tables (3.6), and these under the second level (3.8). The
// second level itself is page_walker's. Each step that can fail names its reason (7.1.3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/types.h"
#include "platform/memory/physical_memory.h"
#include "platform/vtd/config.h"
#include "platform/vtd/diagnosis.h"
#include "platform/vtd/first_level_cache.h"
#include "platform/vtd/page_walk.h"
#include "platform/vtd/scalable_context.h"
#include "platform/vtd/spec/first_level_entry.h"
#include "platform/vtd/translation.h"

namespace iommulab {

/// What a request asks of first-level entries.
struct first_level_access {
  bool write = false;
  bool execute = false;
  bool privileged = false;
  bool check = true;  ///< a translation request takes what there is
};

/// Where a first-level walk ended: a page, or why there is none.
struct first_level_result {
  vtd::fault_reason reason = vtd::fault_reason::none;
  first_level_page page;
  /// It is this access alone that failed; the page is known.
  bool access_refused = false;
};

/// Why a second-level walk gives nothing for `access` in scalable mode (SSS and SGN conditions);
/// none when it does.
vtd::fault_reason second_level_reason(const iotlb_entry& entry, dma_access access);

class scalable_walker {
 public:
  scalable_walker(const vtd_config& config, const physical_memory& memory, page_walker& second,
                  first_level_cache& cache, diagnosis_log& diagnoses,
                  const unit_observers& observers);

  /// Root and context entry of `source`. Never looks at a cache.
  [[nodiscard]] scalable_context load_context(uint64_t root_table, uint16_t source) const;
  /// PASID directory and PASID table entry.
  [[nodiscard]] pasid_context load_pasid(const scalable_context& ctx, uint16_t source,
                                         uint32_t pasid) const;
  /// The page of `address` in the first level of `entry`, through its second level when nested.
  [[nodiscard]] first_level_result walk(const pasid_context& entry, const address_space& space,
                                        uint64_t address, const first_level_access& access);

  /// Whether the page may be read, or written, by requests with or without privilege.
  [[nodiscard]] static bool grants_read(const first_level_page& page, bool privileged) {
    return (privileged || page.user()) && page.host_readable();
  }
  [[nodiscard]] static bool grants_write(const pasid_context& entry, const first_level_page& page,
                                         bool privileged) {
    return (privileged || page.user()) &&
           (page.writable() || (privileged && !entry.write_protect)) && page.host_writable();
  }
  /// SGN.2, SGN.3, SGN.6, SGN.7: what `page` denies to `access`; none when nothing.
  [[nodiscard]] static vtd::fault_reason denied(const pasid_context& entry,
                                                const first_level_page& page,
                                                const first_level_access& access);

 private:
  struct host_word {
    vtd::fault_reason reason = vtd::fault_reason::none;
    uint64_t address = 0;
  };
  [[nodiscard]] bool supported(vtd::pasid_translation type) const;
  void check_programming(const vtd::pasid_entry& entry, pasid_context& into) const;
  [[nodiscard]] bool reserved_bits_clear(const vtd::scalable_context_entry& entry) const;
  [[nodiscard]] bool reserved_bits_clear(const vtd::pasid_entry& entry) const;
  template <size_t Words>
  bool read_words(uint64_t at, uint16_t source, std::array<uint64_t, Words>& out) const;
  /// walk(), for who listens and for nobody: what only nesting and observers need is not asked.
  template <bool Nested, typename Observers>
  first_level_result walk_levels(const Observers& observers, const pasid_context& entry,
                                 const address_space& space, uint64_t address,
                                 const first_level_access& access);
  /// Where the word of a first-level table at `table` is: itself, or with nesting through the
  /// second level.
  host_word locate(const pasid_context& entry, uint64_t table, unsigned level, dma_access access);
  [[gnu::noinline]] vtd::fault_reason set_accessed(const pasid_context& entry, uint64_t guest_word,
                                                   uint64_t host_address,
                                                   vtd::first_level_entry& word, unsigned level,
                                                   uint64_t bits, bool& changed);
  first_level_result finish(const pasid_context& entry, first_level_page page, uint64_t address,
                            const first_level_access& access);

  const vtd_config& config_;
  const physical_memory& memory_;
  page_walker& second_;
  first_level_cache& cache_;
  diagnosis_log& diagnoses_;
  const unit_observers& observers_;
  /// Reserved bits of first-level entries, indexed by level 1..5: without nesting, and with it.
  struct reserved_bits {
    uint64_t leaf = 0;
    uint64_t table = 0;
  };
  static constexpr size_t level_slots = 6;
  std::array<reserved_bits, level_slots> reserved_{};
  std::array<reserved_bits, level_slots> reserved_nested_{};
};

// Up to three times a request, so it is inlined.
inline vtd::fault_reason scalable_walker::denied(const pasid_context& entry,
                                                 const first_level_page& page,
                                                 const first_level_access& access) {
  // SGN.2: user requests keep to pages of the user.
  if (!access.privileged && !page.user()) return vtd::fault_reason::user_access_of_supervisor_page;
  // SGN.6: privileged requests write what they like, unless WPE.
  const bool overrides = access.privileged && !entry.write_protect;
  if (access.write && !page.writable() && !overrides) {
    return vtd::fault_reason::scalable_write_not_permitted;
  }
  // SGN.3.
  const bool forbidden = (entry.no_execute && page.execute_disabled()) ||
                         (entry.supervisor_execute_prevented && access.privileged && page.user());
  if (access.execute && forbidden) return vtd::fault_reason::execute_not_permitted;
  // SGN.6, SGN.7: what the second level takes away.
  if (access.write && !page.host_writable()) return vtd::fault_reason::scalable_write_not_permitted;
  if (!access.write && !page.host_readable()) return vtd::fault_reason::scalable_read_not_permitted;
  return vtd::fault_reason::none;
}

}  // namespace iommulab
