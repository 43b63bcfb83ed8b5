// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/player.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/tours/kernel_words.h"
#include "cli/tours/output_check.h"

namespace iommulab::tours {
namespace {

/// Behind the first prompt.
constexpr const char* hint = " (q leaves; a command of the stepper, as `print log`, looks around)";

}  // namespace

player::player(const tour& what, play_request request, stage_maker make_stage, audience& to,
               std::ostream& out)
    : tour_(what),
      request_(std::move(request)),
      make_stage_(std::move(make_stage)),
      audience_(to),
      out_(out),
      stage_(make_stage_()) {}

play_result player::play() {
  for (size_t i = 0; i < tour_.stops.size(); ++i) {
    if (i + 1 < request_.from) {
      pass_over(tour_.stops[i]);
    } else if (!show(tour_.stops[i], i + 1)) {
      result_.left = true;
      break;
    }
  }
  return std::move(result_);
}

void player::fault(size_t line, const std::string& what) {
  result_.faults.push_back(absl::StrCat(tour_.source, ": line ", line, ": ", what));
}

void player::begin(const item& run) {
  run_ = with_kernel(run.text, request_.extra_words);
  steps_.clear();
  if (const absl::Status status = stage_->begin(run_); !status.ok()) {
    fault(run.line, std::string(status.message()));
  }
}

void player::pass_over(const stop& each) {
  for (const item& of : each.items) {
    if (!of.is_for(request_.kernel)) continue;
    if (of.kind == item_kind::run) begin(of);
    if (of.kind == item_kind::step) {
      stage_->step(of.text);
      steps_.push_back(of.text);
    }
  }
}

bool player::show(const stop& each, size_t number) {
  out_ << "\n== " << number << " of " << tour_.stops.size() << ": " << each.heading << "\n";
  for (const item& of : each.items) {
    if (of.is_for(request_.kernel) && !show(of)) return false;
  }
  if (number == tour_.stops.size()) return true;
  return pause("\n[Enter goes on]");
}

bool player::show(const item& each) {
  switch (each.kind) {
    case item_kind::text:
      out_ << '\n' << each.text << '\n';
      return true;
    case item_kind::run:
      begin(each);
      out_ << "\n$ iommulab step " << run_ << '\n';
      return true;
    case item_kind::step:
    case item_kind::program:
      carry_out(each);
      return true;
    case item_kind::question:
      write_marked("\n?  ", each.text);
      return pause("[Enter answers]");
    case item_kind::answer:
      write_marked("=> ", each.text);
      return true;
  }
  return true;
}

/// The mark stands in front of the first line, blanks in front of the others.
void player::write_marked(std::string_view mark, const std::string& text) {
  out_ << mark << absl::StrReplaceAll(text, {{"\n", "\n   "}}) << '\n';
}

void player::carry_out(const item& each) {
  const bool steps = each.kind == item_kind::step;
  const std::string command = steps ? each.text : with_kernel(each.text, request_.extra_words);
  out_ << '\n' << (steps ? "(iommulab) " : "$ ") << command << '\n' << std::flush;
  const outcome done = steps ? stage_->step(command) : stage_->program(command);
  if (steps) steps_.push_back(command);
  const checked_output output = check_output(done.text, each, request_.kernel);
  for (const std::string& line : request_.whole_output ? output.lines : shortened(output)) {
    out_ << line << '\n';
  }
  if (!done.done) fault(each.line, absl::StrCat("the command cannot be done: ", command));
  for (const expectation* missing : output.missing) {
    fault(missing->line, absl::StrCat("not in the output: ", missing->text));
  }
}

bool player::pause(const std::string& prompt) {
  for (;;) {
    const std::optional<std::string> typed = audience_.wait(hinted_ ? prompt : prompt + hint);
    hinted_ = true;
    if (!typed) return false;
    if (typed->empty()) break;
    look(*typed);
  }
  readers_stage_.reset();
  return true;
}

void player::look(const std::string& command) {
  if (run_.empty()) {
    out_ << "There is no run to look at yet.\n";
    return;
  }
  if (readers_stage_ == nullptr) {
    readers_stage_ = make_stage_();
    if (!readers_stage_->begin(run_).ok()) return;
    for (const std::string& step : steps_) readers_stage_->step(step);
  }
  out_ << readers_stage_->step(command).text;
}

}  // namespace iommulab::tours
