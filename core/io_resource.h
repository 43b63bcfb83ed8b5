// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's claims on physical address ranges (iomem_resource): a range has one owner.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"

namespace iommulab {

class io_resource {
 public:
  struct claim {
    uint64_t start;
    uint64_t end;  ///< inclusive
    std::string name;
  };

  /// request_mem_region(): false when any byte of the range has an owner.
  bool request(phys_addr start, uint64_t size, std::string name);
  /// release_mem_region(): gives back exactly that range; false when it was not claimed so.
  bool release(phys_addr start, uint64_t size);
  [[nodiscard]] const std::vector<claim>& claims() const { return claims_; }

 private:
  std::vector<claim> claims_;
};

}  // namespace iommulab
