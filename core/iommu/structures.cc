// SPDX-License-Identifier: GPL-2.0-only
#include "core/iommu/structures.h"

namespace iommulab {

structure_link link_to(const device* dev) {
  return {"device", dev == nullptr ? std::string() : dev->name};
}

structure_link link_to(const iommu_domain* domain) {
  return {"iommu_domain", domain == nullptr ? std::string() : domain->name()};
}

structure structure_of(const iommu_group& group) {
  structure s{"iommu_group", std::to_string(group.id), {}};
  structure_list devices;
  for (const iommu_group::member& member : group.devices) {
    structure entry{"iommu_device", "", {}};
    entry.add("dev", link_to(member.dev)).add("name", member.name);
    devices.emplace_back(std::move(entry));
  }
  s.add("devices", std::move(devices));
  s.add("id", int64_t{group.id});
  s.add("default_domain", link_to(group.default_domain));
  s.add("domain", link_to(group.domain));
  return s;
}

structure structure_of(const iommu_domain& domain) {
  structure s{"iommu_domain", domain.name(), {}};
  s.add("type", uint64_t{static_cast<uint32_t>(domain.type)}, std::string(name(domain.type)));
  structure geometry{"iommu_domain_geometry", "", {}};
  geometry.add("aperture_start", domain.geometry.aperture_start.value())
      .add("aperture_end", domain.geometry.aperture_end.value())
      .add("force_aperture", domain.geometry.force_aperture);
  s.add("geometry", std::move(geometry));
  return s;
}

}  // namespace iommulab
