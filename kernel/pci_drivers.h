// SPDX-License-Identifier: GPL-2.0-only
//
// Device drivers, as far as the bus and the IOMMU see them: who takes which function, and with
// which DMA masks. They drive nothing.
//
// A driver takes the functions that it had taken when the machine was recorded, and takes them
// again when they come back. One more rule is the kernel's: its port driver matches every PCI
// bridge by class, so that it is bound to each for a moment, and its probe() then refuses what is
// no port of PCI Express (Linux v4.4 drivers/pci/pcie/portdrv_pci.c). Listeners hear of that.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "core/pci/pci.h"
#include "core/pci/pci_driver.h"
#include "core/sysfs.h"
#include "platform/machine/machine.h"

namespace iommulab {

class pci_drivers {
 public:
  /// The drivers of `machine`'s functions; none is bound. `pci` and `sysfs` outlive this.
  pci_drivers(const machine_config& machine, pci_core& pci, sysfs_tree& sysfs);
  ~pci_drivers();
  pci_drivers(const pci_drivers&) = delete;
  pci_drivers& operator=(const pci_drivers&) = delete;

  /// When a driver comes.
  enum class initcall : uint8_t {
    device,
    late,  ///< behind the last of the kernel's own, as the driver that plays recorded scripts
  };

  /// The drivers of this initcall come, the port driver first, the others by name, which is the
  /// order in which the kernel links those of disks and networks. Each takes what is there, in
  /// order of addition, and from now on what a scan finds. Makes bus/pci/drivers/NAME/bind and
  /// unbind, which take the name of a function (ENODEV for one that is not there, is not the
  /// driver's, or is in the wrong state).
  void load(initcall when);

  /// A module's driver: takes the functions whose driver_override names it. Makes its files bind
  /// and unbind, and with the first such driver every function's file driver_override and the bus's
  /// drivers_probe: Linux v6.12 drivers/base/bus.c: drivers_probe_store().
  void register_driver(pci_driver driver);

 private:
  struct claim {
    std::string driver;
    uint64_t dma_mask = 0;
    uint64_t coherent_dma_mask = 0;
  };
  void load_driver(std::string_view driver);
  void attach(pci_dev& pdev);
  void create_files(const std::string& driver);
  void create_override_files();
  absl::Status probe(std::string_view name);
  int bind_to(pci_dev& pdev, const pci_driver& driver, bool& was_asked);
  absl::Status bind(const std::string& driver, std::string_view name);
  absl::Status unbind(const std::string& driver, std::string_view name);

  pci_core& pci_;
  sysfs_tree& sysfs_;
  std::map<std::string, claim, std::less<>> claims_;  ///< by the function's name
  std::set<std::string, std::less<>> loaded_;
  std::map<std::string, pci_driver, std::less<>> registered_;  ///< by name
  std::map<std::string, std::string, std::less<>> overrides_;  ///< a driver, by the function's name
  bool has_port_driver_ = false;
};

}  // namespace iommulab
