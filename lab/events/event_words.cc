// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/event_words.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/enum_names.h"
#include "core/types.h"
#include "lab/events/register_words.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/pasid_entry.h"
#include "platform/vtd/spec/scalable_entries.h"

namespace iommulab {
namespace {

constexpr auto type_words = enum_names<vtd::translation_type>({
    {vtd::translation_type::untranslated_only, "translate"},
    {vtd::translation_type::device_tlb, "translate with device TLB"},
    {vtd::translation_type::pass_through, "pass through"},
    {vtd::translation_type::reserved, "reserved type"},
});
constexpr auto pasid_type_words = enum_names<vtd::pasid_translation>({
    {vtd::pasid_translation::first_level, "first level"},
    {vtd::pasid_translation::second_level, "second level"},
    {vtd::pasid_translation::nested, "nested"},
    {vtd::pasid_translation::pass_through, "pass through"},
});

std::string root_meaning(const events::table_write& e) {
  const vtd::root_entry entry{e.lo, e.hi};
  if (!entry.present()) return "not present";
  return absl::StrFormat("context table 0x%x", entry.context_table().value());
}

std::string context_meaning(const events::table_write& e) {
  const vtd::context_entry entry{e.lo, e.hi};
  if (!entry.present()) return "not present";
  std::string text =
      absl::StrFormat("domain %d, %s", entry.domain().value(), type_words(entry.type()));
  if (entry.type() != vtd::translation_type::pass_through) {
    text += absl::StrFormat(" by table 0x%x", entry.address_root().value());
  }
  text += absl::StrFormat(", %d bits", vtd::width_of(entry.address_width()));
  if (entry.fault_processing_disabled()) text += ", faults not recorded";
  return text;
}

std::string pte_meaning(const events::table_write& e) {
  const vtd::second_level_entry entry{e.lo};
  if (!entry.present()) return "not present";
  std::string text = absl::StrFormat("0x%x ", entry.address().value());
  if (entry.readable()) text += 'R';
  if (entry.writable()) text += 'W';
  if (entry.super_page()) text += ", superpage";
  if (entry.snoop()) text += ", snoop";
  if (entry.transient()) text += ", transient";
  return text;
}

/// Of an entry whose words are written two by two: which pair.
uint64_t pair_of(const events::table_write& e, size_t entry_size) {
  return e.address % entry_size / sizeof(vtd::root_entry);
}

std::string scalable_root_meaning(const events::table_write& e) {
  std::string text;
  const auto add = [&text](const char* devices, uint64_t half) {
    if (!vtd::scalable_root_entry::present(half)) return;
    absl::StrAppendFormat(&text, "%sdevices %s: context table 0x%x", text.empty() ? "" : ", ",
                          devices, vtd::scalable_root_entry::context_table(half).value());
  };
  add("00 to 0f", e.lo);
  add("10 to 1f", e.hi);
  return text.empty() ? "not present" : text;
}

std::string scalable_context_meaning(const events::table_write& e) {
  if (pair_of(e, sizeof(vtd::scalable_context_entry)) != 0) return "";
  const vtd::scalable_context_entry entry{{e.lo, e.hi}};
  if (!entry.present()) return "not present";
  std::string text =
      absl::StrFormat("PASID directory 0x%x, %d PASIDs, PASID %d without one",
                      entry.directory().value(), entry.pasids(), entry.request_pasid());
  if (entry.device_tlb()) text += ", device TLB";
  if (entry.pasid_enabled()) text += ", PASIDs allowed";
  if (entry.page_requests()) text += ", page requests allowed";
  if (entry.fault_processing_disabled()) text += ", faults not recorded";
  return text;
}

std::string pasid_directory_meaning(const events::table_write& e) {
  const vtd::pasid_directory_entry entry{e.lo};
  if (!entry.present()) return "not present";
  return absl::StrFormat("PASID table 0x%x", entry.table().value());
}

std::string pasid_entry_meaning(const events::table_write& e) {
  const uint64_t pair = pair_of(e, sizeof(vtd::pasid_entry));
  if (pair > 1) return "";
  vtd::pasid_entry entry;
  entry.q[2 * pair] = e.lo;
  entry.q[2 * pair + 1] = e.hi;
  if (pair == 1) {
    return absl::StrFormat("first-level table 0x%x", entry.first_level().value());
  }
  if (!entry.present()) return "not present";
  std::string text =
      absl::StrFormat("domain %d, %s", entry.domain().value(), pasid_type_words(entry.type()));
  if (entry.type() == vtd::pasid_translation::second_level ||
      entry.type() == vtd::pasid_translation::nested) {
    absl::StrAppendFormat(&text, " by table 0x%x", entry.second_level().value());
  }
  if (entry.fault_processing_disabled()) text += ", faults not recorded";
  return text;
}

std::string table_meaning(const events::table_write& e) {
  if (e.table == "root") return root_meaning(e);
  if (e.table == "context") return context_meaning(e);
  if (e.table == "scalable_root") return scalable_root_meaning(e);
  if (e.table == "scalable_context") return scalable_context_meaning(e);
  if (e.table == "pasid_directory") return pasid_directory_meaning(e);
  if (e.table == "pasid_table") return pasid_entry_meaning(e);
  return pte_meaning(e);
}

// --- a kind each ---

std::string event_text(const events::call_enter& e) {
  const auto append = [](std::string* text, const call_value& v) { *text += to_string({v}); };
  return absl::StrFormat("%s(%s)", e.name, absl::StrJoin(e.arguments, ", ", append));
}
std::string event_text(const events::call_exit& e) {
  const std::string text(e.name);
  return e.result.empty() ? text : text + " -> " + to_string(e.result);
}
std::string event_text(const events::note& e) {
  return "/* " + e.text + " */";
}
std::string event_text(const events::descriptor& e) {
  return absl::StrFormat("queue %s[%d] %s (0x%x:%016x)", e.unit, e.index, e.text, e.high, e.low);
}
std::string event_text(const events::fault& e) {
  return absl::StrFormat("fault %s %s: %s", e.unit, e.reason, e.text);
}
std::string event_text(const events::interrupt& e) {
  return absl::StrFormat("interrupt %s address 0x%x data 0x%x", e.unit, e.address, e.data);
}
std::string event_text(const events::iova_range& e) {
  return absl::StrFormat("iova %s 0x%x-0x%x", name(e.action), e.low_pfn, e.high_pfn);
}
std::string event_text(const events::page& e) {
  return absl::StrFormat("page %s 0x%x order %d", name(e.action), e.address, e.order);
}
std::string event_text(const events::log_text& e) {
  return e.text;
}
std::string event_text(const events::diagnosis& e) {
  return absl::StrFormat("diagnosis %s: %s", e.name, e.text);
}
std::string event_text(const events::domain_change& e) {
  std::string text = absl::StrFormat("domain %s table 0x%x", name(e.action), e.table);
  if (e.unit.empty()) return text;
  const std::string source = to_short_string(source_id::from_requester_id(0, e.source));
  text += absl::StrFormat(" %s %d of %s", e.unit, e.id, source);
  return e.device.empty() ? text : text + ", " + e.device;
}
std::string event_text(const events::group_change& e) {
  const std::string text = absl::StrFormat("group %s %d", name(e.action), e.group);
  return e.device.empty() ? text : text + ' ' + e.device;
}
std::string event_text(const events::device_change& e) {
  const std::string text = absl::StrFormat("device %s %s", name(e.action), e.device);
  return e.driver.empty() ? text : text + ' ' + e.driver;
}
std::string event_text(const events::config_change& e) {
  return absl::StrFormat("config %s 0x%x from 0x%x to 0x%x", e.device, e.offset, e.before, e.after);
}
std::string event_text(const events::reg_change& e) {
  return absl::StrFormat("register %s %s from 0x%x to 0x%x", e.unit, e.name, e.before, e.after);
}
std::string event_text(const events::latch& e) {
  return absl::StrFormat("latch %s %s 0x%x", e.unit, e.what, e.value);
}
std::string event_text(const events::cache_change& e) {
  return absl::StrFormat("cache %s %s %s: %s", e.unit, e.cache, name(e.action), e.text);
}
std::string event_text(const events::answer& e) {
  return absl::StrFormat("answer %s %s (%s)", e.unit, e.text, e.from);
}

}  // namespace

event_words::event_words(const std::vector<std::unique_ptr<vtd_unit>>& units) {
  for (const auto& unit : units) units_.push_back(unit->config());
}

const vtd_config* event_words::unit_named(std::string_view name) const {
  for (const vtd_config& unit : units_) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::string event_words::fields(const events::reg_access& e) const {
  const vtd_config* unit = unit_named(e.unit);
  if (unit == nullptr) return "";
  const register_place place = register_at(*unit, e.offset);
  return register_fields(place.row, e.value << place.shift);
}

std::string event_words::access(const char* verb, const events::reg_access& e) const {
  constexpr int bits_per_byte = 8;
  const vtd_config* unit = unit_named(e.unit);
  std::string text = absl::StrFormat("%s%d ", verb, e.size * bits_per_byte);
  if (unit == nullptr) {
    text += "(no unit answers)";
  } else {
    const std::string reg = register_at(*unit, e.offset).name;
    text += absl::StrFormat("%s %s", e.unit, reg.empty() ? "(no register)" : reg);
  }
  text += absl::StrFormat(" 0x%x = 0x%x", e.offset, e.value);
  const std::string decoded = fields(e);
  return decoded.empty() ? text : text + ' ' + decoded;
}

std::string event_words::table_place(const events::table_write& e) {
  const phys_addr address(e.address);
  if (e.table == "root") {
    const auto bus = static_cast<uint8_t>(address.page_offset() / sizeof(vtd::root_entry));
    const vtd::root_entry entry{e.lo, e.hi};
    if (entry.present()) context_tables_[entry.context_table().value()] = bus;
    return absl::StrFormat("root entry of bus %02x", bus);
  }
  if (e.table == "context") {
    const auto devfn = static_cast<uint8_t>(address.page_offset() / sizeof(vtd::context_entry));
    const source_id id{0, 0, devfn};
    const auto table = context_tables_.find(address.page_base().value());
    std::string bus = "??";
    if (table != context_tables_.end()) bus = absl::StrFormat("%02x", table->second);
    return absl::StrFormat("context entry of %s:%02x.%d", bus, id.device(), id.function());
  }
  if (e.table == "scalable_root") {
    const auto bus = static_cast<uint8_t>(address.page_offset() / sizeof(vtd::scalable_root_entry));
    const auto keep = [&](uint64_t half, uint8_t first) {
      if (!vtd::scalable_root_entry::present(half)) return;
      scalable_tables_[vtd::scalable_root_entry::context_table(half).value()] = {0, bus, first};
    };
    keep(e.lo, 0);
    keep(e.hi, vtd::scalable_root_entry::scalable_context_entries);
    return absl::StrFormat("scalable root entry of bus %02x", bus);
  }
  if (e.table == "scalable_context") {
    const uint64_t at = address.page_offset() / sizeof(vtd::scalable_context_entry);
    const auto table = scalable_tables_.find(address.page_base().value());
    if (table == scalable_tables_.end()) return absl::StrFormat("scalable context entry %d", at);
    source_id id = table->second;
    id.devfn = static_cast<uint8_t>(id.devfn + at);
    return absl::StrFormat("scalable context entry of %02x:%02x.%d", id.bus, id.device(),
                           id.function());
  }
  if (e.table == "pasid_table") {
    const uint64_t entry = address.page_offset() / sizeof(vtd::pasid_entry);
    const uint64_t word = 2 * pair_of(e, sizeof(vtd::pasid_entry));
    return absl::StrFormat("PASID entry %d, words %d and %d,", entry, word, word + 1);
  }
  const uint64_t index = address.page_offset() / sizeof(vtd::second_level_entry);
  if (e.table == "pasid_directory") return absl::StrFormat("PASID directory entry %d", index);
  return absl::StrFormat("%s %d", e.table, index);
}

std::string event_words::table_entry(const events::table_write& e) {
  std::string value = absl::StrFormat("0x%x", e.lo);
  if (e.table != "pte" && e.table != "pasid_directory")
    value = absl::StrFormat("0x%x:%016x", e.hi, e.lo);
  return absl::StrFormat("%s at 0x%x = %s %s", table_place(e), e.address, value, table_meaning(e));
}

std::string event_words::place(const trace_event& event) {
  if (const auto* entry = event.as<events::table_write>()) return table_place(*entry);
  const events::reg_access* access = event.access();
  const vtd_config* unit = access == nullptr ? nullptr : unit_named(access->unit);
  return unit == nullptr ? "" : register_at(*unit, access->offset).name;
}

std::string event_words::decode(const trace_event& event) const {
  if (event.access() != nullptr) return fields(*event.access());
  if (const auto* entry = event.as<events::table_write>()) return table_meaning(*entry);
  const auto* descriptor = event.as<events::descriptor>();
  return descriptor == nullptr ? "" : descriptor->text;
}

std::string event_words::describe(const trace_event& event) {
  const auto describe_payload = [this](const auto& e) -> std::string {
    using payload = std::decay_t<decltype(e)>;
    if constexpr (std::is_same_v<payload, events::reg_read>) {
      return access("read", e);
    } else if constexpr (std::is_same_v<payload, events::reg_write>) {
      return access("write", e);
    } else if constexpr (std::is_same_v<payload, events::table_write>) {
      return table_entry(e);
    } else {
      return event_text(e);
    }
  };
  return std::visit(describe_payload, event.what);
}

}  // namespace iommulab
