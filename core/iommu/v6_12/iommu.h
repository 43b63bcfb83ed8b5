// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU core of Linux 6.12, drivers/iommu/iommu.c by the kernel's names: probing of devices,
// groups with a default domain each, reserved regions, ownership of a group's DMA, the IOMMU API.
//
// What is global there is one `iommu_subsystem` a running system. It calls upwards, into the DMA
// API over an IOMMU (dma-iommu.c), through `iommu_dma_hooks`; nothing here includes that.
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/cmdline.h"
#include "core/dma/scatterlist.h"
#include "core/iommu/iommu.h"
#include "core/iommu/v6_12/iommu_ops.h"
#include "core/slab.h"

namespace iommulab::v6_12 {

/// Linux v6.12 drivers/iommu/dma-iommu.h: what iommu.c calls in dma-iommu.c.
class iommu_dma_hooks {
 public:
  virtual ~iommu_dma_hooks() = default;
  virtual int get_dma_cookie(iommu_domain& domain) = 0;
  /// A domain without a cookie may come too.
  virtual void put_dma_cookie(iommu_domain& domain) = 0;
  /// iommu_setup_dma_ops(): the device does DMA through its group's default domain, or directly.
  virtual void setup_dma_ops(device& dev) = 0;
  /// The core is done with the device: dev->dma_iommu = false.
  virtual void device_released(device& /*dev*/) {}
  /// iommu_get_msi_cookie(): a window of the domain's for doorbells of interrupts.
  virtual int get_msi_cookie(iommu_domain& /*domain*/, phys_addr /*base*/) { return -ENODEV; }
  /// 0, or a negative errno when there is no flush queue: the domain stays strict.
  virtual int init_fq(iommu_domain& domain) = 0;
};

/// The variables of iommu.c that the command line and the driver set.
struct iommu_defaults {
  bool dma_strict = false;        ///< iommu_dma_strict; CONFIG_IOMMU_DEFAULT_DMA_LAZY=y
  bool cmd_line_strict = false;   ///< IOMMU_CMD_LINE_STRICT
  bool cmd_line_dma_api = false;  ///< IOMMU_CMD_LINE_DMA_API
  /// iommu_def_domain_type: blocked until the first look.
  iommu_domain_type def_domain_type = iommu_domain_type::blocked;
};

class core_release;
const core_release& core_of_6_12();

/// What is global in iommu.c, for one running system.
///
/// Domains are the driver's own: what is attached when the system ends, the driver frees.
class iommu_subsystem {
 public:
  /// Over the groups of `core`, for the devices of `bus`; both outlive it. `slab` fails
  /// allocations, and may be null. `release` says which kernel's core it is.
  iommu_subsystem(iommu_core& core, bus_type& bus, slab_failures* slab = nullptr,
                  const core_release& release = core_of_6_12());
  ~iommu_subsystem();
  iommu_subsystem(const iommu_subsystem&) = delete;
  iommu_subsystem& operator=(const iommu_subsystem&) = delete;

  [[nodiscard]] environment& env() const { return core.env(); }

  const core_release& release;
  iommu_core& core;
  /// iommu_buses: the platform's before PCI's, when there is one.
  std::vector<bus_type*> buses;
  iommu_defaults defaults;
  iommu_dma_hooks* dma = nullptr;  ///< null: no DMA API over an IOMMU
  std::vector<iommu_device*> iommu_device_list;
  // What the writer of a file in sysfs may do.
  bool cap_sys_admin = true;
  bool cap_sys_rawio = true;

  slab_failures& slab;
  bool warned_of_direct_mapping = false;  ///< dev_warn_once() of iommu_setup_default_domain()
  std::set<ioasid> global_pasids;         ///< iommu_global_pasid_ida

 private:
  slab_failures own_slab_;
  std::vector<std::unique_ptr<bus_notifier_block>> notifiers_;
  std::vector<bus_type*> notified_;
  friend int iommu_subsys_init(iommu_subsystem& iommu);
};

// Linux v6.12 drivers/iommu/iommu.c, by the kernel's names. Errors are negative errnos.

/// `iommu.passthrough=` and `iommu.strict=`, early parameters.
void add_iommu_early_params(command_line& line, iommu_defaults& defaults);
/// subsys_initcall: settles what nobody asked for, tells the policy, and listens to the buses.
int iommu_subsys_init(iommu_subsystem& iommu);
/// core_initcall: the iommu_groups directory.
int iommu_init(iommu_subsystem& iommu);

/// A unit of `ops`: devices that have no unit yet are probed.
int iommu_device_register(iommu_subsystem& iommu, iommu_device& unit, iommu_ops& ops);
void iommu_device_unregister(iommu_subsystem& iommu, iommu_device& unit);
/// The same for the devices of one bus that the core does not know: iommufd's mock devices. `nb` is
/// filled, and hears of devices until the unit is unregistered.
int iommu_device_register_bus(iommu_subsystem& iommu, iommu_device& unit, iommu_ops& ops,
                              bus_type& bus, bus_notifier_block& nb);
void iommu_device_unregister_bus(iommu_subsystem& iommu, iommu_device& unit, bus_type& bus,
                                 const bus_notifier_block& nb);
/// A device that came; -ENODEV when no unit is in charge of it.
int iommu_probe_device(iommu_subsystem& iommu, device& dev);
/// iommu_set_dma_strict(): before the first default domain is made.
void iommu_set_dma_strict(iommu_subsystem& iommu);
void iommu_set_default_passthrough(iommu_subsystem& iommu, bool cmd_line);
void iommu_set_default_translated(iommu_subsystem& iommu, bool cmd_line);
bool iommu_default_passthrough(const iommu_subsystem& iommu);
bool iommu_present(const iommu_subsystem& iommu, const bus_type& bus);
bool device_iommu_capable(device& dev, iommu_cap cap);

/// The group of a PCI device, as 6.12 finds it. Null with `error` set.
iommu_group* pci_device_group(device& dev, int& error);
/// A group for the device alone.
iommu_group* generic_device_group(device& dev, int& error);
iommu_group* iommu_group_ref_get(iommu_group& group);
void iommu_group_remove_device(device& dev);

void iommu_get_resv_regions(device& dev, std::vector<iommu_resv_region>& regions);
void iommu_put_resv_regions(device& dev, std::vector<iommu_resv_region>& regions);
/// For the driver's get_resv_regions(): nothing when memory has run out.
std::optional<iommu_resv_region> iommu_alloc_resv_region(iommu_subsystem& iommu, phys_addr start,
                                                         uint64_t length, int prot,
                                                         iommu_resv_type type);
/// All of the group's, sorted by address, those of a type that overlap made one. -ENOMEM leaves
/// what there is so far.
int iommu_get_group_resv_regions(iommu_group& group, std::vector<iommu_resv_region>& regions);

// A group's DMA has one user: the drivers of its devices through the DMA API, or one owner.

/// A driver is about to be bound: -EBUSY when somebody else owns the group's DMA, -EPROBE_DEFER
/// (-517) when the group has no default domain yet.
int iommu_device_use_default_domain(device& dev);
void iommu_device_unuse_default_domain(device& dev);
/// The group does no DMA until `owner` attaches a domain. -EPERM when it has a user, -EBUSY when
/// it is in a domain of somebody's.
int iommu_group_claim_dma_owner(iommu_group& group, const void* owner);
void iommu_group_release_dma_owner(iommu_group& group);
/// The same for a device; the owner may claim others of its group.
int iommu_device_claim_dma_owner(device& dev, const void* owner);
void iommu_device_release_dma_owner(device& dev);
bool iommu_group_dma_owner_claimed(const iommu_group& group);
/// Whether DMA of none of the group's devices can raise an interrupt that is somebody else's.
bool iommu_group_has_isolated_msi(const iommu_group& group);

/// Null when no device of the bus has an IOMMU or the driver refuses.
iommu_domain* iommu_domain_alloc(iommu_subsystem& iommu, bus_type& bus);
/// Null with `error` set.
iommu_domain* iommu_paging_domain_alloc(device& dev, int& error);
void iommu_domain_free(iommu_domain& domain);
/// -EINVAL when the device's group has other members or another driver's unit, -EBUSY when the
/// group is taken, -ENODEV without a group.
int iommu_attach_device(iommu_domain& domain, device& dev);
void iommu_detach_device(iommu_domain& domain, device& dev);
int iommu_attach_group(iommu_domain& domain, iommu_group& group);
void iommu_detach_group(iommu_domain& domain, iommu_group& group);
/// From whatever domain the group is in to this one, with nothing in between.
int iommu_group_replace_domain(iommu_group& group, iommu_domain* new_domain);
/// An attach that waited for the first mapping, if there is one.
int iommu_deferred_attach(device& dev, iommu_domain& domain);
iommu_domain* iommu_get_domain_for_dev(device& dev);
/// The default domain of the device's group, which it has.
iommu_domain& iommu_get_dma_domain(device& dev);

/// Linux v6.12 include/linux/iommu.h: struct iommu_attach_handle. Who attached, to be asked when
/// a fault comes.
struct iommu_attach_handle {
  iommu_domain* domain = nullptr;
};
int iommu_attach_device_pasid(iommu_domain& domain, device& dev, ioasid pasid,
                              iommu_attach_handle* handle);
void iommu_detach_device_pasid(iommu_domain& domain, device& dev, ioasid pasid);
/// Null with `error` set: -ENOENT, or -EBUSY when the domain has not this type (blocked: any).
iommu_attach_handle* iommu_attach_handle_get(iommu_group& group, ioasid pasid,
                                             iommu_domain_type type, int& error);
int iommu_attach_group_handle(iommu_domain& domain, iommu_group& group,
                              iommu_attach_handle* handle);
void iommu_detach_group_handle(iommu_domain& domain, iommu_group& group);
int iommu_replace_group_handle(iommu_group& group, iommu_domain* new_domain,
                               iommu_attach_handle* handle);
inline constexpr ioasid iommu_pasid_invalid = UINT32_MAX;
/// An id that no other device has; iommu_pasid_invalid when there is none.
ioasid iommu_alloc_global_pasid(iommu_subsystem& iommu, const device& dev);
void iommu_free_global_pasid(iommu_subsystem& iommu, ioasid pasid);

/// Maps in runs of the largest page size that addresses and length allow; what was mapped is taken
/// back when a run fails. -ENODEV, -EINVAL for anything unaligned, or the driver's errno.
int iommu_map(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size, int prot);
/// Bytes unmapped and flushed; 0 when it could not begin.
uint64_t iommu_unmap(iommu_domain& domain, dma_addr iova, uint64_t size);
/// The same, flushed by whoever syncs the gather.
uint64_t iommu_unmap_fast(iommu_domain& domain, dma_addr iova, uint64_t size,
                          iommu_iotlb_gather& gather);
/// Maps the pieces one after another, neighbours in memory as one. Bytes mapped, or a negative
/// errno.
int64_t iommu_map_sg(iommu_domain& domain, dma_addr iova, absl::Span<const scatterlist> sg,
                     int prot);
phys_addr iommu_iova_to_phys(iommu_domain& domain, dma_addr iova);

// Linux v6.12 include/linux/iommu.h

void iommu_flush_iotlb_all(iommu_domain& domain);
/// Flushes what was gathered, and begins a new gather.
void iommu_iotlb_sync(iommu_domain& domain, iommu_iotlb_gather& gather);
/// The gather grows by a range that touches it, or is flushed first: a range elsewhere, or of
/// another page size.
void iommu_iotlb_gather_add_page(iommu_domain& domain, iommu_iotlb_gather& gather, dma_addr iova,
                                 uint64_t size);
void iommu_iotlb_gather_add_range(iommu_iotlb_gather& gather, dma_addr iova, uint64_t size);

}  // namespace iommulab::v6_12
