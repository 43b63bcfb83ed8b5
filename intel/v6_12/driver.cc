// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/driver.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "core/v6_12/divergence.h"
#include "intel/dmar/scope.h"
#include "intel/dmar/table.h"
#include "intel/hw/memory.h"
#include "intel/v6_12/context.h"
#include "intel/v6_12/init.h"
#include "intel/v6_12/regions.h"
#include "intel/v6_12/release.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab::v6_12 {
namespace {

/// What the release does with a table that is refused here: a divergence of the refusal's name says
/// so.
std::string kernel_behaviour(const linux_release& release, table_refusal what) {
  for (const divergence_entry& d : divergences()) {
    if (d.name == name(what)) return absl::StrFormat("%s %s", release.name(), d.kernel);
  }
  return {};
}

}  // namespace

intel_driver::intel_driver(driver_host host_, iommu_subsystem& core_, intel_iommu_options options_,
                           const linux_release& release_)
    : dmar_state(std::move(host_), options),
      release(release_),
      core(core_),
      options(options_),
      ops(release.make_ops(*this)) {
  env.kernel_name = release.name();
  env.agreed_divergences = release.agreed();
  trace.set_inlined(release.inlined_functions());
  host.irqs.set_scheme(release.vectors());
  fill_callbacks();
}

void intel_driver::fill_callbacks() {
  using dmar_layout::structure_type;
  constexpr auto rmrr = static_cast<size_t>(structure_type::rmrr);
  constexpr auto atsr = static_cast<size_t>(structure_type::atsr);
  constexpr auto satc = static_cast<size_t>(structure_type::satc);
  callbacks.parse[rmrr] = [this](const auto& s) { return dmar_parse_one_rmrr(*this, s); };
  callbacks.parse[atsr] = [this](const auto& s) { return dmar_parse_one_atsr(*this, s); };
  callbacks.parse[satc] = [this](const auto& s) { return dmar_parse_one_satc(*this, s); };
  callbacks.check[atsr] = [this](const auto& s) { return dmar_check_one_atsr(*this, s); };
  callbacks.release[atsr] = [this](const auto& s) { return dmar_release_one_atsr(*this, s); };
  callbacks.notify_scope_dev = [this](const dmar_pci_notify_info& info) {
    return dmar_iommu_notify_scope_dev(*this, info);
  };
  callbacks.hotplug = [this](dmar_drhd_unit& dmaru, bool insert) {
    return dmar_iommu_hotplug(*this, dmaru, insert);
  };
  callbacks.unit_is_added = [this](dmar_drhd_unit& drhd, intel_iommu& iommu) {
    return unit_is_added(*this, drhd, iommu);
  };
  callbacks.unit_is_freed = [this](intel_iommu& iommu) { unit_is_freed(*this, iommu); };
  callbacks.find_widths = [this](dmar_drhd_unit& drhd, intel_iommu& iommu) {
    find_widths(*this, drhd, iommu);
  };
  callbacks.required = [this] { return dmar_required(*this); };
  callbacks.scope_removal = bus_notify::removed_device;
  callbacks.kernel_behaviour = [this](table_refusal what) {
    return kernel_behaviour(release, what);
  };
  kernel.type_reserved = static_cast<size_t>(structure_type::satc) + 1;
  kernel.window_by_structure = true;
  kernel.bridge_scope_by_class = true;
  kernel.notifier_with_scopes = false;
  kernel.notifier_priority = 1;
  kernel.firmware_findings_are_warnings = true;
}

intel_driver::~intel_driver() {
  // Power off: the objects that the kernel would leave behind are freed, hardware is not touched.
  // The core and what serves its DMA API are there for the last time.
  intel_iommu_enabled = false;
  while (true) {
    device_domain_info* info = nullptr;
    {
      const spin_guard lock(live_list_lock);
      if (live_devices.empty()) break;
      info = &live_devices.front();
      live_devices.pop_front();
    }
    if (info->domain != nullptr) {
      info->domain->devices.erase(info->domain->devices.iterator_to(*info));
    }
    if (info->dev->iommu != nullptr) info->dev->iommu->priv = nullptr;
    kernel_delete(*this, info->pasid);
    kernel_delete(*this, info);
  }
  while (true) {
    dmar_domain* domain = nullptr;
    {
      const spin_guard lock(live_list_lock);
      if (live_domains.empty()) break;
      domain = &live_domains.front();
      live_domains.pop_front();
    }
    if (domain->iova_cookie != nullptr && core.dma != nullptr) core.dma->put_dma_cookie(*domain);
    while (!domain->cache_tags.empty()) {
      cache_tag& tag = domain->cache_tags.front();
      domain->cache_tags.pop_front();
      kernel_delete(*this, &tag);
    }
    while (!domain->dev_pasids.empty()) {
      dev_pasid_info& dev_pasid = domain->dev_pasids.front();
      domain->dev_pasids.pop_front();
      kernel_delete(*this, &dev_pasid);
    }
    for (const auto& [unit, info] : domain->iommu_array) kernel_delete(*this, info);
    kernel_delete(*this, domain->batch);
    kernel_delete(*this, domain);
  }
  intel_iommu_free_dmars(*this);
  dmar_unregister_bus_notifier(*this);
  while (!dmar_drhd_units.empty()) {
    dmar_drhd_unit& dmaru = dmar_drhd_units.front();
    dmar_drhd_units.pop_front();
    iommu_device& unit = state_of(*this, *dmaru.iommu).iommu;
    iommu_device_destroy(host.iommu, unit.dev);
    std::erase(core.iommu_device_list, &unit);
    dmar_free_drhd(*this, &dmaru);
  }
}

}  // namespace iommulab::v6_12
