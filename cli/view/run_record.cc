// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/run_record.h"

#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "cli/runs/event_json.h"
#include "cli/runs/structure_json.h"
#include "cli/view/alignment.h"
#include "cli/view/packed_text.h"
#include "cli/view/run_head.h"
#include "cli/view/state_delta.h"
#include "cli/view/table_words.h"
#include "core/trace_event.h"
#include "kernel/catalogue.h"
#include "kernel/kernel.h"
#include "lab/events/event_words.h"
#include "lab/graph/graph_text.h"
#include "lab/graph/mapping_flows.h"
#include "lab/states/state_watch.h"

namespace iommulab::view {
namespace {

constexpr size_t events_in_chunk = 256;

/// One line, bytes that are no UTF-8 replaced.
std::string line_of(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Names by the numbers in which they came.
class name_list {
 public:
  size_t number_of(std::string_view name) {
    const auto [found, is_new] = numbers_.try_emplace(std::string(name), names_.size());
    if (is_new) names_.emplace_back(name);
    return found->second;
  }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  absl::flat_hash_map<std::string, size_t> numbers_;
  std::vector<std::string> names_;
};

class recorder final : public state_listener {
 public:
  void begin(structure_source& source, std::vector<structure_section> all) override {
    source_ = &source;
    record_.head = json::object();
    sections_ = std::move(all);
    begin_chunk(structures_json(sections_));
  }

  void on_event(const trace_event& event, told_state state) override {
    if (record_.head.empty()) meet_system();
    if (chunk_["events"].size() == events_in_chunk) next_chunk();
    json document = event_json(event, words_);
    document.erase("seq");
    std::string line = graph_text_of(event, words_);
    record_.steps.push_back(step_of(event, line));
    document["line"] = std::move(line);
    if (state.put_off) document["put_off"] = true;
    chunk_["events"].push_back(std::move(document));
    words_in_tables_.add(event);
    chunk_["changes"].push_back(changes_to(std::move(state)));
    kinds_ += static_cast<char>(event.kind());
    const std::string_view function = event.function();
    const size_t number = function.empty() ? 0 : 1 + functions_.number_of(function);
    numbers_ += static_cast<char>(number & 0xff);
    numbers_ += static_cast<char>(number >> 8);
    events_.push_back(event);
  }

  run_record finish(const repeatable_run& run, const absl::Status& ended) && {
    end_chunk();
    json& head = record_.head;
    head["title"] = run.title();
    head["assumed"] = run.assumed();
    head["ended"] = ended.ok() ? json(nullptr) : json(std::string(ended.message()));
    head["events"] = events_.size();
    head["kinds"] = kind_names();
    head["functions"] = functions_.names();
    head["structures"] = structures_.names();
    head["event_kinds"] = packed_text(kinds_);
    head["event_functions"] = packed_text(numbers_);
    head["table_words"] = packed_text(words_in_tables_.bytes());
    head["mappings"] = mappings();
    head["chunks"] = std::move(chunk_heads_);
    const std::string profile = head.value("kernel", std::string(default_kernel_profile().name()));
    head["sources"] = packed_text(line_of(sources_json(functions_.names(), profile)));
    return std::move(record_);
  }

 private:
  /// Some runs make their system when they begin.
  void meet_system() {
    kernel* const system = source_->system();
    if (system == nullptr) return;
    words_ = event_words(system->units());
    record_.head = system_head(*system);
  }

  /// `state`: the structures before its first event, or null.
  void begin_chunk(json state) {
    chunk_ = {{"events", json::array()}, {"changes", json::array()}};
    touched_.clear();
    has_state_ = !state.is_null();
    if (has_state_) chunk_["state"] = std::move(state);
  }

  void end_chunk() {
    const std::string text = line_of(chunk_);
    chunk_heads_.push_back({{"first", events_.size() - chunk_["events"].size()},
                            {"events", chunk_["events"].size()},
                            {"state", has_state_},
                            {"touched", touched_}});
    record_.chunks.push_back(packed_text(text));
    const size_t packed = record_.chunks.back().size();
    if (has_state_) {
      state_size_ = packed;
      since_state_ = 0;
    } else {
      since_state_ += packed;
    }
  }

  void next_chunk() {
    end_chunk();
    const bool is_due = since_state_ > state_size_;
    begin_chunk(is_due ? structures_json(sections_) : json(nullptr));
  }

  json changes_to(told_state state) {
    json changes = json::object();
    for (structure_section& now : state.sections) {
      std::vector<structure>* const then = structures_of_kind(now.kind);
      json delta = delta_of(*then, now.structures);
      if (delta.is_null()) continue;
      touch(now.kind, *then, now.structures, delta);
      changes[std::string(now.kind)] = std::move(delta);
      *then = std::move(now.structures);
    }
    for (structure_changes& now : state.changes) {
      std::vector<structure>* const kept = structures_of_kind(now.kind);
      json delta = apply_changes(*kept, std::move(now.structures));
      if (delta.is_null()) continue;
      touch(now.kind, *kept, *kept, delta);
      changes[std::string(now.kind)] = std::move(delta);
    }
    return changes.empty() ? json(nullptr) : changes;
  }

  std::vector<structure>* structures_of_kind(std::string_view kind) {
    for (structure_section& section : sections_) {
      if (section.kind == kind) return &section.structures;
    }
    sections_.push_back({kind, {}});
    return &sections_.back().structures;
  }

  /// Remembers which structures a chunk changes.
  void touch(std::string_view kind, const std::vector<structure>& then,
             const std::vector<structure>& now, const json& delta) {
    const auto add = [&](const structure& s) {
      touched_.insert(structures_.number_of(absl::StrFormat("%s/%s", kind, s.name)));
    };
    if (delta.contains("~")) {
      for (const auto& [index, change] : delta["~"].items()) add(now[std::stoul(index)]);
    }
    if (!delta.contains("s")) return;
    const size_t first = delta["s"][0];
    const size_t gone = delta["s"][1];
    for (size_t i = 0; i < gone; ++i) add(then[first + i]);
    for (size_t i = 0; i < delta["s"][2].size(); ++i) add(now[first + i]);
  }

  json mappings() const {
    std::vector<size_t> each(events_.size());
    std::iota(each.begin(), each.end(), size_t{0});
    json list = json::array();
    for (const timeline_flow& flow : mapping_flows(events_, each)) {
      list.push_back({{"name", flow.name}, {"steps", flow.slices}});
    }
    return list;
  }

  structure_source* source_ = nullptr;
  run_record record_;
  event_words words_;
  std::vector<structure_section> sections_;  ///< as they are now
  std::vector<trace_event> events_;
  std::string kinds_;    ///< a byte an event
  std::string numbers_;  ///< two bytes an event, the lower first: of its function, from 1, or 0
  table_words words_in_tables_;
  name_list functions_;
  name_list structures_;

  json chunk_;
  std::set<size_t> touched_;
  bool has_state_ = false;
  size_t state_size_ = 0;   ///< of the last chunk with a state, packed
  size_t since_state_ = 0;  ///< of those behind it
  json chunk_heads_ = json::array();
};

}  // namespace

absl::StatusOr<run_record> record_for_page(const repeatable_run& run) {
  recorder made;
  const auto ended = watch_states(run, made);
  if (!ended.ok()) return ended.status();
  return std::move(made).finish(run, *ended);
}

}  // namespace iommulab::view
