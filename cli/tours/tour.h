// SPDX-License-Identifier: GPL-2.0-only
//
// A tour as data: stops with text, commands, what they must show, questions with their answers. The
// form in which one is written is described in the folder's README.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace iommulab::tours {

enum class item_kind : uint8_t {
  text,      ///< lines to read, without a blank one at either end
  run,       ///< what the stepper goes through from here on: "boot --machine q35"
  step,      ///< a command of the stepper: "break init_dmars"
  program,   ///< a whole command line: "iommulab dmar --machine q35"
  question,  ///< asked before what follows shows it
  answer,    ///< of the question in front of it
};
std::string_view name(item_kind kind);

/// A piece of a line that the output of a command has.
struct expectation {
  size_t line = 0;     ///< of the file, from 1
  std::string kernel;  ///< with that kernel alone; empty: with each
  std::string text;
};

struct item {
  item_kind kind = item_kind::text;
  size_t line = 0;
  std::string kernel;  ///< as of an expectation
  std::string text;
  std::vector<expectation>
      expected;  ///< of step and program: in lines of the output, in this order

  [[nodiscard]] bool is_for(std::string_view which) const {
    return kernel.empty() || kernel == which;
  }
};

struct stop {
  size_t line = 0;
  std::string heading;
  std::vector<item> items;
};

/// A file that the tour's commands read.
struct tour_file {
  std::string name;
  std::string content;
};

struct tour {
  std::string source;  ///< the file that it was written in, as complaints name it
  std::string title;
  std::string summary;  ///< one line for the list
  std::vector<std::string>
      kernels;  ///< those that it is true of; the first is used where none is named
  std::vector<tour_file> files;
  std::vector<stop> stops;  ///< never empty
};

/// The error names `source`, the line and what is wrong there.
absl::StatusOr<tour> parse_tour(std::string source, std::string_view text);

}  // namespace iommulab::tours
