// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v4_4/generation.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/cmdline.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/structures.h"
#include "core/probe_result.h"
#include "intel/dmar/table.h"
#include "intel/v4_4/init.h"
#include "intel/v4_4/quirks.h"
#include "intel/v4_4/structures.h"
#include "kernel/profile/dmar_view.h"
#include "kernel/profile/firmware.h"
#include "kernel/profile/vfio_functions.h"
#include "kernel/v4_4/page_table.h"
#include "platform/vtd/spec/registers.h"
#include "vfio/v4_4/modules.h"

namespace iommulab::v4_4 {
namespace {

/// The firmware says so, and every unit can.
/// Linux v4.4 drivers/iommu/intel_irq_remapping.c: dmar_ir_support()
bool firmware_remaps_interrupts(const machine_config& machine) {
  constexpr size_t flags_at = 37;
  constexpr uint8_t dmar_intr_remap = 1;
  const auto& units = machine.units;
  return machine.dmar_table.size() > flags_at &&
         (machine.dmar_table[flags_at] & dmar_intr_remap) != 0 && !units.empty() &&
         std::all_of(units.begin(), units.end(), [](const remapping_unit_config& unit) {
           return unit.ecap.interrupt_remapping();
         });
}

}  // namespace

generation::generation(const release& which, const kernel_host& host)
    : release_(which), host_(host), iommu_api_(host.pci_bus) {}

generation::~generation() {
  let_go_of_functions(host_.pci, vfio_.get());
}

void generation::setup(const std::string& text) {
  intel_iommu_options options;
  command_line line;
  cma_parameters area;
  add_x86_early_params(line, x86_);
  add_cma_early_param(line, area);
  line.setup("intel_iommu=", [&](std::string_view value) {
    intel_iommu_setup(host_.env, value, options);
    return 0;
  });
  line.dispatch_early(text, host_.env.log);
  // Linux v4.4 arch/x86/kernel/acpi/boot.c: acpi_boot_table_init()
  if (const auto table = acpi_table_line(host_.machine); table && !x86_.acpi_disabled) {
    host_.env.log.print(log_level::info, *table);
  }
  dma_ =
      std::make_unique<x86_dma>(release_.swiotlb, x86_, host_.pci_bus, host_.memory, host_.pages);
  dma_->setup_arch(area);
  line.dispatch_setup(text);
  options.is_kdump_kernel = x86_.elfcorehdr_addr.has_value();
  options.no_iommu = x86_.iommu.no_iommu;
  options.iommu_pass_through = x86_.iommu.iommu_pass_through;

  const machine_config& machine = host_.machine;
  driver_ = std::make_unique<intel_driver>(
      release_.driver,
      driver_host{.env = host_.env,
                  .memory = host_.memory,
                  .pages = host_.pages,
                  .slab = host_.slab,
                  .mmio = host_.mmio,
                  .iomem = host_.iomem,
                  .interrupts = host_.interrupts,
                  .irqs = host_.irqs,
                  .iommu = host_.iommu,
                  .pci = host_.pci,
                  .acpi = host_.acpi,
                  .acpi_dmar_table = [this] { return dmar_table(); },
                  .node_of_proximity_domain = iommulab::node_of_proximity_domain(machine),
                  .memory_pfn_ranges = iommulab::memory_pfn_ranges(machine),
                  .firmware_reserves = {},
                  .install_dma_ops = [this] { dma_->install_iommu(*intel_dma_ops_); }},
      options);
  intel_dma_ops_ = std::make_unique<intel_dma_ops>(*driver_, dma_->contiguous());
}

std::optional<absl::Span<const uint8_t>> generation::dmar_table() const {
  if (x86_.acpi_disabled) return std::nullopt;
  return acpi_dmar_table(host_.machine);
}

// Linux v4.4 arch/x86/kernel/pci-dma.c: pci_iommu_alloc()
bool generation::detect() {
  {
    IOMMULAB_CALL(host_.env.trace, "pci_iommu_alloc");
    detected_ = dma_->pci_iommu_alloc([this] { return detect_intel_iommu(*driver_) > 0; });
  }
  return detected_;
}

// Interrupt remapping itself is not in the port, but who asks whether it is on is answered as that
// kernel would. Linux v4.4 drivers/iommu/intel_irq_remapping.c: intel_prepare_irq_remapping()
void generation::prepare_interrupt_remapping() {
  if (x86_.disable_irq_remap) return;
  const bool is_parsed = dmar_table_init(*driver_) >= 0;
  driver_->irq_remapping_enabled = is_parsed && firmware_remaps_interrupts(host_.machine);
}

void generation::early_initcalls() {
  iommu_init(host_.iommu);
  iommu_dev_init(host_.iommu);
  register_intel_iommu_quirks(*driver_);
  dma_->register_quirks(host_.pci);
  if (release_.register_pci_quirks != nullptr) release_.register_pci_quirks(host_.pci);
}

// Linux v4.4 arch/x86/kernel/pci-dma.c: pci_iommu_init(). What x86_init.iommu.iommu_init answers
// is lost there.
int generation::pci_iommu_init() {
  int result = -ENODEV;
  {
    IOMMULAB_CALL(host_.env.trace, "pci_iommu_init");
    if (detected_) result = intel_iommu_init(*driver_);
    dma_->pci_iommu_init();
  }
  return result;
}

void generation::late_initcalls() {
  dmar_free_unused_resources(*driver_);
}

// This kernel has no iommufd: the container is VFIO's own.
std::optional<pci_driver> generation::load_vfio(const vfio_module_options& options) {
  vfio_ = std::make_unique<vfio_modules>(
      release_.vfio, options,
      vfio_services{host_.env, host_.slab, host_.sysfs, host_.user_memory, host_.nodes,
                    vfio_hardware{&host_.mmio, &host_.irqs}});
  // Linux v4.4 drivers/base/dd.c: really_probe() says why a driver refused.
  const auto probe = [this](pci_dev& pdev) {
    const int ret = vfio_->probe(pdev);
    if (is_probe_failure(ret)) {
      host_.env.log.print(
          log_level::warning,
          absl::StrFormat("vfio-pci: probe of %s failed with error %d", pdev.dev.name, ret));
    }
    return ret;
  };
  return pci_driver{"vfio-pci", probe, [this](pci_dev& pdev) {
                      stop_where_waiting(*vfio_, pdev);
                      vfio_->remove(pdev);
                    }};
}

std::vector<driven_unit> generation::units() const {
  return driven_units(driver_.get());
}

std::optional<phys_addr> generation::unit_of(pci_dev& pdev) const {
  return unit_registers(driver_.get(), pdev);
}

const std::vector<table_diagnosis>& generation::diagnoses() const {
  return table_diagnoses(driver_.get());
}

waiting_unmaps generation::waiting() const {
  if (driver_ == nullptr) return {};
  deferred_flush_state& deferred = driver_->deferred;
  const spin_guard guard(deferred.async_umap_flush_lock);
  return {deferred.list_size, deferred.timer_on};
}

device_domain generation::domain_of(const device& dev) const {
  const device_domain_info* info = dev_membership(dev);
  if (info == nullptr || is_dummy(dev)) return {};
  const dmar_domain& domain = *info->domain;
  iommu_domain_type type = iommu_domain_type::dma;
  if (domain_type_is_si(domain)) type = iommu_domain_type::identity;
  if (domain_type_is_vm(domain)) type = iommu_domain_type::unmanaged;
  return {type, trace_word(domain)};
}

std::vector<structure_section> generation::structures(const structure_query& wanted) const {
  if (driver_ == nullptr) return {};
  std::vector<structure_section> sections = structures_of(*driver_, wanted);
  add_bus_sections(
      host_, wanted, [](const iommu_group& group) { return iommulab::structure_of(group); },
      [](const device& dev) { return v4_4::structure_of(dev); }, sections);
  return sections;
}

std::unique_ptr<page_table> generation::make_page_table(int width, int superpages) {
  auto made = std::make_unique<own_page_table>(*driver_, width, superpages);
  if (made->top() == phys_addr()) return nullptr;
  return made;
}

}  // namespace iommulab::v4_4
