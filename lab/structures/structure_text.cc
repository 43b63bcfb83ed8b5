// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/structure_text.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr size_t widest_line = 96;
constexpr size_t indent_step = 2;
constexpr size_t most_changes = 4;

std::string nested_text(const structure_value& value, size_t indent);

std::string scalar_text(bool value) {
  return value ? "true" : "false";
}
std::string scalar_text(int64_t value) {
  return absl::StrFormat("%d", value);
}
std::string scalar_text(uint64_t value) {
  return absl::StrFormat("0x%x", value);
}
std::string scalar_text(const std::string& value) {
  return "\"" + value + "\"";
}
std::string scalar_text(const structure_link& link) {
  if (link.name.empty()) return "NULL";
  return absl::StrFormat("(struct %s *) %s", link.type, link.name);
}

/// Items of a list or fields of a structure between braces: in one line where they fit and none of
/// them takes several.
std::string braced(const std::vector<std::string>& items, size_t indent, bool remarks) {
  if (items.empty()) return "{}";
  size_t width = indent;
  bool one_line = !remarks;
  for (const std::string& item : items) {
    width += item.size() + 2;
    one_line = one_line && item.find('\n') == std::string::npos;
  }
  if (one_line && width < widest_line) {
    std::string text = "{ ";
    for (const std::string& item : items) {
      absl::StrAppend(&text, item, &item == &items.back() ? " }" : ", ");
    }
    return text;
  }
  std::string text = "{\n";
  for (const std::string& item : items) {
    absl::StrAppend(&text, std::string(indent + indent_step, ' '), item, "\n");
  }
  return text + std::string(indent, ' ') + "}";
}

std::string field_text(const structure_field& field, size_t indent) {
  std::string text = field.name + " = " + nested_text(field.value, indent);
  if (!field.words.empty()) absl::StrAppend(&text, "  /* ", field.words, " */");
  return text;
}

std::string structure_text(const structure& s, size_t indent) {
  std::vector<std::string> items;
  bool remarks = false;
  for (const structure_field& field : s.fields) {
    items.push_back(field_text(field, indent + indent_step));
    remarks = remarks || !field.words.empty();
  }
  return braced(items, indent, remarks);
}

bool is_entry(const structure_value& value) {
  const auto* item = std::get_if<structure>(&value);
  return item != nullptr && item->type == "entry";
}

/// An item that has a name of its own, "[2]" or "domains[0][2]".
std::string entry_text(const structure& entry, size_t indent) {
  const structure_value& first = entry.fields.front().value;
  return absl::StrFormat(
      "%s = %s", entry.name,
      entry.fields.size() == 1 ? nested_text(first, indent) : structure_text(entry, indent));
}

/// "[2] = …" of a list; items that say the same are one, "[1-127] = NULL".
std::string list_text(const structure_list& list, size_t indent) {
  std::vector<std::string> texts;
  std::vector<std::string> items;
  for (const structure_value& value : list) {
    if (is_entry(value)) {
      items.push_back(entry_text(std::get<structure>(value), indent + indent_step));
    } else {
      texts.push_back(nested_text(value, indent + indent_step));
    }
  }
  for (size_t first = 0; first < texts.size();) {
    size_t end = first + 1;
    while (end < texts.size() && texts[end] == texts[first]) ++end;
    items.push_back(end - first == 1
                        ? absl::StrFormat("[%d] = %s", first, texts[first])
                        : absl::StrFormat("[%d-%d] = %s", first, end - 1, texts[first]));
    first = end;
  }
  return braced(items, indent, false);
}

std::string nested_text(const structure_value& value, size_t indent) {
  const auto text = [indent](const auto& v) {
    using T = std::decay_t<decltype(v)>;
    if constexpr (std::is_same_v<T, structure>) {
      return structure_text(v, indent);
    } else if constexpr (std::is_same_v<T, structure_list>) {
      return list_text(v, indent);
    } else {
      return scalar_text(v);
    }
  };
  // The base class: std::visit() of C++17 libraries knows no class that derives from a variant.
  return std::visit(text, static_cast<const structure_value::variant&>(value));
}

/// A structure that stands alone, with what it is.
std::string whole_text(const structure& s) {
  const std::string fields = structure_text(s, 0);
  if (s.type == "entry") return s.name + " = " + fields + "\n";
  return s.name.empty() ? absl::StrFormat("struct %s %s\n", s.type, fields)
                        : absl::StrFormat("struct %s %s %s\n", s.type, s.name, fields);
}

/// What a list's item is called in a path: its own name, or its place.
std::string item_key(const structure_value& item, size_t place) {
  const auto* s = std::get_if<structure>(&item);
  if (s == nullptr || s->name.empty()) return absl::StrFormat("[%d]", place);
  return s->type == "entry" ? s->name : "[" + s->name + "]";
}

void add_leaves(const structure_value& value, const std::string& path, std::string& text) {
  if (const auto* s = std::get_if<structure>(&value)) {
    const bool alone = s->type == "entry" && s->fields.size() == 1;
    for (const structure_field& field : s->fields) {
      std::string below = path;
      if (!alone) absl::StrAppend(&below, path.empty() ? "" : ".", field.name);
      add_leaves(field.value, below, text);
    }
    return;
  }
  if (const auto* list = std::get_if<structure_list>(&value)) {
    size_t place = 0;
    for (const structure_value& item : *list) {
      add_leaves(item, path + item_key(item, place++), text);
    }
    return;
  }
  absl::StrAppend(&text, path, " = ", nested_text(value, 0), "\n");
}

using leaf_map = std::map<std::string, std::string, std::less<>>;

leaf_map leaves_of(std::string_view text) {
  leaf_map leaves;
  constexpr std::string_view sign = " = ";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t middle = line.find(sign);
    if (middle == std::string_view::npos) continue;
    leaves.emplace(line.substr(0, middle), line.substr(middle + sign.size()));
  }
  return leaves;
}

constexpr std::string_view not_there = "not there";

/// Of a structure or list: one line a value.
bool is_compound(std::string_view text) {
  return text.ends_with('\n');
}

}  // namespace

std::string structures_to_text(const std::vector<structure_section>& sections) {
  std::string text = sections.empty() ? "Structures: none yet\n" : "";
  for (const structure_section& section : sections) {
    if (!text.empty()) text += '\n';
    absl::StrAppendFormat(&text, "%s: %d\n", section.kind, section.structures.size());
    for (const structure& s : section.structures) text += whole_text(s);
  }
  return text;
}

std::string value_to_text(const structure_value& value) {
  if (const auto* s = std::get_if<structure>(&value)) return whole_text(*s);
  const auto* list = std::get_if<structure_list>(&value);
  const auto stands_alone = [](const structure_value& item) {
    return std::holds_alternative<structure>(item) && !is_entry(item);
  };
  if (list == nullptr || list->empty() || !std::all_of(list->begin(), list->end(), stands_alone)) {
    return nested_text(value, 0) + "\n";
  }
  std::string text;
  for (const structure_value& item : *list) text += whole_text(std::get<structure>(item));
  return text;
}

bool same_value(const structure_value& a, const structure_value& b) {
  if (a.index() != b.index()) return false;
  if (const auto* link = std::get_if<structure_link>(&a)) {
    return link->name == std::get<structure_link>(b).name;
  }
  if (const auto* s = std::get_if<structure>(&a)) {
    const auto& other = std::get<structure>(b);
    return s->name == other.name &&
           std::equal(s->fields.begin(), s->fields.end(), other.fields.begin(), other.fields.end(),
                      [](const structure_field& x, const structure_field& y) {
                        return x.name == y.name && same_value(x.value, y.value);
                      });
  }
  if (const auto* list = std::get_if<structure_list>(&a)) {
    const auto& other = std::get<structure_list>(b);
    return std::equal(list->begin(), list->end(), other.begin(), other.end(), same_value);
  }
  return nested_text(a, 0) == nested_text(b, 0);
}

std::string comparable_text(const structure_value& value) {
  const bool compound =
      std::holds_alternative<structure>(value) || std::holds_alternative<structure_list>(value);
  if (!compound) return nested_text(value, 0);
  std::string text;
  add_leaves(value, "", text);
  return text.empty() ? "{}\n" : text;
}

std::string change_text(std::string_view what, std::string_view before, std::string_view after) {
  if (!is_compound(before) || !is_compound(after)) {
    const auto word = [](std::string_view text) {
      return text.empty() ? not_there : is_compound(text) ? std::string_view("there") : text;
    };
    return absl::StrFormat("%s: %s -> %s", what, word(before), word(after));
  }
  const leaf_map old_leaves = leaves_of(before);
  const leaf_map new_leaves = leaves_of(after);
  std::vector<std::string> changes;
  for (const auto& [name, value] : new_leaves) {
    const auto old = old_leaves.find(name);
    if (old == old_leaves.end()) {
      changes.push_back(absl::StrFormat("%s %s -> %s", name, not_there, value));
    } else if (old->second != value) {
      changes.push_back(absl::StrFormat("%s %s -> %s", name, old->second, value));
    }
  }
  for (const auto& [name, value] : old_leaves) {
    if (!new_leaves.contains(name)) {
      changes.push_back(absl::StrFormat("%s %s -> %s", name, value, not_there));
    }
  }
  std::string text(what);
  for (size_t i = 0; i < std::min(changes.size(), most_changes); ++i) {
    absl::StrAppend(&text, i == 0 ? ": " : ", ", changes[i]);
  }
  if (changes.size() > most_changes) {
    absl::StrAppend(&text, ", ", changes.size() - most_changes, " more");
  }
  return text;
}

}  // namespace iommulab
