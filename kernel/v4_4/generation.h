// SPDX-License-Identifier: GPL-2.0-only
//
// A running Linux 4.4: its driver, its IOMMU core and its DMA operations, put together. Only this
// generation's own tests and benchmarks look further in than kernel_generation lets them.
#pragma once

#include <memory>

#include "core/iommu/v4_4/iommu_api.h"
#include "core/x86_options.h"
#include "dma/v4_4/intel_dma_ops.h"
#include "dma/x86_dma.h"
#include "intel/v4_4/driver.h"
#include "kernel/profile/kernel_profile.h"
#include "kernel/v4_4/release.h"

namespace iommulab::v4_4 {

class vfio_modules;

class generation final : public kernel_generation {
 public:
  generation(const release& which, const kernel_host& host);
  ~generation() override;

  void setup(const std::string& command_line) override;
  bool detect() override;
  void prepare_interrupt_remapping() override;
  void early_initcalls() override;
  int pci_iommu_init() override;
  void late_initcalls() override;
  std::optional<pci_driver> load_vfio(const vfio_module_options& options) override;

  [[nodiscard]] std::vector<driven_unit> units() const override;
  [[nodiscard]] std::optional<phys_addr> unit_of(pci_dev& pdev) const override;
  [[nodiscard]] const std::vector<table_diagnosis>& diagnoses() const override;
  [[nodiscard]] waiting_unmaps waiting() const override;
  [[nodiscard]] device_domain domain_of(const device& dev) const override;
  [[nodiscard]] uint64_t live_domains() const override {
    return driver_ == nullptr ? 0 : driver_->live_domains();
  }
  [[nodiscard]] std::vector<structure_section> structures(
      const structure_query& wanted) const override;
  iommulab::iommu_api& iommu_api() override { return iommu_api_; }
  std::unique_ptr<page_table> make_page_table(int width, int superpages) override;

  /// Valid from setup() on, as all that follows.
  intel_driver& driver() { return *driver_; }
  /// Which DMA operations there are.
  x86_dma& dma() { return *dma_; }

 private:
  /// What acpi_get_table("DMAR") gives.
  [[nodiscard]] std::optional<absl::Span<const uint8_t>> dmar_table() const;

  const release& release_;
  kernel_host host_;
  x86_options x86_;
  v4_4::iommu_api iommu_api_;
  bool detected_ = false;
  std::unique_ptr<x86_dma> dma_;
  std::unique_ptr<intel_driver> driver_;
  std::unique_ptr<intel_dma_ops> intel_dma_ops_;
  std::unique_ptr<vfio_modules> vfio_;  ///< null until they are loaded
};

}  // namespace iommulab::v4_4
