// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/structure_dump.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace iommulab {
namespace {

constexpr size_t widest_line = 96;
constexpr size_t indent_step = 2;

std::string value_text(const structure_value& value, size_t indent);

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
  std::string text = field.name + " = " + value_text(field.value, indent);
  if (!field.words.empty()) absl::StrAppend(&text, "  /* ", field.words, " */");
  return text;
}

std::string scalar_text(const structure& s, size_t indent) {
  std::vector<std::string> items;
  bool remarks = false;
  for (const structure_field& field : s.fields) {
    items.push_back(field_text(field, indent + indent_step));
    remarks = remarks || !field.words.empty();
  }
  return braced(items, indent, remarks);
}

/// An item that has a name of its own, "[2]" or "domains[0][2]".
std::string entry_text(const structure& entry, size_t indent) {
  const structure_value& first = entry.fields.front().value;
  return absl::StrFormat(
      "%s = %s", entry.name,
      entry.fields.size() == 1 ? value_text(first, indent) : scalar_text(entry, indent));
}

/// "[2] = …" of a list; items that say the same are one, "[1-127] = NULL".
std::string scalar_text(const structure_list& list, size_t indent) {
  std::vector<std::string> texts;
  std::vector<std::string> items;
  for (const structure_value& value : list) {
    const auto* item = std::get_if<structure>(&value);
    if (item != nullptr && item->type == "entry") {
      items.push_back(entry_text(*item, indent + indent_step));
    } else {
      texts.push_back(value_text(value, indent + indent_step));
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

std::string value_text(const structure_value& value, size_t indent) {
  const auto text = [indent](const auto& v) {
    using T = std::decay_t<decltype(v)>;
    if constexpr (std::is_same_v<T, structure> || std::is_same_v<T, structure_list>) {
      return scalar_text(v, indent);
    } else {
      return scalar_text(v);
    }
  };
  // The base class: std::visit() of C++17 libraries knows no class that derives from a variant.
  return std::visit(text, static_cast<const structure_value::variant&>(value));
}

}  // namespace

std::vector<structure_section> chosen_structures(kernel& system, const std::string& words) {
  const std::vector<std::string> chosen = absl::StrSplit(words, ',');
  const auto is_chosen = [&](std::string_view kind) {
    return std::any_of(chosen.begin(), chosen.end(),
                       [&](const std::string& word) { return word == every_kind || word == kind; });
  };
  std::vector<structure_section> sections = system.generation().structures();
  std::erase_if(sections,
                [&](const structure_section& section) { return !is_chosen(section.kind); });
  return sections;
}

std::string structures_to_text(const std::vector<structure_section>& sections) {
  std::string text = sections.empty() ? "Structures: none yet\n" : "";
  for (const structure_section& section : sections) {
    if (!text.empty()) text += '\n';
    absl::StrAppendFormat(&text, "%s: %d\n", section.kind, section.structures.size());
    for (const structure& s : section.structures) {
      const std::string fields = scalar_text(s, 0);
      absl::StrAppendFormat(&text, "struct %s %s %s\n", s.type, s.name, fields);
    }
  }
  return text;
}

}  // namespace iommulab
