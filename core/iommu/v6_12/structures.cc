// SPDX-License-Identifier: GPL-2.0-only
#include "core/iommu/v6_12/structures.h"

#include <string>
#include <utility>

#include "core/iommu/structures.h"
#include "core/iommu/v6_12/group.h"

namespace iommulab::v6_12 {

structure structure_of(const iommu_group& group) {
  structure s = iommulab::structure_of(group);
  // A group is there before what this core keeps of it, and at the system's end after it.
  static const group_state nothing;
  const group_state& state = group.state == nullptr ? nothing : state_of(group);
  s.add("blocking_domain", link_to(state.blocking_domain));
  s.add("owner_cnt", uint64_t{state.owner_cnt});
  s.add("owned", state.owner != nullptr);
  structure_list pasids;
  for (const auto& [pasid, handle] : state.pasid_array) {
    structure entry{"iommu_attach_handle", "", {}};
    entry.add("pasid", uint64_t{pasid});
    entry.add("domain", link_to(handle == nullptr ? nullptr : handle->domain));
    pasids.emplace_back(std::move(entry));
  }
  s.add("pasid_array", std::move(pasids));
  return s;
}

structure structure_of(const iommu_domain& domain) {
  structure s = iommulab::structure_of(domain);
  s.add("pgsize_bitmap", domain.pgsize_bitmap);
  s.add("has_cookie", domain.iova_cookie != nullptr);
  return s;
}

structure dev_iommu_structure_of(const device& dev) {
  structure s{"dev_iommu", dev.name, {}};
  const v6_12::dev_iommu& iommu = *dev.iommu;
  s.add("dev", link_to(&dev));
  s.add("max_pasids", uint64_t{iommu.max_pasids});
  s.add("attach_deferred", iommu.attach_deferred);
  s.add("pci_32bit_workaround", iommu.pci_32bit_workaround);
  s.add("require_direct", iommu.require_direct);
  s.add("shadow_on_flush", iommu.shadow_on_flush);
  return s;
}

}  // namespace iommulab::v6_12
