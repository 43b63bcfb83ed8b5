// SPDX-License-Identifier: GPL-2.0-only
#include "lab/tables/address_walk.h"

#include <algorithm>
#include <optional>

#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {
namespace {

using vtd::context_entry;
using vtd::fault_reason;
using vtd::root_entry;
using vtd::second_level_entry;
using vtd::translation_type;

constexpr uint64_t interrupt_base = 0xfee00000;  // FEEx_xxxxh (3.14)
constexpr uint64_t interrupt_last = 0xfeefffff;

constexpr bool in_interrupt_range(uint64_t address) {
  return address >= interrupt_base && address <= interrupt_last;
}

constexpr uint64_t last_address(unsigned bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

class walker {
 public:
  walker(const walked_unit& unit, const verify::table_source& tables, address_walk& walk)
      : config_(unit.config), tables_(tables), walk_(walk) {}

  void run(uint64_t root_table) {
    const std::optional<uint64_t> context_table = read_root(root_table);
    if (!context_table || !read_context(*context_table)) return;
    if (walk_.address > address_limit()) return fault(fault_reason::address_beyond_width);
    if (context_.type() == translation_type::pass_through) return pass();
    read_paging(context_.address_root().value(), vtd::levels_of(context_.address_width()));
  }

  void pass() {
    walk_.outcome = dma_outcome::passed;
    walk_.host_address = walk_.address;
    walk_.readable = true;
    walk_.writable = true;
  }

 private:
  /// The entry, kept as the next step. It stays good until the next call.
  walk_step& read(verify::table_level level, uint64_t table, unsigned index) {
    walk_step step;
    step.level = level;
    step.table = table;
    step.index = index;
    const auto entry = tables_.entry(level, table, index);
    step.in_memory = entry.has_value();
    if (entry) {
      step.low = entry->low;
      step.high = entry->high;
    }
    walk_.steps.push_back(step);
    return walk_.steps.back();
  }

  void fault(fault_reason reason) {
    walk_.reason = reason;
    walk_.recorded = !(context_.fault_processing_disabled() && vtd::is_qualified(reason));
  }

  std::optional<uint64_t> read_root(uint64_t root_table) {
    walk_step& step = read(verify::root_level, root_table, walk_.requester >> 8);
    const root_entry root{step.low, step.high};
    if (root.present()) {
      step.reserved_low = root.lo & root_entry::reserved_lo(config_.host_address_width);
      step.reserved_high = root.hi & root_entry::reserved_hi();
    }
    if (!step.in_memory) {
      fault(fault_reason::root_table_access);
    } else if (!root.present()) {
      fault(fault_reason::root_entry_not_present);
    } else if (step.reserved_low != 0 || step.reserved_high != 0) {
      fault(fault_reason::root_entry_reserved);
    } else {
      return root.context_table().value();
    }
    return std::nullopt;
  }

  bool read_context(uint64_t context_table) {
    walk_step& step = read(verify::context_level, context_table, walk_.requester & 0xff);
    context_ = {step.low, step.high};
    if (!step.in_memory) {
      fault(fault_reason::context_table_access);
      return false;
    }
    if (!context_.present()) {
      fault(fault_reason::context_entry_not_present);
      return false;
    }
    step.reserved_low = context_.lo & context_entry::reserved_lo(config_.host_address_width);
    step.reserved_high = context_.hi & context_entry::reserved_hi();
    // Domain id bits beyond CAP.ND are reserved (9.3).
    if (context_.domain().value() >= config_.cap.number_of_domains()) {
      step.reserved_high |= context_.hi & context_entry::did.mask();
    }
    if (step.reserved_low != 0 || step.reserved_high != 0) {
      fault(fault_reason::context_entry_reserved);
      return false;
    }
    if (!config_.cap.supports_width_code(context_.address_width()) || !supported(context_.type())) {
      fault(fault_reason::invalid_context_entry);
      return false;
    }
    return true;
  }

  [[nodiscard]] bool supported(translation_type type) const {
    switch (type) {
      case translation_type::untranslated_only:
        return true;
      case translation_type::device_tlb:
        return config_.ecap.device_tlb();
      case translation_type::pass_through:
        return config_.ecap.pass_through();
      case translation_type::reserved:
        break;
    }
    return false;
  }

  [[nodiscard]] uint64_t address_limit() const {
    if (context_.type() == translation_type::pass_through) {
      return last_address(config_.host_address_width);
    }
    return last_address(
        std::min(vtd::width_of(context_.address_width()), config_.cap.max_guest_address_width()));
  }

  void read_paging(uint64_t table, unsigned levels) {
    const bool wants_write = walk_.access == dma_access::write;
    const fault_reason denied =
        wants_write ? fault_reason::write_not_permitted : fault_reason::read_not_permitted;
    bool readable = true;
    bool writable = true;
    for (unsigned level = levels;; --level) {
      walk_step& step = read(level, table, second_level_entry::index_of(walk_.address, level));
      const second_level_entry entry{step.low};
      if (!step.in_memory) {
        return fault(level == levels ? fault_reason::invalid_context_entry
                                     : fault_reason::paging_entry_access);
      }
      if (!entry.present()) return fault(denied);
      const bool leaf = entry.is_leaf(level);
      step.reserved_low =
          entry.value & second_level_entry::reserved(
                            level, leaf, config_.host_address_width, config_.ecap.snoop_control(),
                            config_.ecap.device_tlb(), config_.cap.supports_leaf_at(level));
      if (step.reserved_low != 0) return fault(fault_reason::paging_entry_reserved);
      readable = readable && entry.readable();
      writable = writable && entry.writable();
      if (!(wants_write ? writable : readable)) return fault(denied);
      if (!leaf) {
        table = entry.address().value();
        continue;
      }
      return arrive(entry, level, readable, writable);
    }
  }

  void arrive(const second_level_entry& leaf, unsigned level, bool readable, bool writable) {
    const uint64_t span = second_level_entry::span_of(level);
    walk_.host_address = leaf.address().value() + (walk_.address & (span - 1));
    if (in_interrupt_range(walk_.host_address)) return fault(fault_reason::interrupt_range_output);
    walk_.outcome = dma_outcome::translated;
    walk_.page_bits = page_shift + vtd::bits_per_level * (level - 1);
    walk_.readable = readable;
    walk_.writable = writable;
    walk_.snoop = config_.ecap.snoop_control() && leaf.snoop();
  }

  const vtd_config& config_;
  const verify::table_source& tables_;
  address_walk& walk_;
  context_entry context_;
};

}  // namespace

address_walk walk_address(const walked_unit& unit, const verify::table_source& tables,
                          uint16_t requester, uint64_t address, dma_access access) {
  address_walk walk;
  walk.requester = requester;
  walk.address = address;
  walk.access = access;
  // Never memory, whatever the tables say (3.14): a write of 4 aligned bytes is an interrupt
  // request.
  if (in_interrupt_range(address)) {
    constexpr uint64_t doubleword = 4;
    if (access != dma_access::write || address % doubleword != 0) return walk;
    walk.outcome = dma_outcome::interrupt;
    walk.host_address = address;
    walk.writable = true;
    return walk;
  }
  walker follow(unit, tables, walk);
  if (unit.translating) {
    follow.run(unit.root_table);
  } else {
    follow.pass();
  }
  return walk;
}

}  // namespace iommulab
