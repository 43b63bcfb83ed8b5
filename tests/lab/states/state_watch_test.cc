// SPDX-License-Identifier: GPL-2.0-only
//
// What a run's events say of its structures is what the structures are: told kind by kind, or asked
// for as a whole.
#include "lab/states/state_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "iova/trace/trace_reader.h"
#include "iova/trace/versions.h"
#include "kernel/kernel.h"
#include "lab/stepping/runs.h"
#include "lab/structures/structure_text.h"
#include "lab/structures/system_structures.h"
#include "support/golden.h"
#include "support/long_run.h"

namespace iommulab {
namespace {

/// Keeps what it is told; at every n-th event asks for everything and compares.
class comparing_listener final : public state_listener {
 public:
  explicit comparing_listener(size_t every) : every_(every) {}

  void begin(structure_source& source, std::vector<structure_section> all) override {
    source_ = &source;
    take(std::move(all));
    compare();
  }
  void on_event(const trace_event& event, told_state state) override {
    ++told_;
    if (event.kind() == trace_kind::iova) ++ranges_;
    take(std::move(state.sections));
    for (structure_changes& changes : state.changes) make(std::move(changes));
    due_ = due_ || told_ % every_ == 0;
    if (state.put_off || !due_ || testing::Test::HasFailure()) return;
    due_ = false;
    SCOPED_TRACE(testing::Message()
                 << "event " << told_ << ", " << name(event.kind()) << " " << event.function());
    compare();
  }
  [[nodiscard]] size_t told() const { return told_; }
  [[nodiscard]] size_t compared() const { return compared_; }
  /// Elements of lists that were told, by runs that keep account.
  [[nodiscard]] size_t elements() const { return elements_; }
  /// Events that put a range in use, or take it out.
  [[nodiscard]] size_t ranges() const { return ranges_; }

 private:
  void make(structure_changes changes) {
    structure_section& kept = kept_[std::string(changes.kind)];
    kept.kind = changes.kind;
    for (structure_change& change : changes.structures) {
      elements_ += list_of(change.now, change.list).size();
      if (change.index == kept.structures.size()) {
        kept.structures.push_back(std::move(change.now));
        continue;
      }
      structure_list list = std::move(list_of(kept.structures[change.index], change.list));
      structure_list& come = list_of(change.now, change.list);
      const auto first = list.begin() + static_cast<ptrdiff_t>(change.first);
      list.insert(list.erase(first, first + static_cast<ptrdiff_t>(change.gone)), come.begin(),
                  come.end());
      come = std::move(list);
      kept.structures[change.index] = std::move(change.now);
    }
  }
  static structure_list& list_of(structure& s, std::string_view field) {
    for (structure_field& each : s.fields) {
      if (each.name == field) return std::get<structure_list>(each.value);
    }
    throw std::out_of_range(std::string(field));
  }
  void take(std::vector<structure_section> sections) {
    for (structure_section& section : sections) {
      const std::string kind(section.kind);
      kept_[kind] = std::move(section);
    }
  }
  void compare() {
    kernel* const system = source_->system();
    ++compared_;
    for (const structure_section& section :
         system != nullptr ? structures_of(*system, {}) : source_->structures({})) {
      const structure_section& kept = kept_[std::string(section.kind)];
      if (kept == section) continue;
      ADD_FAILURE() << section.kind << ": kept is " << structures_to_text({kept}) << "now it is "
                    << structures_to_text({section});
    }
  }

  const size_t every_;
  structure_source* source_ = nullptr;
  std::map<std::string, structure_section> kept_;
  size_t told_ = 0;
  bool due_ = false;
  size_t compared_ = 0;
  size_t elements_ = 0;
  size_t ranges_ = 0;
};

/// Compares at every n-th event; the number of events.
size_t compare_run(const repeatable_run& run, size_t every) {
  comparing_listener listener(every);
  const auto ended = watch_states(run, listener);
  EXPECT_TRUE(ended.ok()) << ended.status();
  EXPECT_GT(listener.compared(), listener.told() / every / 2);
  return listener.told();
}

TEST(state_watch_test, of_a_boot_as_it_goes) {
  EXPECT_GT(compare_run(*stepping_test::boot_of_q35(), 3), 500u);
}

TEST(state_watch_test, of_a_boot_of_each_kernel_as_it_goes) {
  for (const kernel_profile* kernel : kernel_profiles()) {
    SCOPED_TRACE(kernel->name());
    EXPECT_GT(compare_run(*stepping_test::boot_without_isa(*kernel), 3), 400u);
  }
}

// Of each event: some come while a lock of what is looked at is held.
TEST(state_watch_test, of_a_lazy_script_of_each_kernel_as_it_goes) {
  for (const kernel_profile* kernel : kernel_profiles()) {
    SCOPED_TRACE(kernel->name());
    EXPECT_GT(compare_run(*stepping_test::lazy_script(*kernel), 1), 400u);
  }
}

TEST(state_watch_test, of_a_script_with_a_fault_as_it_goes) {
  EXPECT_GT(compare_run(*stepping_test::script_with_a_fault(), 5), 500u);
}

/// A recorded allocator; null where it cannot be read.
std::unique_ptr<repeatable_run> recorded_allocator(const iova_trace_version& version,
                                                   const std::string& file) {
  auto trace = read_iova_trace((golden::root() / "iova" / version.recorded / file).string());
  if (!trace.ok()) return nullptr;
  return iova_replay_to_repeat(*std::move(trace), version);
}

/// How many of the recorded runs of these names are as they are told.
size_t compare_recorded(std::initializer_list<const char*> names) {
  size_t runs = 0;
  for (const iova_trace_version& version : iova_trace_versions()) {
    for (const std::string name : names) {
      const auto run = recorded_allocator(version, name + ".trace.xz");
      if (run == nullptr) continue;
      SCOPED_TRACE(run->title());
      EXPECT_GT(compare_run(*run, 101), 500u);
      ++runs;
    }
  }
  return runs;
}

// Ranges that are reserved over others, caches that are filled and emptied, a space that is full;
// and of thousands some that are split, or freed by the magazine for one that finds no room.
TEST(state_watch_test, of_recorded_allocators_as_they_go) {
  EXPECT_GE(compare_recorded({"d_exhaust", "f_fast_sizes", "k_reserve0"}), 10u);
  if (!is_long_run()) return;
  EXPECT_GE(compare_recorded({"f_fast_flush", "i_split"}), 7u);
}

TEST(state_watch_test, of_an_allocator_the_changed_nodes_are_told) {
  const auto run = recorded_allocator(*find_iova_trace_version("4.4"), "d_exhaust.trace.xz");
  ASSERT_NE(run, nullptr);
  comparing_listener listener(1000);
  ASSERT_TRUE(watch_states(*run, listener).ok());
  EXPECT_GT(listener.ranges(), 3000u);
  // The node itself, and the one above for its gap.
  EXPECT_LE(listener.elements(), 2 * listener.ranges());
}

/// Kinds that each event brings.
class counting_listener final : public state_listener {
 public:
  void begin(structure_source& /*source*/, std::vector<structure_section> all) override {
    kinds = all.size();
  }
  void on_event(const trace_event& /*event*/, told_state state) override {
    fewest = std::min(fewest, state.sections.size());
  }
  size_t kinds = 0;
  size_t fewest = ~size_t{0};
};

TEST(state_watch_test, thorough_care_asks_for_everything) {
  counting_listener thorough;
  ASSERT_TRUE(watch_states(*stepping_test::boot_of_q35(), thorough, state_care::thorough).ok());
  EXPECT_EQ(thorough.fewest, thorough.kinds);
  counting_listener touched;
  ASSERT_TRUE(watch_states(*stepping_test::boot_of_q35(), touched).ok());
  EXPECT_LT(touched.fewest, touched.kinds);
}

}  // namespace
}  // namespace iommulab
