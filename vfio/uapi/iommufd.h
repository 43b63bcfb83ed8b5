// SPDX-License-Identifier: GPL-2.0-only
//
// iommufd's interface to user space as of Linux 6.12, include/uapi/linux/iommufd.h: numbers of
// requests, structures and flags. The names are that header's, in lower case and without its
// prefix IOMMU_ or IOMMUFD_ where a structure's name says it already.
//
// Every structure begins with its own size as the caller knows it: a longer one must end in zeroes,
// a shorter one lacks what came later.
#pragma once

#include <array>
#include <cstdint>

#include "vfio/uapi/ioctl.h"

namespace iommulab::uapi {

inline constexpr uint32_t iommu_destroy_request = request(iommufd_base + 0);
inline constexpr uint32_t iommu_ioas_alloc_request = request(iommufd_base + 1);
inline constexpr uint32_t iommu_ioas_allow_iovas_request = request(iommufd_base + 2);
inline constexpr uint32_t iommu_ioas_copy_request = request(iommufd_base + 3);
inline constexpr uint32_t iommu_ioas_iova_ranges_request = request(iommufd_base + 4);
inline constexpr uint32_t iommu_ioas_map_request = request(iommufd_base + 5);
inline constexpr uint32_t iommu_ioas_unmap_request = request(iommufd_base + 6);
inline constexpr uint32_t iommu_option_request = request(iommufd_base + 7);
inline constexpr uint32_t iommu_vfio_ioas_request = request(iommufd_base + 8);
inline constexpr uint32_t iommu_hwpt_alloc_request = request(iommufd_base + 9);
inline constexpr uint32_t iommu_get_hw_info_request = request(iommufd_base + 10);
inline constexpr uint32_t iommu_hwpt_set_dirty_tracking_request = request(iommufd_base + 11);
inline constexpr uint32_t iommu_hwpt_get_dirty_bitmap_request = request(iommufd_base + 12);
inline constexpr uint32_t iommu_hwpt_invalidate_request = request(iommufd_base + 13);
inline constexpr uint32_t iommu_fault_queue_alloc_request = request(iommufd_base + 14);

struct iommu_destroy {
  uint32_t size = 0;
  uint32_t id = 0;
};
static_assert(sizeof(iommu_destroy) == 8);

// I/O address spaces

struct iommu_ioas_alloc {
  uint32_t size = 0;
  uint32_t flags = 0;
  uint32_t out_ioas_id = 0;
};
static_assert(sizeof(iommu_ioas_alloc) == 12);

struct iommu_iova_range {
  uint64_t start = 0;
  uint64_t last = 0;  ///< inclusive
};
static_assert(sizeof(iommu_iova_range) == 16);

struct iommu_ioas_iova_ranges {
  uint32_t size = 0;
  uint32_t ioas_id = 0;
  uint32_t num_iovas = 0;  ///< slots; comes back as ranges that there are
  uint32_t reserved = 0;
  uint64_t allowed_iovas = 0;  ///< address of the slots, each an iommu_iova_range
  uint64_t out_iova_alignment = 0;
};
static_assert(sizeof(iommu_ioas_iova_ranges) == 32);

struct iommu_ioas_allow_iovas {
  uint32_t size = 0;
  uint32_t ioas_id = 0;
  uint32_t num_iovas = 0;
  uint32_t reserved = 0;
  uint64_t allowed_iovas = 0;
};
static_assert(sizeof(iommu_ioas_allow_iovas) == 24);

inline constexpr uint32_t iommu_ioas_map_fixed_iova = 1u << 0;
inline constexpr uint32_t iommu_ioas_map_writeable = 1u << 1;
inline constexpr uint32_t iommu_ioas_map_readable = 1u << 2;
struct iommu_ioas_map {
  uint32_t size = 0;
  uint32_t flags = 0;
  uint32_t ioas_id = 0;
  uint32_t reserved = 0;
  uint64_t user_va = 0;
  uint64_t length = 0;
  uint64_t iova = 0;
};
static_assert(sizeof(iommu_ioas_map) == 40);

struct iommu_ioas_copy {
  uint32_t size = 0;
  uint32_t flags = 0;  ///< of iommu_ioas_map
  uint32_t dst_ioas_id = 0;
  uint32_t src_ioas_id = 0;
  uint64_t length = 0;
  uint64_t dst_iova = 0;
  uint64_t src_iova = 0;
};
static_assert(sizeof(iommu_ioas_copy) == 40);

struct iommu_ioas_unmap {
  uint32_t size = 0;
  uint32_t ioas_id = 0;
  uint64_t iova = 0;
  uint64_t length = 0;  ///< comes back as bytes that were unmapped
};
static_assert(sizeof(iommu_ioas_unmap) == 24);

inline constexpr uint32_t iommu_option_rlimit_mode = 0;
inline constexpr uint32_t iommu_option_huge_pages = 1;
inline constexpr uint16_t iommu_option_op_set = 0;
inline constexpr uint16_t iommu_option_op_get = 1;
struct iommu_option {
  uint32_t size = 0;
  uint32_t option_id = 0;
  uint16_t op = 0;
  uint16_t reserved = 0;
  uint32_t object_id = 0;
  uint64_t val64 = 0;
};
static_assert(sizeof(iommu_option) == 24);

inline constexpr uint16_t iommu_vfio_ioas_get = 0;
inline constexpr uint16_t iommu_vfio_ioas_set = 1;
inline constexpr uint16_t iommu_vfio_ioas_clear = 2;
struct iommu_vfio_ioas {
  uint32_t size = 0;
  uint32_t ioas_id = 0;
  uint16_t op = 0;
  uint16_t reserved = 0;
};
static_assert(sizeof(iommu_vfio_ioas) == 12);

// Page tables of the hardware

inline constexpr uint32_t iommu_hwpt_alloc_nest_parent = 1u << 0;
inline constexpr uint32_t iommu_hwpt_alloc_dirty_tracking = 1u << 1;
inline constexpr uint32_t iommu_hwpt_fault_id_valid = 1u << 2;

inline constexpr uint32_t iommu_vtd_s1_sre = 1u << 0;
inline constexpr uint32_t iommu_vtd_s1_eafe = 1u << 1;
inline constexpr uint32_t iommu_vtd_s1_wpe = 1u << 2;
/// A first-level table in the user's memory.
struct iommu_hwpt_vtd_s1 {
  uint64_t flags = 0;
  uint64_t pgtbl_addr = 0;
  uint32_t addr_width = 0;  ///< bits
  uint32_t reserved = 0;
};
static_assert(sizeof(iommu_hwpt_vtd_s1) == 24);

inline constexpr uint32_t iommu_hwpt_data_none = 0;
inline constexpr uint32_t iommu_hwpt_data_vtd_s1 = 1;
struct iommu_hwpt_alloc {
  uint32_t size = 0;
  uint32_t flags = 0;
  uint32_t dev_id = 0;
  uint32_t pt_id = 0;
  uint32_t out_hwpt_id = 0;
  uint32_t reserved = 0;
  uint32_t data_type = 0;
  uint32_t data_len = 0;
  uint64_t data_uptr = 0;
  uint32_t fault_id = 0;
  uint32_t reserved2 = 0;
};
static_assert(sizeof(iommu_hwpt_alloc) == 48);

inline constexpr uint32_t iommu_hw_info_vtd_errata_772415_spr17 = 1u << 0;
struct iommu_hw_info_vtd {
  uint32_t flags = 0;
  uint32_t reserved = 0;
  uint64_t cap_reg = 0;
  uint64_t ecap_reg = 0;
};
static_assert(sizeof(iommu_hw_info_vtd) == 24);

inline constexpr uint32_t iommu_hw_info_type_none = 0;
inline constexpr uint32_t iommu_hw_info_type_intel_vtd = 1;
inline constexpr uint64_t iommu_hw_cap_dirty_tracking = 1u << 0;
inline constexpr uint64_t iommu_hw_cap_pci_pasid_exec = 1u << 1;
inline constexpr uint64_t iommu_hw_cap_pci_pasid_priv = 1u << 2;
struct iommu_hw_info {
  uint32_t size = 0;
  uint32_t flags = 0;
  uint32_t dev_id = 0;
  uint32_t data_len = 0;  ///< of the user's buffer; comes back as bytes that there are
  uint64_t data_uptr = 0;
  uint32_t out_data_type = 0;
  uint8_t out_max_pasid_log2 = 0;
  std::array<uint8_t, 3> reserved{};
  uint64_t out_capabilities = 0;
};
static_assert(sizeof(iommu_hw_info) == 40);

inline constexpr uint32_t iommu_hwpt_dirty_tracking_enable = 1;
struct iommu_hwpt_set_dirty_tracking {
  uint32_t size = 0;
  uint32_t flags = 0;
  uint32_t hwpt_id = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(iommu_hwpt_set_dirty_tracking) == 16);

inline constexpr uint32_t iommu_hwpt_get_dirty_bitmap_no_clear = 1;
struct iommu_hwpt_get_dirty_bitmap {
  uint32_t size = 0;
  uint32_t hwpt_id = 0;
  uint32_t flags = 0;
  uint32_t reserved = 0;
  uint64_t iova = 0;
  uint64_t length = 0;
  uint64_t page_size = 0;
  uint64_t data = 0;  ///< address of one bit a page
};
static_assert(sizeof(iommu_hwpt_get_dirty_bitmap) == 48);

inline constexpr uint32_t iommu_hwpt_invalidate_data_vtd_s1 = 0;
inline constexpr uint32_t iommu_vtd_inv_flags_leaf = 1u << 0;
struct iommu_hwpt_vtd_s1_invalidate {
  uint64_t addr = 0;
  uint64_t npages = 0;
  uint32_t flags = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(iommu_hwpt_vtd_s1_invalidate) == 24);
struct iommu_hwpt_invalidate {
  uint32_t size = 0;
  uint32_t hwpt_id = 0;
  uint64_t data_uptr = 0;
  uint32_t data_type = 0;
  uint32_t entry_len = 0;
  uint32_t entry_num = 0;  ///< comes back as entries that were done
  uint32_t reserved = 0;
};
static_assert(sizeof(iommu_hwpt_invalidate) == 32);

// Faults that the user answers

inline constexpr uint32_t iommu_pgfault_flags_pasid_valid = 1u << 0;
inline constexpr uint32_t iommu_pgfault_flags_last_page = 1u << 1;
inline constexpr uint32_t iommu_pgfault_perm_read = 1u << 0;
inline constexpr uint32_t iommu_pgfault_perm_write = 1u << 1;
inline constexpr uint32_t iommu_pgfault_perm_exec = 1u << 2;
inline constexpr uint32_t iommu_pgfault_perm_priv = 1u << 3;
struct iommu_hwpt_pgfault {
  uint32_t flags = 0;
  uint32_t dev_id = 0;
  uint32_t pasid = 0;
  uint32_t grpid = 0;
  uint32_t perm = 0;
  uint32_t reserved = 0;
  uint64_t addr = 0;
  uint32_t length = 0;
  uint32_t cookie = 0;
};
static_assert(sizeof(iommu_hwpt_pgfault) == 40);

inline constexpr uint32_t iommufd_page_resp_success = 0;
inline constexpr uint32_t iommufd_page_resp_invalid = 1;
struct iommu_hwpt_page_response {
  uint32_t cookie = 0;
  uint32_t code = 0;
};
static_assert(sizeof(iommu_hwpt_page_response) == 8);

struct iommu_fault_alloc {
  uint32_t size = 0;
  uint32_t flags = 0;
  uint32_t out_fault_id = 0;
  uint32_t out_fault_fd = 0;
};
static_assert(sizeof(iommu_fault_alloc) == 16);

}  // namespace iommulab::uapi
