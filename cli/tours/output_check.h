// SPDX-License-Identifier: GPL-2.0-only
//
// What a command printed, held against what the tour says of it, and shortened to that.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/tours/tour.h"

namespace iommulab::tours {

struct checked_output {
  std::vector<std::string> lines;
  std::vector<size_t> met;  ///< lines in which an expectation was found, ascending
  std::vector<const expectation*> missing;
};

/// Each expectation is looked for behind the one before it. `of` outlives the result.
checked_output check_output(std::string_view text, const item& of, std::string_view kernel);

/// The lines to be shown: all of a short output, of a longer one its first line, those that are
/// expected and what is around them. "… 12 lines" stands for what is left out.
std::vector<std::string> shortened(const checked_output& output);

}  // namespace iommulab::tours
