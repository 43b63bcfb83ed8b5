// SPDX-License-Identifier: GPL-2.0-only
//
// Domains: one I/O virtual address space with its page table, and the devices that see it.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "core/iommu/v4_4/iommu_ops.h"
#include "intel/dmar/drhd.h"
#include "intel/hw/width.h"
#include "iova/iova.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab::v4_4 {

struct dmar_domain;

/// The kernel's name for a second-level entry.
using dma_pte = vtd::second_level_entry;

struct domain_link_tag;
struct global_link_tag;
struct live_link_tag;
using domain_link = boost::intrusive::list_base_hook<boost::intrusive::tag<domain_link_tag>>;
using global_link = boost::intrusive::list_base_hook<boost::intrusive::tag<global_link_tag>>;

using live_link = boost::intrusive::list_base_hook<boost::intrusive::tag<live_link_tag>>;

/// A device's membership in a domain. `dev` is null for an alias that is no device of its own
/// (the secondary bus of a PCIe-to-PCI bridge).
/// Linux v4.4 drivers/iommu/intel-iommu.c: struct device_domain_info
struct device_domain_info : domain_link, global_link {
  uint8_t bus = 0;
  uint8_t devfn = 0;
  bool ats_supported = false;
  bool ats_enabled = false;
  uint8_t ats_qdep = 0;
  device* dev = nullptr;
  intel_iommu* iommu = nullptr;
  dmar_domain* domain = nullptr;
};

using domain_device_list =
    boost::intrusive::list<device_domain_info, boost::intrusive::base_hook<domain_link>>;
using device_domain_list =
    boost::intrusive::list<device_domain_info, boost::intrusive::base_hook<global_link>>;

/// Table pages that were unlinked and may be freed once the IOTLB was flushed.
using page_freelist = absl::InlinedVector<phys_addr, 8>;

/// Linux v4.4 drivers/iommu/intel-iommu.c: struct dmar_domain
struct dmar_domain : live_link {
  dmar_domain(iova_cache& iova_mem, int flags_) : iovad(iova_mem), flags(flags_) {
    domain.owner = this;
  }

  [[nodiscard]] bool has_pgd() const { return pgd != phys_addr(); }

  static constexpr int flag_virtual_machine = 1 << 0;
  static constexpr int flag_static_identity = 1 << 1;

  int nid = -1;  ///< NUMA node
  /// Devices per unit. Written under iommu.lock, read without.
  std::atomic<unsigned> iommu_refcnt[dmar_units_supported] = {};
  uint16_t iommu_did[dmar_units_supported] = {};  ///< domain id per unit, 0 when not attached

  domain_device_list devices;
  iova_domain iovad;

  phys_addr pgd;  ///< the top table; 0 when there is none
  int gaw = 0;    ///< guest address width in bits
  int agaw = 0;   ///< adjusted guest address width, 0 is 30 bits in two levels
  int flags;

  bool iommu_coherency = false;  ///< every unit snoops page walks
  bool iommu_snooping = false;
  int iommu_count = 0;
  int iommu_superpage = 0;  ///< 0: 4 KiB only, 1: 2 MiB, 2: 1 GiB, …
  uint64_t max_addr = 0;

  /// The part that the IOMMU core sees; to_dmar_domain() goes back.
  struct generic : iommu_domain {
    [[nodiscard]] std::string name() const override;
    dmar_domain* owner = nullptr;
  } domain;
};
/// "dmar0:3", the id by which a unit knows it, for each unit that does; "table:0x3ffd9000" of one
/// that no device is in, "empty" of one without a table.
std::string trace_word(const dmar_domain& domain);
std::string trace_word(const device_domain_info& info);

/// Domains that were allocated and not freed. The kernel keeps no such list.
using live_domain_list =
    boost::intrusive::list<dmar_domain, boost::intrusive::base_hook<live_link>>;

/// Linux v4.4: to_dmar_domain()
inline dmar_domain& to_dmar_domain(iommu_domain& dom) {
  return *static_cast<dmar_domain::generic&>(dom).owner;
}

inline bool domain_type_is_vm(const dmar_domain& d) {
  return (d.flags & dmar_domain::flag_virtual_machine) != 0;
}
inline bool domain_type_is_si(const dmar_domain& d) {
  return (d.flags & dmar_domain::flag_static_identity) != 0;
}
inline bool domain_type_is_vm_or_si(const dmar_domain& d) {
  return domain_type_is_vm(d) || domain_type_is_si(d);
}

}  // namespace iommulab::v4_4
