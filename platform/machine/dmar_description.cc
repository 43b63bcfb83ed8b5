// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/dmar_description.h"

#include "platform/firmware/dmar_layout.h"

namespace iommulab {

std::vector<uint8_t> serialise(const dmar_description& description) {
  acpi_identity identity;
  identity.oem_id = description.oem_id;
  identity.oem_table_id = description.oem_table_id;
  identity.creator_id = description.creator_id;
  dmar_builder table(description.host_address_width, description.interrupt_remapping ? 1 : 0, 1,
                     identity);
  for (const dmar_unit& unit : description.units) {
    table.add_drhd(unit.include_all ? 1 : 0, unit.segment, unit.base.value(), unit.scopes);
  }
  for (const dmar_reserved_region& region : description.regions) {
    table.add_rmrr(region.segment, region.first.value(), region.last.value(), region.scopes);
  }
  for (const dmar_ats_ports& ports : description.ats) {
    table.add_atsr(ports.all_ports ? 1 : 0, ports.segment, ports.scopes);
  }
  for (const dmar_affinity& affinity : description.affinities) {
    table.add_rhsa(affinity.base.value(), affinity.proximity_domain);
  }
  return table.finish();
}

}  // namespace iommulab
