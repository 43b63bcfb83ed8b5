// SPDX-License-Identifier: GPL-2.0-or-later
//
// The IOMMU core of Linux 4.4: groups, domains, and the operations an IOMMU driver supplies.
//
// One thread at a time: the kernel's group mutex has no counterpart. Mapping through the DMA API
// uses nothing of this.
//
// Groups are reference counted as the kernel counts `devices_kobj`: one for whoever got the
// group, one for each member; the last put frees the group and its number, the lowest free
// number being the next group's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/device.h"
#include "core/types.h"

namespace iommulab {

struct iommu_domain;

// iommu_map()'s protection bits
inline constexpr int iommu_read = 1 << 0;
inline constexpr int iommu_write = 1 << 1;
inline constexpr int iommu_cache = 1 << 2;
inline constexpr int iommu_noexec = 1 << 3;

enum class iommu_cap : uint8_t { cache_coherency, intr_remap, noexec };

/// The types of 4.4; the numbers are the kernel's: bit 0 has page tables, bit 1 serves the DMA API,
/// bit 2 passes addresses through.
enum class iommu_domain_type : uint32_t { blocked = 0, unmanaged = 1, dma = 2 | 1, identity = 4 };

struct iommu_domain_geometry {
  dma_addr aperture_start;
  dma_addr aperture_end;
  bool force_aperture = false;
};

using iommu_fault_handler =
    std::function<int(iommu_domain& domain, device& dev, dma_addr iova, int flags)>;

/// What generic code sees of a driver's domain; the driver's own type contains or derives from it.
struct iommu_domain {
  virtual ~iommu_domain() = default;
  iommu_domain_type type = iommu_domain_type::blocked;
  const iommu_ops* ops = nullptr;
  environment* env = nullptr;  ///< of the system whose bus allocated it
  iommu_fault_handler handler;
  iommu_domain_geometry geometry;
};

/// An IOMMU driver's operations. Results are the kernel's: 0 or a negative errno.
struct iommu_ops {
  std::function<bool(iommu_cap)> capable;
  std::function<iommu_domain*(iommu_domain_type)> domain_alloc;
  std::function<void(iommu_domain&)> domain_free;
  std::function<int(iommu_domain&, device&)> attach_dev;
  std::function<void(iommu_domain&, device&)> detach_dev;
  std::function<int(iommu_domain&, dma_addr, phys_addr, uint64_t size, int prot)> map;
  std::function<uint64_t(iommu_domain&, dma_addr, uint64_t size)> unmap;
  std::function<phys_addr(iommu_domain&, dma_addr)> iova_to_phys;
  std::function<int(device&)> add_device;
  std::function<void(device&)> remove_device;
  std::function<iommu_group*(device&)> device_group;
  uint64_t pgsize_bitmap = 0;
};

enum class iommu_group_notify : uint8_t {
  add_device,
  del_device,
  bind_driver,
  bound_driver,
  unbind_driver,
  unbound_driver,
};

using iommu_group_notifier_block = notifier_block<iommu_group_notify, device>;

struct iommu_group {
  int id = 0;
  int references = 0;
  iommu_core* core = nullptr;
  std::string sysfs_path;  ///< "kernel/iommu_groups/3"
  struct member {
    device* dev = nullptr;
    std::string name;  ///< its link's name under devices/
  };
  std::vector<member> devices;  ///< in order of joining
  notifier_chain<iommu_group_notify, device> notifier;
  iommu_domain* default_domain = nullptr;
  iommu_domain* domain = nullptr;
};

/// The state that is global in iommu.c and iommu-sysfs.c: the group numbers in use, the class and
/// group directories of sysfs.
class iommu_core {
 public:
  iommu_core(environment& env, sysfs_tree& sysfs);
  ~iommu_core();
  iommu_core(const iommu_core&) = delete;
  iommu_core& operator=(const iommu_core&) = delete;

  [[nodiscard]] environment& env() const { return env_; }
  [[nodiscard]] sysfs_tree& sysfs() const { return sysfs_; }

  /// iommu_group_alloc(): null when sysfs refuses the name (before iommu_init()).
  iommu_group* group_alloc();
  [[nodiscard]] const std::vector<std::unique_ptr<iommu_group>>& groups() const { return groups_; }
  /// iommu_group_release(): what the last put does.
  void release(iommu_group& group);

  /// Keeps the notifier block of bus_set_iommu() alive.
  std::vector<std::unique_ptr<bus_notifier_block>> bus_blocks;

 private:
  environment& env_;
  sysfs_tree& sysfs_;
  std::vector<std::unique_ptr<iommu_group>> groups_;  // in order of allocation
};

// Linux v4.4 drivers/iommu/iommu.c, by the kernel's names. Errors are negative errnos.
void iommu_init(iommu_core& core);  ///< core_initcall: the iommu_groups directory
int bus_set_iommu(bus_type& bus, const iommu_ops& ops);
bool iommu_present(const bus_type& bus);
bool iommu_capable(const bus_type& bus, iommu_cap cap);
iommu_group* iommu_group_get(device& dev);
void iommu_group_put(iommu_group* group);
int iommu_group_add_device(iommu_group& group, device& dev);
void iommu_group_remove_device(device& dev);
/// Finds or makes the device's group; the caller holds a reference. Null with `error` set.
iommu_group* iommu_group_get_for_dev(device& dev, int& error);
int iommu_group_for_each_dev(iommu_group& group, absl::FunctionRef<int(device&)> fn);
/// Null when the device is not PCI (-EINVAL in the kernel) or no group can be made.
iommu_group* pci_device_group(device& dev);
int iommu_group_id(const iommu_group& group);
void iommu_group_register_notifier(iommu_group& group, iommu_group_notifier_block& nb);
void iommu_group_unregister_notifier(iommu_group& group, iommu_group_notifier_block& nb);

/// Null when the bus has no IOMMU or the driver refuses the type.
iommu_domain* iommu_domain_alloc(bus_type& bus);
void iommu_domain_free(iommu_domain& domain);
/// -EINVAL when the device's group has other members, -EBUSY when the group is taken.
int iommu_attach_device(iommu_domain& domain, device& dev);
void iommu_detach_device(iommu_domain& domain, device& dev);
int iommu_attach_group(iommu_domain& domain, iommu_group& group);
void iommu_detach_group(iommu_domain& domain, iommu_group& group);
iommu_domain* iommu_get_domain_for_dev(device& dev);
/// Maps in pieces of the largest page sizes that address and length allow; what was mapped is
/// taken back when a piece fails. -ENODEV, -EINVAL for anything unaligned, or the driver's errno.
int iommu_map(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t size, int prot);
/// Bytes unmapped: more than `size` where a larger page lay; a negative errno in 64 bits, as in the
/// kernel, when it could not begin.
uint64_t iommu_unmap(iommu_domain& domain, dma_addr iova, uint64_t size);
phys_addr iommu_iova_to_phys(iommu_domain& domain, dma_addr iova);

}  // namespace iommulab
