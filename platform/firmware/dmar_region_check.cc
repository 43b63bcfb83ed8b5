// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/types.h"
#include "platform/firmware/dmar_check.h"
#include "platform/vtd/interrupt_range.h"

namespace iommulab {
namespace {

namespace layout = dmar_layout;

/// A reserved region that ends where it begins or later.
struct region {
  const dmar_structure* structure;
  const dmar_rmrr* body;

  [[nodiscard]] std::size_t base_at() const {
    return structure->offset + layout::rmrr::base.offset;
  }
  [[nodiscard]] std::string text() const {
    return absl::StrFormat("0x%x-0x%x", body->base, body->limit);
  }
};

class region_checker {
 public:
  explicit region_checker(dmar_table& table) : table_(table) {
    for (const dmar_structure& structure : table.structures) {
      all_units_known_ &= structure.complete || !is_unit(structure);
      if (!structure.complete) continue;
      if (const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body);
          rmrr != nullptr && rmrr->base <= rmrr->limit) {
        regions_.push_back({&structure, rmrr});
      } else if (const auto* drhd = std::get_if<dmar_drhd>(&structure.body)) {
        segments_.insert(drhd->segment);
        unit_bases_.insert(drhd->register_base);
      }
    }
  }

  void check() {
    check_against_each_other();
    for (const region& r : regions_) {
      check_interrupt_range(r);
      check_unit_registers(r);
    }
    check_segments();
  }

 private:
  static bool is_unit(const dmar_structure& structure) {
    return structure.type == static_cast<uint16_t>(layout::structure_type::drhd);
  }
  void add(dmar_diagnosis diagnosis, std::size_t offset, std::string field, uint64_t value,
           std::string sentence) {
    table_.findings.push_back(
        make_dmar_finding(diagnosis, offset, std::move(field), value, std::move(sentence)));
  }
  void check_against_each_other();
  void report_pair(const region& one, const region& other);
  void check_interrupt_range(const region& r);
  void check_unit_registers(const region& r);
  void check_segments();

  dmar_table& table_;
  std::vector<region> regions_;
  std::set<uint16_t> segments_;  ///< that have a unit
  std::set<uint64_t> unit_bases_;
  bool all_units_known_ = true;
};

/// In order of address each region is compared with the one that reaches furthest of those before:
/// a damaged table may have more regions than pairs can be looked at. A region that devices of
/// several segments use is rightly there once for each (VT-d specification 8.4).
void region_checker::check_against_each_other() {
  std::vector<const region*> sorted;
  for (const region& r : regions_) sorted.push_back(&r);
  std::stable_sort(sorted.begin(), sorted.end(), [](const region* a, const region* b) {
    return std::tuple(a->body->segment, a->body->base, a->body->limit) <
           std::tuple(b->body->segment, b->body->base, b->body->limit);
  });
  const region* furthest = nullptr;
  const region* previous = nullptr;
  for (const region* r : sorted) {
    if (previous != nullptr && previous->body->segment != r->body->segment) {
      furthest = nullptr;
      previous = nullptr;
    }
    const bool same = previous != nullptr && previous->body->base == r->body->base &&
                      previous->body->limit == r->body->limit;
    if (same) {
      report_pair(*previous, *r);
    } else if (furthest != nullptr && r->body->base <= furthest->body->limit) {
      report_pair(*furthest, *r);
    }
    previous = r;
    if (furthest == nullptr || r->body->limit > furthest->body->limit) furthest = r;
  }
}

/// The later of the two in the table is the one complained of.
void region_checker::report_pair(const region& one, const region& other) {
  const bool in_order = one.structure->offset < other.structure->offset;
  const region& earlier = in_order ? one : other;
  const region& later = in_order ? other : one;
  const bool same =
      earlier.body->base == later.body->base && earlier.body->limit == later.body->limit;
  if (same) {
    add(dmar_diagnosis::rmrr_duplicate, later.base_at(), "rmrr.base_address", later.body->base,
        absl::StrFormat("the region %s is a duplicate: the RMRR at 0x%04x describes it already",
                        later.text(), earlier.structure->offset));
    return;
  }
  add(dmar_diagnosis::rmrr_overlap, later.base_at(), "rmrr.base_address", later.body->base,
      absl::StrFormat("the region %s overlaps the region %s of the RMRR at 0x%04x", later.text(),
                      earlier.text(), earlier.structure->offset));
}

void region_checker::check_interrupt_range(const region& r) {
  if (!reaches_interrupt_range(r.body->base, r.body->limit)) return;
  add(dmar_diagnosis::rmrr_in_interrupt_range, r.base_at(), "rmrr.base_address", r.body->base,
      absl::StrFormat("the region %s reaches into the interrupt range 0x%x-0x%x, which units never "
                      "translate",
                      r.text(), interrupt_base, interrupt_end - 1));
}

void region_checker::check_unit_registers(const region& r) {
  const auto unit = unit_bases_.lower_bound(r.body->base & ~(page_size - 1));
  if (unit == unit_bases_.end() || *unit > r.body->limit) return;
  add(dmar_diagnosis::rmrr_over_unit_registers, r.base_at(), "rmrr.base_address", r.body->base,
      absl::StrFormat("the region %s covers the registers of the unit at 0x%x: devices could write "
                      "to them",
                      r.text(), *unit));
}

void region_checker::check_segments() {
  if (segments_.empty() || !all_units_known_) return;
  for (const dmar_structure& structure : table_.structures) {
    if (!structure.complete) continue;
    std::optional<uint16_t> segment;
    if (const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body)) segment = rmrr->segment;
    if (const auto* atsr = std::get_if<dmar_atsr>(&structure.body)) segment = atsr->segment;
    if (const auto* satc = std::get_if<dmar_satc>(&structure.body)) segment = satc->segment;
    if (const auto* sidp = std::get_if<dmar_sidp>(&structure.body)) segment = sidp->segment;
    if (!segment || segments_.contains(*segment)) continue;
    const auto field = std::find_if(structure.fields.begin(), structure.fields.end(),
                                    [](const dmar_field& f) { return f.name == "segment"; });
    std::string name(dmar_structure_name(structure.type));
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    add(dmar_diagnosis::segment_without_drhd,
        field == structure.fields.end() ? structure.offset : field->offset, name + ".segment",
        *segment,
        absl::StrFormat(
            "no DRHD describes a unit of segment %d: nothing translates for the devices "
            "of this %s",
            *segment, dmar_structure_name(structure.type)));
  }
}

}  // namespace

void check_regions(dmar_table& table) {
  region_checker(table).check();
}

}  // namespace iommulab
