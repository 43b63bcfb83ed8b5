// SPDX-License-Identifier: GPL-2.0-only
//
// The sanitizer's eyes on one unit: what the unit reads, serves from its caches, and is commanded
// to do, held against what the processor did to the tables. It changes nothing that the unit does.
//
// An observer of the unit: README.md lists what it listens to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/table_observer.h"
#include "platform/memory/physical_memory.h"
#include "platform/vtd/config.h"
#include "platform/vtd/invalidation.h"
#include "platform/vtd/sanitizer/finding.h"
#include "platform/vtd/sanitizer/scalable_reader.h"
#include "platform/vtd/sanitizer/table_reader.h"
#include "platform/vtd/sanitizer/table_shadow.h"
#include "platform/vtd/sanitizer/unmap_windows.h"
#include "platform/vtd/sanitizer/write_history.h"
#include "platform/vtd/translation.h"
#include "platform/vtd/unit_observer.h"

namespace iommulab {

/// What the units of a machine are checked with together.
struct sanitizer_state {
  sanitizer_state(const physical_memory& memory, const virtual_clock& clock, const tracer& trace)
      : history(clock, trace), tables(memory), scalable_tables(tables) {}

  write_history history;
  table_shadow shadow;
  table_reader tables;
  scalable_reader scalable_tables;
  finding_log log;
};

class unit_sanitizer final : public unit_observer {
 public:
  /// All outlive the sanitizer.
  unit_sanitizer(sanitizer_state& state, const vtd_config& config, const vtd_caches& caches,
                 phys_addr base);
  unit_sanitizer(const unit_sanitizer&) = delete;
  unit_sanitizer& operator=(const unit_sanitizer&) = delete;

  // --- from the unit: commands -------------------------------------------------------------
  void root_latched(uint64_t root) override { root_ = root; }
  void table_mode_latched(vtd::table_mode mode) override {
    scalable_ = mode == vtd::table_mode::scalable;
  }
  void translation_switched(bool on) override { translating_ = on; }
  void write_buffer_flushed() override { drained_ = state_.history.close(); }
  void contexts_invalidated(const vtd::context_cache_descriptor& request) override;
  void iotlb_invalidated(const vtd::iotlb_descriptor& request) override;
  void pasids_invalidated(const vtd::pasid_cache_descriptor& request) override;
  void pasid_iotlb_invalidated(const vtd::pasid_iotlb_descriptor& request) override;
  void device_tlb_invalidated(uint16_t source, uint64_t address, uint64_t bytes) override;

  // --- from the unit: requests -------------------------------------------------------------
  void context_word_read(uint64_t word, uint16_t source) override;
  void paging_word_read(uint64_t word, domain_id domain, uint64_t address) override;
  void context_used(source_id source, const context& ctx, lookup from) override;
  void scalable_context_used(source_id source, const scalable_context& ctx, lookup from) override;
  void pasid_used(source_id source, uint32_t pasid, const pasid_context& entry,
                  lookup from) override;
  void first_level_used(const dma_request& request, const pasid_context& entry,
                        const address_space& space, const first_level_page& page,
                        lookup from) override;
  void table_used(const context& ctx, uint64_t address, const cached_table& table) override;
  void translation_used(const dma_request& request, const context& ctx, const iotlb_entry& entry,
                        lookup from) override;
  void device_tlb_filled(const dma_request& request, domain_id domain,
                         const dma_translation& given) override;
  void device_tlb_used(const dma_request& request) override;

  // --- from the processor, through vtd_sanitizer --------------------------------------------
  void page_freed(uint64_t page);
  void unmap_returned(const unmapped_range& range);
  /// The entry through which the unit may come to read `page` as a table, if there is one.
  [[nodiscard]] std::optional<uint64_t> entry_leading_to(uint64_t page) const;

  [[nodiscard]] phys_addr base() const { return base_; }
  [[nodiscard]] const std::string& name() const { return config_.name; }
  [[nodiscard]] window_figures deferred_figures() const { return windows_.figures(); }

 private:
  /// A translation that a device keeps, by device and first byte as the device sees it.
  using grant_key = std::pair<uint16_t, uint64_t>;
  struct grant {
    domain_id domain;
    uint64_t target = 0;  ///< where the first byte leads
    uint64_t bytes = 0;
  };
  [[nodiscard]] finding begin(sanitizer_rule rule, uint64_t address, std::string sentence) const;
  void blame(finding& f, episode when, std::string_view what) const;
  /// Names the latest write of `path` as what made the stale state.
  void blame_path(finding& f, const word_path& path) const;
  /// `coherent`: the unit's reads of such words snoop the processor's cache.
  void check_word(uint64_t word, const finding& reader, bool coherent);
  /// What the tables say of an address of the device without PASID, now.
  [[nodiscard]] page_in_memory page_of_device(uint16_t source, uint64_t address,
                                              word_path& path) const;
  void close_windows(const vtd::iotlb_descriptor& request);
  /// The domain's translations are all of another kind than `request` takes out.
  void wrong_kind(domain_id domain, std::string_view has, std::string_view invalidation);
  [[nodiscard]] std::optional<std::string> cache_leading_to(uint64_t page) const;
  [[nodiscard]] std::optional<uint64_t> first_mapped(const unmapped_range& range) const;
  void stale(std::string_view cache, const dma_request& request, domain_id domain,
             const std::string& served, const page_in_memory& now, const word_path& path);
  /// Whether an unmap that returned explains that `address` still leads somewhere; counts it.
  bool in_window(std::string_view cache, const dma_request& request, domain_id domain,
                 uint64_t address);
  void still_reachable(uint64_t address, domain_id domain, const std::string& where);
  [[nodiscard]] std::optional<std::string> who_still_knows(const unmapped_range& range,
                                                           uint64_t& address) const;

  sanitizer_state& state_;
  const vtd_config& config_;
  const vtd_caches& caches_;
  phys_addr base_;
  bool translating_ = false;
  bool scalable_ = false;  ///< what the root leads to are scalable mode's tables
  uint64_t root_ = 0;
  episode drained_ = 0;  ///< the last whose writes are out of the write buffers
  unmap_windows windows_;
  std::map<grant_key, grant> granted_;
  /// Which levels the entries of each domain had that requests went by: bit 0 the first, bit 1 the
  /// second.
  std::map<domain_id, unsigned> kinds_;
};

}  // namespace iommulab
