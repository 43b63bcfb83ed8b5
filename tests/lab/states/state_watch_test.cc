// SPDX-License-Identifier: GPL-2.0-only
//
// What a run's events say of its structures is what the structures are: told kind by kind, or asked
// for as a whole.
#include "lab/states/state_watch.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernel/kernel.h"
#include "lab/stepping/runs.h"
#include "lab/structures/structure_text.h"
#include "lab/structures/system_structures.h"

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
  void on_event(const trace_event& event, std::vector<structure_section> sections,
                bool put_off) override {
    ++told_;
    take(std::move(sections));
    due_ = due_ || told_ % every_ == 0;
    if (put_off || !due_ || testing::Test::HasFailure()) return;
    due_ = false;
    SCOPED_TRACE(testing::Message()
                 << "event " << told_ << ", " << name(event.kind()) << " " << event.function());
    compare();
  }
  [[nodiscard]] size_t told() const { return told_; }
  [[nodiscard]] size_t compared() const { return compared_; }

 private:
  void take(std::vector<structure_section> sections) {
    for (structure_section& section : sections) {
      const std::string kind(section.kind);
      kept_[kind] = std::move(section);
    }
  }
  void compare() {
    kernel* const system = source_->system();
    if (system == nullptr) return;
    ++compared_;
    for (const structure_section& section : structures_of(*system, {})) {
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

/// Kinds that each event brings.
class counting_listener final : public state_listener {
 public:
  void begin(structure_source& /*source*/, std::vector<structure_section> all) override {
    kinds = all.size();
  }
  void on_event(const trace_event& /*event*/, std::vector<structure_section> sections,
                bool /*put_off*/) override {
    fewest = std::min(fewest, sections.size());
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
