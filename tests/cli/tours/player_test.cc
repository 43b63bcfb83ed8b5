// SPDX-License-Identifier: GPL-2.0-only
//
// Going through a tour, with commands that only say that they were given.
#include "cli/tours/player.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace iommulab::tours {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// What stages were asked to do, in order; each stage has a letter.
using diary = std::vector<std::string>;

class noting_stage final : public stage {
 public:
  noting_stage(char letter, diary& notes) : letter_(letter), notes_(notes) {}

  absl::Status begin(const std::string& run) override {
    note("run " + run);
    return absl::OkStatus();
  }
  size_t position() const override { return position_; }
  outcome step(const std::string& command) override {
    position_ += 10;
    note(command);
    return {"did " + command + "\n", command != "impossible"};
  }
  outcome program(const std::string& command_line) override {
    note("$ " + command_line);
    return {"ran " + command_line + "\n", true};
  }

 private:
  void note(const std::string& what) { notes_.push_back(std::string(1, letter_) + ": " + what); }

  char letter_;
  diary& notes_;
  size_t position_ = 0;
};

class scripted_audience final : public audience {
 public:
  explicit scripted_audience(std::vector<std::optional<std::string>> lines)
      : lines_(std::move(lines)) {}

  std::optional<std::string> wait(std::string_view prompt) override {
    prompts.emplace_back(prompt);
    return prompts.size() <= lines_.size() ? lines_[prompts.size() - 1] : std::string();
  }

  std::vector<std::string> prompts;

 private:
  std::vector<std::optional<std::string>> lines_;
};

constexpr const char* three_stops =
    "# Title\n"
    "summary S\n"
    "kernels v4_4_178 v4_4\n"
    "## First\n"
    "Read this.\n"
    "run boot\n"
    "> break f\n"
    "= did break f\n"
    "? Why?\n"
    "! Because.\n"
    "## Second\n"
    "> continue\n"
    "@v4_4 > finish\n"
    "$ iommulab boot --machine q35\n"
    "$ iommulab dmar x\n"
    "$ iommulab boot --kernel v4_4\n"
    "## Third\n"
    "> print x\n";

struct played {
  play_result result;
  std::string out;
  diary notes;
};

played play(const char* of, audience& to, play_request request) {
  const auto what = parse_tour("t.tour", of);
  EXPECT_TRUE(what.ok()) << what.status();
  played result;
  std::ostringstream out;
  char letter = 'a';
  const auto make = [&]() -> std::unique_ptr<stage> {
    return std::make_unique<noting_stage>(letter++, result.notes);
  };
  result.result = player(*what, std::move(request), make, to, out).play();
  result.out = out.str();
  return result;
}

TEST(player, goes_through_all_stops) {
  no_audience nobody;
  const played p = play(three_stops, nobody, {"v4_4_178", "", 1, false});
  EXPECT_FALSE(p.result.left);
  EXPECT_THAT(p.result.faults, IsEmpty());
  EXPECT_THAT(p.notes, ElementsAre("a: run boot", "a: break f", "a: continue",
                                   "a: $ iommulab boot --machine q35", "a: $ iommulab dmar x",
                                   "a: $ iommulab boot --kernel v4_4", "a: print x"));
  EXPECT_THAT(p.out, HasSubstr("== 1 of 3: First\n\nRead this.\n\n$ iommulab step boot\n\n"
                               "(iommulab) break f\ndid break f\n\n?  Why?\n=> Because.\n"));
}

TEST(player, adds_the_kernel_where_a_kernel_runs) {
  no_audience nobody;
  const played p = play(three_stops, nobody, {"v4_4", " --kernel v4_4", 1, false});
  EXPECT_THAT(p.notes,
              ElementsAre("a: run boot --kernel v4_4", "a: break f", "a: continue", "a: finish",
                          "a: $ iommulab boot --machine q35 --kernel v4_4", "a: $ iommulab dmar x",
                          "a: $ iommulab boot --kernel v4_4", "a: print x"));
}

TEST(player, does_silently_what_is_before_the_first_stop) {
  no_audience nobody;
  const played p = play(three_stops, nobody, {"v4_4_178", "", 3, false});
  EXPECT_THAT(p.notes, ElementsAre("a: run boot", "a: break f", "a: continue", "a: print x"));
  EXPECT_THAT(p.out, Not(HasSubstr("Read this.")));
  EXPECT_THAT(p.out, HasSubstr("== 3 of 3: Third"));
}

TEST(player, waits_before_an_answer_and_between_stops) {
  scripted_audience reader({});
  play(three_stops, reader, {"v4_4_178", "", 1, false});
  EXPECT_THAT(reader.prompts,
              ElementsAre(HasSubstr("[Enter answers]"), "\n[Enter goes on]", "\n[Enter goes on]"));
}

TEST(player, ends_when_the_reader_leaves) {
  scripted_audience reader({std::nullopt});
  const played p = play(three_stops, reader, {"v4_4_178", "", 1, false});
  EXPECT_TRUE(p.result.left);
  EXPECT_THAT(p.out, Not(HasSubstr("Because.")));
  EXPECT_THAT(p.notes, ElementsAre("a: run boot", "a: break f"));
}

TEST(player, lets_the_reader_look_around_beside_its_own_run) {
  scripted_audience reader({"print y", "next", "", "print z"});
  const played p = play(three_stops, reader, {"v4_4_178", "", 1, false});
  EXPECT_THAT(p.notes,
              ElementsAre("a: run boot", "a: break f", "b: run boot", "b: break f", "b: print y",
                          "b: next", "c: run boot", "c: break f", "c: print z", "a: continue",
                          "a: $ iommulab boot --machine q35", "a: $ iommulab dmar x",
                          "a: $ iommulab boot --kernel v4_4", "a: print x"));
  EXPECT_THAT(p.out, HasSubstr("did print y\ndid next\n=> Because."));
}

TEST(player, has_nothing_to_look_at_before_a_run) {
  scripted_audience reader({"print y"});
  const played p =
      play("# T\nsummary S\nkernels v4_4\n## A\n? Q\n! A\n", reader, {"v4_4", "", 1, false});
  EXPECT_THAT(p.notes, IsEmpty());
  EXPECT_THAT(p.out, HasSubstr("There is no run to look at yet.\n=> A\n"));
}

TEST(player, tells_what_is_not_as_the_tour_says) {
  no_audience nobody;
  const played p = play(
      "# T\nsummary S\nkernels v4_4\n## A\nrun boot\n> impossible\n> print x\n= y\n= did print\n",
      nobody, {"v4_4", "", 1, false});
  EXPECT_THAT(p.result.faults, ElementsAre("t.tour: line 6: the command cannot be done: impossible",
                                           "t.tour: line 8: not in the output: y"));
}

}  // namespace
}  // namespace iommulab::tours
