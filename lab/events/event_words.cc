// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/events/event_words.h"

#include "absl/strings/str_format.h"
#include "lab/events/register_words.h"
#include "core/types.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {
namespace {

std::string_view name(vtd::translation_type type) {
  switch (type) {
    case vtd::translation_type::untranslated_only:
      return "translate";
    case vtd::translation_type::device_tlb:
      return "translate with device TLB";
    case vtd::translation_type::pass_through:
      return "pass through";
    case vtd::translation_type::reserved:
      return "reserved type";
  }
  return "";
}

std::string root_meaning(const trace_event& event) {
  const vtd::root_entry entry{event.value, event.value2};
  if (!entry.present()) return "not present";
  return absl::StrFormat("context table 0x%x", entry.context_table().value());
}

std::string context_meaning(const trace_event& event) {
  const vtd::context_entry entry{event.value, event.value2};
  if (!entry.present()) return "not present";
  std::string text = absl::StrFormat("domain %d, %s", entry.domain().value(), name(entry.type()));
  if (entry.type() != vtd::translation_type::pass_through) {
    text += absl::StrFormat(" by table 0x%x", entry.address_root().value());
  }
  text += absl::StrFormat(", %d bits", vtd::width_of(entry.address_width()));
  if (entry.fault_processing_disabled()) text += ", faults not recorded";
  return text;
}

std::string pte_meaning(const trace_event& event) {
  const vtd::second_level_entry entry{event.value};
  if (!entry.present()) return "not present";
  std::string text = absl::StrFormat("0x%x ", entry.address().value());
  if (entry.readable()) text += 'R';
  if (entry.writable()) text += 'W';
  if (entry.super_page()) text += ", superpage";
  if (entry.snoop()) text += ", snoop";
  if (entry.transient()) text += ", transient";
  return text;
}

std::string range_words(const trace_event& event) {
  return absl::StrFormat("iova %s 0x%x-0x%x", event.name, event.value, event.value2);
}

std::string page_words(const trace_event& event) {
  return absl::StrFormat("page %s 0x%x order %d", event.name, event.address, event.value);
}

}  // namespace

const vtd_unit* event_words::unit_named(std::string_view name) const {
  for (const auto& unit : units_) {
    if (unit->config().name == name) return unit.get();
  }
  return nullptr;
}

std::string event_words::fields(const trace_event& event) const {
  const vtd_unit* unit = unit_named(event.unit);
  if (unit == nullptr) return "";
  const register_place place = register_at(unit->config(), event.address);
  return register_fields(place.row, event.value << place.shift);
}

std::string event_words::access(const trace_event& event) const {
  constexpr int bits_per_byte = 8;
  const char* verb = event.kind == trace_kind::reg_read ? "read" : "write";
  const vtd_unit* unit = unit_named(event.unit);
  std::string text = absl::StrFormat("%s%d ", verb, event.size * bits_per_byte);
  if (unit == nullptr) {
    text += "(no unit answers)";
  } else {
    const std::string name = register_at(unit->config(), event.address).name;
    text += absl::StrFormat("%s %s", event.unit, name.empty() ? "(no register)" : name);
  }
  text += absl::StrFormat(" 0x%x = 0x%x", event.address, event.value);
  const std::string decoded = fields(event);
  return decoded.empty() ? text : text + ' ' + decoded;
}

std::string event_words::table_place(const trace_event& event) {
  const phys_addr address(event.address);
  if (event.name == "root") {
    const auto bus = static_cast<uint8_t>(address.page_offset() / sizeof(vtd::root_entry));
    const vtd::root_entry entry{event.value, event.value2};
    if (entry.present()) context_tables_[entry.context_table().value()] = bus;
    return absl::StrFormat("root entry of bus %02x at 0x%x", bus, event.address);
  }
  if (event.name == "context") {
    const auto devfn = static_cast<uint8_t>(address.page_offset() / sizeof(vtd::context_entry));
    const source_id id{0, 0, devfn};
    const auto table = context_tables_.find(address.page_base().value());
    std::string bus = "??";
    if (table != context_tables_.end()) bus = absl::StrFormat("%02x", table->second);
    return absl::StrFormat("context entry of %s:%02x.%d at 0x%x", bus, id.device(), id.function(),
                           event.address);
  }
  const uint64_t index = address.page_offset() / sizeof(vtd::second_level_entry);
  return absl::StrFormat("%s %d at 0x%x", event.name, index, event.address);
}

std::string event_words::table_meaning(const trace_event& event) {
  if (event.name == "root") return root_meaning(event);
  if (event.name == "context") return context_meaning(event);
  return pte_meaning(event);
}

std::string event_words::decode(const trace_event& event) {
  switch (event.kind) {
    case trace_kind::reg_read:
    case trace_kind::reg_write:
      return fields(event);
    case trace_kind::table_write:
      return table_meaning(event);
    case trace_kind::descriptor:
      return event.text;
    default:
      return "";
  }
}

std::string event_words::describe(const trace_event& event) {
  switch (event.kind) {
    case trace_kind::call_enter:
    case trace_kind::call_exit:
      return std::string(event.name);
    case trace_kind::note:
      return "/* " + event.text + " */";
    case trace_kind::reg_read:
    case trace_kind::reg_write:
      return access(event);
    case trace_kind::table_write: {
      std::string value = absl::StrFormat("0x%x", event.value);
      if (event.name != "pte") value = absl::StrFormat("0x%x:%016x", event.value2, event.value);
      return absl::StrFormat("%s = %s %s", table_place(event), value, table_meaning(event));
    }
    case trace_kind::descriptor:
      return absl::StrFormat("queue %s[%d] %s (0x%x:%016x)", event.unit, event.address, event.text,
                             event.value2, event.value);
    case trace_kind::fault:
      return absl::StrFormat("fault %s %s: %s", event.unit, event.name, event.text);
    case trace_kind::interrupt:
      return absl::StrFormat("interrupt %s address 0x%x data 0x%x", event.unit, event.address,
                             event.value);
    case trace_kind::iova:
      return range_words(event);
    case trace_kind::page:
      return page_words(event);
    case trace_kind::log:
      return event.text;
    case trace_kind::diagnosis:
      return absl::StrFormat("diagnosis %s: %s", event.name, event.text);
  }
  return "";
}

}  // namespace iommulab
