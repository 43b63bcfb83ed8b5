// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/audience.h"

#include "absl/strings/ascii.h"

namespace iommulab::tours {

std::optional<std::string> typing_audience::wait(std::string_view prompt) {
  out_ << prompt << ' ' << std::flush;
  std::string line;
  if (!std::getline(in_, line)) {
    out_ << '\n';
    return std::nullopt;
  }
  absl::StripAsciiWhitespace(&line);
  if (line == "q" || line == "quit") return std::nullopt;
  return line;
}

}  // namespace iommulab::tours
