// SPDX-License-Identifier: GPL-2.0-only
//
// One running system: a machine, the kernel's services on it, and one generation of the kernel's
// code. This is where the rooms are put together; nothing here is global, so several systems, of
// different kernels, can run side by side.
//
// start_up() goes through the kernel's phases in their order; at the right, what they are in 4.4:
//
//   setup()          setup_arch(): early parameters, area of cma=   iommu=, swiotlb=
//                    parameters: __setup() handlers                 intel_iommu=
//   detect()         mem_init(): pci_iommu_alloc(): bounce buffers, detect_intel_iommu()
//                    and unless they are asked for, the IOMMU
//                    irq_remapping_prepare(), unless switched off   dmar_table_init()
//   early_initcalls  core, postcore                                 iommu_init(), iommu_dev_init()
//                    subsys                                         the PCI buses are scanned
//   subsys_initcalls subsys, behind that                            none
//   pci_iommu_init   rootfs                                         intel_iommu_init(),
//                                                                   pci_swiotlb_late_init()
//                    device: load_drivers()                         drivers take their functions
//   late_initcalls   late: finish_boot()                            dmar_free_unused_resources()
//                    late: load_late_drivers()
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/acpi/acpi_bus.h"
#include "core/device.h"
#include "core/environment.h"
#include "core/io_resource.h"
#include "core/iommu/iommu.h"
#include "core/irq/irq_vectors.h"
#include "core/pci/pci.h"
#include "core/slab.h"
#include "core/status.h"
#include "core/sysfs.h"
#include "dma/dma_pool.h"
#include "kernel/pci_drivers.h"
#include "kernel/profile/kernel_profile.h"
#include "platform/dma/dma_bus.h"
#include "platform/interrupt_controller.h"
#include "platform/machine/machine.h"
#include "platform/machine/machine_endpoints.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"
#include "platform/mmio_space.h"
#include "platform/pci/pci_machine.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"
#include "platform/vtd/unit.h"

namespace iommulab {

class dma_debug;

struct kernel_options {
  /// Which kernel; null for the default one (kernel/catalogue.h).
  const kernel_profile* profile = nullptr;
  std::string command_line;
  /// Page addresses to hand out, in order; empty for the allocator's own choice.
  std::vector<phys_addr> recorded_pages{};
  /// Start-up takes virtual time, its phases begin when they did in a recorded run; else none.
  bool paced = false;
  /// Check the driver's dealings with the units (platform/vtd/sanitizer), and device drivers' with
  /// the DMA API (dma/debug), from the first phase on.
  bool sanitize = false;
};

class kernel {
 public:
  /// Builds the system of `config`; nothing runs yet. EINVAL, naming the thing, when the machine
  /// cannot be.
  static absl::StatusOr<std::unique_ptr<kernel>> create(const machine_config& config,
                                                        kernel_options options);
  ~kernel();
  kernel(const kernel&) = delete;
  kernel& operator=(const kernel&) = delete;

  /// Runs the phases up to and including intel_iommu_init(); a panic() or BUG() among them is in
  /// the outcome.
  boot_outcome start_up();
  /// The rest of the boot; the system counts as running afterwards.
  void finish_boot();

  /// The machine's device drivers take their functions (see pci_drivers).
  void load_drivers() { drivers_->load(pci_drivers::initcall::device); }
  /// Those whose own initcall is a late one, behind finish_boot().
  void load_late_drivers() { drivers_->load(pci_drivers::initcall::late); }

  /// The modules that let a process in come, and vfio-pci for the functions whose driver_override
  /// names it. EOPNOTSUPP for a kernel of which they are not ported.
  absl::Status load_vfio(const vfio_module_options& options);
  /// /dev. Whoever has opened a node closes it before the kernel goes.
  [[nodiscard]] const device_nodes& nodes() const { return *nodes_; }
  /// Memory of processes.
  iommulab::user_pages& user_pages() { return *user_pages_; }

  [[nodiscard]] const machine_config& machine() const { return config_; }
  [[nodiscard]] const std::string& command_line() const { return options_.command_line; }
  environment& env() { return env_; }
  physical_memory& memory() { return *memory_; }
  page_allocator& pages() { return *pages_; }
  slab_failures& slab() { return slab_; }
  iommulab::dma_pools& dma_pools() { return *dma_pools_; }
  sysfs_tree& sysfs() { return sysfs_; }
  iommu_core& iommu() { return *iommu_; }
  pci_core& pci() { return *pci_; }
  acpi_bus& acpi() { return acpi_; }
  pci_machine& pci_hardware() { return *pci_hardware_; }
  /// How devices reach memory.
  dma_bus& dma_hardware() { return *dma_hardware_; }
  /// The machine's devices that do DMA.
  machine_endpoints& endpoints() { return *endpoints_; }
  mmio_space& mmio() { return mmio_; }
  interrupt_controller& interrupts() { return interrupts_; }
  irq_vectors& irqs() { return irqs_; }
  [[nodiscard]] const kernel_profile& profile() const { return *options_.profile; }
  /// The kernel's own code; what it answers is valid from start_up() on.
  kernel_generation& generation() { return *generation_; }
  std::vector<std::unique_ptr<vtd_unit>>& units() { return units_; }
  /// Null unless asked for.
  [[nodiscard]] const vtd_sanitizer* sanitizer() const { return sanitizer_.get(); }
  vtd_sanitizer* sanitizer() { return sanitizer_.get(); }
  /// Null unless asked for.
  iommulab::dma_debug* dma_debug() { return dma_debug_.get(); }
  /// Takes away whoever listens to the system: sinks, observers of tables and units. Sinks cannot
  /// subscribe again.
  void mute();
  /// All that the kernel made goes, as when the object goes; what it ran on stays to be looked at:
  /// afterwards only slab(), pages(), memory() and env() may be called.
  void take_down();

 private:
  kernel(machine_config config, kernel_options options);
  absl::Status build();
  absl::Status build_devices();
  void give_windows();
  void bind_companions();
  boot_outcome run_phases();
  void pass_until(uint64_t ns);

  machine_config config_;
  kernel_options options_;
  acpi_bus acpi_;
  std::deque<device> host_bridges_;
  environment env_;
  slab_failures slab_;
  sysfs_tree sysfs_;
  interrupt_controller interrupts_;
  irq_vectors irqs_;
  io_resource iomem_;
  mmio_space mmio_;
  std::unique_ptr<physical_memory> memory_;
  std::unique_ptr<page_allocator> pages_;
  std::unique_ptr<iommulab::dma_pools> dma_pools_;
  std::unique_ptr<iommulab::user_pages> user_pages_;
  std::unique_ptr<device_nodes> nodes_;
  std::unique_ptr<vtd_sanitizer> sanitizer_;
  listener_list<table_observer*>::subscription sanitizer_subscription_;
  std::unique_ptr<iommulab::dma_debug> dma_debug_;
  std::vector<std::unique_ptr<vtd_unit>> units_;
  std::unique_ptr<pci_machine> pci_hardware_;
  std::unique_ptr<dma_bus> dma_hardware_;
  std::unique_ptr<machine_endpoints> endpoints_;
  std::unique_ptr<iommu_core> iommu_;
  std::unique_ptr<bus_type> pci_bus_;
  std::unique_ptr<pci_core> pci_;
  std::unique_ptr<pci_drivers> drivers_;
  std::unique_ptr<kernel_generation> generation_;
};

}  // namespace iommulab
