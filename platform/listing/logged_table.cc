// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/logged_table.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <variant>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

/// "0xfed90000", "0x9c000000-0xa07fffff"
using named_regions = std::set<std::string>;

std::optional<uint64_t> number_behind(std::string_view line, std::string_view mark) {
  const size_t at = line.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(at + mark.size());
  return parse_number(rest.substr(0, rest.find(' ')));
}

std::string region(uint64_t base, uint64_t limit) {
  return absl::StrFormat("0x%x-0x%x", base, limit);
}

std::string only_in(const named_regions& these, const named_regions& those) {
  std::vector<std::string> only;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                      std::back_inserter(only));
  return only.empty() ? "none else" : absl::StrJoin(only, ", ");
}

void compare(std::string_view what, const named_regions& table, const named_regions& log,
             std::vector<std::string>& differences) {
  if (log.empty() || log == table) return;
  differences.push_back(absl::StrFormat(
      "that the DMAR table counts and not the log, which tells of another one: %s of the table "
      "alone: %s; of the log alone: %s",
      what, only_in(table, log), only_in(log, table)));
}

}  // namespace

std::vector<std::string> differences_from_log(const dmar_table& table, const text_source& log) {
  named_regions units;
  named_regions regions;
  for (const dmar_structure& structure : table.structures) {
    if (const auto* drhd = std::get_if<dmar_drhd>(&structure.body)) {
      units.insert(absl::StrFormat("0x%x", drhd->register_base));
    } else if (const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body)) {
      regions.insert(region(rmrr->base, rmrr->limit));
    }
  }
  std::vector<std::string> differences;
  if (units.empty() && regions.empty()) return differences;
  named_regions logged_units;
  named_regions logged_regions;
  for (const std::string_view line : log.lines()) {
    if (const auto base = number_behind(line, "DRHD base: ")) {
      logged_units.insert(absl::StrFormat("0x%x", *base));
    }
    const auto base = number_behind(line, "RMRR base: ");
    const auto end = number_behind(line, " end: ");
    if (base && end) logged_regions.insert(region(*base, *end));
  }
  compare("DRHDs", units, logged_units, differences);
  compare("RMRRs", regions, logged_regions, differences);
  return differences;
}

}  // namespace iommulab
