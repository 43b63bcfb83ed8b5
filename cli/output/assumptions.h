// SPDX-License-Identifier: GPL-2.0-only
//
// What an answer rests on that nobody said: machine_config::assumed, as text.
#pragma once

#include <string>
#include <vector>

namespace iommulab {

/// A block of its own, a line for each; empty for none.
inline std::string assumptions_text(const std::vector<std::string>& assumed) {
  std::string text = assumed.empty() ? "" : "Assumed, as nobody said it:\n";
  for (const std::string& what : assumed) text += "  " + what + '\n';
  return text;
}

}  // namespace iommulab
