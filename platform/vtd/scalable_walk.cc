// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/scalable_walk.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_format.h"
#include "platform/vtd/spec/capability.h"
#include "platform/vtd/table_word.h"
#include "platform/vtd/unit_observer.h"

namespace iommulab {
namespace {

using vtd::fault_reason;
using vtd::first_level_entry;
using vtd::pasid_directory_entry;
using vtd::pasid_entry;
using vtd::pasid_translation;
using vtd::scalable_context_entry;
using vtd::scalable_root_entry;
using vtd::second_level_entry;

constexpr size_t word_bytes = sizeof(uint64_t);
constexpr unsigned four_levels = 4;

constexpr uint64_t ones_below(unsigned bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

scalable_context no_context(fault_reason reason, bool fpd = false) {
  scalable_context ctx;
  ctx.reason = reason;
  ctx.fault_processing_disabled = fpd;
  return ctx;
}

pasid_context no_entry(fault_reason reason, bool fpd) {
  pasid_context entry;
  entry.reason = reason;
  entry.fault_processing_disabled = fpd;
  return entry;
}

first_level_result no_page(fault_reason reason) {
  first_level_result result;
  result.reason = reason;
  return result;
}

/// The word at `index` of a table; the table may end outside of memory.
bool read_word_of_table(const page_finder& pages, const physical_memory& memory, uint64_t table,
                        unsigned index, uint64_t& out) {
  auto* words = reinterpret_cast<uint64_t*>(pages.at(phys_addr(table)));
  if (words == nullptr) [[unlikely]]
    return read_table_word(memory, table + index * word_bytes, out);
  out = std::atomic_ref<uint64_t>(words[index]).load(std::memory_order_acquire);
  return true;
}

}  // namespace

fault_reason second_level_reason(const iotlb_entry& entry, dma_access access) {
  const bool read = access == dma_access::read;
  const fault_reason denied =
      read ? fault_reason::scalable_read_not_permitted : fault_reason::scalable_write_not_permitted;
  switch (entry.reason()) {
    case fault_reason::none:
      return (read ? entry.readable() : entry.writable()) ? fault_reason::none : denied;
    case fault_reason::read_not_permitted:
    case fault_reason::write_not_permitted:
      return entry.access_refused() ? denied : fault_reason::second_level_entry_not_present;
    case fault_reason::invalid_context_entry:
      return fault_reason::second_level_table_access;
    case fault_reason::paging_entry_access:
      return fault_reason::second_level_entry_access;
    case fault_reason::paging_entry_reserved:
      return fault_reason::second_level_entry_reserved;
    default:
      return entry.reason();
  }
}

scalable_walker::scalable_walker(const vtd_config& config, const physical_memory& memory,
                                 page_walker& second, first_level_cache& cache,
                                 diagnosis_log& diagnoses, const unit_observers& observers)
    : config_(config),
      memory_(memory),
      second_(second),
      cache_(cache),
      diagnoses_(diagnoses),
      observers_(observers) {
  for (unsigned level = 1; level < level_slots; ++level) {
    const bool large_here = level == 2 || (level == 3 && config.cap.first_level_1g_pages());
    const auto reserved = [&](unsigned width) {
      return reserved_bits{first_level_entry::reserved(level, true, width, large_here),
                           first_level_entry::reserved(level, false, width, large_here)};
    };
    reserved_[level] = reserved(config.host_address_width);
    reserved_nested_[level] = reserved(first_level_entry::addr.high + 1);
  }
}

// All words, the one with the present bit first; of an entry that is not present no more counts.
template <size_t Words>
bool scalable_walker::read_words(uint64_t at, uint16_t source,
                                 std::array<uint64_t, Words>& out) const {
  for (size_t i = 0; i < Words; ++i) {
    if (!read_table_word(memory_, at + i * word_bytes, out[i])) return false;
    observers_.tell(&unit_observer::context_word_read, at + i * word_bytes, source);
    if (i == 0 && (out[0] & 1) == 0) return true;
  }
  return true;
}

bool scalable_walker::reserved_bits_clear(const scalable_context_entry& entry) const {
  for (size_t i = 0; i < entry.q.size(); ++i) {
    if ((entry.q[i] &
         scalable_context_entry::reserved(i, config_.host_address_width, config_.ecap)) != 0) {
      return false;
    }
  }
  return true;
}

bool scalable_walker::reserved_bits_clear(const pasid_entry& entry) const {
  for (size_t i = 0; i < entry.q.size(); ++i) {
    if ((entry.q[i] & pasid_entry::reserved(i, config_.host_address_width, config_.ecap)) != 0) {
      return false;
    }
  }
  return entry.domain().value() < config_.cap.number_of_domains();
}

scalable_context scalable_walker::load_context(uint64_t root_table, uint16_t source) const {
  // The root entry of the bus; each half leads to the contexts of 16 devices (9.2).
  const auto devfn = static_cast<uint8_t>(source & 0xff);
  const bool lower = devfn < scalable_root_entry::scalable_context_entries;
  const uint64_t root_word =
      root_table + (source >> 8) * sizeof(scalable_root_entry) + (lower ? 0 : word_bytes);
  uint64_t half = 0;
  // SRT.1 to SRT.3.
  if (!read_table_word(memory_, root_word, half)) {
    return no_context(fault_reason::scalable_root_table_access);
  }
  observers_.tell(&unit_observer::context_word_read, root_word, source);
  if (!scalable_root_entry::present(half)) {
    return no_context(fault_reason::scalable_root_entry_not_present);
  }
  if ((half & scalable_root_entry::reserved(config_.host_address_width)) != 0) {
    return no_context(fault_reason::scalable_root_entry_reserved);
  }
  // The context entry of device and function (9.4). SCT.1 to SCT.3.
  const uint64_t at =
      scalable_root_entry::context_table(half).value() +
      (devfn % scalable_root_entry::scalable_context_entries) * sizeof(scalable_context_entry);
  scalable_context_entry entry;
  if (!read_words(at, source, entry.q)) {
    return no_context(fault_reason::scalable_context_table_access);
  }
  const bool fpd = entry.fault_processing_disabled();
  if (!entry.present()) return no_context(fault_reason::scalable_context_entry_not_present, fpd);
  if (!reserved_bits_clear(entry)) {
    return no_context(fault_reason::scalable_context_entry_reserved, fpd);
  }
  // SCT.4: page requests without a device-TLB, a PASID for requests without one that the directory
  // has no room for.
  if ((entry.page_requests() && !entry.device_tlb()) || entry.request_pasid() >= entry.pasids()) {
    return no_context(fault_reason::invalid_scalable_context_entry, fpd);
  }
  scalable_context ctx;
  ctx.fault_processing_disabled = fpd;
  ctx.device_tlb = entry.device_tlb();
  ctx.pasid_enabled = entry.pasid_enabled();
  ctx.request_privileged = entry.request_privileged();
  ctx.request_pasid = entry.request_pasid();
  ctx.pasids = entry.pasids();
  ctx.directory = entry.directory().value();
  return ctx;
}

pasid_context scalable_walker::load_pasid(const scalable_context& ctx, uint16_t source,
                                          uint32_t pasid) const {
  bool fpd = ctx.fault_processing_disabled;
  // The directory entry (9.5). SPD.1 to SPD.3.
  const uint64_t directory_word =
      ctx.directory + pasid_directory_entry::index_of(pasid) * sizeof(pasid_directory_entry);
  pasid_directory_entry directory;
  if (!read_table_word(memory_, directory_word, directory.value)) {
    return no_entry(fault_reason::pasid_directory_access, fpd);
  }
  observers_.tell(&unit_observer::context_word_read, directory_word, source);
  fpd = fpd || directory.fault_processing_disabled();
  if (!directory.present()) return no_entry(fault_reason::pasid_directory_entry_not_present, fpd);
  if ((directory.value & pasid_directory_entry::reserved(config_.host_address_width)) != 0) {
    return no_entry(fault_reason::pasid_directory_entry_reserved, fpd);
  }
  // The table entry (9.6). SPT.1 to SPT.3.
  const uint64_t at =
      directory.table().value() + pasid_entry::index_of(pasid) * sizeof(pasid_entry);
  pasid_entry entry;
  if (!read_words(at, source, entry.q)) return no_entry(fault_reason::pasid_table_access, fpd);
  fpd = fpd || entry.fault_processing_disabled();
  if (!entry.present()) return no_entry(fault_reason::pasid_entry_not_present, fpd);
  if (!reserved_bits_clear(entry)) return no_entry(fault_reason::pasid_entry_reserved, fpd);

  pasid_context into;
  into.fault_processing_disabled = fpd;
  into.type = entry.type();
  into.domain = entry.domain();
  into.supervisor_requests = entry.supervisor_requests();
  into.execute_requests = entry.execute_requests();
  into.write_protect = entry.write_protect();
  into.no_execute = entry.no_execute();
  into.supervisor_execute_prevented = entry.supervisor_execute_prevented();
  into.extended_accessed = entry.extended_accessed();
  into.page_walk_snoop = entry.page_walk_snoop();
  into.page_snoop = entry.page_snoop();
  check_programming(entry, into);
  if (into.failed()) into.domain = domain_id();
  return into;
}

bool scalable_walker::supported(pasid_translation type) const {
  switch (type) {
    case pasid_translation::first_level:
      return config_.ecap.first_level();
    case pasid_translation::second_level:
      return config_.ecap.second_level();
    case pasid_translation::nested:
      return config_.ecap.nested_translation();
    case pasid_translation::pass_through:
      return config_.ecap.pass_through();
  }
  return false;
}

// SPT.4: a type, a width or a number of levels that the unit does not have, or a guest's table
// beyond what the second level translates.
void scalable_walker::check_programming(const pasid_entry& entry, pasid_context& into) const {
  const auto invalid = [&into] { into.reason = fault_reason::invalid_pasid_entry; };
  if (!supported(into.type)) return invalid();
  context& second = into.second;
  second.fault_processing_disabled = into.fault_processing_disabled;
  second.domain = into.domain;
  if (into.type == pasid_translation::pass_through) {
    second.type = vtd::translation_type::pass_through;
    second.address_limit = config_.deviations.pass_through_unchecked
                               ? ~uint64_t{0}
                               : ones_below(config_.host_address_width);
  }
  if (into.type == pasid_translation::second_level || into.nested()) {
    const unsigned code = entry.address_width();
    if (!config_.cap.supports_width_code(code)) return invalid();
    second.levels = static_cast<uint8_t>(vtd::levels_of(code));
    second.address_limit =
        ones_below(std::min(vtd::width_of(code), config_.cap.max_guest_address_width()));
    second.table = entry.second_level().value();
    second.accessed_bits = entry.second_level_dirty();
    second.walks_snoop = entry.page_walk_snoop();
  }
  if (into.has_first_level()) {
    const unsigned mode = entry.first_level_mode();
    if (mode > 1 || (mode == 1 && !config_.cap.first_level_5_levels())) return invalid();
    into.first_levels = static_cast<uint8_t>(four_levels + mode);
    into.first_table = entry.first_level().value();
    if (into.nested() && into.first_table > second.address_limit) return invalid();
  }
  if (config_.cap.caching_mode() && into.domain.value() == 0) {
    diagnoses_.add(vtd_diagnosis::domain_zero_with_caching_mode, 0, entry.q[0],
                   "present PASID table entry with domain id 0");
  }
}

scalable_walker::host_word scalable_walker::locate(const pasid_context& entry, uint64_t address,
                                                   unsigned level, dma_access access) {
  if (!entry.nested()) return {fault_reason::none, address};
  const bool top = level == entry.first_levels;
  const iotlb_entry found = second_.walk(observers_, entry.second, address, access, true);
  switch (const fault_reason reason = second_level_reason(found, access)) {
    case fault_reason::none: {
      const uint64_t below = ones_below(found.page_bits());
      return {fault_reason::none, found.page() + (address & below)};
    }
    // SFS.6 to SFS.8: the second level keeps the unit from the guest's tables.
    case fault_reason::second_level_entry_not_present:
    case fault_reason::scalable_read_not_permitted:
    case fault_reason::scalable_write_not_permitted:
      if (access == dma_access::write) return {fault_reason::first_level_update_denied, 0};
      return {top ? fault_reason::first_level_table_denied : fault_reason::first_level_entry_denied,
              0};
    default:
      return {reason, 0};
  }
}

// SFS.9: where walks do not snoop an entry cannot be updated.
fault_reason scalable_walker::set_accessed(const pasid_context& entry, uint64_t guest_word,
                                           uint64_t host_address, first_level_entry& word,
                                           unsigned level, uint64_t bits, bool& changed) {
  if (!entry.page_walk_snoop) return fault_reason::first_level_update_not_coherent;
  const auto writable = locate(entry, guest_word, level, dma_access::write);
  if (writable.reason != fault_reason::none) return writable.reason;
  if (!set_table_bits(memory_, host_address, word.value, bits)) {
    changed = true;
    return fault_reason::none;
  }
  observers_.tell(&unit_observer::paging_word_set, host_address, word.value, word.value | bits);
  word.value |= bits;
  return fault_reason::none;
}

// Where a leaf leads through the second level; the smaller page counts.
first_level_result scalable_walker::finish(const pasid_context& entry, first_level_page page,
                                           uint64_t address, const first_level_access& access) {
  first_level_result result;
  result.page = page.set_snoop(entry.page_snoop);
  const uint64_t guest = page.page() + (address & ones_below(page.page_bits()));
  const dma_access kind = access.write ? dma_access::write : dma_access::read;
  const iotlb_entry host = second_.walk(observers_, entry.second, guest, kind, access.check);
  result.reason = second_level_reason(host, kind);
  if (host.reason() != fault_reason::none) {
    result.access_refused = host.access_refused();
    return result;
  }
  const unsigned level = std::min(page.level(), host.level());
  const uint64_t below = ones_below(page_shift + vtd::bits_per_level * (level - 1));
  result.page.set_page((host.page() + (guest & ones_below(host.page_bits()))) & ~below, level)
      .set_host_rights(host.readable(), host.writable())
      .set_clean(page.clean() || host.clean())
      .set_snoop(entry.page_snoop || host.snoop());
  // A translation request takes what there is.
  if (!access.check && result.reason != fault_reason::none) result.reason = fault_reason::none;
  return result;
}

first_level_result scalable_walker::walk(const pasid_context& entry, const address_space& space,
                                         uint64_t address, const first_level_access& access) {
  if (entry.nested()) return walk_levels<true>(observers_, entry, space, address, access);
  if (observers_.any()) [[unlikely]]
    return walk_levels<false>(observers_, entry, space, address, access);
  return walk_levels<false>(nobody(), entry, space, address, access);
}

template <bool Nested, typename Observers>
first_level_result scalable_walker::walk_levels(const Observers& observers,
                                                const pasid_context& entry,
                                                const address_space& space, uint64_t address,
                                                const first_level_access& access) {
  const page_finder pages(memory_);
  // 9.7: A in the entries that a translation uses, EA too with EAFE, D in the leaf of a write.
  uint64_t used_bits = first_level_entry::a.mask();
  if (entry.extended_accessed) used_bits |= first_level_entry::ea.mask();
  unsigned level = entry.first_levels;
  uint64_t table = entry.first_table;  // a guest address where there is nesting
  uint64_t rights = first_level_rights::all;
  if (const auto cached = cache_.find_table(space, address, entry.first_levels)) {
    level = cached->level - 1;
    table = cached->address;
    rights = cached->rights;
  }
  for (;;) {
    const unsigned index = second_level_entry::index_of(address, level);
    const uint64_t guest_word = table + index * word_bytes;
    // Read the entry: SFS.6, SFS.7 and the second level's own reasons; SFS.4 of the top table,
    // SFS.1 of those below.
    uint64_t host_address = guest_word;
    first_level_entry word;
    bool read = false;
    if constexpr (Nested) {
      const host_word at = locate(entry, guest_word, level, dma_access::read);
      if (at.reason != fault_reason::none) return no_page(at.reason);
      host_address = at.address;
      read = read_table_word(memory_, host_address, word.value);
    } else {
      read = read_word_of_table(pages, memory_, table, index, word.value);
    }
    if (!read) [[unlikely]] {
      return no_page(level == entry.first_levels ? fault_reason::first_level_table_access
                                                 : fault_reason::first_level_entry_access);
    }
    observers.tell(&unit_observer::paging_word_read, host_address, entry.domain, address);
    // SFS.2.
    if (!word.present()) return no_page(fault_reason::first_level_entry_not_present);
    // SFS.3. With nesting the addresses are the guest's, and SFS.5 says that they are too wide.
    const bool leaf = word.is_leaf(level);
    const reserved_bits& reserved = (Nested ? reserved_nested_ : reserved_)[level];
    if ((word.value & (leaf ? reserved.leaf : reserved.table)) != 0) {
      return no_page(fault_reason::first_level_entry_reserved);
    }
    const uint64_t target =
        leaf ? word.address(level).value() : word.value & first_level_entry::addr.mask();
    if (Nested && target > entry.second.address_limit) {
      return no_page(fault_reason::first_level_address_beyond_nesting);
    }
    const uint64_t granted = first_level_rights::through(rights, word);
    uint64_t bits = used_bits;
    if (leaf) {
      const auto here = first_level_page::leaf(target, level, granted, false);
      if (access.check) {
        const fault_reason reason = denied(entry, here, access);
        if (reason != fault_reason::none) {
          first_level_result refused = no_page(reason);
          refused.access_refused = true;
          return refused;
        }
      }
      // A translation request that is given the right to write makes the page dirty (4.1).
      const bool dirties =
          access.check ? access.write
                       : denied(entry, here, {.write = true, .privileged = access.privileged}) ==
                             fault_reason::none;
      if (dirties) bits |= first_level_entry::d.mask();
    }
    if ((word.value & bits) != bits) [[unlikely]] {
      bool changed = false;
      const fault_reason update =
          set_accessed(entry, guest_word, host_address, word, level, bits, changed);
      if (update != fault_reason::none) return no_page(update);
      if (changed) continue;  // read it again
    }
    if (leaf) {
      auto page = first_level_page::leaf(target, level, granted, !word.dirty());
      if constexpr (Nested) return finish(entry, page, address, access);
      first_level_result found;
      found.page = page.set_snoop(entry.page_snoop);
      return found;
    }
    rights = granted;
    table = target;
    const auto displaced = cache_.insert_table(space, address, {table, level, rights});
    tell_first_level_cached(observers, page_cache::first_level_structures, cache_, space, address,
                            level, displaced);
    --level;
  }
}

}  // namespace iommulab
