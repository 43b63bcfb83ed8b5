// SPDX-License-Identifier: GPL-2.0-only
//
// A structure of the kernel's as plain data, by its own names: what a debugger prints of it. Each
// room says what its own structures hold; who shows them knows none of them.
//
// A pointer to another structure is a link by that one's name: no address of the host's is here.
// What the kernel points to with a physical address or a page is that address.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace iommulab {

struct structure_field;
struct structure_value;

struct structure {
  std::string type;  ///< "dmar_domain"
  std::string name;  ///< by which links mean it, "dmar0:2"; empty where nothing points to it
  std::vector<structure_field> fields;

  structure& add(std::string field, structure_value value, std::string words = {});
  bool operator==(const structure&) const;
};

/// A pointer. NULL has no name.
struct structure_link {
  std::string type;
  std::string name;

  bool operator==(const structure_link&) const = default;
};

using structure_list = std::vector<structure_value>;

/// Numbers without a sign are bits or addresses; a text is an enumerator's or a function's name.
struct structure_value : std::variant<bool, int64_t, uint64_t, std::string, structure_link,
                                      structure, structure_list> {
  using variant::variant;
  // Defined in structure.cc: what they do for each kind of value is code that would otherwise be
  // made for every file that includes this.
  structure_value(const structure_value& other);
  structure_value(structure_value&& other) noexcept;
  structure_value& operator=(const structure_value& other);
  structure_value& operator=(structure_value&& other) noexcept;
  ~structure_value();

  bool operator==(const structure_value& other) const;
};

struct structure_field {
  std::string name;
  structure_value value;
  std::string words;  ///< what the value means, may be empty

  bool operator==(const structure_field&) const = default;
};

/// Which structures somebody wants. An empty word stands for all.
struct structure_query {
  std::string_view kind{};
  /// Of one of the kind. "[2]" is also "dmar_drhd_units[2]", "dmar1:1" also "dmar0:1,dmar1:1".
  std::string_view name{};
  std::string_view field{};  ///< the only one that is looked at: others may be left out

  [[nodiscard]] bool wants_kind(std::string_view k) const { return kind.empty() || kind == k; }
  [[nodiscard]] bool wants_name(std::string_view n) const {
    if (name.empty() || n == name) return true;
    if (name.front() == '[') return n.ends_with(name);
    while (n.size() > name.size()) {
      const size_t comma = n.find(',');
      if (comma == std::string_view::npos) return false;
      if (n.substr(0, comma) == name) return true;
      n.remove_prefix(comma + 1);
    }
    return n == name;
  }
  [[nodiscard]] bool wants_field(std::string_view f) const { return field.empty() || field == f; }
};

/// The structures of one kind, and the kind's name: "dmar_domain".
struct structure_section {
  std::string_view kind;
  std::vector<structure> structures;

  bool operator==(const structure_section&) const = default;
};

}  // namespace iommulab
