// SPDX-License-Identifier: GPL-2.0-only
//
// Two hundred steps forwards and backwards, typed at a terminal, over a map, an unmap and a fault:
// wherever they lead, each structure is that of a fresh run there.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "cli/runs/structure_json.h"
#include "cli/step/sessions.h"
#include "cli/step/terminal.h"
#include "lab/structures/system_structures.h"

namespace iommulab::step_test {
namespace {

/// Notes each kind's structures behind event number `position`, within the run itself.
class state_of_fresh_run final : public trace_sink {
 public:
  explicit state_of_fresh_run(size_t position) : position_(position) {}
  void on_event(const trace_event& /*event*/) override {
    if (++told_ == position_) kinds = structures_json(structures_of(*what->system(), {}));
  }
  running* what = nullptr;
  json kinds;

 private:
  size_t position_;
  size_t told_ = 0;
};

json fresh_state(const run_choice& choice, size_t position) {
  state_of_fresh_run sink(position);
  const auto run = chosen_run(choice);
  EXPECT_TRUE(run.ok());
  const auto made = (*run)->make(sink);
  EXPECT_TRUE(made.ok());
  sink.what = made->get();
  (*made)->go();
  return sink.kinds;
}

size_t position_in(const std::string& when) {
  const std::string begin = "Event ";
  const size_t at = when.find(begin);
  return at == std::string::npos ? 0 : std::stoul(when.substr(at + begin.size()));
}

/// All structures of one kind, as `print --json` shows them.
json printed(terminal& t, const std::string& kind) {
  const std::string text = t.answer_to("print --json " + kind);
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  EXPECT_TRUE(document.is_object()) << kind << ": " << text.substr(0, 300);
  return document.is_object() ? document["value"] : json();
}

void expect_state_of_fresh_run(terminal& t, const run_choice& choice) {
  const size_t position = position_in(t.answer_to("when"));
  SCOPED_TRACE("event " + std::to_string(position));
  const json fresh = fresh_state(choice, position);
  ASSERT_FALSE(fresh.empty());
  size_t compared = 0;
  for (const auto& [kind, structures] : fresh.items()) {
    if (structures.empty()) continue;
    const json here = printed(t, kind);
    const json wanted = structures.size() == 1 && !here.is_array() ? structures[0] : structures;
    EXPECT_EQ(here.dump(), wanted.dump()) << kind;
    ++compared;
  }
  EXPECT_GT(compared, 10u);
}

TEST(two_hundred_steps, end_in_the_state_of_a_fresh_run) {
  const run_choice choice = script_with_a_fault();
  const auto& events = events_of(choice);
  const size_t map = first_event(events, entry_into("intel_map_page"));
  const size_t unmap = first_event(events, entry_into("intel_unmap_page"));
  const size_t fault =
      first_event(events, [](const trace_event& e) { return e.kind() == trace_kind::fault; });
  ASSERT_TRUE(map != 0 && map < unmap && unmap < fault);

  terminal t(std::string("TERM=dumb exec " IOMMULAB_PROGRAM " step dma ") + choice.path +
             " --machine q35 --cmdline intel_iommu=on,strict --color never");
  t.until_prompt();
  t.answer_to("goto " + std::to_string(map));
  constexpr std::array forwards = {"step", "next", "step 3", "until", "next 2"};
  constexpr std::array backwards = {"reverse-step", "reverse-next", "rs 2", "rn"};
  std::mt19937 random(14);
  size_t least = map;
  size_t most = map;
  for (int i = 0; i < 200; ++i) {
    // Forwards more often at first, so that it comes to the fault and beyond.
    const bool ahead = random() % 100 < (i < 150 ? 68 : 35);
    const size_t which = random() % (ahead ? forwards.size() : backwards.size());
    t.answer_to(ahead ? forwards.at(which) : backwards.at(which));
    if (i % 40 != 39) continue;
    const size_t position = position_in(t.answer_to("when"));
    least = std::min(least, position);
    most = std::max(most, position);
    expect_state_of_fresh_run(t, choice);
  }
  EXPECT_LE(least, unmap);
  EXPECT_GE(most, fault) << "the steps did not come to the fault";
}

}  // namespace
}  // namespace iommulab::step_test
