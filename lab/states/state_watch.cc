// SPDX-License-Identifier: GPL-2.0-only
#include "lab/states/state_watch.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "kernel/kernel.h"
#include "lab/structures/system_structures.h"
#include "lab/structures/value_access.h"

namespace iommulab {
namespace {

/// Kinds of structures that change together, as bits.
enum kinds : uint8_t {
  no_kinds = 0,
  driver_kinds = 1u << 0,  ///< the kernel's own, but for the next
  iova_trees = 1u << 1,
  registers = 1u << 2,
  tables = 1u << 3,  ///< root, context and second-level tables
  caches = 1u << 4,
  queue = 1u << 5,
  pages = 1u << 6,
  all_kinds = 0x7f,
};
constexpr kinds operator|(kinds a, kinds b) {
  return static_cast<kinds>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr kinds operator&(kinds a, kinds b) {
  return static_cast<kinds>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
constexpr kinds without(kinds a, kinds b) {
  return static_cast<kinds>(static_cast<unsigned>(a) & ~static_cast<unsigned>(b));
}

kinds bit_of(std::string_view kind) {
  if (kind == "iova_domain") return iova_trees;
  if (kind == "registers") return registers;
  if (kind == "root" || kind == "context" || kind == "tables") return tables;
  if (kind == "caches") return caches;
  if (kind == "queue") return queue;
  if (kind == "pages") return pages;
  return driver_kinds;
}

bool has_word(std::string_view function, std::string_view word) {
  return function.find(word) != std::string_view::npos;
}

/// What a function may have done since the event before.
kinds touched_in(std::string_view function) {
  kinds touched = driver_kinds;
  if (has_word(function, "rbnode")) touched = touched | iova_trees;
  if (has_word(function, "domain")) touched = touched | tables;
  if (has_word(function, "qi")) touched = touched | queue;
  if (has_word(function, "swiotlb")) touched = touched | pages;
  return touched;
}

/// What an event may have changed, or what comes behind it until the next.
kinds touched(const trace_event& event) {
  switch (event.kind()) {
    case trace_kind::call_enter:
      return touched_in(event.function());
    case trace_kind::call_exit:
      // A tree of ranges is changed at the ends of what changes it.
      return touched_in(event.function()) |
             (has_word(event.function(), "iova") ? iova_trees : no_kinds);
    case trace_kind::table_write:
      return driver_kinds | tables | caches | pages;
    case trace_kind::reg_write:
    case trace_kind::reg_change:
    case trace_kind::latch:
      return all_kinds;
    case trace_kind::reg_read:
      return driver_kinds | registers;
    case trace_kind::descriptor:
      return driver_kinds | queue | registers | caches;
    case trace_kind::fault:
    case trace_kind::interrupt:
      return driver_kinds | registers;
    case trace_kind::cache:
    case trace_kind::answer:
      return driver_kinds | caches;
    case trace_kind::iova:
      return driver_kinds | iova_trees | pages;
    case trace_kind::page:
      return driver_kinds | tables | pages;
    case trace_kind::domain:
    case trace_kind::group:
    case trace_kind::device:
      return all_kinds;
    case trace_kind::note:
    case trace_kind::log:
    case trace_kind::diagnosis:
    case trace_kind::config:
      return driver_kinds;
  }
  return all_kinds;
}

/// Whether the kernel does nothing but map pages: it writes an entry, or takes a page for more.
bool is_mapping(const trace_event& event) {
  const auto* write = event.as<events::table_write>();
  return event.kind() == trace_kind::page || (write != nullptr && write->table == "pte");
}

/// Table pages of a machine, from which on its entries are told row by row. To walk them all takes
/// longer then than everything else that an event costs.
constexpr int64_t many_table_pages = 64;
/// In a row that is longer, they are told once in so many events.
constexpr size_t long_row = 4096;

/// Pages of second-level tables, whether a context entry names them yet or not.
int64_t table_pages_in(const structure& pages) {
  int64_t count = 0;
  const structure_list* owners = list_in(pages, "owners");
  if (owners == nullptr) return 0;
  for (const structure_value& value : *owners) {
    const auto* owner = std::get_if<structure>(&value);
    if (owner == nullptr || !owner->name.starts_with("[second-level tables")) continue;
    count += static_cast<int64_t>(number_in(*owner, "pages"));
  }
  return count;
}

class state_watch final : public trace_sink {
 public:
  state_watch(state_listener& listener, state_care care) : listener_(listener), care_(care) {}

  absl::StatusOr<absl::Status> watch(const repeatable_run& run) {
    auto made = run.make(*this);
    if (!made.ok()) return made.status();
    run_ = *std::move(made);
    listener_.begin(*run_, sections_of(all_kinds));
    // Of a run that makes its system itself, nothing is known yet.
    late_ = run_->system() == nullptr ? all_kinds : no_kinds;
    run_->go();
    return run_->status();
  }

  void on_event(const trace_event& event) override {
    if (care_ == state_care::thorough) {
      listener_.on_event(event, {.sections = sections_of(all_kinds)});
      return;
    }
    row_ = is_mapping(event) ? row_ + 1 : 0;
    const kinds asked = touched(event) | late_;
    if (row_ > 1 && row_ % long_row != 0 && table_pages_ >= many_table_pages) {
      late_ = asked;
      listener_.on_event(event, {.put_off = true});
      return;
    }
    late_ = touched(event);
    listener_.on_event(event, touched_by(asked));
  }

 private:
  told_state touched_by(kinds asked) {
    if ((asked & iova_trees) != no_kinds) {
      if (auto changes = run_->changes()) return {.changes = *std::move(changes)};
    }
    return {.sections = sections_touched(asked)};
  }

  std::vector<structure_section> sections_touched(kinds asked) {
    std::vector<structure_section> sections = sections_of(asked & driver_kinds);
    // Where tables lie, whose pages are, and which domains there are, the driver's structures say.
    const bool changed = !sections.empty() && sections != driver_;
    if (changed) driver_ = sections;
    const kinds more = changed ? all_kinds : asked;
    for (structure_section& section : sections_of(without(more, driver_kinds))) {
      sections.push_back(std::move(section));
    }
    for (const structure_section& section : sections) {
      if (section.kind == "pages") table_pages_ = table_pages_in(section.structures.front());
    }
    return sections;
  }

  std::vector<structure_section> sections_of(kinds wanted) {
    std::vector<structure_section> all;
    kernel* const system = run_->system();
    if (system == nullptr) {
      return (wanted & iova_trees) == no_kinds ? all : run_->structures({});
    }
    for (const std::string& kind : kinds_) {
      if ((wanted & bit_of(kind)) == no_kinds) continue;
      for (structure_section& section : structures_of(*system, {.kind = kind})) {
        all.push_back(std::move(section));
      }
    }
    return all;
  }

  state_listener& listener_;
  const state_care care_;
  const std::vector<std::string> kinds_ = system_structure_kinds();
  std::unique_ptr<running> run_;
  std::vector<structure_section> driver_;  ///< the kernel's own, when they changed last
  kinds late_ = no_kinds;                  ///< what was touched, and not asked since
  size_t row_ = 0;                         ///< events one behind the other that map pages
  int64_t table_pages_ = 0;
};

}  // namespace

absl::StatusOr<absl::Status> watch_states(const repeatable_run& run, state_listener& listener,
                                          state_care care) {
  return state_watch(listener, care).watch(run);
}

}  // namespace iommulab
