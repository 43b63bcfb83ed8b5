// SPDX-License-Identifier: GPL-2.0-only
//
// The domains of one unit by their ids there: which ids are taken, and whose they are.
// intel_iommu::lock guards both.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/slab.h"
#include "intel/hw/domain_ids.h"

namespace iommulab::v4_4 {

struct dmar_domain;

/// Domains of 256 successive ids.
using domain_table = std::array<dmar_domain*, 256>;

/// iommu->domain_ids and iommu->domains: a first level over bits 15:8 of an id, second levels made
/// when their first id is used.
struct unit_domains {
  slab_token ids_memory;
  domain_id_bitmap domain_ids;
  std::vector<kernel_ptr<domain_table>> domains;  ///< the first comes with the first level
};

}  // namespace iommulab::v4_4
