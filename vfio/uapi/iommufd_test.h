// SPDX-License-Identifier: GPL-2.0-only
//
// The request by which tests make mock devices and look into them, and the structures of the mock
// device's own kinds of page tables. Linux v6.12 drivers/iommu/iommufd/iommufd_test.h
#pragma once

#include <array>
#include <cstdint>

#include "vfio/uapi/ioctl.h"

namespace iommulab::uapi {

/// IOMMU_TEST_CMD
inline constexpr uint32_t iommu_test_request = request(iommufd_base + 32);

/// IOMMU_TEST_OP_*
enum class iommu_test_op : uint32_t {
  add_reserved = 1,
  mock_domain,
  md_check_map,
  md_check_refs,
  create_access,
  destroy_access_pages,
  access_pages,
  access_rw,
  set_temp_memory_limit,
  mock_domain_replace,
  access_replace_ioas,
  mock_domain_flags,
  dirty,
  md_check_iotlb,
  trigger_iopf,
};

inline constexpr uint64_t mock_aperture_start = uint64_t{1} << 24;
inline constexpr uint64_t mock_aperture_last = (uint64_t{1} << 31) - 1;

inline constexpr uint32_t mock_flags_access_write = 1u << 0;
inline constexpr uint32_t mock_flags_access_syz = 1u << 16;
inline constexpr uint32_t mock_access_rw_write = 1u << 0;
inline constexpr uint32_t mock_access_rw_slow_path = 1u << 2;
inline constexpr uint32_t mock_flags_access_create_needs_pin_pages = 1u << 0;
inline constexpr uint32_t mock_flags_device_no_dirty = 1u << 0;
inline constexpr uint32_t mock_flags_device_huge_iova = 1u << 1;

inline constexpr uint32_t mock_nested_domain_iotlb_id_max = 3;
inline constexpr uint32_t mock_nested_domain_iotlb_num = 4;

struct iommu_test_cmd {
  struct add_reserved_words {
    uint64_t start, length;
  };
  struct mock_domain_words {
    uint32_t out_stdev_id, out_hwpt_id;
    uint32_t out_idev_id;  ///< of the device that was bound
    uint32_t dev_flags;    ///< of mock_domain_flags alone
  };
  struct mock_domain_replace_words {
    uint32_t pt_id;
  };
  struct check_map_words {
    uint64_t iova, length, uptr;
  };
  struct check_refs_words {
    uint64_t length, uptr;
    uint32_t refs;
  };
  struct create_access_words {
    uint32_t out_access_fd, flags;
  };
  struct destroy_access_pages_words {
    uint32_t access_pages_id;
  };
  struct access_pages_words {
    uint32_t flags, out_access_pages_id;
    uint64_t iova, length, uptr;
  };
  struct access_rw_words {
    uint64_t iova, length, uptr;
    uint32_t flags;
  };
  struct memory_limit_words {
    uint32_t limit;
  };
  struct access_replace_ioas_words {
    uint32_t ioas_id;
  };
  struct dirty_words {
    uint32_t flags;
    uint64_t iova, length, page_size, uptr, out_nr_dirty;
  };
  struct check_iotlb_words {
    uint32_t id, iotlb;
  };
  struct trigger_iopf_words {
    uint32_t dev_id, pasid, grpid, perm;
    uint64_t addr;
  };

  uint32_t size = 0;
  iommu_test_op op{};
  uint32_t id = 0;  ///< of what the operation is about
  uint32_t reserved = 0;
  union {
    std::array<uint64_t, 6> words{};
    add_reserved_words add_reserved;
    mock_domain_words mock_domain;
    mock_domain_replace_words mock_domain_replace;
    check_map_words check_map;
    check_refs_words check_refs;
    create_access_words create_access;
    destroy_access_pages_words destroy_access_pages;
    access_pages_words access_pages;
    access_rw_words access_rw;
    memory_limit_words memory_limit;
    access_replace_ioas_words access_replace_ioas;
    dirty_words dirty;
    check_iotlb_words check_iotlb;
    trigger_iopf_words trigger_iopf;
  };
  uint32_t last = 0;
  uint32_t padding = 0;
};
static_assert(sizeof(iommu_test_cmd) == 72);

inline constexpr uint32_t iommu_hw_info_type_selftest = 0xfeedbeef;
inline constexpr uint32_t iommu_hw_info_selftest_regval = 0xdeadbeef;
struct iommu_test_hw_info {
  uint32_t flags = 0;
  uint32_t test_reg = 0;
};

inline constexpr uint32_t iommu_hwpt_data_selftest = 0xdead;
inline constexpr uint32_t iommu_test_iotlb_default = 0xbadbeef;
/// A page table nested in a mock domain: what its cache holds at first.
struct iommu_hwpt_selftest {
  uint32_t iotlb = 0;
};

inline constexpr uint32_t iommu_hwpt_invalidate_data_selftest = 0xdeadbeef;
inline constexpr uint32_t iommu_hwpt_invalidate_data_selftest_invalid = 0xdadbeef;
inline constexpr uint32_t iommu_test_invalidate_flag_all = 1u << 0;
struct iommu_hwpt_invalidate_selftest {
  uint32_t flags = 0;
  uint32_t iotlb_id = 0;  ///< not looked at when all are invalidated
};

}  // namespace iommulab::uapi
