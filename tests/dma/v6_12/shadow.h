// SPDX-License-Identifier: GPL-2.0-only
//
// What a test keeps beside a running Linux 6.12: domains with what they map, groups with where they
// are, buffers of device drivers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "core/dma/scatterlist.h"
#include "support/v6_12/page_map.h"
#include "support/v6_12/system.h"

namespace iommulab::test::linux_6_12 {

struct shadow_domain {
  v6_12::iommu_domain* domain = nullptr;  ///< null: requests pass
  page_map pages;
  page_map stale;                  ///< unmapped, with a flush that may come later
  std::vector<page_run> reserved;  ///< addresses that the DMA API never gives out
};

/// What a device driver has mapped through the DMA API.
struct dma_buffer {
  enum class kind { page, list, coherent };
  kind what = kind::page;
  device* dev = nullptr;
  dma_addr handle;
  uint64_t size = 0;
  dma_data_direction dir = dma_data_direction::bidirectional;
  std::vector<scatterlist> list;
  phys_addr memory;
  bool direct = false;  ///< the device had no DMA API over the IOMMU
};

/// What is in use: pages, small objects in them, kernel objects.
struct leftovers {
  uint64_t pages = 0;
  uint64_t small_objects = 0;
  int64_t objects = 0;
  friend bool operator==(const leftovers&, const leftovers&) = default;
};
inline std::ostream& operator<<(std::ostream& out, const leftovers& left) {
  return out << left.pages << " pages, " << left.small_objects << " small objects, " << left.objects
             << " objects";
}

struct shadow_group {
  std::vector<source_id> functions;
  std::vector<source_id> requesters;  ///< ids that their requests may bear
  size_t unit = 0;
  std::vector<uint32_t> pasid_limits;  ///< of each function; 0 without PASIDs

  iommu_group* group = nullptr;  ///< null: no unit is in charge
  shadow_domain own;             ///< the default domain
  std::string type;              ///< as the file says
  std::string first_type;        ///< after start-up
  shadow_domain* attached = nullptr;
  bool claimed = false;
  bool cut_off = false;  ///< no memory to go back to the default domain: that cannot fail
  unsigned users = 0;
  std::map<uint32_t, shadow_domain*> pasids;
  std::vector<dma_buffer> buffers;
  std::deque<uint64_t> addresses;  ///< pages that were of interest lately

  [[nodiscard]] bool blocked() const {
    return group == nullptr || cut_off || (claimed && attached == nullptr);
  }
  /// Where requests without PASID go, unless they are blocked.
  [[nodiscard]] const shadow_domain& current() const {
    return attached != nullptr ? *attached : own;
  }
  void remember(uint64_t page);
};

}  // namespace iommulab::test::linux_6_12
