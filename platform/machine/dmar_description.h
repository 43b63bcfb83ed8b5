// SPDX-License-Identifier: GPL-2.0-only
//
// What a machine's firmware says of its remapping hardware, before it is a table of bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"
#include "platform/firmware/dmar_builder.h"

namespace iommulab {

struct dmar_unit {
  uint16_t segment = 0;
  phys_addr base;
  bool include_all = false;
  std::vector<dmar_scope_spec> scopes;
};

struct dmar_reserved_region {
  uint16_t segment = 0;
  phys_addr first;
  phys_addr last;  ///< the last byte
  std::vector<dmar_scope_spec> scopes;
};

struct dmar_ats_ports {
  uint16_t segment = 0;
  bool all_ports = false;
  std::vector<dmar_scope_spec> scopes;
};

struct dmar_affinity {
  phys_addr base;  ///< the unit's
  uint32_t proximity_domain = 0;
};

struct dmar_description {
  unsigned host_address_width = 39;  ///< bits
  bool interrupt_remapping = false;
  std::string oem_id;        ///< 6 characters, padded
  std::string oem_table_id;  ///< 8 characters, padded
  std::string creator_id;    ///< 4 characters
  std::vector<dmar_unit> units;
  std::vector<dmar_reserved_region> regions;
  std::vector<dmar_ats_ports> ats;
  std::vector<dmar_affinity> affinities;
};

/// The ACPI table, checksum included (VT-d specification chapter 8). Structures come in the order
/// units, regions, ATS ports, affinities.
std::vector<uint8_t> serialise(const dmar_description& description);

}  // namespace iommulab
