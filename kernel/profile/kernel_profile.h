// SPDX-License-Identifier: GPL-2.0-only
//
// The interface behind which a whole generation of the kernel stands: its boot phases, its driver,
// IOMMU core and DMA operations, its wording, and where the port does something else on purpose.
// The composition, commands, comparisons and tests see a generation through this and no other way.
//
// A `kernel_profile` is a constant; a `kernel_generation` is one running copy of that kernel's
// code, over services that it is handed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/acpi/acpi_bus.h"
#include "core/device.h"
#include "core/environment.h"
#include "core/io_resource.h"
#include "core/iommu/iommu.h"
#include "core/iommu/iommu_api.h"
#include "core/irq/irq_vectors.h"
#include "core/irq/local_irq.h"
#include "core/pci/pci.h"
#include "core/pci/pci_driver.h"
#include "core/slab.h"
#include "core/structure.h"
#include "core/sysfs.h"
#include "intel/dmar/diagnosis.h"
#include "kernel/command_line/command_line_notes.h"
#include "kernel/profile/page_table.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/machine.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"
#include "platform/mmio_space.h"

namespace iommulab {

class device_nodes;
class user_pages;
struct vfio_module_options;

/// What a generation's code runs on; everything here outlives it.
struct kernel_host {
  const machine_config& machine;
  environment& env;
  physical_memory& memory;
  page_allocator& pages;
  slab_failures& slab;
  mmio_space& mmio;
  io_resource& iomem;
  local_irq& interrupts;
  irq_vectors& irqs;
  iommu_core& iommu;
  bus_type& pci_bus;
  pci_core& pci;
  acpi_bus& acpi;
  sysfs_tree& sysfs;
  user_pages& user_memory;
  device_nodes& nodes;
};

/// What start-up came to.
struct boot_outcome {
  bool table_detected = false;  ///< detect_intel_iommu() found units it can use
  int intel_iommu_init = 0;     ///< the initcall's result, 0 or a negative errno
  std::string panic;            ///< why the kernel stopped (guarded_outcome::reason()), else empty
};

/// A remapping unit as the driver sees it.
struct driven_unit {
  phys_addr registers;
  bool ignored = false;  ///< the driver leaves it alone
};

/// The domain that a device's requests go through, as far as the driver has given it one.
struct device_domain {
  std::optional<iommu_domain_type> type;  ///< none: no domain yet, or one that is not translated
  std::string name;                       ///< what the trace calls it, "dmar0:3"; empty without one
};
/// "DMA", "identity", "unmanaged", "blocked", or "none".
std::string_view type_word(const device_domain& domain);

/// Unmaps whose invalidation is put off.
struct waiting_unmaps {
  int count = 0;
  bool timer_on = false;
};

/// A place where a generation's port does something else than its kernel, on purpose.
struct kernel_difference {
  std::string_view id;
  std::string_view where;   ///< function of the kernel, or what the driver is asked
  std::string_view kernel;  ///< what the kernel does
  std::string_view here;    ///< what is done instead
  std::string_view shows;   ///< how a recorded run can show it: a name of divergence_shows
};

/// Where a kernel does something else than an earlier one.
struct kernel_change {
  std::string_view where;    ///< function of the kernel, or part of it
  std::string_view before;   ///< what the earlier kernel does
  std::string_view now;      ///< what this one does
  std::string_view meaning;  ///< why, and what a reader of a run sees of it
};

class kernel_generation {
 public:
  virtual ~kernel_generation() = default;

  // The boot, in this order. What throws is kernel_panic and kernel_bug.

  /// Early parameters, __setup() handlers, memory: all before the first initcall.
  virtual void setup(const std::string& command_line) = 0;
  /// Looks for units.
  virtual bool detect() = 0;
  /// Parses the table, as preparing interrupt remapping does, whatever comes of it.
  virtual void prepare_interrupt_remapping() = 0;
  /// core, postcore: groups and quirks have their places; PCI is scanned after this.
  virtual void early_initcalls() = 0;
  /// subsys, behind the scan of the PCI buses.
  virtual void subsys_initcalls() {}
  /// rootfs: intel_iommu_init(), 0 or a negative errno, and what else decides over DMA.
  virtual int pci_iommu_init() = 0;
  /// late.
  virtual void late_initcalls() = 0;

  /// The modules that let a process in come: VFIO, vfio-pci, and what else this kernel has. They
  /// make their nodes below /dev; vfio-pci is the result, for the bus. Nothing of a kernel for
  /// which none are ported.
  virtual std::optional<pci_driver> load_vfio(const vfio_module_options& /*options*/) {
    return std::nullopt;
  }

  /// What whoever writes files of sysfs may do from now on: CAP_SYS_ADMIN, CAP_SYS_RAWIO. At first,
  /// everything.
  virtual void set_writers_capabilities(bool /*sys_admin*/, bool /*sys_rawio*/) {}

  // What can be asked of the running kernel.

  [[nodiscard]] virtual std::vector<driven_unit> units() const = 0;
  /// The registers of the unit that the driver finds for a function; nothing without one.
  [[nodiscard]] virtual std::optional<phys_addr> unit_of(pci_dev& pdev) const = 0;
  /// What the driver found wrong with the DMAR table.
  [[nodiscard]] virtual const std::vector<table_diagnosis>& diagnoses() const = 0;
  [[nodiscard]] virtual waiting_unmaps waiting() const = 0;
  [[nodiscard]] virtual device_domain domain_of(const device& dev) const = 0;
  /// Domains that were allocated and not freed.
  [[nodiscard]] virtual uint64_t live_domains() const = 0;

  /// Structures of driver, IOMMU core and devices, by the kernel's names, in sections of a kind:
  /// those that `wanted` names. No lock is taken: the system is held, or nobody runs.
  [[nodiscard]] virtual std::vector<structure_section> structures(
      const structure_query& wanted) const = 0;

  virtual iommulab::iommu_api& iommu_api() = 0;
  /// `width`: of its addresses, 30 to 57 bits, so two to five levels. `superpages`: 0 none, 1 those
  /// of 2 MiB, 2 of 1 GiB as well. Null when there is no page for the top table.
  virtual std::unique_ptr<page_table> make_page_table(int width, int superpages) = 0;
  /// Coherent buffers come page by page, from anywhere, where the kernel would take them so, and
  /// not as blocks, which a reader finds easier to follow. For runs that repeat a recording's.
  virtual void take_scattered_pages(bool /*on*/) {}
};

class kernel_profile {
 public:
  virtual ~kernel_profile() = default;

  /// As `--kernel` takes it and folders of captures are called: "v4_4".
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// "4.4.1"
  [[nodiscard]] virtual std::string_view release() const = 0;
  /// The kernel on whose code it stands: "v4_4" of 4.4.178, "v6_12" of 6.1; itself otherwise.
  [[nodiscard]] virtual std::string_view stands_on() const { return name(); }
  /// All places where the port does something else on purpose.
  [[nodiscard]] virtual absl::Span<const kernel_difference> differences() const = 0;
  /// What this kernel does otherwise than the catalogue's one before it; empty for the first.
  [[nodiscard]] virtual absl::Span<const kernel_change> changes() const { return {}; }
  /// What this kernel does about a finding in a DMAR table, one sentence; empty where that is
  /// nothing remarkable.
  [[nodiscard]] virtual std::string does_about(const dmar_table& table,
                                               const dmar_finding& finding) const = 0;
  /// The kinds of kernel_generation::structures(), in its order.
  [[nodiscard]] virtual absl::Span<const std::string_view> structure_kinds() const = 0;
  /// The kind whose one structure holds the driver's variables.
  [[nodiscard]] virtual std::string_view variables_kind() const = 0;
  /// The driver's variables that are no structures of a kind: the fields of that one.
  [[nodiscard]] virtual absl::Span<const std::string_view> structure_variables() const = 0;
  /// Whether the command line asks for DMA remapping. It may keep the driver from giving it as
  /// well, with bounce buffers or without ACPI.
  [[nodiscard]] virtual bool translation_asked_for(const std::string& command_line) const = 0;
  /// Words of the line that look as if they did something to remapping, and do not.
  [[nodiscard]] virtual std::vector<command_line_note> notes_on(
      const std::string& /*command_line*/) const {
    return {};
  }

  /// Whether a kernel that remaps interrupts sets units' fault events up with that, before
  /// intel_iommu_init(). Who reads recordings of such a kernel wants to know.
  [[nodiscard]] virtual bool fault_event_comes_with_interrupts() const { return true; }

  [[nodiscard]] virtual std::unique_ptr<kernel_generation> create(
      const kernel_host& host) const = 0;
};

}  // namespace iommulab
