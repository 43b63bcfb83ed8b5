// SPDX-License-Identifier: GPL-2.0-only
//
// What a remapping unit tells of itself, as it happens: what it reads, by what it answers and where
// that came from, what its caches take in and lose, what it is commanded to do, which registers
// change. Nothing that an observer does changes what the unit does. vtd_unit::observe() has it.
//
// Each function does nothing here: an observer overrides what it wants to know.
//
// Threads: told by the thread that calls the unit, from within its call.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/listeners.h"
#include "core/types.h"
#include "platform/vtd/context_cache.h"
#include "platform/vtd/first_level_cache.h"
#include "platform/vtd/iotlb.h"
#include "platform/vtd/paging_structure_cache.h"
#include "platform/vtd/scalable_context.h"
#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/pasid_descriptors.h"
#include "platform/vtd/spec/registers.h"
#include "platform/vtd/translation.h"

namespace iommulab {

struct register_row;
struct vtd_fault;

/// The interrupt remapping table as SIRTP took it from IRTA.
struct latched_interrupt_table {
  phys_addr table;
  uint32_t entries = 0;
  bool extended_mode = false;
};

/// What became of a fault (7.2).
enum class fault_fate : uint8_t {
  recorded,
  collapsed,        ///< its source has one pending
  lost_overflow,    ///< no record was free: PFO is set now
  lost_overflowed,  ///< PFO was set before
};
std::string_view name(fault_fate fate);

enum class page_cache : uint8_t {
  iotlb,
  paging_structures,
  first_level_iotlb,  ///< of first-level and nested translations
  first_level_structures,
};

class unit_observer {
 public:
  virtual ~unit_observer() = default;

  // --- requests ------------------------------------------------------------------------------
  /// A request was answered; `answer` says from where. Each request ends with this.
  virtual void answered(const dma_request& /*request*/, const dma_translation& /*answer*/) {}
  /// A word of the root table, a context table, a PASID directory or a PASID table was read for a
  /// request of `source`.
  virtual void context_word_read(uint64_t /*word*/, uint16_t /*source*/) {}
  /// A word of a paging table was read on the walk for `address`.
  virtual void paging_word_read(uint64_t /*word*/, domain_id /*domain*/, uint64_t /*address*/) {}
  /// The unit set accessed or dirty bits in a word of a paging table.
  virtual void paging_word_set(uint64_t /*word*/, uint64_t /*before*/, uint64_t /*after*/) {}
  /// A request goes by this context, failed or not; legacy mode.
  virtual void context_used(source_id /*source*/, const context& /*ctx*/, lookup /*from*/) {}
  /// The same of scalable mode, and the PASID table entry that a request goes by.
  virtual void scalable_context_used(source_id /*source*/, const scalable_context& /*ctx*/,
                                     lookup /*from*/) {}
  virtual void pasid_used(source_id /*source*/, uint32_t /*pasid*/, const pasid_context& /*entry*/,
                          lookup /*from*/) {}
  /// A request goes by this first-level or nested translation.
  virtual void first_level_used(const dma_request& /*request*/, const pasid_context& /*entry*/,
                                const address_space& /*space*/, const first_level_page& /*page*/,
                                lookup /*from*/) {}
  /// A walk starts at a table that a paging-structure cache knows.
  virtual void table_used(const context& /*ctx*/, uint64_t /*address*/,
                          const cached_table& /*table*/) {}
  /// A request goes by this result of a walk, made now or when it was cached; failed or not.
  virtual void translation_used(const dma_request& /*request*/, const context& /*ctx*/,
                                const iotlb_entry& /*entry*/, lookup /*from*/) {}
  /// A device-TLB was given a translation; a device used one that it had been given.
  virtual void device_tlb_filled(const dma_request& /*request*/, domain_id /*domain*/,
                                 const dma_translation& /*given*/) {}
  virtual void device_tlb_used(const dma_request& /*request*/) {}
  /// A request by host address was blocked: it reached into a protected region (PMEN).
  virtual void protected_memory_met(const dma_request& /*request*/) {}
  virtual void fault_reported(const vtd_fault& /*fault*/, fault_fate /*fate*/) {}

  // --- caches --------------------------------------------------------------------------------
  virtual void context_cached(uint16_t /*source*/, const context& /*ctx*/) {}
  virtual void scalable_context_cached(uint16_t /*source*/, const scalable_context& /*ctx*/) {}
  virtual void pasid_cached(uint16_t /*source*/, uint32_t /*pasid*/,
                            const pasid_context& /*entry*/) {}
  virtual void page_cached(page_cache /*cache*/, const cached_page& /*page*/) {}
  /// Replaced by the entry of which page_cached() tells next.
  virtual void page_evicted(page_cache /*cache*/, const cached_page& /*page*/) {}

  // --- commands ------------------------------------------------------------------------------
  virtual void root_latched(uint64_t /*root*/) {}
  /// Before root_latched(), by units that know more than one mode.
  virtual void table_mode_latched(vtd::table_mode /*mode*/) {}
  virtual void interrupt_table_latched(const latched_interrupt_table& /*table*/) {}
  virtual void translation_switched(bool /*on*/) {}
  virtual void write_buffer_flushed() {}
  virtual void descriptor_fetched(uint32_t /*index*/, vtd::descriptor /*d*/) {}
  virtual void contexts_invalidated(const vtd::context_cache_descriptor& /*request*/) {}
  virtual void iotlb_invalidated(const vtd::iotlb_descriptor& /*request*/) {}
  virtual void pasids_invalidated(const vtd::pasid_cache_descriptor& /*request*/) {}
  virtual void pasid_iotlb_invalidated(const vtd::pasid_iotlb_descriptor& /*request*/) {}
  virtual void interrupts_invalidated(const vtd::interrupt_entry_descriptor& /*request*/) {}
  /// `bytes` from `address` on, everything when 0; the device has answered.
  virtual void device_tlb_invalidated(uint16_t /*source*/, uint64_t /*address*/,
                                      uint64_t /*bytes*/) {}

  // --- registers -----------------------------------------------------------------------------
  /// By software or by the unit itself. Told after the change.
  virtual void register_changed(const register_row& /*row*/, uint64_t /*before*/,
                                uint64_t /*after*/) {}
};

/// The observers of one unit.
class unit_observers {
 public:
  [[nodiscard]] bool any() const { return list_.any(); }

  /// tell(&unit_observer::root_latched, root). Observers see copies: what is told of can stay in
  /// registers where nobody listens.
  template <typename... Parameters, typename... Arguments>
  void tell(void (unit_observer::*what)(Parameters...), const Arguments&... arguments) const {
    if (list_.any()) [[unlikely]]
      tell_all(what, arguments...);
  }

  [[nodiscard]] listener_list<unit_observer*>::subscription add(unit_observer& observer) {
    return list_.add(&observer);
  }
  void end_all() { list_.end_all(); }

 private:
  template <typename... Parameters, typename... Arguments>
  [[gnu::noinline]] void tell_all(void (unit_observer::*what)(Parameters...),
                                  Arguments... arguments) const {
    list_.each([&](unit_observer* observer) { (observer->*what)(arguments...); });
  }

  listener_list<unit_observer*> list_;
};

/// In the place of unit_observers where it is known that there are none: nothing is asked.
struct nobody {
  static constexpr bool any() { return false; }
  template <typename... Arguments>
  static constexpr void tell(const Arguments&... /*arguments*/) {}
};

using unit_observation = listener_list<unit_observer*>::subscription;

/// What `address` came to went into a cache, perhaps in the place of something else.
template <typename Observers, typename Displaced>
void tell_cached(const Observers& observers, page_cache cache, domain_id domain, uint64_t address,
                 unsigned level, Displaced displaced) {
  if (!observers.any()) [[likely]]
    return;
  if (const auto evicted = displaced.page()) {
    observers.tell(&unit_observer::page_evicted, cache, *evicted);
  }
  const uint64_t first = address & ~(vtd::second_level_entry::span_of(level) - 1);
  observers.tell(&unit_observer::page_cached, cache, cached_page{domain, first, level});
}

/// The same of first-level and nested translations; their caches' tags are numbers of spaces.
template <typename Observers, typename Displaced>
void tell_first_level_cached(const Observers& observers, page_cache cache,
                             const first_level_cache& spaces, const address_space& space,
                             uint64_t address, unsigned level, Displaced displaced) {
  if (!observers.any()) [[likely]]
    return;
  if (auto evicted = displaced.page()) {
    const address_space before = spaces.space_of(evicted->domain);
    evicted->domain = before.domain;
    evicted->pasid = before.pasid;
    observers.tell(&unit_observer::page_evicted, cache, *evicted);
  }
  const uint64_t first = address & ~(vtd::second_level_entry::span_of(level) - 1);
  observers.tell(&unit_observer::page_cached, cache,
                 cached_page{space.domain, first, level, space.pasid});
}

}  // namespace iommulab
