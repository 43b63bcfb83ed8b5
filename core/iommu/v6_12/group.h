// SPDX-License-Identifier: GPL-2.0-only
//
// What 6.12's core keeps of a group beside what every generation does: who owns the group's DMA,
// the domain that blocks it, and which process address spaces are attached.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/iommu/v6_12/release.h"
#include "core/slab.h"

namespace iommulab::v6_12 {

/// Linux v6.12 drivers/iommu/iommu.c: the rest of struct iommu_group
struct group_state final : iommu_group_state {
  void group_released() override {
    if (blocking_domain != nullptr) iommu_domain_free(*blocking_domain);
  }
  slab_token memory;
  iommu_domain* blocking_domain = nullptr;
  /// Drivers that use the default domain, or claims of `owner`. With one the domain stays.
  unsigned owner_cnt = 0;
  const void* owner = nullptr;
  std::map<ioasid, iommu_attach_handle*> pasid_array;
};

/// Groups that wait for their default domain, each once, in the order in which they came.
/// Linux v6.12 drivers/iommu/iommu.c: what is linked by iommu_group::entry
class group_list {
 public:
  void add(iommu_group& group) {
    if (known_.insert(&group).second) groups_.push_back(&group);
  }
  [[nodiscard]] const std::vector<iommu_group*>& groups() const { return groups_; }

 private:
  std::vector<iommu_group*> groups_;
  absl::flat_hash_set<const iommu_group*> known_;
};

inline group_state& state_of(iommu_group& group) {
  return static_cast<group_state&>(*group.state);
}
inline const group_state& state_of(const iommu_group& group) {
  return static_cast<const group_state&>(*group.state);
}
/// A group's domain: this core made it.
inline iommu_domain* own_domain(iommulab::iommu_domain* domain) {
  return static_cast<iommu_domain*>(domain);
}

/// dev_has_iommu(): a unit is in charge of the device.
inline bool dev_has_iommu(const device& dev) {
  return dev.iommu != nullptr && dev.iommu->iommu_dev != nullptr;
}
/// dev_iommu_ops()
inline iommu_ops& dev_iommu_ops(const device& dev) {
  return *dev.iommu->iommu_dev->ops;
}
inline environment& env_of_group(const iommu_group& group) {
  return group.core->env();
}
/// The release whose core has the group.
inline const core_release& release_of(const iommu_group& group) {
  return group.core->subsystem->release;
}

// What is static in iommu.c and shared between its parts here.

/// "Translated": what the log calls domains of the type.
std::string_view iommu_domain_type_str(iommu_domain_type type);
/// The operations of the units, which are all of one driver; null before the first one.
iommu_ops* any_ops(const iommu_subsystem& iommu);
void dev_iommu_free(iommu_subsystem& iommu, device& dev);
/// A walk over a bus that recorded kernels show: bus_for_each_dev().
int each_device(bus_type& bus, absl::FunctionRef<int(device&)> fn);

/// A group of its own number, with its files. Null with `error` set.
iommu_group* iommu_group_alloc(iommu_subsystem& iommu, int& error);
/// The device's links and log line; the caller enters it into the group. 0 or a negative errno.
int iommu_group_alloc_device(iommu_subsystem& iommu, iommu_group& group, device& dev,
                             iommu_group::member& made);
/// __iommu_group_free_device(), once the device is out of the group's list.
void iommu_group_free_device(iommu_subsystem& iommu, iommu_group& group,
                             const iommu_group::member& member);
/// Maps what the device must find one to one, where that is missing. 0 or a negative errno.
int iommu_create_device_direct_mappings(iommu_subsystem& iommu, iommu_domain& domain, device& dev);
/// The direct ones of `regions`, in a domain that translates.
int map_direct_regions(iommu_domain& domain, absl::Span<const iommu_resv_region> regions);

/// A domain of this type for the group's first device. Null with `error` set.
iommu_domain* iommu_group_domain_alloc(iommu_subsystem& iommu, iommu_group& group,
                                       iommu_domain_type type, int& error);
/// What a domain that the driver made gets to know of its owner, where it does not know.
void note_owner(iommu_subsystem& iommu, iommu_ops& ops, iommu_domain_type type,
                iommu_domain& domain);
/// Gives the group a default domain; blocked: of the type that driver and system prefer.
int iommu_setup_default_domain(iommu_subsystem& iommu, iommu_group& group,
                               iommu_domain_type target_type);
/// The type that somebody writes into the file: blocked for "auto", nothing for no type's name.
std::optional<iommu_domain_type> type_of_text(std::string_view text);
/// Whether whoever writes may change a type.
bool may_change_type(const iommu_subsystem& iommu);

enum class set_domain_flags : uint8_t { none, must_succeed };
int iommu_device_set_domain(iommu_group& group, device& dev, iommu_domain& new_domain,
                            set_domain_flags flags);
int iommu_group_set_domain_internal(iommu_group& group, iommu_domain* new_domain,
                                    set_domain_flags flags);

}  // namespace iommulab::v6_12
