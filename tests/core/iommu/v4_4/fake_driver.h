// SPDX-License-Identifier: GPL-2.0-only
//
// An IOMMU driver without hardware, for tests of the core.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/iommu/v4_4/iommu_ops.h"
#include "core/pci/pci.h"

namespace iommulab::v4_4 {

/// A driver that takes every device, keeps what it was asked for, and can be told to refuse.
struct fake_driver {
  iommu_ops ops;
  std::map<std::string, int> refusal;  ///< by name without segment
  std::vector<std::string> calls;
  bool default_domains = false;
  std::vector<std::unique_ptr<iommu_domain>> domains;
  int attach_result = 0;

  /// Devices join groups as the release does it.
  using get_for_dev = iommu_group* (*)(device& dev, int& error);
  explicit fake_driver(get_for_dev group_for = iommu_group_get_for_dev) {
    ops.add_device = [this, group_for](device& dev) {
      const auto it = refusal.find(dev.name.substr(5));
      if (it != refusal.end()) return it->second;
      int error = 0;
      iommu_group* group = group_for(dev, error);
      if (group == nullptr) return error;
      iommu_group_put(group);
      return 0;
    };
    ops.remove_device = [](device& dev) { iommu_group_remove_device(dev); };
    ops.device_group = pci_device_group;
    ops.domain_alloc = [this](iommu_domain_type type) -> iommu_domain* {
      if (type == iommu_domain_type::dma && !default_domains) return nullptr;
      domains.push_back(std::make_unique<iommu_domain>());
      return domains.back().get();
    };
    ops.domain_free = [this](iommu_domain& domain) {
      std::erase_if(domains, [&](const auto& d) { return d.get() == &domain; });
    };
    ops.attach_dev = [this](iommu_domain&, device& dev) {
      calls.push_back("attach " + dev.name.substr(5));
      return attach_result;
    };
    ops.detach_dev = [this](iommu_domain&, device& dev) {
      calls.push_back("detach " + dev.name.substr(5));
    };
  }
};

}  // namespace iommulab::v4_4
