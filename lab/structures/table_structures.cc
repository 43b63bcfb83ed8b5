// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "lab/structures/driver_unit.h"
#include "lab/structures/tables_in_memory.h"
#include "lab/structures/value_access.h"
#include "lab/tables/walk_words.h"
#include "platform/vtd/spec/capability.h"

namespace iommulab {
namespace {

using vtd::second_level_entry;

constexpr auto type_words = enum_names<vtd::translation_type>({
    {vtd::translation_type::untranslated_only, "by tables, no translation requests"},
    {vtd::translation_type::device_tlb, "by tables, translation requests too"},
    {vtd::translation_type::pass_through, "pass-through"},
    {vtd::translation_type::reserved, "reserved"},
});

/// Bits that are set and reserved.
void add_reserved(structure& s, uint64_t low, uint64_t high) {
  s.add("reserved_low", low, low == 0 ? "" : "the unit refuses the entry");
  s.add("reserved_high", high, high == 0 ? "" : "the unit refuses the entry");
}

}  // namespace

structure root_entry_structure(const tables_in_memory& tables, const vtd_unit& unit, uint8_t bus,
                               vtd::root_entry entry) {
  structure s{"root_entry", absl::StrFormat("%s %02x", unit.config().name, bus), {}};
  const bool latched = unit.root_table() != phys_addr();
  s.add("table", tables.root_table(unit).value(),
        latched ? "" : "the driver's: the unit has none yet");
  s.add("low", entry.lo).add("high", entry.hi);
  const unsigned width = unit.config().host_address_width;
  if (tables_in_memory::is_scalable(unit)) {
    using halves = vtd::scalable_root_entry;
    s.add("LP", bit(halves::present(entry.lo)), "devices 00 to 0f");
    s.add("LCTP", halves::context_table(entry.lo).value(), "context table");
    s.add("UP", bit(halves::present(entry.hi)), "devices 10 to 1f");
    s.add("UCTP", halves::context_table(entry.hi).value(), "context table");
    const uint64_t reserved = halves::reserved(width);
    add_reserved(s, halves::present(entry.lo) ? entry.lo & reserved : 0,
                 halves::present(entry.hi) ? entry.hi & reserved : 0);
    return s;
  }
  s.add("P", bit(entry.present()), entry.present() ? "present" : "not present");
  s.add("CTP", entry.context_table().value(), "context table");
  const bool there = entry.present();
  add_reserved(s, there ? entry.lo & vtd::root_entry::reserved_lo(width) : 0,
               there ? entry.hi & vtd::root_entry::reserved_hi() : 0);
  return s;
}

structure root_table_structure(const tables_in_memory& tables, const vtd_unit& unit) {
  structure s{"root_table", unit.config().name, {}};
  const phys_addr table = tables.root_table(unit);
  const bool latched = unit.root_table() != phys_addr();
  s.add("table", table.value(),
        latched ? "latched by GCMD.SRTP"
                : (table == phys_addr() ? "" : "the driver's: the unit has none yet"));
  structure_list entries;
  for (unsigned bus = 0; bus < vtd::root_entries_per_table; ++bus) {
    const auto entry = tables.root_entry(unit, static_cast<uint8_t>(bus));
    if (!entry || *entry == vtd::root_entry{}) continue;
    entries.emplace_back(root_entry_structure(tables, unit, static_cast<uint8_t>(bus), *entry));
  }
  s.add("entries", std::move(entries));
  return s;
}

structure context_entry_structure(const tables_in_memory& tables, const vtd_unit& unit,
                                  uint16_t source, vtd::context_entry entry,
                                  std::string_view field) {
  const std::string device = tables.device_at(unit, source);
  structure s{"context_entry", absl::StrCat(unit.config().name, " ", device), {}};
  s.add("low", entry.lo).add("high", entry.hi);
  s.add("P", bit(entry.present()), entry.present() ? "present" : "not present");
  s.add("FPD", bit(entry.fault_processing_disabled()),
        entry.fault_processing_disabled() ? "faults are not recorded" : "");
  s.add("T", uint64_t{static_cast<uint8_t>(entry.type())}, std::string(type_words(entry.type())));
  s.add("SLPTPTR", entry.address_root().value(), "second-level table");
  const unsigned code = entry.address_width();
  s.add("AW", uint64_t{code},
        absl::StrFormat("%d bits, %d levels", vtd::width_of(code), vtd::levels_of(code)));
  s.add("AVAIL", uint64_t{entry.available()});
  s.add("DID", uint64_t{entry.domain().value()}, "domain id");
  const unsigned width = unit.config().host_address_width;
  const bool there = entry.present();
  add_reserved(s, there ? entry.lo & vtd::context_entry::reserved_lo(width) : 0,
               there ? entry.hi & vtd::context_entry::reserved_hi() : 0);
  s.add("device", structure_link{"device", device});
  if (!structure_query{{}, {}, field}.wants_field("domain")) return s;
  s.add("domain",
        there ? tables.domain_of(unit, entry.domain()) : structure_link{"dmar_domain", ""});
  return s;
}

std::vector<structure> context_structures(const tables_in_memory& tables, const vtd_unit& unit) {
  if (tables_in_memory::is_scalable(unit)) return scalable_context_structures(tables, unit);
  std::vector<structure> all;
  tables.for_each_context(unit, [&](uint16_t source, const vtd::context_entry& entry) {
    all.push_back(context_entry_structure(tables, unit, source, entry));
  });
  return all;
}

structure pte_structure(const vtd_unit& unit, const tables_in_memory::found_entry& found,
                        uint64_t address) {
  const second_level_entry entry = found.entry;
  const bool leaf = entry.is_leaf(found.level);
  const uint64_t span = second_level_entry::span_of(found.level);
  const uint64_t first = address & ~(span - 1);
  structure s{
      "dma_pte", absl::StrFormat("level %d, 0x%x-0x%x", found.level, first, first + span - 1), {}};
  walk_step step;
  step.level = found.level;
  step.low = entry.value;
  s.add("value", entry.value, entry_words(step));
  s.add("level", int64_t{found.level});
  s.add("table", found.table.value());
  s.add("index", int64_t{found.index});
  s.add("first", first, "first address that it is for").add("last", first + span - 1);
  s.add("R", bit(entry.readable()), entry.readable() ? "readable" : "");
  s.add("W", bit(entry.writable()), entry.writable() ? "writable" : "");
  s.add("PS", bit(entry.super_page()), found.level > 1 && entry.super_page() ? "a superpage" : "");
  s.add("SNP", bit(entry.snoop()), entry.snoop() ? "snooped" : "");
  s.add("TM", bit(entry.transient()), entry.transient() ? "transient" : "");
  s.add("ADDR", entry.address().value(), !entry.present() ? "" : leaf ? "page" : "table");
  const vtd_config& config = unit.config();
  const uint64_t reserved =
      !entry.present() ? 0
                       : entry.value & second_level_entry::reserved(
                                           found.level, leaf, config.host_address_width,
                                           config.ecap.snoop_control(), config.ecap.device_tlb(),
                                           config.cap.supports_leaf_at(found.level));
  s.add("reserved", reserved, reserved == 0 ? "" : "the unit refuses the entry");
  return s;
}

namespace {

/// Pages that lie one behind the other on both sides, with the same rights and size.
struct mapped_range {
  uint64_t first = 0;
  uint64_t host = 0;
  uint64_t span = 0;
  uint64_t pages = 0;
  uint64_t flags = 0;  ///< of the entries, without their address

  [[nodiscard]] uint64_t bytes() const { return span * pages; }
};

class range_collector {
 public:
  explicit range_collector(kernel& system) : system_(system) {}

  void collect(phys_addr table, unsigned level, uint64_t first) {
    const auto* entries =
        system_.memory().object_at<second_level_entry>(table, vtd::paging_entries_per_table);
    if (entries == nullptr || tables_ == most_tables) return;
    ++tables_;
    const uint64_t span = second_level_entry::span_of(level);
    for (unsigned i = 0; i < vtd::paging_entries_per_table; ++i) {
      if (!entries[i].present()) continue;
      const uint64_t address = first + i * span;
      if (entries[i].is_leaf(level)) {
        add(address, entries[i], span);
      } else {
        collect(entries[i].address(), level - 1, address);
      }
    }
  }

  [[nodiscard]] structure_list ranges() const {
    structure_list list;
    for (const mapped_range& range : ranges_) {
      structure entry{"entry",
                      absl::StrFormat("0x%x-0x%x", range.first, range.first + (range.bytes() - 1)),
                      {}};
      const second_level_entry flags{range.flags};
      entry.add("ADDR", range.host)
          .add("pages", static_cast<int64_t>(range.pages))
          .add("page_size", range.span)
          .add("R", bit(flags.readable()))
          .add("W", bit(flags.writable()))
          .add("SNP", bit(flags.snoop()));
      list.emplace_back(std::move(entry));
    }
    return list;
  }
  [[nodiscard]] int64_t tables() const { return tables_; }

 private:
  void add(uint64_t address, second_level_entry entry, uint64_t span) {
    const uint64_t host = entry.address().value();
    const uint64_t flags = entry.value & ~second_level_entry::addr.mask();
    if (!ranges_.empty()) {
      mapped_range& last = ranges_.back();
      if (last.span == span && last.flags == flags && last.first + last.bytes() == address &&
          last.host + last.bytes() == host) {
        ++last.pages;
        return;
      }
    }
    ranges_.push_back({address, host, span, 1, flags});
  }

  /// A table that leads back to itself ends here.
  static constexpr int64_t most_tables = int64_t{1} << 18;

  kernel& system_;
  std::vector<mapped_range> ranges_;
  int64_t tables_ = 0;
};

}  // namespace

structure second_level_structure(const tables_in_memory& tables, const second_level_root& root) {
  const vtd_unit& unit = *root.unit;
  structure s{
      "second_level_table", absl::StrFormat("%s:%d", unit.config().name, root.domain.value()), {}};
  s.add("table", root.table.value()).add("levels", int64_t{root.levels});
  s.add("DID", uint64_t{root.domain.value()}, "domain id");
  s.add("domain", tables.domain_of(unit, root.domain));
  structure_list devices;
  tables.for_each_context(unit, [&](uint16_t source, const vtd::context_entry& entry) {
    if (entry.address_root() == root.table && entry.type() != vtd::translation_type::pass_through) {
      devices.emplace_back(structure_link{"device", tables.device_at(unit, source)});
    }
  });
  s.add("devices", std::move(devices));
  range_collector collector(tables.system());
  collector.collect(root.table, root.levels, 0);
  s.add("table_pages", collector.tables());
  s.add("ranges", collector.ranges());
  return s;
}

}  // namespace iommulab
