// SPDX-License-Identifier: GPL-2.0-only
//
// Goes through a tour: shows its text, carries out its commands, waits for the reader.
//
// Invariant: what a reader does while he is waited for changes nothing in the tour's own run.
#pragma once

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/tours/audience.h"
#include "cli/tours/stage.h"
#include "cli/tours/tour.h"

namespace iommulab::tours {

struct play_request {
  std::string kernel;       ///< one of the tour's
  std::string extra_words;  ///< behind what runs a kernel: " --kernel v4_4"; empty for the default
  size_t from = 1;          ///< the stop to begin with
  bool whole_output = false;
};

struct play_result {
  bool left = false;                ///< the reader left before the end
  std::vector<std::string> faults;  ///< "FILE: line 7: …": what is not as the tour says
};

class player {
 public:
  /// All outlive the object.
  player(const tour& what, play_request request, stage_maker make_stage, audience& to,
         std::ostream& out);

  play_result play();

 private:
  /// Of a stop before the first one that is shown: as far as the stepper's state depends on it.
  void pass_over(const stop& each);
  /// False: the reader leaves.
  bool show(const stop& each, size_t number);
  bool show(const item& each);
  void carry_out(const item& each);
  bool pause(const std::string& prompt);
  /// A command that the reader typed, in a run of his own that is where the tour's is.
  void look(const std::string& command);
  void begin(const item& run);
  void write_marked(std::string_view mark, const std::string& text);
  void fault(size_t line, const std::string& what);

  const tour& tour_;
  const play_request request_;
  const stage_maker make_stage_;
  audience& audience_;
  std::ostream& out_;
  std::unique_ptr<stage> stage_;
  std::string run_;                 ///< what the stepper is in; empty: nothing yet
  std::vector<std::string> steps_;  ///< its commands there
  std::unique_ptr<stage> readers_stage_;
  bool hinted_ = false;
  play_result result_;
};

}  // namespace iommulab::tours
