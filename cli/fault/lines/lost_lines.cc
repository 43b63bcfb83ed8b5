// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/lost_lines.h"

#include <array>
#include <cctype>

#include "cli/fault/reading/scanner.h"

namespace iommulab {
namespace {

/// The number at the end of `text`, or none.
std::optional<uint64_t> last_number(std::string_view text) {
  size_t first = text.size();
  while (first > 0 && std::isdigit(static_cast<unsigned char>(text[first - 1])) != 0) --first;
  return parse_number(text.substr(first));
}

/// lib/ratelimit.c: ___ratelimit() names the function whose lines it held back. `__ratelimit` is
/// what kernels before 2.6.33 said of everybody.
bool prints_faults(std::string_view function) {
  constexpr std::array<std::string_view, 6> prefixes = {"dmar_",  "qi_",    "prq_",
                                                        "intel_", "iommu_", "__ratelimit"};
  for (const std::string_view prefix : prefixes) {
    if (function.starts_with(prefix)) return true;
  }
  return false;
}

std::optional<fault_line> lost_line(uint64_t number, std::string_view who) {
  fault_line found;
  found.kind = fault_kind::suppressed;
  found.number = number;
  found.subject = who;
  return found;
}

struct loser {
  std::string_view front;  ///< in front of the number; may be empty
  std::string_view back;   ///< behind it
  std::string_view who;
};

constexpr std::array<loser, 6> losers = {{
    {"** ", " printk messages dropped", "the kernel"},
    {"** ", " messages suppressed", "the kernel"},
    {"Missed ", " kernel messages", "the journal"},
    {"Suppressed ", " messages from", "the journal"},
    {"", " messages lost due to rate-limiting", "the system's logger"},
    {"", " printk messages dropped", "the kernel"},
}};

}  // namespace

std::optional<fault_line> lost_lines(std::string_view line) {
  constexpr std::string_view words = " callbacks suppressed";
  if (const size_t at = line.find(words); at != std::string_view::npos) {
    const std::string_view front = line.substr(0, at);
    const auto number = last_number(front);
    const size_t colon = front.rfind(": ");
    if (!number || colon == std::string_view::npos) return std::nullopt;
    const std::string_view name = front.substr(0, colon);
    const std::string_view function = name.substr(name.find_last_of(" ]") + 1);
    if (!prints_faults(function)) return std::nullopt;
    return lost_line(*number, "");
  }
  for (const loser& l : losers) {
    const size_t at = line.find(l.back);
    if (at == std::string_view::npos) continue;
    if (const auto number = last_number(line.substr(0, at))) return lost_line(*number, l.who);
  }
  return std::nullopt;
}

}  // namespace iommulab
