// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/driver.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "core/v4_4/divergence.h"
#include "intel/dmar/scope.h"
#include "intel/dmar/table.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/context.h"
#include "intel/v4_4/deferred_flush.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/init.h"
#include "intel/v4_4/release.h"
#include "intel/v4_4/rmrr.h"
#include "intel/v4_4/sysfs.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab::v4_4 {

device_domain_info* dummy_device_domain_info() {
  // An address that no device's membership can have; never looked into.
  static device_domain_info marker;
  return &marker;
}

namespace {

/// What 4.4 does with a table that is refused here: a divergence of the refusal's name says so.
std::string kernel_behaviour(table_refusal what) {
  for (const divergence_entry& d : divergences()) {
    if (d.name == name(what)) return absl::StrFormat("Linux 4.4 %s", d.kernel);
  }
  return {};
}

divergence id_of(dmar_divergence what) {
  return what == dmar_divergence::rhsa_without_unit ? divergence::rhsa_without_unit
                                                    : divergence::queue_never_answers;
}

}  // namespace

intel_driver::intel_driver(const linux_release& release_, driver_host host_,
                           intel_iommu_options options_)
    : dmar_state(std::move(host_), options),
      release(release_),
      options(options_),
      iova_mem(host.env.trace, host.env.log, host.slab),
      reserved_iova_list(std::make_unique<iova_domain>(iova_mem)),
      deferred(host.env.clock, [this] { flush_unmaps_timeout(*this); }) {
  // intel_iommu=pasid28 asks for identity mapping of graphics.
  if (options.intel_iommu_pasid28) iommu_identity_mapping |= identmap_gfx;
  env.agreed_divergences = release.agreed();
  iova_mem.search_ended_at_frame_0 = [this] { report(env, divergence::search_ends_at_frame_0); };
  fill_callbacks();
}

void intel_driver::fill_callbacks() {
  using dmar_layout::structure_type;
  constexpr auto rmrr = static_cast<size_t>(structure_type::rmrr);
  constexpr auto atsr = static_cast<size_t>(structure_type::atsr);
  callbacks.parse[rmrr] = [this](const auto& s) { return dmar_parse_one_rmrr(*this, s); };
  callbacks.parse[atsr] = [this](const auto& s) { return dmar_parse_one_atsr(*this, s); };
  callbacks.check[atsr] = [this](const auto& s) { return dmar_check_one_atsr(*this, s); };
  callbacks.release[atsr] = [this](const auto& s) { return dmar_release_one_atsr(*this, s); };
  callbacks.notify_scope_dev = [this](const dmar_pci_notify_info& info) {
    return dmar_iommu_notify_scope_dev(*this, info);
  };
  callbacks.hotplug = [this](dmar_drhd_unit& dmaru, bool insert) {
    return dmar_iommu_hotplug(*this, dmaru, insert);
  };
  callbacks.create_sysfs = [this](intel_iommu& iommu) { intel_iommu_create_sysfs(*this, iommu); };
  callbacks.read_status = [this](intel_iommu& iommu) { return release.read_status(iommu); };
  callbacks.scope_removal = release.scope_removal();
  callbacks.kernel_behaviour = kernel_behaviour;
  callbacks.diverges = [this](dmar_divergence what) { report(env, id_of(what)); };
}

intel_driver::~intel_driver() {
  // Power off: the objects that the kernel would leave behind are freed, hardware is not touched.
  while (true) {
    device_domain_info* info = nullptr;
    {
      spin_lock_irqsave lock(host.interrupts, device_domain_lock);
      if (device_domains.empty()) break;
      info = &device_domains.front();
      info->domain->devices.erase(info->domain->devices.iterator_to(*info));
      device_domains.erase(device_domains.iterator_to(*info));
      if (info->dev != nullptr) set_dev_membership(*info->dev, nullptr);
    }
    kernel_delete(*this, info);
  }
  while (live_domains() != 0) {
    dmar_domain* domain = nullptr;
    {
      const spin_guard lock(live_list_lock);
      domain = &live_list.front();
    }
    put_iova_domain(domain->iovad);
    free_domain_mem(*this, domain);
  }
  put_iova_domain(*reserved_iova_list);
  if (intel_iommu_enabled) iova_cache_put(iova_mem);
  intel_iommu_free_dmars(*this);
  dmar_unregister_bus_notifier(*this);
  if (intel_iommu_enabled) host.pci.bus().notifier.unregister_block(device_nb);
  while (!dmar_drhd_units.empty()) {
    dmar_drhd_unit& dmaru = dmar_drhd_units.front();
    dmar_drhd_units.pop_front();
    dmar_free_drhd(*this, &dmaru);
  }
}

}  // namespace iommulab::v4_4
