// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/program_stage.h"

#include <algorithm>
#include <iostream>
#include <sstream>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "cli/output/complain.h"
#include "cli/runs/run_choice.h"
#include "cli/step/commands/command.h"
#include "cli/step/session/stepper.h"

namespace iommulab::tours {
namespace {

/// What goes to a stream while it lives goes to a text.
class caught_stream {
 public:
  caught_stream(std::ostream& stream, std::ostringstream& into)
      : stream_(stream), before_(stream.rdbuf(into.rdbuf())) {}
  ~caught_stream() { stream_.rdbuf(before_); }
  caught_stream(const caught_stream&) = delete;
  caught_stream& operator=(const caught_stream&) = delete;

 private:
  std::ostream& stream_;
  std::streambuf* before_;
};

class program_stage final : public stage {
 public:
  explicit program_stage(program_runner program) : program_(std::move(program)) {}

  absl::Status begin(const std::string& run) override;
  outcome step(const std::string& command) override;
  [[nodiscard]] size_t position() const override {
    return stepper_ == nullptr ? 0 : stepper_->position();
  }
  outcome program(const std::string& command_line) override;

 private:
  program_runner program_;
  std::unique_ptr<repeatable_run> run_;  // outlives the stepper, as the text does
  std::ostringstream told_;
  std::unique_ptr<step::stepper> stepper_;
};

}  // namespace

absl::StatusOr<run_choice> choice_of(const std::string& line) {
  auto words = words_of(line);
  if (!words.ok()) return words.status();
  CLI::App app;
  app.require_subcommand(1);
  run_choice choice;
  add_run_choices(
      app, choice, [](CLI::App& /*one*/) {}, [] {});
  std::reverse(words->begin(), words->end());  // as CLI11 wants them
  try {
    app.parse(*std::move(words));
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }
  return choice;
}

namespace {

absl::Status program_stage::begin(const std::string& run) {
  stepper_.reset();
  const auto choice = choice_of(run);
  if (!choice.ok()) return choice.status();
  auto made = chosen_run(*choice);
  if (!made.ok()) return made.status();
  run_ = *std::move(made);
  auto begun = step::stepper::begin(*run_, told_);
  if (!begun.ok()) return begun.status();
  stepper_ = *std::move(begun);
  return absl::OkStatus();
}

outcome program_stage::step(const std::string& command) {
  if (stepper_ == nullptr) return {"there is no run\n", false};
  const step::typed_line typed = step::split_line(command);
  const auto found = step::command_named(typed.word);
  const absl::Status status =
      found.ok() ? (*found)->run(*stepper_, typed.arguments) : found.status();
  outcome result{told_.str(), status.ok()};
  told_.str("");
  if (!status.ok()) result.text += std::string(status.message()) + '\n';
  return result;
}

outcome program_stage::program(const std::string& command_line) {
  auto words = words_of(command_line);
  if (!words.ok()) return {std::string(words.status().message()) + "\n", false};
  words->erase(words->begin());
  if (!words->empty() && words->front() == "tour") {
    return {"a tour within a tour is not gone through\n", false};
  }
  if (!words->empty() && words->front() == "step") {
    return {"the stepper is begun by `run`, and its commands stand behind `>`\n", false};
  }
  std::ostringstream text;
  const caught_stream out(std::cout, text);
  const caught_stream err(std::cerr, text);
  const int status = program_(*std::move(words));
  return {text.str(), status != static_cast<int>(exit_code::bad_use)};
}

}  // namespace

absl::StatusOr<std::vector<std::string>> words_of(std::string_view line) {
  std::vector<std::string> words;
  char quote = 0;
  bool in_word = false;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        words.back() += c;
      }
      continue;
    }
    if (absl::ascii_isspace(static_cast<unsigned char>(c))) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == '"' || c == '\'') {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) return refuse("a quote of the command line does not end");
  return words;
}

std::unique_ptr<stage> make_program_stage(program_runner program) {
  return std::make_unique<program_stage>(std::move(program));
}

}  // namespace iommulab::tours
