// SPDX-License-Identifier: GPL-2.0-only
//
// What the IOMMU core of Linux 6.12 and an IOMMU driver are to each other. A driver registers its
// units one by one (iommu_device); each device asks the driver of its unit. Every domain carries
// the operations of its own kind: paging, identity, blocked.
//
// Results are the kernel's: 0 or a negative errno.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/iommu/iommu.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/slab.h"

namespace iommulab::v6_12 {

struct iommu_domain;
struct iommu_dma_cookie;  // the DMA API's part of a domain: dma/v6_12
class iommu_subsystem;    // core/iommu/v6_12/iommu.h
class iommu_ops;
class iommu_domain_ops;
class iommu_dirty_ops;

/// A process address space id, 20 bits.
using ioasid = uint32_t;
inline constexpr ioasid iommu_no_pasid = 0;

// iommu_map()'s further protection bits
inline constexpr int iommu_noexec = 1 << 3;
inline constexpr int iommu_mmio = 1 << 4;
inline constexpr int iommu_priv = 1 << 5;

/// What a device or its unit can do: IOMMU_CAP_*.
enum class iommu_cap : uint8_t {
  cache_coherency,
  noexec,
  pre_boot_protection,
  enforce_cache_coherency,
  deferred_flush,
  dirty_tracking,
};

/// Linux v6.12 include/linux/iommu.h: enum iommu_resv_type
enum class iommu_resv_type : uint8_t { direct, direct_relaxable, reserved, msi, sw_msi };
/// As `reserved_regions` of a group spells it: "direct-relaxable".
std::string_view name(iommu_resv_type type);

/// Addresses that a device must not use for its DMA, or must find mapped one to one.
struct iommu_resv_region {
  phys_addr start;
  uint64_t length = 0;  ///< bytes
  int prot = 0;
  iommu_resv_type type = iommu_resv_type::reserved;
};

/// Linux v6.12 include/linux/iommu.h: struct iommu_iotlb_gather. What was unmapped and is not
/// flushed yet: `end` is inclusive, and 0 when nothing was gathered.
struct iommu_iotlb_gather {
  dma_addr start{UINT64_MAX};
  dma_addr end{0};
  uint64_t pgsize = 0;
  std::vector<phys_addr> freelist;  ///< page-table pages that go once the flush is done
  bool queued = false;              ///< a flush queue does the flush later
};

/// Linux v6.12 include/linux/iommu.h: struct iommu_domain
struct iommu_domain : iommulab::iommu_domain {
  /// iommu_domain_free()
  void free() override;
  iommu_domain_ops* ops = nullptr;
  const iommu_ops* owner = nullptr;      ///< whose domain_alloc() it came from
  iommu_dirty_ops* dirty_ops = nullptr;  ///< null: nobody can tell which pages were written
  uint64_t pgsize_bitmap = 0;
  iommu_dma_cookie* iova_cookie = nullptr;
  iommu_subsystem* iommu = nullptr;  ///< whose core made it; null of a domain that there is one of
};

/// The domain translates through tables: __IOMMU_DOMAIN_PAGING.
constexpr bool is_paging_type(iommu_domain_type type) {
  return (static_cast<uint32_t>(type) & 1u) != 0;
}
/// Linux v6.12 include/linux/iommu.h: iommu_is_dma_domain()
inline bool iommu_is_dma_domain(const iommu_domain& domain) {
  return (static_cast<uint32_t>(domain.type) & 2u) != 0;
}

// Linux v6.12 include/uapi/linux/iommufd.h: what a user asks of a domain
inline constexpr uint32_t hwpt_alloc_nest_parent = 1u << 0;
inline constexpr uint32_t hwpt_alloc_dirty_tracking = 1u << 1;

/// Linux v6.12 include/linux/iommu.h: struct iommu_user_data. A structure of the driver's own that
/// describes a domain to be made.
struct iommu_user_data {
  uint32_t type = 0;
  uint32_t len = 0;  ///< bytes that the user has
  /// iommu_copy_struct_from_user(): 0 or -EFAULT, -E2BIG.
  std::function<int(absl::Span<std::byte>)> copy;
};
/// Linux v6.12 include/linux/iommu.h: struct iommu_user_data_array
struct iommu_user_data_array {
  uint32_t type = 0;
  uint32_t entry_len = 0;  ///< bytes
  uint32_t entry_num = 0;  ///< comes back as entries that were done
  std::function<int(absl::Span<std::byte>, uint32_t index)> copy;
};

/// Who is told of pages that were written: iova_bitmap_set().
class dirty_page_listener {
 public:
  virtual ~dirty_page_listener() = default;
  virtual void set(dma_addr iova, uint64_t length) = 0;
};
/// Linux v6.12 include/linux/iommu.h: struct iommu_dirty_bitmap; either may be null.
struct iommu_dirty_bitmap {
  dirty_page_listener* bitmap = nullptr;
  iommu_iotlb_gather* gather = nullptr;
};
inline constexpr unsigned iommu_dirty_no_clear = 1u << 0;

/// Linux v6.12 include/linux/iommu.h: struct iommu_dirty_ops
class iommu_dirty_ops {
 public:
  virtual ~iommu_dirty_ops() = default;
  virtual int set_dirty_tracking(iommu_domain& domain, bool enable) = 0;
  /// Pages of the range that were written go to `dirty`, and count as not written from now on
  /// unless `flags` say otherwise.
  virtual int read_and_clear_dirty(iommu_domain& domain, dma_addr iova, uint64_t size,
                                   unsigned flags, iommu_dirty_bitmap& dirty) = 0;
};

/// What a unit is, for a user who knows its kind: struct iommu_hw_info_vtd of VT-d.
struct iommu_hw_info_data {
  uint32_t type = 0;  ///< 1: VT-d
  std::vector<std::byte> bytes;
  slab_token memory;
};

/// Linux v6.12 include/linux/iommu.h: struct iommu_domain_ops. What is not overridden is a null
/// pointer there.
class iommu_domain_ops {
 public:
  virtual ~iommu_domain_ops() = default;

  virtual int attach_dev(iommu_domain& domain, device& dev) = 0;
  /// Up to 6.1: the device is in no domain.
  virtual void detach_dev(iommu_domain&, device&) {}
  /// Whether the driver has set_dev_pasid().
  [[nodiscard]] virtual bool sets_dev_pasid() const { return false; }
  virtual int set_dev_pasid(iommu_domain&, device&, ioasid, iommu_domain* /*old*/) {
    return -EOPNOTSUPP;
  }
  /// `mapped` grows by the bytes that are mapped, also when the result is an error.
  virtual int map_pages(iommu_domain&, dma_addr /*iova*/, phys_addr, uint64_t /*pgsize*/,
                        uint64_t /*pgcount*/, int /*prot*/, uint64_t& /*mapped*/) {
    return -ENODEV;
  }
  /// Bytes unmapped; 0 when there was nothing.
  virtual uint64_t unmap_pages(iommu_domain&, dma_addr /*iova*/, uint64_t /*pgsize*/,
                               uint64_t /*pgcount*/, iommu_iotlb_gather&) {
    return 0;
  }
  virtual void flush_iotlb_all(iommu_domain&) {}
  virtual int iotlb_sync_map(iommu_domain&, dma_addr /*iova*/, uint64_t /*size*/) { return 0; }
  virtual void iotlb_sync(iommu_domain&, iommu_iotlb_gather&) {}
  virtual phys_addr iova_to_phys(iommu_domain&, dma_addr) { return {}; }
  virtual bool enforce_cache_coherency(iommu_domain&) { return false; }
  /// Whether the driver has cache_invalidate_user(): the domain is nested in another.
  [[nodiscard]] virtual bool invalidates_for_users() const { return false; }
  virtual int cache_invalidate_user(iommu_domain&, iommu_user_data_array&) { return -EOPNOTSUPP; }
  virtual void free(iommu_domain&) {}
};

/// Linux v6.12 include/linux/iommu.h: struct iommu_device. A unit as the core knows it.
struct iommu_device {
  iommu_ops* ops = nullptr;
  std::unique_ptr<iommu_class_device> dev;  ///< in sysfs
  ioasid max_pasids = 0;
  bool ready = false;  ///< it was registered: devices may ask for it
};

// Linux v6.12 drivers/iommu/iommu-sysfs.c

/// The unit's device in sysfs, with its attributes. 0, or -EEXIST when the name is taken.
int iommu_device_sysfs_add(iommu_core& core, iommu_device& unit, std::string_view name,
                           std::string_view group_name,
                           const std::vector<iommu_attribute>& attributes);
void iommu_device_sysfs_remove(iommu_core& core, iommu_device& unit);

/// Linux v6.12 include/linux/iommu.h: struct dev_iommu. What the core keeps of a device that a
/// unit is in charge of; device::iommu.
struct dev_iommu {
  iommu_device* iommu_dev = nullptr;
  void* priv = nullptr;  ///< the driver's own: dev_iommu_priv_get()
  ioasid max_pasids = 0;
  bool attach_deferred = false;
  bool pci_32bit_workaround = false;  ///< addresses below 4 GiB come first
  bool require_direct = false;        ///< a region of kind `direct` must stay mapped
  bool shadow_on_flush = false;       ///< a flush costs a page-table walk: caching mode
};

/// Linux v6.12 include/linux/iommu.h: struct iommu_ops. What is not overridden is a null pointer
/// there.
class iommu_ops {
 public:
  virtual ~iommu_ops() = default;

  virtual bool capable(device&, iommu_cap) { return false; }
  /// Null when the driver makes none of this type.
  virtual iommu_domain* domain_alloc(iommu_domain_type) { return nullptr; }
  virtual iommu_domain* domain_alloc_paging(device&) { return nullptr; }
  /// Whether the driver has domain_alloc_paging().
  [[nodiscard]] virtual bool allocates_paging() const { return false; }
  /// Whether the driver has domain_alloc_user().
  [[nodiscard]] virtual bool allocates_for_users() const { return false; }
  /// Null with `error` set. `parent` and `user_data` may be null.
  virtual iommu_domain* domain_alloc_user(device&, uint32_t /*flags*/, iommu_domain* /*parent*/,
                                          const iommu_user_data* /*user_data*/, int& error) {
    error = -EOPNOTSUPP;
    return nullptr;
  }
  /// Whether the driver has hw_info().
  [[nodiscard]] virtual bool has_hw_info() const { return false; }
  /// 0 or -ENOMEM.
  virtual int hw_info(device&, iommu_hw_info_data&) { return -EOPNOTSUPP; }

  /// Null with `error` set: -ENODEV when no unit is in charge.
  virtual iommu_device* probe_device(device&, int& error) = 0;
  virtual void release_device(device&) {}
  virtual void probe_finalize(device&) {}
  /// Null with `error` set.
  virtual iommu_group* device_group(device&, int& error) = 0;

  /// Adds to `regions`, in no order.
  virtual void get_resv_regions(device&, std::vector<iommu_resv_region>& /*regions*/) {}
  virtual bool is_attach_deferred(device&) { return false; }
  /// A type that the device must have: blocked where it is all the same.
  virtual iommu_domain_type def_domain_type(device&) { return iommu_domain_type::blocked; }
  /// No process address spaces are translated for the device under this id any longer.
  virtual void remove_dev_pasid(device&, ioasid, iommu_domain&) {}

  iommu_domain_ops* default_domain_ops = nullptr;
  uint64_t pgsize_bitmap = 0;
  // Domains that there is one of.
  iommu_domain* identity_domain = nullptr;
  iommu_domain* blocked_domain = nullptr;
  iommu_domain* release_domain = nullptr;  ///< attached when a device leaves
  /// What every group has as its default domain; null: one of the type that driver and system
  /// prefer.
  iommu_domain* default_domain = nullptr;
};

/// dev_iommu_priv_get(); null for a device that no unit is in charge of.
inline void* dev_iommu_priv_get(const device& dev) {
  return dev.iommu == nullptr ? nullptr : dev.iommu->priv;
}
void dev_iommu_priv_set(device& dev, void* priv);

}  // namespace iommulab::v6_12
