// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 6.12's driver, IOMMU core and DMA API on a small machine, put together by hand, with what
// the tests ask about a run. Tables are read by shifting and adding here, not through the code
// under test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/sysfs.h"
#include "dma/v6_12/dma_mapping.h"
#include "intel/dmar/table.h"
#include "intel/v6_12/driver.h"
#include "intel/v6_12/init.h"
#include "intel/v6_12/ops.h"
#include "intel/v6_12/quirks.h"
#include "platform/interrupt_controller.h"
#include "platform/pci/pci_machine.h"
#include "platform/vtd/unit.h"
#include "support/small_machine.h"

namespace iommulab::v6_12 {

class small_system {
 public:
  explicit small_system(machine_config machine, const std::string& intel_iommu = "on",
                        bool pass_through = false, bool lazy = true)
      : machine_(std::move(machine)),
        memory_(physical_memory::create(machine_.memory).value()),
        pages_(*memory_, env_.trace),
        pci_hardware_(pci_machine::create(machine_.pci_roots, machine_.pci_functions).value()) {
    env_.clock.set_gate(&interrupts_);
    interrupts_.set_processor([this](uint8_t vector) { return irqs_.do_irq(vector); });
    env_.dmi = machine_.dmi;
    env_.max_pfn = machine_.memory.front().length >> page_shift;
    for (size_t i = 0; i < machine_.units.size(); ++i) {
      vtd_config config;
      config.name = absl::StrFormat("dmar%d", i);
      config.cap = machine_.units[i].cap;
      config.ecap = machine_.units[i].ecap;
      config.host_address_width = 39;
      units_.push_back(std::make_unique<vtd_unit>(config, *memory_, interrupts_, env_.trace));
      EXPECT_TRUE(mmio_.attach(machine_.units[i].base, config.name, *units_.back()).ok());
    }
    intel_iommu_options options;
    intel_iommu_setup(env_, intel_iommu, options);
    if (!lazy) iommu_set_dma_strict(subsystem_);
    if (pass_through) iommu_set_default_passthrough(subsystem_, /*cmd_line=*/true);
    driver_ = std::make_unique<intel_driver>(
        driver_host{.env = env_,
                    .memory = *memory_,
                    .pages = pages_,
                    .slab = slab_,
                    .mmio = mmio_,
                    .iomem = iomem_,
                    .interrupts = interrupts_,
                    .irqs = irqs_,
                    .iommu = core_,
                    .pci = *pci_,
                    .acpi = acpi_,
                    .acpi_dmar_table =
                        [this] { return std::optional(absl::MakeConstSpan(machine_.dmar_table)); },
                    .node_of_proximity_domain = {},
                    .memory_pfn_ranges = {},
                    .install_dma_ops = {}},
        subsystem_, options);
    bus_.dma_ops = &mapping_;
    subscription_ = env_.trace.subscribe(recorder_);
  }
  ~small_system() {
    subscription_.end();
    bus_.dma_ops = nullptr;
  }
  small_system(const small_system&) = delete;
  small_system& operator=(const small_system&) = delete;

  /// All of the boot; what intel_iommu_init() came to.
  int boot() {
    detected_ = detect_intel_iommu(*driver_) > 0;
    dmar_table_init(*driver_);
    iommu_init(subsystem_);
    iommu_dev_init(core_);
    register_intel_iommu_quirks(*driver_);
    for (const pci_root& root : machine_.pci_roots) pci_->scan_root_bus(root.segment, root.bus);
    iommu_subsys_init(subsystem_);
    return detected_ ? intel_iommu_init(*driver_) : -ENODEV;
  }

  intel_driver& driver() { return *driver_; }
  iommu_subsystem& core() { return subsystem_; }
  vtd_unit& unit(size_t index = 0) { return *units_[index]; }
  environment& env() { return env_; }
  slab_failures& slab() { return slab_; }
  page_allocator& pages() { return pages_; }
  dma_mapping& dma() { return mapping_; }
  trace_recorder& events() { return recorder_; }
  /// For runs that are many and whose events nobody reads.
  void record_nothing() { subscription_.end(); }
  pci_core& pci() { return *pci_; }
  device& dev(source_id id) {
    pci_dev* found = pci_->find(id);
    if (found == nullptr) throw std::runtime_error("no function at " + to_string(id));
    return found->dev;
  }
  /// The driver goes, as when the system ends.
  void take_down_driver() { driver_.reset(); }

  [[nodiscard]] std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const log_line& line : env_.log.lines()) lines.push_back(line.text);
    return lines;
  }
  [[nodiscard]] bool logged(std::string_view text) const {
    for (const log_line& line : env_.log.lines()) {
      if (line.text == text) return true;
    }
    return false;
  }

  /// "R8 8", "W4 18 4000000" of the first unit, in order; hexadecimal.
  [[nodiscard]] std::vector<std::string> accesses() const {
    std::vector<std::string> all;
    for (const trace_event& e : recorder_.events()) {
      const events::reg_access* a = e.access();
      if (a == nullptr || a->unit != "dmar0") continue;
      if (e.kind() == trace_kind::reg_read) {
        all.push_back(absl::StrFormat("R%d %x", a->size, a->offset));
      } else {
        all.push_back(absl::StrFormat("W%d %x %x", a->size, a->offset, a->value));
      }
    }
    return all;
  }
  /// Notes that begin with `word`, in order.
  [[nodiscard]] std::vector<std::string> notes(std::string_view word) const {
    std::vector<std::string> all;
    for (const trace_event& e : recorder_.events()) {
      const auto* note = std::get_if<events::note>(&e.what);
      if (note != nullptr && std::string_view(note->text).starts_with(word)) {
        all.push_back(note->text);
      }
    }
    return all;
  }

  uint64_t word(uint64_t address) {
    const auto* at = memory_->object_at<uint64_t>(phys_addr(address));
    EXPECT_NE(at, nullptr) << std::hex << address;
    return at == nullptr ? 0 : *at;
  }
  /// The words of a device's context entry in legacy mode; zero where the bus has no table.
  std::pair<uint64_t, uint64_t> context(source_id id) {
    const uint64_t root = driver_->dmar_drhd_units.front().iommu->root_entry_phys.value();
    const uint64_t table = word(root + 16 * uint64_t{id.bus});
    if ((table & 1) == 0) return {0, 0};
    const uint64_t entry = (table & ~uint64_t{0xfff}) + 16 * uint64_t{id.devfn};
    return {word(entry), word(entry + 8)};
  }
  /// The four words' lower two of a scalable-mode context entry.
  std::pair<uint64_t, uint64_t> scalable_context(source_id id) {
    const uint64_t root = driver_->dmar_drhd_units.front().iommu->root_entry_phys.value();
    const uint64_t half = word(root + 16 * uint64_t{id.bus} + (id.devfn >= 0x80 ? 8 : 0));
    if ((half & 1) == 0) return {0, 0};
    const uint64_t entry = (half & ~uint64_t{0xfff}) + 32 * uint64_t{id.devfn & 0x7fu};
    return {word(entry), word(entry + 8)};
  }
  /// Where `address` leads through `levels` levels from `table`, with the leaf's bits; 0 nowhere.
  uint64_t walk(uint64_t table, unsigned levels, uint64_t address) {
    for (unsigned level = levels;; --level) {
      const unsigned shift = 12 + 9 * (level - 1);
      const uint64_t entry = word(table + 8 * ((address >> shift) & 511));
      if ((entry & 3) == 0) return 0;
      if (level == 1 || (entry & 0x80) != 0) return entry;
      table = entry & 0x000ffffffffff000;
    }
  }

 private:
  machine_config machine_;
  environment env_;
  slab_failures slab_;
  sysfs_tree sysfs_;
  interrupt_controller interrupts_;
  irq_vectors irqs_;
  io_resource iomem_;
  mmio_space mmio_;
  std::unique_ptr<physical_memory> memory_;
  page_allocator pages_;
  std::vector<std::unique_ptr<vtd_unit>> units_;
  std::unique_ptr<pci_machine> pci_hardware_;
  acpi_bus acpi_{{}};
  iommu_core core_{env_, sysfs_};
  bus_type bus_{env_, sysfs_, core_, "pci"};
  std::unique_ptr<pci_core> pci_ = std::make_unique<pci_core>(bus_, *pci_hardware_);
  iommu_subsystem subsystem_{core_, bus_, &slab_};
  coherent_memory coherent_{*memory_, pages_};
  dma_mapping mapping_{subsystem_, coherent_, nullptr, false, {}};
  std::unique_ptr<intel_driver> driver_;
  trace_recorder recorder_;
  trace_subscription subscription_;
  bool detected_ = false;
};

}  // namespace iommulab::v6_12
