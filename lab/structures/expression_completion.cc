// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lab/structures/expression.h"
#include "lab/structures/expression_evaluator.h"
#include "lab/structures/expression_words.h"
#include "lab/structures/system_structures.h"
#include "platform/vtd/spec/register_fields.h"

namespace iommulab {
namespace {

expression_completion matching(size_t from, std::string_view prefix,
                               const std::vector<std::string>& words,
                               std::string_view behind = {}) {
  expression_completion found{from, {}};
  for (const std::string& word : words) {
    if (word.starts_with(prefix)) found.candidates.push_back(word + std::string(behind));
  }
  return found;
}

std::vector<std::string> unit_names(structure_source& source) {
  std::vector<std::string> names;
  if (kernel* system = source.system(); system != nullptr) {
    for (const auto& unit : system->units()) names.push_back(unit->config().name);
  }
  return names;
}

/// As people write them: without the segment 0000.
std::vector<std::string> device_names(structure_source& source) {
  std::vector<std::string> names;
  if (kernel* system = source.system(); system != nullptr) {
    for (const pci_function_config& function : system->machine().pci_functions) {
      names.push_back(function.id.segment == 0 ? to_short_string(function.id)
                                               : to_string(function.id));
    }
  }
  return names;
}

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<std::string> field_names(const structure_value& value) {
  const structure_value* at = &value;
  const auto* list = std::get_if<structure_list>(at);
  if (list != nullptr && list->size() == 1) at = &list->front();
  std::vector<std::string> names;
  if (const auto* s = std::get_if<structure>(at)) {
    for (const structure_field& field : s->fields) names.push_back(field.name);
  }
  return names;
}

/// What may stand in brackets behind a list.
std::vector<std::string> item_names(const structure_value& value) {
  std::vector<std::string> names;
  const auto* list = std::get_if<structure_list>(&value);
  if (list == nullptr) return names;
  for (size_t place = 0; place < list->size(); ++place) {
    const auto* s = std::get_if<structure>(&(*list)[place]);
    if (s == nullptr || s->name.empty()) {
      names.push_back(absl::StrCat(place));
      continue;
    }
    // "[2]" and "domains[0][2]" are known by what is in the first brackets.
    const size_t open = s->name.find('[');
    const size_t close = s->name.find(']');
    std::string name = open < close && close != std::string::npos
                           ? s->name.substr(open + 1, close - open - 1)
                           : s->name;
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

std::optional<structure_value> value_of(structure_source& source, std::string_view text) {
  const auto parsed = expression::parse(text);
  if (!parsed.ok()) return std::nullopt;
  auto value = expression_evaluator(*parsed, source).run_through_pointer();
  if (!value.ok()) return std::nullopt;
  return *std::move(value);
}

/// Behind the last `.` or `->`, when what stands before is an expression.
std::optional<expression_completion> complete_field(structure_source& source,
                                                    std::string_view text) {
  size_t from = text.size();
  while (from > 0 && in_word(text[from - 1])) --from;
  std::string_view base = text.substr(0, from);
  if (base.ends_with("->")) {
    base.remove_suffix(2);
  } else if (base.ends_with('.')) {
    base.remove_suffix(1);
  } else {
    return std::nullopt;
  }
  const std::string_view prefix = text.substr(from);
  if (is_unit_name(base)) return matching(from, prefix, register_words());
  if (const auto value = value_of(source, base)) return matching(from, prefix, field_names(*value));
  return std::nullopt;
}

std::optional<expression_completion> complete_item(structure_source& source,
                                                   std::string_view text) {
  const size_t open = text.rfind('[');
  if (open == std::string_view::npos || text.find(']', open) != std::string_view::npos) {
    return std::nullopt;
  }
  const auto value = value_of(source, text.substr(0, open));
  if (!value) return expression_completion{open + 1, {}};
  return matching(open + 1, text.substr(open + 1), item_names(*value), "]");
}

/// Arguments of a form: units, devices, registers.
expression_completion complete_argument(structure_source& source, std::string_view text) {
  const std::string_view form = text.substr(0, text.find(' '));
  const size_t from = text.rfind(' ') + 1;
  const std::string_view prefix = text.substr(from);
  const bool is_first = text.find_first_not_of(' ', form.size()) >= from;
  const bool takes_device = form == "context" || form == "pte" || form == "walk";
  if (is_first && form == "reg") {
    return matching(from, prefix, joined(unit_names(source), register_words()));
  }
  if (is_first && form == "context") {
    return matching(from, prefix, joined(device_names(source), unit_names(source)));
  }
  if (is_first && takes_device) return matching(from, prefix, device_names(source));
  if (is_first && form != "pages" && form != "log") {
    return matching(from, prefix, unit_names(source));
  }
  if (form == "context") return matching(from, prefix, device_names(source));
  const bool has_address =
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(from), ' ') >= 3;
  if (form == "walk" && has_address) return matching(from, prefix, {"read", "write"});
  return {from, {}};
}

}  // namespace

expression_completion complete_expression(structure_source& source, std::string_view text) {
  if (auto found = complete_item(source, text)) return *std::move(found);
  if (auto found = complete_field(source, text)) return *std::move(found);
  if (text.find(' ') != std::string_view::npos) return complete_argument(source, text);
  return matching(0, text, joined(first_words(), unit_names(source)));
}

}  // namespace iommulab
