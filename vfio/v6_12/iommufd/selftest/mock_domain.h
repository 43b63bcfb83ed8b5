// SPDX-License-Identifier: GPL-2.0-only
//
// Page tables of a mock unit: a map from pages of 2 KiB, half of the processor's, to where they
// lie, each with the marks of the run that it was mapped in; and tables nested in one, which are
// four numbers that a flush makes zero.
// Linux v6.12 drivers/iommu/iommufd/selftest.c: struct mock_iommu_domain
//
// What the unit cannot do is warned of: an unmap that begins or ends within a run that was mapped
// at once.
#pragma once

#include <array>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/slab.h"
#include "vfio/uapi/iommufd_test.h"
#include "vfio/v6_12/iommufd/iommufd.h"

namespace iommulab::v6_12 {

/// IOMMU_DOMAIN_NESTED: tables of the user's own, above the kernel's.
inline constexpr auto nested_domain_type = static_cast<iommu_domain_type>(1u << 6);

inline constexpr uint64_t mock_io_page_size = page_size / 2;
inline constexpr uint64_t mock_huge_page_size = 512 * mock_io_page_size;

/// MOCK_PFN_*: a page of a mock domain.
struct mock_page {
  uint64_t pfn = 0;         ///< in mock_io_page_size
  bool is_run_end = false;  ///< first or last one of what a call mapped
  bool is_dirty = false;
  bool is_huge = false;
};

struct mock_iommu_domain final : iommu_domain {
  [[nodiscard]] std::string name() const override { return "mock"; }
  bool tracks_dirty = false;                      ///< MOCK_DIRTY_TRACK
  absl::flat_hash_map<uint64_t, mock_page> pfns;  ///< by address / mock_io_page_size
};

struct mock_iommu_domain_nested final : iommu_domain {
  [[nodiscard]] std::string name() const override { return "mock nested"; }
  mock_iommu_domain* parent = nullptr;
  std::array<uint32_t, uapi::mock_nested_domain_iotlb_num> iotlb{};
};

/// mock_blocking_domain's
class mock_blocking_ops final : public iommu_domain_ops {
 public:
  int attach_dev(iommu_domain& domain, device& dev) override;
};

/// domain_nested_ops
class mock_nested_ops final : public iommu_domain_ops {
 public:
  explicit mock_nested_ops(iommufd_module& module) : module_(module) {}
  int attach_dev(iommu_domain& domain, device& dev) override;
  [[nodiscard]] bool invalidates_for_users() const override { return true; }
  int cache_invalidate_user(iommu_domain& domain, iommu_user_data_array& array) override;
  void free(iommu_domain& domain) override;

 private:
  iommufd_module& module_;
};

/// mock_ops' default_domain_ops, and dirty_ops
class mock_domain_ops final : public iommu_domain_ops, public iommu_dirty_ops {
 public:
  explicit mock_domain_ops(iommufd_module& module) : module_(module) {}
  int attach_dev(iommu_domain& domain, device& dev) override;
  int map_pages(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t pgsize,
                uint64_t pgcount, int prot, uint64_t& mapped) override;
  uint64_t unmap_pages(iommu_domain& domain, dma_addr iova, uint64_t pgsize, uint64_t pgcount,
                       iommu_iotlb_gather& gather) override;
  phys_addr iova_to_phys(iommu_domain& domain, dma_addr iova) override;
  void free(iommu_domain& domain) override;

  int set_dirty_tracking(iommu_domain& domain, bool enable) override;
  int read_and_clear_dirty(iommu_domain& domain, dma_addr iova, uint64_t size, unsigned flags,
                           iommu_dirty_bitmap& dirty) override;

 private:
  iommufd_module& module_;
};

/// Null when there is no memory. `dev` may be null.
mock_iommu_domain* mock_domain_alloc_paging(iommufd_module& module, iommu_domain_ops& ops,
                                            const device* dev);
/// Null with `error` set.
mock_iommu_domain_nested* mock_domain_alloc_nested(iommufd_module& module, iommu_domain_ops& ops,
                                                   mock_iommu_domain& parent,
                                                   const uapi::iommu_hwpt_selftest& user_cfg,
                                                   int& error);

}  // namespace iommulab::v6_12
