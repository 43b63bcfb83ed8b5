// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/kernel.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "dma/debug/dma_debug.h"
#include "kernel/catalogue.h"
#include "kernel/profile/firmware.h"
#include "platform/firmware/acpi_layout.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"
#include "platform/machine/unit_scopes.h"
#include "vfio/module_options.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/user_pages.h"

namespace iommulab {
namespace {

// How many bits of a physical address the machine has: firmware says it in the table. Without a
// sound table a unit's guest addresses are the best guess.
unsigned host_address_width(const machine_config& machine, const remapping_unit_config& unit) {
  constexpr unsigned narrowest = 32;
  constexpr unsigned widest = 52;
  const auto field = byte_cursor(machine.dmar_table).read(dmar_layout::header::host_address_width);
  const unsigned bits = field.value_or(0) + 1u;
  if (bits >= narrowest && bits <= widest) return bits;
  return std::clamp(unit.cap.max_guest_address_width(), narrowest, widest);
}

vtd_config unit_config(const machine_config& machine, size_t index) {
  const remapping_unit_config& unit = machine.units[index];
  vtd_config config;
  config.name = absl::StrFormat("dmar%d", index);
  config.cap = unit.cap;
  config.ecap = unit.ecap;
  config.version_major = static_cast<uint8_t>(unit.version >> 4);
  config.version_minor = static_cast<uint8_t>(unit.version & 0xf);
  config.host_address_width = host_address_width(machine, unit);
  config.register_window = unit.size;
  config.deviations = unit.deviations;
  return config;
}

// What tests/golden/kernel/v4_4_178/boot-ir/default has in its log: when the table is parsed, buses
// are scanned, the driver is called; and from one line to the next.
constexpr uint64_t interrupts_ns = 56'073 * ns_per_us;
constexpr uint64_t scan_ns = 286'072 * ns_per_us;
constexpr uint64_t driver_ns = 416'943 * ns_per_us;
constexpr uint64_t line_ns = 11 * ns_per_us;

}  // namespace

kernel::kernel(machine_config config, kernel_options options)
    : config_(std::move(config)),
      options_(std::move(options)),
      acpi_(config_.acpi_namespace),
      mmio_(std::to_integer<uint8_t>(config_.unowned_reads)) {
  if (options_.profile == nullptr) options_.profile = &default_kernel_profile();
  env_.clock.set_gate(&interrupts_);
  interrupts_.set_processor([this](uint8_t vector) { return irqs_.do_irq(vector); });
}

kernel::~kernel() {
  mute();
}

void kernel::take_down() {
  mute();
  generation_.reset();
  drivers_.reset();
  pci_.reset();
  pci_bus_.reset();
  iommu_.reset();
}

void kernel::mute() {
  env_.trace.mute();
  env_.tables.end_all();
  env_.dma_debug = nullptr;
  for (const auto& unit : units_) unit->end_observations();
}

absl::StatusOr<std::unique_ptr<kernel>> kernel::create(const machine_config& config,
                                                       kernel_options options) {
  std::unique_ptr<kernel> system(new kernel(config, std::move(options)));
  if (absl::Status status = system->build(); !status.ok()) return status;
  return system;
}

absl::Status kernel::build() {
  env_.dmi = config_.dmi;
  for (const auto& [first, end] : memory_pfn_ranges(config_)) {
    env_.max_pfn = std::max(env_.max_pfn, end);
  }
  auto memory = physical_memory::create(config_.memory);
  if (!memory.ok()) return memory.status();
  memory_ = std::move(*memory);
  pages_ = std::make_unique<page_allocator>(*memory_, env_.trace);
  dma_pools_ = std::make_unique<iommulab::dma_pools>(*memory_, slab_);
  user_pages_ = std::make_unique<iommulab::user_pages>(*pages_);
  nodes_ = std::make_unique<device_nodes>();
  if (!options_.recorded_pages.empty()) pages_->replay(options_.recorded_pages);

  if (options_.sanitize) {
    sanitizer_ = std::make_unique<vtd_sanitizer>(*memory_, env_.clock, env_.trace);
    sanitizer_subscription_ = env_.tables.add(sanitizer_.get());
    dma_debug_ = std::make_unique<iommulab::dma_debug>();
    env_.dma_debug = dma_debug_.get();
  }
  for (const remapping_unit_config& unit : config_.units) {
    vtd_config cfg = unit_config(config_, units_.size());
    if (absl::Status status = check(cfg); !status.ok()) return status;
    units_.push_back(std::make_unique<vtd_unit>(cfg, *memory_, interrupts_, env_.trace));
    if (sanitizer_ != nullptr) sanitizer_->watch(*units_.back(), unit.base);
    if (absl::Status status = mmio_.attach(unit.base, cfg.name, *units_.back()); !status.ok()) {
      return status;
    }
  }
  constexpr uint8_t all_ones = 0xff;
  for (const address_hole& hole : config_.reads_all_ones) {
    mmio_.set_idle(hole.start, hole.length, all_ones);
  }
  auto pci_hardware = pci_machine::create(config_.pci_roots, config_.pci_functions);
  if (!pci_hardware.ok()) return pci_hardware.status();
  pci_hardware_ = std::move(*pci_hardware);
  pci_hardware_->tell_changes_to(env_.trace);
  if (absl::Status status = build_devices(); !status.ok()) return status;
  iommu_ = std::make_unique<iommu_core>(env_, sysfs_);
  pci_bus_ = std::make_unique<bus_type>(env_, sysfs_, *iommu_, "pci");
  pci_ = std::make_unique<pci_core>(*pci_bus_, *pci_hardware_);
  drivers_ = std::make_unique<pci_drivers>(config_, *pci_, sysfs_);
  generation_ = options_.profile->create({.machine = config_,
                                          .env = env_,
                                          .memory = *memory_,
                                          .pages = *pages_,
                                          .slab = slab_,
                                          .mmio = mmio_,
                                          .iomem = iomem_,
                                          .interrupts = interrupts_,
                                          .irqs = irqs_,
                                          .iommu = *iommu_,
                                          .pci_bus = *pci_bus_,
                                          .pci = *pci_,
                                          .acpi = acpi_,
                                          .sysfs = sysfs_,
                                          .user_memory = *user_pages_,
                                          .nodes = *nodes_});
  return absl::OkStatus();
}

// The bus, and on it the devices that do more than answer configuration accesses.
absl::Status kernel::build_devices() {
  std::vector<vtd_unit*> units;
  for (const auto& unit : units_) units.push_back(unit.get());
  dma_hardware_ = std::make_unique<dma_bus>(*memory_, interrupts_, *pci_hardware_, units,
                                            units_of_functions(config_),
                                            dma_bus_options{config_.failed_dma_read});
  auto endpoints = machine_endpoints::create(config_, *dma_hardware_, env_.clock, mmio_);
  if (!endpoints.ok()) return endpoints.status();
  endpoints_ = *std::move(endpoints);
  return absl::OkStatus();
}

absl::Status kernel::load_vfio(const vfio_module_options& options) {
  std::optional<pci_driver> driver = generation_->load_vfio(options);
  if (!driver) {
    return errno_status(EOPNOTSUPP, absl::StrFormat("kernel %s: VFIO is not ported",
                                                    std::string(options_.profile->name())));
  }
  drivers_->register_driver(*std::move(driver));
  return absl::OkStatus();
}

boot_outcome kernel::start_up() {
  boot_outcome outcome;
  const guarded_outcome end = run_guarded([&] { outcome = run_phases(); });
  outcome.panic = end.reason();
  if (end.how == guarded_outcome::ending::panic) env_.log.print(log_level::emerg, end.line());
  return outcome;
}

void kernel::pass_until(uint64_t ns) {
  if (options_.paced && ns > env_.clock.now_ns()) env_.clock.advance(ns - env_.clock.now_ns());
}

boot_outcome kernel::run_phases() {
  boot_outcome outcome;
  generation_->setup(options_.command_line);
  outcome.table_detected = generation_->detect();
  pass_until(interrupts_ns);
  if (options_.paced) env_.log.set_line_time(line_ns);
  generation_->prepare_interrupt_remapping();
  generation_->early_initcalls();
  pass_until(scan_ns);
  for (const pci_root& root : pci_hardware_->roots()) pci_->scan_root_bus(root.segment, root.bus);
  give_windows();
  bind_companions();
  generation_->subsys_initcalls();
  pass_until(driver_ns);
  outcome.intel_iommu_init = generation_->pci_iommu_init();
  return outcome;
}

// What ACPI's _CRS of each host bridge says.
void kernel::give_windows() {
  for (const auto& bus : pci_->root_buses()) {
    for (const host_bridge_window& window : config_.pci_windows) {
      if (window.root != pci_root{bus->segment, bus->number}) continue;
      bus->windows.push_back({window.start, window.start + (window.length - 1)});
    }
  }
}

// Linux v4.4 drivers/acpi/glue.c: acpi_platform_notify(), for host bridges and functions.
void kernel::bind_companions() {
  for (const auto& bus : pci_->root_buses()) {
    acpi_device* companion = acpi_.find_root_bridge({bus->segment, bus->number, 0});
    if (companion == nullptr) continue;
    device& bridge = host_bridges_.emplace_back();
    bridge.name = absl::StrFormat("pci%04x:%02x", bus->segment, bus->number);
    acpi_bus::acpi_bind_one(bridge, *companion);
  }
  pci_->for_each_pci_dev([this](pci_dev& pdev) {
    acpi_device* companion = acpi_.find_companion(pci_source_id(pdev));
    if (companion != nullptr) acpi_bus::acpi_bind_one(pdev.dev, *companion);
  });
}

void kernel::finish_boot() {
  generation_->late_initcalls();
  env_.state = system_state::running;
}

}  // namespace iommulab
