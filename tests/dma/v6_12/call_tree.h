// SPDX-License-Identifier: GPL-2.0-only
//
// Trees of calls, from a recording ("f() {", "g();   /* x3 */", "}") and from the trace, so that
// the two can be compared.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/number.h"
#include "core/trace.h"
#include "support/golden.h"

namespace iommulab::v6_12 {

struct call_tree {
  std::string name;
  std::vector<call_tree> calls;
};

/// "__finalise_sg.isra.0" is the compiler's "__finalise_sg".
inline std::string plain_name(std::string name) {
  for (const char* mark : {".isra.", ".part.", ".constprop."}) {
    name = name.substr(0, name.find(mark));
  }
  return name;
}

/// A "…-tree.txt"; what is folded there comes as often as it was.
inline std::vector<call_tree> parse_call_trees(std::string_view text) {
  struct open_call {
    call_tree tree;
    uint64_t times;
  };
  std::vector<open_call> open{{{}, 1}};
  const auto close = [&open] {
    open_call done = std::move(open.back());
    open.pop_back();
    for (uint64_t i = 0; i < done.times; ++i) open.back().tree.calls.push_back(done.tree);
  };
  for (std::string_view line : golden::lines(text)) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.empty()) continue;
    if (line == "}") {
      close();
      continue;
    }
    const size_t folded = line.find("/* x");
    uint64_t times = 1;
    if (folded != std::string_view::npos) {
      const std::string_view count = line.substr(folded + 4);
      times = parse_number(count.substr(0, count.find(' '))).value_or(0);
    }
    open.push_back({{plain_name(std::string(line.substr(0, line.find('(')))), {}}, times});
    if (line.find('{') == std::string_view::npos) close();
  }
  return open.front().tree.calls;
}

/// The trees of what is called while it listens.
class call_tree_recorder final : public trace_sink {
 public:
  void on_event(const trace_event& event) override {
    if (const auto* enter = event.as<events::call_enter>()) {
      open_.push_back({std::string(enter->name), {}});
    } else if (event.as<events::call_exit>() != nullptr && open_.size() > 1) {
      call_tree done = std::move(open_.back());
      open_.pop_back();
      open_.back().calls.push_back(std::move(done));
    }
  }
  [[nodiscard]] const std::vector<call_tree>& trees() const { return open_.front().calls; }

 private:
  std::vector<call_tree> open_{{}};
};

/// Only calls of `names`: others go with all that they call, but for those in `transparent`, whose
/// calls stay.
inline std::vector<call_tree> only(const std::vector<call_tree>& trees,
                                   const std::set<std::string>& names,
                                   const std::set<std::string>& transparent = {}) {
  std::vector<call_tree> kept;
  for (const call_tree& tree : trees) {
    std::vector<call_tree> below = only(tree.calls, names, transparent);
    if (names.contains(tree.name)) {
      kept.push_back({tree.name, std::move(below)});
    } else if (transparent.contains(tree.name)) {
      kept.insert(kept.end(), below.begin(), below.end());
    }
  }
  return kept;
}

/// All trees whose first call is `name`, wherever they stand.
inline void find_calls(const std::vector<call_tree>& trees, std::string_view name,
                       std::vector<call_tree>& found) {
  for (const call_tree& tree : trees) {
    if (tree.name == name) {
      found.push_back(tree);
    } else {
      find_calls(tree.calls, name, found);
    }
  }
}

/// One line a call, indented.
inline std::string text_of(const std::vector<call_tree>& trees, const std::string& indent = "") {
  std::string text;
  for (const call_tree& tree : trees) {
    absl::StrAppend(&text, indent, tree.name, "\n", text_of(tree.calls, indent + "  "));
  }
  return text;
}

/// The same in one line, with neighbours that are equal as one: "f{g h+}".
inline std::string shape_of(const call_tree& tree) {
  std::string text = tree.name;
  std::string below, last;
  bool again = false;
  for (const call_tree& call : tree.calls) {
    const std::string shape = shape_of(call);
    if (shape == last) {
      if (!std::exchange(again, true)) below += '+';
      continue;
    }
    absl::StrAppend(&below, below.empty() ? "" : " ", shape);
    last = shape;
    again = false;
  }
  if (!below.empty()) absl::StrAppend(&text, "{", below, "}");
  return text;
}

}  // namespace iommulab::v6_12
