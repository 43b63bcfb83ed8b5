// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/expression_evaluator.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/nearest.h"
#include "core/status.h"
#include "core/text_source.h"
#include "kernel/catalogue.h"
#include "lab/structures/driver_unit.h"
#include "lab/structures/expression_words.h"
#include "lab/structures/page_owners.h"
#include "lab/structures/system_structures.h"
#include "lab/structures/tables_in_memory.h"
#include "lab/structures/unit_caches.h"
#include "lab/structures/unit_queue.h"
#include "lab/structures/unit_registers.h"
#include "lab/structures/value_access.h"
#include "lab/structures/walk_structure.h"

namespace iommulab {
namespace {

structure_list as_list(std::vector<structure> structures) {
  structure_list list;
  list.reserve(structures.size());
  for (structure& s : structures) list.emplace_back(std::move(s));
  return list;
}

const structure* as_structure(const structure_value& value) {
  return std::get_if<structure>(&value);
}

/// What a value is, for who wanted something within it.
std::string_view kind_word(const structure_value& value) {
  if (std::holds_alternative<structure_list>(value)) return "a list";
  if (std::holds_alternative<structure>(value)) return "a structure";
  if (std::holds_alternative<structure_link>(value)) return "a pointer";
  if (std::holds_alternative<std::string>(value)) return "a text";
  return "a number";
}

bool is_number(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), absl::ascii_isdigit);
}

/// An entry of one field is its value.
const structure_value* unwrapped(const structure_value& item) {
  const structure* entry = as_structure(item);
  if (entry == nullptr || entry->type != "entry" || entry->fields.size() != 1) return &item;
  return &entry->fields.front().value;
}

}  // namespace

absl::StatusOr<structure_value> expression::evaluate(structure_source& source) const {
  return expression_evaluator(*this, source).run();
}

absl::Status expression_evaluator::not_there(std::string_view sentence) {
  return errno_status(ENOENT, sentence);
}

absl::Status expression_evaluator::wrong(size_t position, std::string_view sentence) {
  return errno_status(EINVAL, absl::StrFormat("at %d: %s", position + 1, sentence));
}

std::string expression_evaluator::text_up_to(size_t position) const {
  std::string_view text = std::string_view(what_.text_).substr(0, position);
  while (!text.empty() &&
         (text.back() == '.' || text.back() == '>' || text.back() == '[' || text.back() == '-')) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

std::string_view expression_evaluator::field_after(size_t step) const {
  if (step >= what_.path_.size() || what_.path_[step].is_index) return {};
  return what_.path_[step].word;
}

absl::StatusOr<structure_value> expression_evaluator::run() {
  if (absl::Status status = begin(); !status.ok()) return status;
  if (absl::Status status = walk(); !status.ok()) return status;
  return *at_;
}

absl::StatusOr<structure_value> expression_evaluator::run_through_pointer() {
  if (absl::Status status = run().status(); !status.ok()) return status;
  if (std::holds_alternative<structure_link>(*at_)) {
    const absl::Status status = follow_pointer({}, what_.text_.size());
    if (!status.ok()) return status;
  }
  return *at_;
}

// --- beginnings --------------------------------------------------------------------------------

absl::Status expression_evaluator::begin() {
  switch (what_.head_) {
    case expression_head::one_register:
      return what_.all_units_ ? begin_with_registers_of_units() : begin_with_register();
    case expression_head::registers:
    case expression_head::root:
    case expression_head::caches:
    case expression_head::queue:
      return begin_with_table();
    case expression_head::context:
      return begin_with_context();
    case expression_head::pte:
    case expression_head::walk:
      return begin_with_address();
    case expression_head::pages: {
      const auto system = hardware();
      if (!system.ok()) return system.status();
      keep(pages_of(**system));
      return absl::OkStatus();
    }
    case expression_head::log:
      return begin_with_log();
    case expression_head::kind:
      return begin_with_kind();
    case expression_head::variable:
      return begin_with_variable();
  }
  return absl::OkStatus();
}

absl::StatusOr<kernel*> expression_evaluator::hardware() {
  kernel* system = source_.system();
  if (system == nullptr) return not_there("there is no machine here (yet), only an allocator");
  return system;
}

absl::StatusOr<const vtd_unit*> expression_evaluator::unit() {
  const auto system = hardware();
  if (!system.ok()) return system.status();
  const auto& units = (*system)->units();
  if (units.empty()) return not_there("the machine has no remapping unit");
  if (what_.unit_.empty()) {
    if (units.size() == 1) return units.front().get();
    return wrong(what_.name_position_,
                 absl::StrFormat("the machine has %d units: say which, %s to %s", units.size(),
                                 units.front()->config().name, units.back()->config().name));
  }
  for (const auto& unit : units) {
    if (unit->config().name == what_.unit_) return unit.get();
  }
  return not_there(absl::StrFormat("the machine has no unit %s: its units are %s to %s",
                                   what_.unit_, units.front()->config().name,
                                   units.back()->config().name));
}

absl::StatusOr<expression_evaluator::requester> expression_evaluator::requester_of_device() {
  const auto system = hardware();
  if (!system.ok()) return system.status();
  const dma_port* port = (*system)->dma_hardware().port(*what_.device_);
  const vtd_unit* seen_by = port == nullptr ? nullptr : port->unit();
  const uint16_t id =
      port == nullptr ? what_.device_->requester_id() : port->requester().requester_id();
  if (what_.unit_.empty() && seen_by != nullptr) return requester{seen_by, id};
  if (what_.unit_.empty() && port != nullptr) {
    return not_there(absl::StrFormat("no unit sees %s", to_string(*what_.device_)));
  }
  // An id that is no function's, as that of a bridge's lower bus.
  const auto named = unit();
  if (named.ok()) return requester{*named, id};
  return not_there(absl::StrFormat("the machine has no function %s", to_string(*what_.device_)));
}

absl::Status expression_evaluator::begin_with_register() {
  const auto of = unit();
  if (!of.ok()) return of.status();
  if (const std::string_view field = field_after(0); !field.empty()) {
    if (auto value = register_field_value(**of, what_.name_, field)) {
      keep(*std::move(value));
      done_ = 1;
      return absl::OkStatus();
    }
  }
  auto value = register_value(**of, what_.name_);
  if (!value) {
    return not_there(absl::StrFormat("%s does not have %s", (*of)->config().name, what_.name_));
  }
  keep(*std::move(value));
  return absl::OkStatus();
}

absl::Status expression_evaluator::begin_with_registers_of_units() {
  const auto system = hardware();
  if (!system.ok()) return system.status();
  const auto& units = (*system)->units();
  if (units.size() == 1) return begin_with_register();
  structure_list values;
  for (const auto& unit : units) {
    expression one = what_;
    one.all_units_ = false;
    one.unit_ = unit->config().name;
    auto value = one.evaluate(source_);
    if (absl::IsNotFound(value.status())) continue;  // the unit does not have it
    if (!value.ok()) return value.status();
    structure entry{"entry", "[" + one.unit_ + "]", {}};
    entry.add("value", *std::move(value));
    values.emplace_back(std::move(entry));
  }
  if (values.empty()) return not_there(absl::StrFormat("no unit has %s", what_.name_));
  done_ = what_.path_.size();
  keep(std::move(values));
  return absl::OkStatus();
}

absl::Status expression_evaluator::begin_with_table() {
  const auto of = unit();
  if (!of.ok()) return of.status();
  kernel& system = *source_.system();
  const tables_in_memory tables(system);
  if (what_.head_ == expression_head::registers) {
    keep(registers_of(**of));
  } else if (what_.head_ == expression_head::caches) {
    keep(caches_of(tables, **of));
  } else if (what_.head_ == expression_head::queue) {
    keep(queue_of(system, **of));
  } else if (what_.bus_) {
    const auto entry = tables.root_entry(**of, *what_.bus_);
    if (!entry) return not_there(absl::StrFormat("%s has no root table", (*of)->config().name));
    keep(root_entry_structure(tables, **of, *what_.bus_, *entry));
  } else {
    keep(root_table_structure(tables, **of));
  }
  return absl::OkStatus();
}

absl::Status expression_evaluator::begin_with_context() {
  if (!what_.device_) {
    const auto of = unit();
    if (!of.ok()) return of.status();
    keep(as_list(context_structures(tables_in_memory(*source_.system()), **of)));
    return absl::OkStatus();
  }
  const auto from = requester_of_device();
  if (!from.ok()) return from.status();
  const tables_in_memory tables(*source_.system());
  const auto entry = tables.context_entry(*from->unit, from->id);
  if (!entry) {
    return not_there(absl::StrFormat("%s has no context table for bus %02x",
                                     from->unit->config().name, from->id >> 8));
  }
  keep(context_entry_structure(tables, *from->unit, from->id, *entry, field_after(0)));
  return absl::OkStatus();
}

absl::Status expression_evaluator::begin_with_address() {
  const auto from = requester_of_device();
  if (!from.ok()) return from.status();
  const vtd_unit& unit = *from->unit;
  const tables_in_memory tables(*source_.system());
  if (what_.head_ == expression_head::walk) {
    keep(walk_structure(tables, unit, from->id, what_.address_, what_.access_));
    return absl::OkStatus();
  }
  const auto context = tables.context_entry(unit, from->id);
  if (!context || !context->present()) {
    return not_there(absl::StrFormat("%s has no context entry", to_string(*what_.device_)));
  }
  if (context->type() == vtd::translation_type::pass_through) {
    return not_there(absl::StrFormat("%s passes through: it has no second-level table",
                                     to_string(*what_.device_)));
  }
  const unsigned code = context->address_width();
  if (what_.address_ >> std::min(vtd::width_of(code), 63u) != 0) {
    return not_there(absl::StrFormat("0x%x does not fit the %d bits of the tables of %s",
                                     what_.address_, vtd::width_of(code),
                                     to_string(*what_.device_)));
  }
  const auto found =
      tables.second_level(context->address_root(), vtd::levels_of(code), what_.address_);
  if (!found) return not_there("a table on the way is not in memory");
  keep(pte_structure(unit, *found, what_.address_));
  return absl::OkStatus();
}

absl::Status expression_evaluator::begin_with_log() {
  const auto system = hardware();
  if (!system.ok()) return system.status();
  structure_list lines;
  for (const log_line& line : (*system)->env().log.lines()) lines.emplace_back(to_string(line));
  keep(std::move(lines));
  return absl::OkStatus();
}

std::vector<structure> expression_evaluator::structures_named(std::string_view kind,
                                                              const std::string& name,
                                                              std::string_view field) {
  const structure_query wanted{kind, name, field};
  kernel* system = source_.system();
  std::vector<structure> all;
  // A kernel tells of its own kinds first, and of hardware only what is asked for.
  auto sections = source_.structures(wanted);
  if (sections.empty() && system != nullptr) sections = structures_of(*system, wanted);
  for (structure_section& section : sections) {
    if (section.kind != kind) continue;
    for (structure& s : section.structures) all.push_back(std::move(s));
  }
  return all;
}

absl::Status expression_evaluator::begin_with_kind() {
  const std::string& kind = what_.name_;
  if (what_.path_.empty() || !what_.path_.front().is_index) {
    std::vector<structure> all = structures_named(kind, "", field_after(0));
    if (what_.path_.empty()) {
      if (all.empty()) return not_there(absl::StrFormat("there is no %s here (yet)", kind));
      keep(as_list(std::move(all)));
      return absl::OkStatus();
    }
    if (all.size() != 1) {
      return not_there(all.empty() ? absl::StrFormat("there is no %s here (yet)", kind)
                                   : absl::StrFormat("there are %d of %s: say which, as %s[%s]",
                                                     all.size(), kind, kind, all.front().name));
    }
    keep(std::move(all.front()));
    return absl::OkStatus();
  }
  const std::string& word = what_.path_.front().word;
  done_ = 1;
  std::vector<std::string> names = {word};
  if (const auto device = device_at_start(word); device && device->length == word.size()) {
    names = {to_string(device->id)};
  } else if (is_number(word)) {
    names.push_back("[" + word + "]");
  }
  for (const std::string& name : names) {
    std::vector<structure> found = structures_named(kind, name, field_after(1));
    if (found.empty()) continue;
    keep(std::move(found.front()));
    return absl::OkStatus();
  }
  return not_there(absl::StrFormat("there is no %s %s (now)", kind, word));
}

absl::Status expression_evaluator::begin_with_variable() {
  kernel* system = source_.system();
  const kernel_profile& profile = system == nullptr ? default_kernel_profile() : system->profile();
  const std::string_view kind = profile.variables_kind();
  std::vector<structure> variables = structures_named(kind, "", what_.name_);
  if (variables.empty()) {
    return not_there(absl::StrFormat("there is no driver here (yet), so no %s", what_.name_));
  }
  keep(std::move(variables.front()));
  return enter_field({false, what_.name_, what_.name_position_});
}

// --- steps ---------------------------------------------------------------------------------------

absl::Status expression_evaluator::walk() {
  while (done_ < what_.path_.size()) {
    const expression::step& step = what_.path_[done_++];
    const absl::Status status = step.is_index ? enter_item(step) : enter_field(step);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

/// A field's name may have a dot in it (archdata.iommu).
const structure_value* expression_evaluator::field_of(const structure& s,
                                                      const expression::step& step) {
  if (const structure_value* value = value_in(s, step.word)) return value;
  const std::string_view next = field_after(done_);
  if (next.empty()) return nullptr;
  const structure_value* value = value_in(s, absl::StrFormat("%s.%s", step.word, next));
  if (value != nullptr) ++done_;
  return value;
}

absl::Status expression_evaluator::enter_field(const expression::step& step) {
  if (std::holds_alternative<structure_link>(*at_)) {
    if (absl::Status status = follow_pointer(step.word, step.position); !status.ok()) return status;
  }
  if (const auto* list = std::get_if<structure_list>(at_); list != nullptr && list->size() == 1) {
    at_ = unwrapped(list->front());
  }
  const structure* s = as_structure(*at_);
  if (s == nullptr) {
    return wrong(step.position,
                 absl::StrFormat("%s is %s, which has no field %s", text_up_to(step.position),
                                 kind_word(*at_), iommulab::quoted(step.word)));
  }
  passed_.push_back(s);
  if (const structure_value* value = field_of(*s, step)) {
    at_ = value;
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (const structure_field& field : s->fields) names.push_back(field.name);
  return wrong(step.position,
               absl::StrFormat("%s has no field %s%s", s->type, iommulab::quoted(step.word),
                               did_you_mean(step.word, names)));
}

absl::Status expression_evaluator::enter_item(const expression::step& step) {
  const auto* list = std::get_if<structure_list>(at_);
  if (list == nullptr) {
    return wrong(step.position, absl::StrFormat("%s is %s, not a list", text_up_to(step.position),
                                                kind_word(*at_)));
  }
  std::string word = step.word;
  if (const auto device = device_at_start(word); device && device->length == word.size()) {
    word = to_string(device->id);
  }
  const std::string bracketed = "[" + word + "]";
  structure_list below;  // of a list with two indices
  for (const structure_value& item : *list) {
    const structure* s = as_structure(item);
    if (s == nullptr || s->name.empty()) continue;
    const size_t bracket = std::min(s->name.find('['), s->name.size());
    const std::string_view key = std::string_view(s->name).substr(bracket);
    if (key == bracketed || structure_query{{}, word, {}}.wants_name(s->name)) {
      at_ = unwrapped(item);
      if (const structure* inner = as_structure(*at_)) passed_.push_back(inner);
      return absl::OkStatus();
    }
    if (key.starts_with(bracketed)) {
      structure inner = *s;
      inner.name = std::string(key.substr(bracketed.size()));
      below.emplace_back(std::move(inner));
    }
  }
  if (!below.empty()) {
    keep(std::move(below));
    return absl::OkStatus();
  }
  size_t place = 0;
  const bool has_entries = !list->empty() && as_structure(list->front()) != nullptr &&
                           as_structure(list->front())->type == "entry";
  if (!has_entries && is_number(word) && absl::SimpleAtoi(word, &place) && place < list->size()) {
    at_ = &(*list)[place];
    if (const structure* inner = as_structure(*at_)) passed_.push_back(inner);
    return absl::OkStatus();
  }
  return not_there(absl::StrFormat("%s has no [%s] (now)", text_up_to(step.position), step.word));
}

absl::Status expression_evaluator::follow_pointer(std::string_view next_field, size_t position) {
  const structure_link link = std::get<structure_link>(*at_);
  if (link.name.empty()) {
    return not_there(absl::StrFormat("%s is NULL", text_up_to(position)));
  }
  if (link.type == "iova") return find_iova(link, position);
  // What the IOMMU core sees of a domain is part of the driver's structure.
  const bool generic = link.type == "iommu_domain";
  std::vector<structure> found = structures_named(generic ? "dmar_domain" : link.type, link.name,
                                                  generic ? "domain" : next_field);
  if (found.empty()) {
    return not_there(absl::StrFormat("%s points to %s %s, of which nothing is known",
                                     text_up_to(position), link.type, link.name));
  }
  keep(std::move(found.front()));
  if (!generic) return absl::OkStatus();
  const structure_value* part = value_in(std::get<structure>(*at_), "domain");
  if (part != nullptr) at_ = part;
  return absl::OkStatus();
}

/// A node is known within its tree: that of the structure which it was found in, or of the domain
/// that is named beside it.
absl::Status expression_evaluator::find_iova(const structure_link& link, size_t position) {
  std::string tree;
  for (auto s = passed_.rbegin(); s != passed_.rend() && tree.empty(); ++s) {
    if ((*s)->type == "iova_domain") tree = (*s)->name;
    if (const structure_link* domain = link_in(**s, "domain")) tree = domain->name;
  }
  if (!tree.empty()) {
    for (structure& domain : structures_named("iova_domain", tree, "nodes")) {
      const structure_list* nodes = list_in(domain, "nodes");
      if (nodes == nullptr) continue;
      for (const structure_value& node : *nodes) {
        const structure* s = as_structure(node);
        if (s == nullptr || s->name != link.name) continue;
        keep(*s);
        return absl::OkStatus();
      }
    }
  }
  return not_there(absl::StrFormat("%s points to %s %s, of which nothing is known",
                                   text_up_to(position), link.type, link.name));
}

}  // namespace iommulab
