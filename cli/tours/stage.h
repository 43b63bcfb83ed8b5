// SPDX-License-Identifier: GPL-2.0-only
//
// What a tour's commands are carried out by: a stepper in a run, and the whole program.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace iommulab::tours {

/// What a command printed, its complaint included, and whether it could be done at all.
struct outcome {
  std::string text;
  bool done = true;
};

class stage {
 public:
  virtual ~stage() = default;

  /// The stepper is at the beginning of this run from here on: "boot --machine q35".
  virtual absl::Status begin(const std::string& run) = 0;
  /// A command of the stepper; begin() was called.
  virtual outcome step(const std::string& command) = 0;
  /// How many events of the run have been told; 0 without one.
  [[nodiscard]] virtual size_t position() const = 0;
  /// A command line: "iommulab dmar --machine q35".
  virtual outcome program(const std::string& command_line) = 0;
};

using stage_maker = std::function<std::unique_ptr<stage>()>;

}  // namespace iommulab::tours
