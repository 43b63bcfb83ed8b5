// SPDX-License-Identifier: GPL-2.0-only
#include <variant>

#include "absl/strings/str_format.h"
#include "cli/machines/machine_report.h"
#include "cli/tables/dmar_meaning.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/firmware_check.h"

namespace iommulab {
namespace {

struct words_of_structure {
  std::string operator()(const dmar_unknown_structure&) const { return ""; }
  std::string operator()(const dmar_drhd& d) const {
    return absl::StrFormat("registers 0x%x, segment %d%s", d.register_base, d.segment,
                           d.include_all() ? ", all devices without another unit" : "");
  }
  std::string operator()(const dmar_rmrr& d) const {
    return absl::StrFormat("memory 0x%x-0x%x, segment %d", d.base, d.limit, d.segment);
  }
  std::string operator()(const dmar_atsr& d) const {
    const bool all = dmar_layout::atsr::all_ports.in(d.flags);
    return absl::StrFormat("segment %d%s", d.segment, all ? ", all root ports" : "");
  }
  std::string operator()(const dmar_rhsa& d) const {
    return absl::StrFormat("registers 0x%x, proximity domain %d", d.register_base,
                           d.proximity_domain);
  }
  std::string operator()(const dmar_andd& d) const {
    return absl::StrFormat("device %d, %s", d.device_number, printable(d.name));
  }
  std::string operator()(const dmar_satc& d) const {
    return absl::StrFormat("segment %d", d.segment);
  }
  std::string operator()(const dmar_sidp& d) const {
    return absl::StrFormat("segment %d", d.segment);
  }
};

}  // namespace

table_report report_table(const machine_config& machine) {
  table_report report;
  report.present = !machine.dmar_table.empty();
  if (!report.present) return report;
  const dmar_table table = decode_dmar_of(machine.dmar_table, machine);
  report.decodable = table.decodable;
  report.findings = table.findings;
  if (!table.decodable) return report;
  report.host_address_bits = table.host_address_bits();
  for (const dmar_structure& structure : table.structures) {
    structure_report s;
    s.name = dmar_structure_name(structure.type);
    s.words = structure.complete ? std::visit(words_of_structure{}, structure.body)
                                 : std::string("incomplete");
    for (const dmar_device_scope& scope : structure.scopes) {
      s.scopes.push_back(
          absl::StrFormat("%s %s", dmar_scope_type_name(scope.type),
                          scope.complete ? dmar_path_text(scope) : std::string("(incomplete)")));
    }
    report.structures.push_back(std::move(s));
  }
  return report;
}

}  // namespace iommulab
