// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/page_walk.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "absl/strings/str_format.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/table_word.h"
#include "platform/vtd/unit_observer.h"

namespace iommulab {
namespace {

using vtd::context_entry;
using vtd::fault_reason;
using vtd::root_entry;
using vtd::second_level_entry;
using vtd::translation_type;

/// The same of a table's entry; the table may end outside of memory.
bool read_entry_of_table(const page_finder& pages, const physical_memory& memory, uint64_t table,
                         unsigned index, second_level_entry& out) {
  auto* words = reinterpret_cast<uint64_t*>(pages.at(phys_addr(table)));
  if (words == nullptr) [[unlikely]]
    return read_table_word(memory, table + index * sizeof(out), out.value);
  out.value = std::atomic_ref<uint64_t>(words[index]).load(std::memory_order_acquire);
  return true;
}

/// Two words of a 16-byte entry; the one with the present bit first.
template <typename Entry>
bool read_entry(const physical_memory& memory, uint64_t table, unsigned index, Entry& out) {
  const uint64_t address = table + index * sizeof(Entry);
  return read_table_word(memory, address, out.lo) && read_table_word(memory, address + 8, out.hi);
}

constexpr uint64_t last_address(unsigned width) {
  return width >= 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
}

/// The rights that an access needs.
uint64_t needed_rights(dma_access access) {
  return access == dma_access::read ? second_level_entry::r.mask() : second_level_entry::w.mask();
}

fault_reason permission_fault(dma_access access) {
  return access == dma_access::read ? fault_reason::read_not_permitted
                                    : fault_reason::write_not_permitted;
}

}  // namespace

page_walker::page_walker(const vtd_config& config, const physical_memory& memory,
                         paging_structure_cache& structures, diagnosis_log& diagnoses,
                         const unit_observers& observers)
    : config_(config),
      memory_(memory),
      structures_(structures),
      diagnoses_(diagnoses),
      observers_(observers) {
  for (unsigned level = 1; level < level_slots; ++level) {
    const auto reserved = [&](bool leaf) {
      return second_level_entry::reserved(level, leaf, config.host_address_width,
                                          config.ecap.snoop_control(), config.ecap.device_tlb(),
                                          config.cap.supports_leaf_at(level));
    };
    reserved_leaf_[level] = reserved(true);
    reserved_table_[level] = reserved(false);
  }
}

context page_walker::failed_context(fault_reason reason, bool fpd) const {
  context ctx;
  ctx.reason = reason;
  ctx.fault_processing_disabled = fpd;
  return ctx;
}

context page_walker::load_context(uint64_t root_table, uint16_t source) const {
  // Step 3a. Read the root entry of the bus (9.1). LRT.1: the table is not there.
  root_entry root;
  if (!read_entry(memory_, root_table, source >> 8, root)) {
    return failed_context(fault_reason::root_table_access, false);
  }
  observers_.tell(&unit_observer::context_word_read,
                  root_table + (source >> 8) * sizeof(root_entry), source);
  // LRT.2: not present; nothing else of it counts then.
  if (!root.present()) return failed_context(fault_reason::root_entry_not_present, false);
  // LRT.3: reserved bits.
  if ((root.lo & root_entry::reserved_lo(config_.host_address_width)) != 0 ||
      (root.hi & root_entry::reserved_hi()) != 0) {
    return failed_context(fault_reason::root_entry_reserved, false);
  }
  // Step 3b. Read the context entry of device and function (9.3). LCT.1: the table is not there.
  context_entry entry;
  if (!read_entry(memory_, root.context_table().value(), source & 0xff, entry)) {
    return failed_context(fault_reason::context_table_access, false);
  }
  const uint64_t at = root.context_table().value() + (source & 0xffu) * sizeof(context_entry);
  observers_.tell(&unit_observer::context_word_read, at, source);
  if (entry.present()) {
    observers_.tell(&unit_observer::context_word_read, at + sizeof(uint64_t), source);
  }
  // LCT.2: not present. FPD counts from here on, present or not.
  const bool fpd = entry.fault_processing_disabled();
  if (!entry.present()) return failed_context(fault_reason::context_entry_not_present, fpd);
  // Step 3c. LCT.3: reserved bits; domain id bits that the unit does not have are among them.
  if ((entry.lo & context_entry::reserved_lo(config_.host_address_width)) != 0 ||
      (entry.hi & context_entry::reserved_hi()) != 0 ||
      entry.domain().value() >= config_.cap.number_of_domains()) {
    return failed_context(fault_reason::context_entry_reserved, fpd);
  }

  context ctx;
  ctx.fault_processing_disabled = fpd;
  ctx.type = entry.type();
  ctx.domain = entry.domain();
  ctx.table = entry.address_root().value();
  check_programming(entry, ctx);
  return ctx;
}

void page_walker::check_programming(const context_entry& entry, context& ctx) const {
  // Step 3d. LCT.4: a width that the unit does not have, or a type whose capability it lacks.
  const unsigned code = entry.address_width();
  const bool type_supported =
      ctx.type == translation_type::untranslated_only ||
      (ctx.type == translation_type::device_tlb && config_.ecap.device_tlb()) ||
      (ctx.type == translation_type::pass_through && config_.ecap.pass_through());
  if (!config_.cap.supports_width_code(code) || !type_supported) {
    ctx.reason = fault_reason::invalid_context_entry;
    return;
  }
  ctx.levels = static_cast<uint8_t>(vtd::levels_of(code));
  // Step 3e. How far addresses go: the table's width or MGAW, whichever is less; pass-through has
  // physical addresses and goes as far as these do.
  const unsigned width = ctx.type == translation_type::pass_through
                             ? config_.host_address_width
                             : std::min(vtd::width_of(code), config_.cap.max_guest_address_width());
  ctx.address_limit = last_address(width);
  if (ctx.type == translation_type::pass_through && config_.deviations.pass_through_unchecked) {
    ctx.address_limit = ~uint64_t{0};
  }

  if (ctx.type == translation_type::pass_through &&
      code + 1u != static_cast<unsigned>(std::bit_width(unsigned{config_.cap.sagaw()}))) {
    diagnoses_.add(vtd_diagnosis::pass_through_width_not_largest, code, entry.lo,
                   absl::StrFormat("pass-through context entry has AW %u", code));
  }
  if (config_.cap.caching_mode() && ctx.domain.value() == 0) {
    diagnoses_.add(vtd_diagnosis::domain_zero_with_caching_mode, 0, entry.lo,
                   "present context entry with domain id 0");
  }
}

// 9.8, A and D with SLADE set: bits are set in the entries that a translation uses. SSS.5: where
// walks do not snoop an entry cannot be updated.
template <typename Observers>
page_walker::entry_update page_walker::set_accessed(const Observers& observers, const context& ctx,
                                                    uint64_t word, second_level_entry& entry,
                                                    bool dirties) {
  uint64_t bits = second_level_entry::a.mask();
  if (dirties) bits |= second_level_entry::d.mask();
  if ((entry.value & bits) == bits) return entry_update::done;
  if (!ctx.walks_snoop) return entry_update::not_coherent;
  if (!set_table_bits(memory_, word, entry.value, bits)) return entry_update::changed_meanwhile;
  observers.tell(&unit_observer::paging_word_set, word, entry.value, entry.value | bits);
  entry.value |= bits;
  return entry_update::done;
}

template <typename Observers>
iotlb_entry page_walker::walk(const Observers& observers, const context& ctx, uint64_t address,
                              dma_access access, bool check_access) {
  const page_finder pages(memory_);
  const uint64_t needed = check_access ? needed_rights(access) : 0;
  // Step 5b. Start at the deepest table that the paging-structure caches know.
  unsigned level = ctx.levels;
  uint64_t table = ctx.table;
  uint64_t rights = vtd::mask_of(second_level_entry::r, second_level_entry::w);
  if (const auto cached = structures_.find(ctx.domain, address, ctx.levels)) {
    level = cached->level - 1;
    table = cached->address;
    rights = cached->rights;
    observers.tell(&unit_observer::table_used, ctx, address, *cached);
    if ((rights & needed) != needed) return iotlb_entry::refused(permission_fault(access));
  }

  for (;; --level) {
    // Step 5c. Read the entry. LSS.1: the table is not there; for the top one it is the context
    // entry that is wrong (LCT.4).
    second_level_entry entry;
    const unsigned index = second_level_entry::index_of(address, level);
    if (!read_entry_of_table(pages, memory_, table, index, entry)) {
      return iotlb_entry::failed(level == ctx.levels ? fault_reason::invalid_context_entry
                                                     : fault_reason::paging_entry_access);
    }
    observers.tell(&unit_observer::paging_word_read, table + index * sizeof(entry), ctx.domain,
                   address);
    // Step 5d. Not present: no permission of either kind (LGN.2, LGN.3); the rest is software's.
    if (!entry.present()) return iotlb_entry::failed(permission_fault(access));
    // Step 5e. LSS.2: reserved bits, a large page where there is none, or a misaligned one.
    const bool leaf = entry.is_leaf(level);
    const uint64_t reserved = leaf ? reserved_leaf_[level] : reserved_table_[level];
    if ((entry.value & reserved) != 0) {
      return iotlb_entry::failed(fault_reason::paging_entry_reserved);
    }
    // Step 5f. LGN.2, LGN.3: permissions hold only where every level grants them.
    rights &= entry.rights();
    if ((rights & needed) != needed) return iotlb_entry::refused(permission_fault(access));
    bool clean = false;
    if (ctx.accessed_bits) [[unlikely]] {
      const bool dirties = access == dma_access::write && leaf;
      switch (set_accessed(observers, ctx, table + index * sizeof(entry), entry, dirties)) {
        case entry_update::done:
          break;
        case entry_update::changed_meanwhile:
          ++level;  // read it again
          continue;
        case entry_update::not_coherent:
          return iotlb_entry::failed(fault_reason::second_level_update_not_coherent);
      }
      clean = leaf && !entry.dirty();
    }
    // Step 5g. A leaf ends it; anything else leads one level down.
    if (leaf) {
      const bool snoop = config_.ecap.snoop_control() && entry.snoop();
      return iotlb_entry::leaf(entry.address().value(), level, rights, snoop, clean);
    }
    table = entry.address().value();
    const auto displaced = structures_.insert(ctx.domain, address, {table, level, rights});
    tell_cached(observers, page_cache::paging_structures, ctx.domain, address, level, displaced);
  }
}

template iotlb_entry page_walker::walk(const unit_observers&, const context&, uint64_t, dma_access,
                                       bool);
template iotlb_entry page_walker::walk(const nobody&, const context&, uint64_t, dma_access, bool);

}  // namespace iommulab
