// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/state_delta.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/types/span.h"
#include "cli/runs/structure_json.h"

namespace iommulab::view {
namespace {

/// What became of a value.
struct difference {
  bool replaced = false;  ///< it is another one as a whole
  json delta = nullptr;   ///< else what changed in it

  [[nodiscard]] bool none() const { return !replaced && delta.is_null(); }
};

difference difference_of(const structure_value& before, const structure_value& after);

json json_of(const structure& s) {
  return value_json(structure_value(s));
}
json json_of(const structure_value& value) {
  return value_json(value);
}

/// Whether a delta can lead from one to the other: the same structure with the same fields.
bool is_same(const structure& before, const structure& after) {
  return before.type == after.type && before.name == after.name &&
         std::equal(before.fields.begin(), before.fields.end(), after.fields.begin(),
                    after.fields.end(),
                    [](const auto& a, const auto& b) { return a.name == b.name; });
}
bool is_same(const structure_value& before, const structure_value& after) {
  const auto* then = std::get_if<structure>(&before);
  const auto* now = std::get_if<structure>(&after);
  if (then != nullptr && now != nullptr) return is_same(*then, *now);
  return difference_of(before, after).none();
}

difference part_difference(const structure_value& before, const structure_value& after,
                           const structure_change& part);

/// Of structures that are the same.
json delta_between(const structure& before, const structure& after,
                   const structure_change* part = nullptr) {
  json set = json::object();
  json inner = json::object();
  for (size_t i = 0; i < after.fields.size(); ++i) {
    const structure_field& then = before.fields[i];
    const structure_field& now = after.fields[i];
    difference found = part != nullptr && now.name == part->list
                           ? part_difference(then.value, now.value, *part)
                           : difference_of(then.value, now.value);
    if (found.replaced) set[now.name] = value_json(now.value);
    if (!found.delta.is_null()) inner[now.name] = std::move(found.delta);
    if (then.words != now.words) {
      set[now.name + "_words"] = now.words.empty() ? json(nullptr) : json(now.words);
    }
  }
  json delta = json::object();
  if (!set.empty()) delta["="] = std::move(set);
  if (!inner.empty()) delta["~"] = std::move(inner);
  return delta.empty() ? json(nullptr) : delta;
}
json delta_between(const structure_value& before, const structure_value& after) {
  return difference_of(before, after).delta;
}

/// Of lists, or of parts of them that begin with the element `at`.
template <typename Item>
json list_delta(absl::Span<const Item> before, absl::Span<const Item> after, size_t at = 0) {
  const size_t shorter = std::min(before.size(), after.size());
  size_t front = 0;
  while (front < shorter && is_same(before[front], after[front])) ++front;
  size_t back = 0;
  while (back < shorter - front &&
         is_same(before[before.size() - 1 - back], after[after.size() - 1 - back])) {
    ++back;
  }
  json here = json::array();
  for (size_t i = front; i < after.size() - back; ++i) here.push_back(json_of(after[i]));
  json inner = json::object();
  const auto compare = [&](size_t then, size_t now) {
    json change = delta_between(before[then], after[now]);
    if (!change.is_null()) inner[std::to_string(at + now)] = std::move(change);
  };
  for (size_t i = 0; i < front; ++i) compare(i, i);
  for (size_t i = back; i > 0; --i) compare(before.size() - i, after.size() - i);

  json delta = json::object();
  const size_t gone = before.size() - front - back;
  if (gone != 0 || !here.empty()) delta["s"] = {at + front, gone, std::move(here)};
  if (!inner.empty()) delta["~"] = std::move(inner);
  return delta.empty() ? json(nullptr) : delta;
}

template <typename T>
bool is_equal(const T& a, const T& b) {
  return a == b;
}
bool is_equal(const structure_link& a, const structure_link& b) {
  return a.name == b.name && (a.name.empty() || a.type == b.type);
}

template <typename T>
difference difference_between(const T& before, const T& after) {
  if constexpr (std::is_same_v<T, structure>) {
    if (!is_same(before, after)) return {true, nullptr};
    return {false, delta_between(before, after)};
  } else if constexpr (std::is_same_v<T, structure_list>) {
    return {false, list_delta<structure_value>(before, after)};
  } else {
    return {!is_equal(before, after), nullptr};
  }
}

difference difference_of(const structure_value& before, const structure_value& after) {
  if (before.index() != after.index()) return {true, nullptr};
  return std::visit(
      [&after](const auto& then) {
        return difference_between(then, std::get<std::decay_t<decltype(then)>>(after));
      },
      static_cast<const structure_value::variant&>(before));
}

difference part_difference(const structure_value& before, const structure_value& after,
                           const structure_change& part) {
  const absl::Span<const structure_value> then = std::get<structure_list>(before);
  return {false, list_delta<structure_value>(then.subspan(part.first, part.gone),
                                             std::get<structure_list>(after), part.first)};
}

/// Makes the change in a structure that is the same.
void apply(structure& kept, structure_change change) {
  for (size_t i = 0; i < kept.fields.size(); ++i) {
    structure_field& field = kept.fields[i];
    if (field.name != change.list) {
      field = std::move(change.now.fields[i]);
      continue;
    }
    auto& list = std::get<structure_list>(field.value);
    auto& come = std::get<structure_list>(change.now.fields[i].value);
    const auto first = list.begin() + static_cast<ptrdiff_t>(change.first);
    const size_t instead = std::min(change.gone, come.size());
    const auto behind =
        std::move(come.begin(), come.begin() + static_cast<ptrdiff_t>(instead), first);
    if (change.gone > instead) {
      list.erase(behind, behind + static_cast<ptrdiff_t>(change.gone - instead));
    } else {
      list.insert(behind, std::make_move_iterator(come.begin() + static_cast<ptrdiff_t>(instead)),
                  std::make_move_iterator(come.end()));
    }
  }
}

}  // namespace

json delta_of(const std::vector<structure>& before, const std::vector<structure>& after) {
  return list_delta<structure>(before, after);
}

json apply_changes(std::vector<structure>& structures, std::vector<structure_change> changes) {
  const size_t before = structures.size();
  json added = json::array();
  json inner = json::object();
  for (structure_change& change : changes) {
    if (change.index >= before) {
      added.push_back(json_of(change.now));
      structures.push_back(std::move(change.now));
      continue;
    }
    structure& kept = structures[change.index];
    json delta = delta_between(kept, change.now, &change);
    if (!delta.is_null()) inner[std::to_string(change.index)] = std::move(delta);
    apply(kept, std::move(change));
  }
  json delta = json::object();
  if (!added.empty()) delta["s"] = {before, 0, std::move(added)};
  if (!inner.empty()) delta["~"] = std::move(inner);
  return delta.empty() ? json(nullptr) : delta;
}

}  // namespace iommulab::view
