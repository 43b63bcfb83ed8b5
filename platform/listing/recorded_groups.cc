// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/recorded_groups.h"

#include <optional>
#include <string_view>

#include "platform/listing/listed_function.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr uint64_t most_groups = 0xffff;

/// As every account of a machine writes it.
std::string address_of(const listed_address& address) {
  listed_function f;
  f.domain = address.domain;
  f.bus = address.bus;
  f.devfn = address.devfn;
  return f.address();
}

/// The digits at the front.
std::optional<unsigned> leading_group(std::string_view text) {
  const size_t end = text.find_first_not_of("0123456789");
  const auto number = parse_number(text.substr(0, end));
  if (!number || *number > most_groups) return std::nullopt;
  return static_cast<unsigned>(*number);
}

struct logged_group {
  std::string_view address;
  std::string_view number;
};

std::optional<logged_group> logged_in(std::string_view line) {
  constexpr std::string_view now = ": Adding to iommu group ";
  constexpr std::string_view before = "iommu: Adding device ";
  constexpr std::string_view to_group = " to group ";
  if (const size_t at = line.find(now); at != std::string_view::npos) {
    const size_t blank = line.rfind(' ', at);
    const size_t begin = blank == std::string_view::npos ? 0 : blank + 1;
    return logged_group{line.substr(begin, at - begin), line.substr(at + now.size())};
  }
  if (!take_prefix(line, before)) return std::nullopt;
  const size_t at = line.find(to_group);
  if (at == std::string_view::npos) return std::nullopt;
  return logged_group{line.substr(0, at), line.substr(at + to_group.size())};
}

/// "5.11" of "5.11.22-4-PVE".
std::string release_of(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return "";
  const size_t end = text.find_first_not_of("0123456789", dot + 1);
  const std::string_view minor = text.substr(dot + 1, end - dot - 1);
  if (!parse_number(text.substr(0, dot)) || !parse_number(minor)) return "";
  return std::string(text.substr(0, dot + 1)) + std::string(minor);
}

}  // namespace

absl::StatusOr<recorded_groups> parse_group_rows(const text_source& source) {
  recorded_groups groups;
  size_t number = 0;
  for (const std::string_view line : source.lines()) {
    ++number;
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    const std::string_view word = text.substr(0, text.find_first_of(" \t"));
    const auto address = parse_listed_address(word);
    if (!address) return line_error(source.name, number, "address", word, "no PCI address");
    const std::string_view rest = trimmed(text.substr(word.size()));
    const std::string_view digits = rest.substr(0, rest.find_first_of(" \t"));
    const auto group = parse_number(digits);
    if (!group || *group > most_groups) {
      return line_error(source.name, number, "group", digits, "no number of a group");
    }
    if (!groups.emplace(address_of(*address), static_cast<unsigned>(*group)).second) {
      return line_error(source.name, number, "address", word, "it comes twice");
    }
  }
  return groups;
}

absl::StatusOr<recorded_groups> parse_logged_groups(const text_source& log) {
  recorded_groups groups;
  size_t number = 0;
  for (const std::string_view stamped : log.lines()) {
    ++number;
    const auto found = logged_in(without_time_stamp(stamped));
    if (!found) continue;
    const auto address = parse_listed_address(found->address);
    if (!address) continue;  // a device of another bus
    const auto group = leading_group(found->number);
    if (!group) {
      return line_error(log.name, number, "iommu group", found->number, "no number of a group");
    }
    groups[address_of(*address)] = *group;
  }
  return groups;
}

std::string recorded_release(const text_source& source) {
  constexpr std::string_view of_a_log = "Linux version ";
  const auto lines = source.lines();
  for (const std::string_view stamped : lines) {
    std::string_view told = stamped;
    if (take_prefix(told, "kernel: ") && !release_of(told).empty()) return release_of(told);
    std::string_view line = without_time_stamp(stamped);
    if (take_prefix(line, of_a_log)) return release_of(line);
  }
  return lines.empty() ? "" : release_of(trimmed(lines.front()));
}

}  // namespace iommulab
