// SPDX-License-Identifier: GPL-2.0-only
//
// Devices and buses, as far as the IOMMU code looks at them.
//
// A bus keeps its devices in the order in which they were added: every walk over them
// (for_each_pci_dev, bus_for_each_dev) is in that order, hot-added devices last. A device that
// was removed stays allocated for the life of the machine, because the kernel's references (a
// group that was never left, a link in sysfs) may still name it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/environment.h"
#include "core/notifier.h"
#include "core/types.h"

namespace iommulab {

struct acpi_device;
struct bus_type;
struct pci_dev;
struct iommu_group;
class dma_map_ops;
class iommu_core;
class sysfs_tree;
namespace v4_4 {
struct iommu_ops;  // of a bus: later kernels have none
}
namespace v6_12 {
struct dev_iommu;  // of a device, where 4.4 has its driver's archdata alone
}

/// The device core's BUS_NOTIFY_* actions.
enum class bus_notify : uint8_t {
  add_device,
  del_device,
  removed_device,
  bind_driver,
  bound_driver,
  unbind_driver,
  unbound_driver,
};
std::string_view name(bus_notify action);
inline std::string_view trace_word(bus_notify action) {
  return name(action);
}

struct device {
  std::string name;        ///< dev_name(): "0000:00:1f.2"
  std::string sysfs_path;  ///< "devices/pci0000:00/0000:00:1f.2", from the root of sysfs
  bus_type* bus = nullptr;
  device* parent = nullptr;
  pci_dev* pci = nullptr;            ///< to_pci_dev(); null when dev_is_pci() is false
  acpi_device* acpi = nullptr;       ///< to_acpi_device(); null when it is not of the ACPI bus
  acpi_device* companion = nullptr;  ///< ACPI_COMPANION(); null when has_acpi_companion() is false
  uint64_t dma_mask = 0xffffffff;
  uint64_t coherent_dma_mask = 0xffffffff;
  uint64_t bus_dma_limit = 0;                  ///< the last address that its bus hands on; 0: all
  dma_map_ops* dma_ops = nullptr;              ///< dev->archdata.dma_ops; null for the bus's
  iommu_group* group = nullptr;                ///< dev->iommu_group
  void* archdata_iommu = nullptr;              ///< dev->archdata.iommu: the IOMMU driver's own
  v6_12::dev_iommu* iommu = nullptr;           ///< dev->iommu, of later kernels
  bool dma_iommu = false;                      ///< its DMA API goes through dma-iommu.c, of later
  uint64_t dma_seg_boundary = 0xffffffff;      ///< no piece crosses a multiple of this plus one
  uint32_t dma_max_seg_size = 65536;           ///< bytes of a mapped piece, when pieces are joined
  std::string driver;                          ///< name of the bound driver, empty when unbound
  std::function<void(device&)> driver_remove;  ///< the bound driver's remove(), may be null
};

inline bool dev_is_pci(const device& dev) {
  return dev.pci != nullptr;
}
inline const std::string& trace_word(const device& dev) {
  return dev.name;
}

using bus_notifier_block = notifier_block<bus_notify, device>;

struct bus_type {
  bus_type(environment& environment_, sysfs_tree& sysfs_, iommu_core& iommu_, std::string name_)
      : env(environment_), sysfs(sysfs_), iommu(iommu_), name(std::move(name_)) {}
  bus_type(const bus_type&) = delete;
  bus_type& operator=(const bus_type&) = delete;

  environment& env;
  sysfs_tree& sysfs;
  iommu_core& iommu;
  std::string name;
  std::vector<device*> devices;  ///< in order of addition
  notifier_chain<bus_notify, device> notifier;
  const v4_4::iommu_ops* ops = nullptr;  ///< bus->iommu_ops
  /// Before a driver's probe(), of kernels that have it: 0, or a negative errno, and the driver
  /// does not get the device. Empty in 4.4.
  std::function<int(device&, std::string_view driver)> dma_configure;
  std::function<void(device&)> dma_cleanup;  ///< after remove(), and after a probe() that failed
  dma_map_ops* dma_ops = nullptr;            ///< what is the global dma_ops of x86
};
inline const std::string& trace_word(const bus_type& bus) {
  return bus.name;
}

/// Binds `driver` to an unbound device: BIND_DRIVER, the driver's probe(), and when that returned 0
/// BOUND_DRIVER. A negative result of `probe` leaves the device unbound and is returned; -EBUSY
/// when a driver is bound already. Linux v4.4 drivers/base/dd.c: really_probe(), driver_bound()
int device_bind_driver(device& dev, std::string driver, absl::FunctionRef<int(device&)> probe,
                       std::function<void(device&)> remove = {});
/// Unbinds the device from its driver, if it has one: UNBIND_DRIVER, the driver's remove(),
/// UNBOUND_DRIVER. Linux v4.4 drivers/base/dd.c: __device_release_driver()
void device_release_driver(device& dev);

/// Calls `fn` for each device in order of addition until one call returns nonzero, which is
/// returned. Linux v4.4 drivers/base/bus.c: bus_for_each_dev()
int bus_for_each_dev(bus_type& bus, absl::FunctionRef<int(device&)> fn);

}  // namespace iommulab
