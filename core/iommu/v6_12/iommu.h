// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU core of Linux 6.12, drivers/iommu/iommu.c by the kernel's names: probing of devices,
// groups with a default domain each, reserved regions, ownership of a group's DMA, the IOMMU API.
//
// What is global there is one `iommu_subsystem` a running system. It calls upwards, into the DMA
// API over an IOMMU (dma-iommu.c), through `iommu_dma_hooks`; nothing here includes that.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/cmdline.h"
#include "core/iommu/iommu.h"
#include "core/iommu/v6_12/iommu_ops.h"

namespace iommulab::v6_12 {

/// Linux v6.12 drivers/iommu/dma-iommu.h: what iommu.c calls in dma-iommu.c.
class iommu_dma_hooks {
 public:
  virtual ~iommu_dma_hooks() = default;
  virtual int get_dma_cookie(iommu_domain& domain) = 0;
  virtual void put_dma_cookie(iommu_domain& domain) = 0;
  /// iommu_setup_dma_ops(): the device does DMA through its group's default domain, or directly.
  virtual void setup_dma_ops(device& dev) = 0;
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

/// What is global in iommu.c, for one running system.
class iommu_subsystem {
 public:
  /// Over the groups of `core`, for the devices of `bus`; both outlive it.
  iommu_subsystem(iommu_core& core, bus_type& bus);
  ~iommu_subsystem();
  iommu_subsystem(const iommu_subsystem&) = delete;
  iommu_subsystem& operator=(const iommu_subsystem&) = delete;

  [[nodiscard]] environment& env() const;

  iommu_core& core;
  bus_type& bus;
  iommu_defaults defaults;
  iommu_dma_hooks* dma = nullptr;  ///< null: no DMA API over an IOMMU
  std::vector<iommu_device*> iommu_device_list;
};

// Linux v6.12 drivers/iommu/iommu.c

/// `iommu.passthrough=` and `iommu.strict=`, early parameters.
void add_iommu_early_params(command_line& line, iommu_defaults& defaults);
/// subsys_initcall: settles what nobody asked for, and tells the policy.
int iommu_subsys_init(iommu_subsystem& iommu);
/// core_initcall: the iommu_groups directory.
int iommu_init(iommu_subsystem& iommu);

/// A unit of `ops`: devices that have no unit yet are probed.
int iommu_device_register(iommu_subsystem& iommu, iommu_device& unit, iommu_ops& ops);
void iommu_device_unregister(iommu_subsystem& iommu, iommu_device& unit);
/// iommu_set_dma_strict(): before the first default domain is made.
void iommu_set_dma_strict(iommu_subsystem& iommu);
void iommu_set_default_passthrough(iommu_subsystem& iommu, bool cmd_line);
void iommu_set_default_translated(iommu_subsystem& iommu, bool cmd_line);
bool iommu_default_passthrough(const iommu_subsystem& iommu);
/// The group of a PCI device, as 6.12 finds it. Null with `error` set.
iommu_group* pci_device_group(device& dev, int& error);

}  // namespace iommulab::v6_12
