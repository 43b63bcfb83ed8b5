// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/kernel.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/panic.h"
#include "intel/dmar/table.h"
#include "intel/v4_4/init.h"
#include "intel/v4_4/quirks.h"
#include "platform/dma/unit_scopes.h"
#include "platform/firmware/acpi_layout.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab {
namespace {

// The pages that the kernel counts as memory: whole ones of each range, without page 0.
std::vector<std::pair<uint64_t, uint64_t>> memory_pfn_ranges(const machine_config& config) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const memory_range& r : config.firmware_map) {
    if (r.type != memory_range::kind::ram) continue;
    const uint64_t first = std::max<uint64_t>(1, (r.start.value() + page_size - 1) >> page_shift);
    const uint64_t end = r.end() >> page_shift;
    if (first < end) ranges.emplace_back(first, end);
  }
  return ranges;
}

// acpi_map_pxm_to_node() with node_online().
std::function<int(uint32_t)> nodes_of(const machine_config& config) {
  if (config.proximity_domains.empty()) return {};
  return [domains = config.proximity_domains](uint32_t domain) {
    const auto it = std::find(domains.begin(), domains.end(), domain);
    return it == domains.end() ? -1 : static_cast<int>(it - domains.begin());
  };
}

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

}  // namespace

kernel::kernel(machine_config config, kernel_options options)
    : config_(std::move(config)), options_(std::move(options)), acpi_(config_.acpi_namespace) {
  env_.clock.set_gate(&interrupts_);
  interrupts_.set_processor([this](uint8_t vector) { return irqs_.do_irq(vector); });
}

kernel::~kernel() {
  mute();
}

void kernel::mute() {
  env_.trace.mute();
  env_.tables.end_all();
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
  if (!options_.recorded_pages.empty()) pages_->replay(options_.recorded_pages);

  if (options_.sanitize) {
    sanitizer_ = std::make_unique<vtd_sanitizer>(*memory_, env_.clock, env_.trace);
    sanitizer_subscription_ = env_.tables.add(sanitizer_.get());
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

void kernel::parse_parameters() {
  v4_4::intel_iommu_options options;
  const pr_prefix pr(env_.log, "DMAR: ");
  command_line line;
  cma_parameters area;
  add_x86_early_params(line, x86_);
  add_cma_early_param(line, area);
  line.setup("intel_iommu=", [&](std::string_view value) {
    v4_4::intel_iommu_setup(value, pr, env_.log, options);
    return 0;
  });
  line.dispatch_early(options_.command_line, env_.log);
  dma_ = std::make_unique<x86_dma>(x86_, *pci_bus_, *memory_, *pages_);
  dma_->setup_arch(area);
  line.dispatch_setup(options_.command_line);
  options.is_kdump_kernel = x86_.elfcorehdr_addr.has_value();
  options.no_iommu = x86_.iommu.no_iommu;
  options.iommu_pass_through = x86_.iommu.iommu_pass_through;

  driver_ = std::make_unique<v4_4::intel_driver>(
      driver_host{.env = env_,
                  .memory = *memory_,
                  .pages = *pages_,
                  .slab = slab_,
                  .mmio = mmio_,
                  .iomem = iomem_,
                  .interrupts = interrupts_,
                  .irqs = irqs_,
                  .iommu = *iommu_,
                  .pci = *pci_,
                  .acpi = acpi_,
                  .acpi_dmar_table = [this] { return dmar_table(); },
                  .node_of_proximity_domain = nodes_of(config_),
                  .memory_pfn_ranges = memory_pfn_ranges(config_),
                  .install_dma_ops = [this] { dma_->install_iommu(*intel_dma_ops_); }},
      options);
  intel_dma_ops_ = std::make_unique<v4_4::intel_dma_ops>(*driver_, dma_->contiguous());
}

// ACPICA finds a table by its signature and maps as many bytes as its header says. A table in
// firmware memory is not checked further: 4.4 accepts one with a bad checksum.
std::optional<absl::Span<const uint8_t>> kernel::dmar_table() const {
  const absl::Span<const uint8_t> bytes = config_.dmar_table;
  const byte_cursor cursor(bytes);
  const std::string_view signature = dmar_layout::signature;
  if (bytes.size() < acpi_layout::header_size ||
      !std::equal(signature.begin(), signature.end(), bytes.begin())) {
    return std::nullopt;
  }
  const size_t length = *cursor.read(acpi_layout::length);
  return bytes.subspan(0, std::min(length, bytes.size()));
}

boot_outcome kernel::start_up() {
  try {
    return run_phases();
  } catch (const kernel_panic& panic) {
    boot_outcome outcome;
    outcome.panic = panic.what();
    env_.log.print(log_level::emerg,
                   absl::StrFormat("Kernel panic - not syncing: %s", panic.what()));
    return outcome;
  }
}

boot_outcome kernel::run_phases() {
  boot_outcome outcome;
  parse_parameters();
  outcome.table_detected =
      dma_->pci_iommu_alloc([this] { return detect_intel_iommu(*driver_) > 0; });
  // Preparing interrupt remapping parses the table, whatever comes of it.
  if (!x86_.disable_irq_remap) dmar_table_init(*driver_);
  iommu_init(*iommu_);
  iommu_dev_init(*iommu_);
  v4_4::register_intel_iommu_quirks(*driver_);
  dma_->register_quirks(*pci_);
  for (const pci_root& root : pci_hardware_->roots()) pci_->scan_root_bus(root.segment, root.bus);
  bind_companions();

  constexpr int enodev = 19;
  outcome.intel_iommu_init = outcome.table_detected ? intel_iommu_init(*driver_) : -enodev;
  dma_->pci_iommu_init();
  return outcome;
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
    return false;
  });
}

void kernel::finish_boot() {
  dmar_free_unused_resources(*driver_);
  env_.state = system_state::running;
}

}  // namespace iommulab
