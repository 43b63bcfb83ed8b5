// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_12/generation.h"

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/cmdline.h"
#include "core/dev_printk.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v6_12/group.h"
#include "core/iommu/v6_12/structures.h"
#include "core/probe_result.h"
#include "dma/v6_12/structures.h"
#include "intel/dmar/table.h"
#include "intel/v6_12/init.h"
#include "intel/v6_12/quirks.h"
#include "intel/v6_12/structures.h"
#include "kernel/profile/dmar_view.h"
#include "kernel/profile/firmware.h"
#include "kernel/profile/vfio_functions.h"
#include "kernel/v6_12/page_table.h"
#include "vfio/v6_12/modules.h"

namespace iommulab::v6_12 {
namespace {

/// Drivers that see to their group's DMA themselves: driver_managed_dma.
bool manages_dma(std::string_view driver) {
  return driver == "pcieport" || driver == "vfio-pci" || driver == "pci-stub";
}

}  // namespace

generation::generation(const kernel_host& host, const v6_12::release& which)
    : host_(host),
      release_(which),
      platform_bus_(host.env, host.pci_bus.sysfs, host.iommu, "platform"),
      iommu_(host.iommu, host.pci_bus, &host.slab, which.core),
      iommu_api_(iommu_, host.pci_bus) {
  for (size_t i = 0; i < platform_devices_.size(); ++i) {
    platform_devices_[i].name = absl::StrCat("platform.", i);
    platform_devices_[i].bus = &platform_bus_;
    platform_bus_.devices.push_back(&platform_devices_[i]);
  }
  iommu_.buses.insert(iommu_.buses.begin(), &platform_bus_);
  // Linux v6.12 drivers/pci/pci-driver.c: pci_dma_configure(), pci_dma_cleanup()
  host_.pci_bus.dma_configure = [](device& dev, std::string_view driver) {
    return manages_dma(driver) ? 0 : iommu_device_use_default_domain(dev);
  };
  host_.pci_bus.dma_cleanup = [](device& dev) {
    if (!manages_dma(dev.driver)) iommu_device_unuse_default_domain(dev);
  };
}

generation::~generation() {
  let_go_of_functions(host_.pci, vfio_.get());
  vfio_.reset();
  host_.pci_bus.dma_configure = nullptr;
  host_.pci_bus.dma_cleanup = nullptr;
}

void generation::setup(const std::string& text) {
  intel_iommu_options options;
  dma_iommu_parameters parameters;
  cma_parameters area;
  command_line line;
  host_.pci.set_release(newest_pci_release);
  host_.pci.know_links_of_pcie_bridges();
  add_x86_early_params(line, x86_, iommu_);
  add_iommu_early_params(line, iommu_.defaults);
  add_iommu_dma_early_params(line, parameters, host_.env.log);
  add_cma_early_param(line, area);
  line.setup("intel_iommu=", [&](std::string_view value) {
    intel_iommu_setup(host_.env, value, options);
    return 0;
  });
  line.dispatch_early(text, host_.env.log);
  // Linux v6.12 arch/x86/kernel/acpi/boot.c: acpi_boot_table_init()
  if (const auto table = acpi_table_line(host_.machine); table && !x86_.platform.acpi_disabled) {
    host_.env.log.print(log_level::info, *table);
  }
  line.dispatch_setup(text);
  parameters.forcedac = parameters.forcedac || options.iommu_dma_forcedac;
  if (options.iommu_dma_strict) iommu_set_dma_strict(iommu_);
  parameters.is_kdump_kernel = options.is_kdump_kernel = x86_.platform.elfcorehdr_addr.has_value();
  options.no_iommu = x86_.platform.iommu.no_iommu;
  dma_ = std::make_unique<x86_dma>(x86_, iommu_, host_.pci_bus, host_.memory, host_.pages, area,
                                   parameters, release_.dma);

  const machine_config& machine = host_.machine;
  driver_ = std::make_unique<intel_driver>(
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
                  .firmware_reserves = iommulab::firmware_reserves(machine),
                  .install_dma_ops = {}},
      iommu_, options, release_.driver);
}

std::optional<absl::Span<const uint8_t>> generation::dmar_table() const {
  if (x86_.platform.acpi_disabled) return std::nullopt;
  return acpi_dmar_table(host_.machine);
}

// Linux v6.12 arch/x86/kernel/pci-dma.c: pci_iommu_alloc()
bool generation::detect() {
  detected_ = dma_->pci_iommu_alloc([this] { return detect_intel_iommu(*driver_) > 0; });
  return detected_;
}

// Interrupt remapping itself is not in the port.
void generation::prepare_interrupt_remapping() {
  if (!x86_.platform.disable_irq_remap) dmar_table_init(*driver_);
}

void generation::early_initcalls() {
  iommu_init(iommu_);
  iommu_dev_init(host_.iommu);
  iommu_dma_init(dma_->iommu());
  register_intel_iommu_quirks(*driver_);
}

void generation::subsys_initcalls() {
  iommu_subsys_init(iommu_);
  dma_->apply_final_quirks(host_.pci);
}

// Linux v6.12 arch/x86/kernel/pci-dma.c: pci_iommu_init(). What x86_init.iommu.iommu_init answers
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

std::optional<pci_driver> generation::load_vfio(const vfio_module_options& options) {
  if (!release_.has_vfio) return std::nullopt;
  vfio_ = std::make_unique<vfio_modules>(options, iommu_, host_.sysfs, host_.user_memory,
                                         host_.nodes, vfio_hardware{&host_.mmio, &host_.irqs});
  // Linux v6.12 drivers/base/dd.c: call_driver_probe() says why a driver refused.
  const auto probe = [this](pci_dev& pdev) {
    const int ret = vfio_->probe(pdev);
    if (is_probe_failure(ret)) {
      dev_printk(pdev.dev, log_level::err, "probe with driver vfio-pci failed with error %d", ret);
    }
    return ret;
  };
  return pci_driver{"vfio-pci", probe, [this](pci_dev& pdev) {
                      stop_where_waiting(*vfio_, pdev);
                      vfio_->remove(pdev);
                    }};
}

void generation::set_writers_capabilities(bool sys_admin, bool sys_rawio) {
  iommu_.cap_sys_admin = sys_admin;
  iommu_.cap_sys_rawio = sys_rawio;
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
  waiting_unmaps all;
  if (driver_ == nullptr) return all;
  const spin_guard lock(driver_->live_list_lock);
  for (const dmar_domain& domain : driver_->live_domains) {
    if (domain.iova_cookie == nullptr) continue;
    all.count += static_cast<int>(waiting_iovas(*domain.iova_cookie));
    all.timer_on = all.timer_on || domain.iova_cookie->fq_timer_on;
  }
  return all;
}

device_domain generation::domain_of(const device& dev) const {
  if (dev.group == nullptr || dev.group->domain == nullptr) return {};
  const iommulab::iommu_domain& domain = *dev.group->domain;
  return {domain.type, domain.name()};
}

uint64_t generation::live_domains() const {
  return driver_ == nullptr ? 0 : driver_->live_domain_count();
}

/// What the DMA API keeps of domains, which are called as the driver's are.
void generation::add_dma_structures(const structure_query& wanted,
                                    std::vector<structure_section>& sections) const {
  structure_section addresses{"iova_domain", {}};
  structure_section cookies{"iommu_dma_cookie", {}};
  const spin_guard lock(driver_->live_list_lock);
  for (const dmar_domain& domain : driver_->live_domains) {
    if (domain.iova_cookie == nullptr || !wanted.wants_name(domain.name())) continue;
    const iommu_dma_cookie& cookie = *domain.iova_cookie;
    if (wanted.wants_kind("iova_domain")) {
      addresses.structures.push_back(structure_of(cookie.iovad, domain.name(), wanted.field));
    }
    if (wanted.wants_kind("iommu_dma_cookie")) {
      cookies.structures.push_back(structure_of(cookie, domain.name()));
    }
  }
  if (wanted.wants_kind("iova_domain")) sections.push_back(std::move(addresses));
  if (wanted.wants_kind("iommu_dma_cookie")) sections.push_back(std::move(cookies));
}

std::vector<structure_section> generation::structures(const structure_query& wanted) const {
  if (driver_ == nullptr) return {};
  std::vector<structure_section> sections = structures_of(*driver_, wanted);
  if (wanted.wants_kind("iova_domain") || wanted.wants_kind("iommu_dma_cookie")) {
    add_dma_structures(wanted, sections);
  }
  add_bus_sections(
      host_, wanted, [](const iommu_group& group) { return v6_12::structure_of(group); },
      [](const device& dev) { return v6_12::structure_of(dev); }, sections);
  return sections;
}

std::unique_ptr<page_table> generation::make_page_table(int width, int superpages) {
  auto made = std::make_unique<own_page_table>(*driver_, width, superpages);
  if (made->top() == phys_addr()) return nullptr;
  return made;
}

}  // namespace iommulab::v6_12
