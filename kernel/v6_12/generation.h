// SPDX-License-Identifier: GPL-2.0-only
//
// A running Linux 6.12, or an earlier release of this generation: its driver, its IOMMU core and
// its DMA API over an IOMMU, put together. Only this generation's own tests and benchmarks look
// further in than kernel_generation lets them.
#pragma once

#include <array>
#include <memory>

#include "core/iommu/v6_12/iommu.h"
#include "core/iommu/v6_12/iommu_api.h"
#include "dma/v6_12/dma_iommu.h"
#include "dma/v6_12/dma_mapping.h"
#include "intel/v6_12/driver.h"
#include "kernel/profile/kernel_profile.h"
#include "kernel/v6_12/release.h"
#include "kernel/v6_12/x86_dma.h"
#include "kernel/v6_12/x86_options.h"

namespace iommulab::v6_12 {

class vfio_modules;

class generation final : public kernel_generation {
 public:
  generation(const kernel_host& host, const v6_12::release& which);
  ~generation() override;

  void setup(const std::string& command_line) override;
  bool detect() override;
  void prepare_interrupt_remapping() override;
  void early_initcalls() override;
  void subsys_initcalls() override;
  int pci_iommu_init() override;
  void late_initcalls() override;
  std::optional<pci_driver> load_vfio(const vfio_module_options& options) override;
  void set_writers_capabilities(bool sys_admin, bool sys_rawio) override;

  [[nodiscard]] std::vector<driven_unit> units() const override;
  [[nodiscard]] std::optional<phys_addr> unit_of(pci_dev& pdev) const override;
  [[nodiscard]] const std::vector<table_diagnosis>& diagnoses() const override;
  [[nodiscard]] waiting_unmaps waiting() const override;
  [[nodiscard]] device_domain domain_of(const device& dev) const override;
  [[nodiscard]] uint64_t live_domains() const override;
  [[nodiscard]] std::vector<structure_section> structures(
      const structure_query& wanted) const override;
  iommulab::iommu_api& iommu_api() override { return iommu_api_; }
  void take_scattered_pages(bool on) override { dma_->iommu().take_scattered_pages(on); }
  std::unique_ptr<page_table> make_page_table(int width, int superpages) override;

  iommu_subsystem& iommu() { return iommu_; }
  /// Valid from setup() on, as all that follows.
  intel_driver& driver() { return *driver_; }
  x86_dma& dma() { return *dma_; }

 private:
  /// What acpi_get_table("DMAR") gives.
  [[nodiscard]] std::optional<absl::Span<const uint8_t>> dmar_table() const;
  void add_dma_structures(const structure_query& wanted,
                          std::vector<structure_section>& sections) const;

  kernel_host host_;
  const v6_12::release& release_;
  /// The other bus whose devices are asked for their unit, and which have none. There are three in
  /// each recorded boot; which they are, the recordings do not say.
  bus_type platform_bus_;
  std::array<device, 3> platform_devices_;
  iommu_subsystem iommu_;
  v6_12::iommu_api iommu_api_;
  x86_options x86_;
  std::unique_ptr<x86_dma> dma_;
  std::unique_ptr<intel_driver> driver_;
  bool detected_ = false;
  std::unique_ptr<vfio_modules> vfio_;  ///< null until they are loaded
};

}  // namespace iommulab::v6_12
