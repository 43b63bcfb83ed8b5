// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO's interface to user space as of Linux 6.12, include/uapi/linux/vfio.h: numbers of requests,
// structures, flags and capability headers. The names are that header's, in lower case.
//
// What a structure is followed by (data[], devices[]) has no member here; its comment says it.
#pragma once

#include <cstdint>

#include "vfio/uapi/ioctl.h"

namespace iommulab::uapi {

inline constexpr int vfio_api_version = 0;

// Extensions, and kinds of IOMMU that VFIO_SET_IOMMU takes

inline constexpr uint32_t vfio_type1_iommu = 1;
inline constexpr uint32_t vfio_spapr_tce_iommu = 2;
inline constexpr uint32_t vfio_type1v2_iommu = 3;
inline constexpr uint32_t vfio_dma_cc_iommu = 4;
inline constexpr uint32_t vfio_eeh = 5;
inline constexpr uint32_t vfio_type1_nesting_iommu = 6;
inline constexpr uint32_t vfio_spapr_tce_v2_iommu = 7;
inline constexpr uint32_t vfio_noiommu_iommu = 8;
inline constexpr uint32_t vfio_unmap_all = 9;
inline constexpr uint32_t vfio_update_vaddr = 10;

// Requests; numbers from 12 on have another meaning for a device than for a container.

inline constexpr uint32_t vfio_get_api_version = request(vfio_base + 0);
inline constexpr uint32_t vfio_check_extension = request(vfio_base + 1);
inline constexpr uint32_t vfio_set_iommu = request(vfio_base + 2);
inline constexpr uint32_t vfio_group_get_status = request(vfio_base + 3);
inline constexpr uint32_t vfio_group_set_container = request(vfio_base + 4);
inline constexpr uint32_t vfio_group_unset_container = request(vfio_base + 5);
inline constexpr uint32_t vfio_group_get_device_fd = request(vfio_base + 6);
inline constexpr uint32_t vfio_device_get_info = request(vfio_base + 7);
inline constexpr uint32_t vfio_device_get_region_info = request(vfio_base + 8);
inline constexpr uint32_t vfio_device_get_irq_info = request(vfio_base + 9);
inline constexpr uint32_t vfio_device_set_irqs = request(vfio_base + 10);
inline constexpr uint32_t vfio_device_reset = request(vfio_base + 11);
inline constexpr uint32_t vfio_device_get_pci_hot_reset_info = request(vfio_base + 12);
inline constexpr uint32_t vfio_device_pci_hot_reset = request(vfio_base + 13);
inline constexpr uint32_t vfio_device_query_gfx_plane = request(vfio_base + 14);
inline constexpr uint32_t vfio_device_get_gfx_dmabuf = request(vfio_base + 15);
inline constexpr uint32_t vfio_device_ioeventfd_request = request(vfio_base + 16);
inline constexpr uint32_t vfio_device_feature_request = request(vfio_base + 17);
inline constexpr uint32_t vfio_device_bind_iommufd_request = request(vfio_base + 18);
inline constexpr uint32_t vfio_device_attach_iommufd_pt_request = request(vfio_base + 19);
inline constexpr uint32_t vfio_device_detach_iommufd_pt_request = request(vfio_base + 20);

inline constexpr uint32_t vfio_iommu_get_info = request(vfio_base + 12);
inline constexpr uint32_t vfio_iommu_map_dma = request(vfio_base + 13);
inline constexpr uint32_t vfio_iommu_unmap_dma = request(vfio_base + 14);
inline constexpr uint32_t vfio_iommu_enable = request(vfio_base + 15);
inline constexpr uint32_t vfio_iommu_disable = request(vfio_base + 16);
inline constexpr uint32_t vfio_iommu_dirty_pages = request(vfio_base + 17);

// Capabilities behind an answer

struct vfio_info_cap_header {
  uint16_t id = 0;
  uint16_t version = 0;
  uint32_t next = 0;  ///< from the start of the answer; 0 for the last
};
static_assert(sizeof(vfio_info_cap_header) == 8);

// Groups

inline constexpr uint32_t vfio_group_flags_viable = 1u << 0;
inline constexpr uint32_t vfio_group_flags_container_set = 1u << 1;
struct vfio_group_status {
  uint32_t argsz = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(vfio_group_status) == 8);

// Devices

inline constexpr uint32_t vfio_device_flags_reset = 1u << 0;
inline constexpr uint32_t vfio_device_flags_pci = 1u << 1;
inline constexpr uint32_t vfio_device_flags_platform = 1u << 2;
inline constexpr uint32_t vfio_device_flags_caps = 1u << 7;
struct vfio_device_info {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint32_t num_regions = 0;
  uint32_t num_irqs = 0;
  uint32_t cap_offset = 0;
  uint32_t pad = 0;
};
static_assert(sizeof(vfio_device_info) == 24);

inline constexpr uint16_t vfio_device_info_cap_pci_atomic_comp = 5;
inline constexpr uint32_t vfio_pci_atomic_comp32 = 1u << 0;
inline constexpr uint32_t vfio_pci_atomic_comp64 = 1u << 1;
inline constexpr uint32_t vfio_pci_atomic_comp128 = 1u << 2;
struct vfio_device_info_cap_pci_atomic_comp_data {
  vfio_info_cap_header header;
  uint32_t flags = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(vfio_device_info_cap_pci_atomic_comp_data) == 16);

inline constexpr uint32_t vfio_region_info_flag_read = 1u << 0;
inline constexpr uint32_t vfio_region_info_flag_write = 1u << 1;
inline constexpr uint32_t vfio_region_info_flag_mmap = 1u << 2;
inline constexpr uint32_t vfio_region_info_flag_caps = 1u << 3;
struct vfio_region_info {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint32_t index = 0;
  uint32_t cap_offset = 0;
  uint64_t size = 0;
  uint64_t offset = 0;  ///< of the device's file
};
static_assert(sizeof(vfio_region_info) == 32);

inline constexpr uint16_t vfio_region_info_cap_sparse_mmap = 1;
inline constexpr uint16_t vfio_region_info_cap_type = 2;
inline constexpr uint16_t vfio_region_info_cap_msix_mappable = 3;
struct vfio_region_sparse_mmap_area {
  uint64_t offset = 0;
  uint64_t size = 0;
};
static_assert(sizeof(vfio_region_sparse_mmap_area) == 16);
/// The areas follow.
struct vfio_region_info_cap_sparse_mmap_data {
  vfio_info_cap_header header;
  uint32_t nr_areas = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(vfio_region_info_cap_sparse_mmap_data) == 16);

inline constexpr uint32_t vfio_irq_info_eventfd = 1u << 0;
inline constexpr uint32_t vfio_irq_info_maskable = 1u << 1;
inline constexpr uint32_t vfio_irq_info_automasked = 1u << 2;
inline constexpr uint32_t vfio_irq_info_noresize = 1u << 3;
struct vfio_irq_info {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint32_t index = 0;
  uint32_t count = 0;
};
static_assert(sizeof(vfio_irq_info) == 16);

inline constexpr uint32_t vfio_irq_set_data_none = 1u << 0;
inline constexpr uint32_t vfio_irq_set_data_bool = 1u << 1;
inline constexpr uint32_t vfio_irq_set_data_eventfd = 1u << 2;
inline constexpr uint32_t vfio_irq_set_action_mask = 1u << 3;
inline constexpr uint32_t vfio_irq_set_action_unmask = 1u << 4;
inline constexpr uint32_t vfio_irq_set_action_trigger = 1u << 5;
inline constexpr uint32_t vfio_irq_set_data_type_mask =
    vfio_irq_set_data_none | vfio_irq_set_data_bool | vfio_irq_set_data_eventfd;
inline constexpr uint32_t vfio_irq_set_action_type_mask =
    vfio_irq_set_action_mask | vfio_irq_set_action_unmask | vfio_irq_set_action_trigger;
/// The data follow: nothing, a byte each, or a descriptor each.
struct vfio_irq_set {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint32_t index = 0;
  uint32_t start = 0;
  uint32_t count = 0;
};
static_assert(sizeof(vfio_irq_set) == 20);

// vfio-pci's regions and interrupts by index

inline constexpr uint32_t vfio_pci_bar0_region_index = 0;
inline constexpr uint32_t vfio_pci_bar5_region_index = 5;
inline constexpr uint32_t vfio_pci_rom_region_index = 6;
inline constexpr uint32_t vfio_pci_config_region_index = 7;
inline constexpr uint32_t vfio_pci_vga_region_index = 8;
inline constexpr uint32_t vfio_pci_num_regions = 9;

inline constexpr uint32_t vfio_pci_intx_irq_index = 0;
inline constexpr uint32_t vfio_pci_msi_irq_index = 1;
inline constexpr uint32_t vfio_pci_msix_irq_index = 2;
inline constexpr uint32_t vfio_pci_err_irq_index = 3;
inline constexpr uint32_t vfio_pci_req_irq_index = 4;
inline constexpr uint32_t vfio_pci_num_irqs = 5;

inline constexpr uint32_t vfio_pci_devid_owned = 0;
inline constexpr uint32_t vfio_pci_devid_not_owned = UINT32_MAX;
struct vfio_pci_dependent_device {
  uint32_t group_id = 0;  ///< or the id of the device in the iommufd: devid
  uint16_t segment = 0;
  uint8_t bus = 0;
  uint8_t devfn = 0;
};
static_assert(sizeof(vfio_pci_dependent_device) == 8);

inline constexpr uint32_t vfio_pci_hot_reset_flag_dev_id = 1u << 0;
inline constexpr uint32_t vfio_pci_hot_reset_flag_dev_id_owned = 1u << 1;
/// The dependent devices follow.
struct vfio_pci_hot_reset_info {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint32_t count = 0;
};
static_assert(sizeof(vfio_pci_hot_reset_info) == 12);
/// Descriptors of groups follow, 32 bits each.
struct vfio_pci_hot_reset {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint32_t count = 0;
};
static_assert(sizeof(vfio_pci_hot_reset) == 12);

inline constexpr uint32_t vfio_device_ioeventfd_8 = 1u << 0;
inline constexpr uint32_t vfio_device_ioeventfd_16 = 1u << 1;
inline constexpr uint32_t vfio_device_ioeventfd_32 = 1u << 2;
inline constexpr uint32_t vfio_device_ioeventfd_64 = 1u << 3;
inline constexpr uint32_t vfio_device_ioeventfd_size_mask = 0xf;
struct vfio_device_ioeventfd {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint64_t offset = 0;
  uint64_t data = 0;
  int32_t fd = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(vfio_device_ioeventfd) == 32);

inline constexpr uint32_t vfio_device_feature_mask = 0xffff;
inline constexpr uint32_t vfio_device_feature_get = 1u << 16;
inline constexpr uint32_t vfio_device_feature_set = 1u << 17;
inline constexpr uint32_t vfio_device_feature_probe = 1u << 18;
inline constexpr uint32_t vfio_device_feature_pci_vf_token = 0;
inline constexpr uint32_t vfio_device_feature_migration = 1;
inline constexpr uint32_t vfio_device_feature_mig_device_state = 2;
inline constexpr uint32_t vfio_device_feature_low_power_entry = 3;
inline constexpr uint32_t vfio_device_feature_low_power_entry_with_wakeup = 4;
inline constexpr uint32_t vfio_device_feature_low_power_exit = 5;
inline constexpr uint32_t vfio_device_feature_dma_logging_start = 6;
inline constexpr uint32_t vfio_device_feature_dma_logging_stop = 7;
inline constexpr uint32_t vfio_device_feature_dma_logging_report = 8;
inline constexpr uint32_t vfio_device_feature_mig_data_size = 9;
inline constexpr uint32_t vfio_device_feature_bus_master = 10;
/// The feature's data follow.
struct vfio_device_feature {
  uint32_t argsz = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(vfio_device_feature) == 8);

struct vfio_device_bind_iommufd {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  int32_t iommufd = 0;
  uint32_t out_devid = 0;
};
static_assert(sizeof(vfio_device_bind_iommufd) == 16);
struct vfio_device_attach_iommufd_pt {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint32_t pt_id = 0;
};
static_assert(sizeof(vfio_device_attach_iommufd_pt) == 12);
struct vfio_device_detach_iommufd_pt {
  uint32_t argsz = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(vfio_device_detach_iommufd_pt) == 8);

// Containers with a type1 IOMMU

inline constexpr uint32_t vfio_iommu_info_pgsizes = 1u << 0;
inline constexpr uint32_t vfio_iommu_info_caps = 1u << 1;
struct vfio_iommu_type1_info {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint64_t iova_pgsizes = 0;
  uint32_t cap_offset = 0;
  uint32_t pad = 0;
};
static_assert(sizeof(vfio_iommu_type1_info) == 24);

inline constexpr uint16_t vfio_iommu_type1_info_cap_iova_range = 1;
inline constexpr uint16_t vfio_iommu_type1_info_cap_migration = 2;
inline constexpr uint16_t vfio_iommu_type1_info_dma_avail = 3;
struct vfio_iova_range {
  uint64_t start = 0;
  uint64_t end = 0;  ///< inclusive
};
static_assert(sizeof(vfio_iova_range) == 16);
/// The ranges follow.
struct vfio_iommu_type1_info_cap_iova_range_data {
  vfio_info_cap_header header;
  uint32_t nr_iovas = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(vfio_iommu_type1_info_cap_iova_range_data) == 16);
struct vfio_iommu_type1_info_cap_migration_data {
  vfio_info_cap_header header;
  uint32_t flags = 0;
  uint32_t padding = 0;
  uint64_t pgsize_bitmap = 0;
  uint64_t max_dirty_bitmap_size = 0;  ///< bytes
};
static_assert(sizeof(vfio_iommu_type1_info_cap_migration_data) == 32);
struct vfio_iommu_type1_info_dma_avail_data {
  vfio_info_cap_header header;
  uint32_t avail = 0;
};
static_assert(sizeof(vfio_iommu_type1_info_dma_avail_data) == 12);

inline constexpr uint32_t vfio_dma_map_flag_read = 1u << 0;
inline constexpr uint32_t vfio_dma_map_flag_write = 1u << 1;
inline constexpr uint32_t vfio_dma_map_flag_vaddr = 1u << 2;
struct vfio_iommu_type1_dma_map {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint64_t vaddr = 0;
  uint64_t iova = 0;
  uint64_t size = 0;
};
static_assert(sizeof(vfio_iommu_type1_dma_map) == 32);

struct vfio_bitmap {
  uint64_t pgsize = 0;
  uint64_t size = 0;  ///< bytes
  uint64_t data = 0;  ///< the user's address of one bit a page
};
static_assert(sizeof(vfio_bitmap) == 24);

inline constexpr uint32_t vfio_dma_unmap_flag_get_dirty_bitmap = 1u << 0;
inline constexpr uint32_t vfio_dma_unmap_flag_all = 1u << 1;
inline constexpr uint32_t vfio_dma_unmap_flag_vaddr = 1u << 2;
/// A vfio_bitmap follows with vfio_dma_unmap_flag_get_dirty_bitmap.
struct vfio_iommu_type1_dma_unmap {
  uint32_t argsz = 0;
  uint32_t flags = 0;
  uint64_t iova = 0;
  uint64_t size = 0;
};
static_assert(sizeof(vfio_iommu_type1_dma_unmap) == 24);

inline constexpr uint32_t vfio_iommu_dirty_pages_flag_start = 1u << 0;
inline constexpr uint32_t vfio_iommu_dirty_pages_flag_stop = 1u << 1;
inline constexpr uint32_t vfio_iommu_dirty_pages_flag_get_bitmap = 1u << 2;
/// A vfio_iommu_type1_dirty_bitmap_get follows with vfio_iommu_dirty_pages_flag_get_bitmap.
struct vfio_iommu_type1_dirty_bitmap {
  uint32_t argsz = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(vfio_iommu_type1_dirty_bitmap) == 8);
struct vfio_iommu_type1_dirty_bitmap_get {
  uint64_t iova = 0;
  uint64_t size = 0;
  vfio_bitmap bitmap;
};
static_assert(sizeof(vfio_iommu_type1_dirty_bitmap_get) == 40);

}  // namespace iommulab::uapi
