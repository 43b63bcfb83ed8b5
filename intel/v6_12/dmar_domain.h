// SPDX-License-Identifier: GPL-2.0-only
//
// Domains: one I/O virtual address space with its page table, the devices and PASIDs that see it,
// and the caches that know of it.
//
// Locking: `lock` guards who is attached, `cache_lock` the tags and the batch; the units' locks
// guard `iommu_array`. Page tables have none.
#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/iommu/v6_12/iommu_ops.h"
#include "core/slab.h"
#include "core/spin_lock.h"
#include "intel/dmar/intel_iommu.h"
#include "intel/v6_12/qi_desc.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab::v6_12 {

struct dmar_domain;

/// The kernel's name for a paging entry; second-level and first-level ones have their address, and
/// what the driver asks of them, in the same places.
using dma_pte = vtd::second_level_entry;

/// Table pages that were unlinked and may be freed once the IOTLB was flushed.
using page_freelist = std::vector<phys_addr>;

/// FLPT_DEFAULT_DID: the id of what has no page table of the driver's: identity, first level of
/// processes. Id 0 is taken too: it marks what is cached as not present.
inline constexpr uint16_t flpt_default_did = 1;
inline constexpr int num_reserved_did = 2;

struct domain_link_tag;
struct live_link_tag;
using domain_link = boost::intrusive::list_base_hook<boost::intrusive::tag<domain_link_tag>>;
using live_link = boost::intrusive::list_base_hook<boost::intrusive::tag<live_link_tag>>;

/// A device's PASID directory. Linux v6.12 drivers/iommu/intel/pasid.h: struct pasid_table
struct pasid_table {
  phys_addr table;
  unsigned order = 0;      ///< log2 of its pages
  uint32_t max_pasid = 0;  ///< one past the last that it has room for
};

/// A device that a unit is in charge of; dev_iommu_priv_get() of it.
/// Linux v6.12 drivers/iommu/intel/iommu.h: struct device_domain_info
struct device_domain_info : domain_link, live_link {
  uint16_t segment = 0;
  uint8_t bus = 0;
  uint8_t devfn = 0;
  uint16_t pfsid = 0;           ///< of its physical function, for units that throttle
  uint8_t pasid_supported = 0;  ///< features of its PASID capability, and bit 0
  bool pasid_enabled = false;
  bool pri_supported = false;
  bool pri_enabled = false;
  bool ats_supported = false;
  bool ats_enabled = false;
  bool dtlb_extra_inval = false;  ///< a buggy device TLB is invalidated twice
  bool domain_attached = false;   ///< it has translation, or passes through
  uint8_t ats_qdep = 0;
  device* dev = nullptr;
  intel_iommu* iommu = nullptr;
  dmar_domain* domain = nullptr;  ///< null when blocked or passing through
  pasid_table* pasid = nullptr;   ///< info->pasid_table

  [[nodiscard]] uint16_t rid() const { return static_cast<uint16_t>(bus << 8 | devfn); }
};
std::string trace_word(const device_domain_info& info);

/// Linux v6.12 drivers/iommu/intel/iommu.h: struct dev_pasid_info
struct dev_pasid_info : domain_link {
  device* dev = nullptr;
  ioasid pasid = 0;
};

/// A unit that a domain is on. Linux v6.12 drivers/iommu/intel/iommu.h: struct iommu_domain_info
struct iommu_domain_info {
  intel_iommu* iommu = nullptr;
  unsigned refcnt = 0;  ///< devices, and PASIDs of devices
  uint16_t did = 0;
};

/// The nesting kinds are of domains that user space makes, which are not ported.
enum class cache_tag_type : uint8_t { iotlb, devtlb };
/// "iotlb", as the kernel's trace says it.
std::string_view name(cache_tag_type type);

/// A cache that may hold translations of a domain: a unit's IOTLB under an id, or a device's own.
/// Linux v6.12 drivers/iommu/intel/iommu.h: struct cache_tag
struct cache_tag : domain_link {
  cache_tag_type type = cache_tag_type::iotlb;
  intel_iommu* iommu = nullptr;
  device* dev = nullptr;  ///< the device, for its own cache; null for the unit's
  uint16_t did = 0;
  ioasid pasid = 0;
  unsigned users = 0;
};

/// Descriptors that go to a unit's queue together.
/// Linux v6.12 drivers/iommu/intel/iommu.h: struct qi_batch
struct qi_batch {
  static constexpr size_t room = 16;  ///< QI_MAX_BATCHED_DESC_COUNT
  std::array<qi_desc, room> descs;
  size_t index = 0;
};

template <typename T>
using domain_list = boost::intrusive::list<T, boost::intrusive::base_hook<domain_link>>;

/// Linux v6.12 drivers/iommu/intel/iommu.h: struct dmar_domain
struct dmar_domain : iommu_domain, live_link {
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] bool has_pgd() const { return pgd != phys_addr(); }

  int nid = -1;                                   ///< NUMA node
  std::map<int, iommu_domain_info*> iommu_array;  ///< by sequence id

  bool iommu_coherency = false;  ///< every unit snoops page walks
  bool force_snooping = false;
  bool set_pte_snp = false;      ///< leaves get their snoop bit
  bool use_first_level = false;  ///< its table is a first-level one
  bool dirty_tracking = false;
  std::atomic<bool> has_mappings = false;
  bool iotlb_sync_map = false;  ///< a unit wants to hear of new mappings

  spin_lock lock;
  domain_list<device_domain_info> devices;
  domain_list<dev_pasid_info> dev_pasids;

  spin_lock cache_lock;
  domain_list<cache_tag> cache_tags;
  qi_batch* batch = nullptr;  ///< domain->qi_batch

  int iommu_superpage = 0;  ///< 0: 4 KiB only, 1: 2 MiB, 2: 1 GiB
  phys_addr pgd;            ///< the top table; 0 when there is none
  int gaw = 0;              ///< guest address width in bits
  int agaw = 0;             ///< adjusted guest address width, 1 is 39 bits in three levels
  std::atomic<uint64_t> max_addr = 0;
};
/// "dmar0:3", the id by which a unit knows it, for each unit that does; "table:0x3ffd9000" of one
/// that no device is in, "empty" of one without a table.
std::string trace_word(const dmar_domain& domain);

/// Domains that were allocated and not freed. The kernel keeps no such list.
using live_domain_list =
    boost::intrusive::list<dmar_domain, boost::intrusive::base_hook<live_link>>;
/// Devices that were probed and not released. Nor this one.
using live_device_list =
    boost::intrusive::list<device_domain_info, boost::intrusive::base_hook<live_link>>;

/// Linux v6.12 drivers/iommu/intel/iommu.h: to_dmar_domain()
inline dmar_domain& to_dmar_domain(iommu_domain& domain) {
  return static_cast<dmar_domain&>(domain);
}
/// domain_id_iommu(): the domain is on the unit.
inline uint16_t domain_id_iommu(const dmar_domain& domain, const intel_iommu& iommu) {
  return domain.iommu_array.at(iommu.seq_id)->did;
}
/// dev_iommu_priv_get(): of a device that was probed.
inline device_domain_info& info_of(const device& dev) {
  return *static_cast<device_domain_info*>(dev_iommu_priv_get(dev));
}

}  // namespace iommulab::v6_12
