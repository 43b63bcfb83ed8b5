// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU core, as far as kernel generations share it: groups with their members and listeners,
// what all see of a domain, and which devices are one group. A generation's own part, with the
// operations that an IOMMU driver supplies to it, is a folder of its own (v4_4).
//
// One thread at a time: the kernel's group mutex has no counterpart. Mapping through the DMA API
// uses nothing of this.
//
// Groups are reference counted as the kernel counts `devices_kobj`: one for whoever got the
// group, one for each member; the last put frees the group and its number, the lowest free
// number being the next group's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/device.h"
#include "core/types.h"

namespace iommulab {

struct iommu_domain;
namespace v6_12 {
class iommu_subsystem;
}

// iommu_map()'s protection bits
inline constexpr int iommu_read = 1 << 0;
inline constexpr int iommu_write = 1 << 1;
inline constexpr int iommu_cache = 1 << 2;

enum class iommu_cap : uint8_t { cache_coherency, intr_remap, noexec };

/// The numbers are the kernel's: bit 0 has page tables, bit 1 serves the DMA API, bit 2 passes
/// addresses through, bit 3 flushes through a queue of unmaps (later kernels; 4.4 has no such
/// type).
enum class iommu_domain_type : uint32_t {
  blocked = 0,
  unmanaged = 1,
  dma = 2 | 1,
  identity = 4,
  dma_fq = 8 | 2 | 1,
};
/// "DMA", as later kernels call the types in sysfs.
std::string_view name(iommu_domain_type type);

struct iommu_domain_geometry {
  dma_addr aperture_start;
  dma_addr aperture_end;
  bool force_aperture = false;
};

using iommu_fault_handler =
    std::function<int(iommu_domain& domain, device& dev, dma_addr iova, int flags)>;

/// What everybody sees of a domain. A generation's core derives its own from it, and the driver's
/// type contains or derives from that one.
struct iommu_domain {
  virtual ~iommu_domain() = default;
  /// iommu_domain_free() of the core that made it, for who does not know which that is.
  virtual void free() {}
  /// What the trace calls it. A driver's own type names the ids by which its units know it.
  [[nodiscard]] virtual std::string name() const { return "domain"; }
  iommu_domain_type type = iommu_domain_type::blocked;
  environment* env = nullptr;  ///< of the system whose bus allocated it
  iommu_fault_handler handler;
  iommu_domain_geometry geometry;
};
inline std::string trace_word(const iommu_domain& domain) {
  return domain.name();
}

enum class iommu_group_notify : uint8_t {
  add_device,
  del_device,
  bind_driver,
  bound_driver,
  unbind_driver,
  unbound_driver,
};

using iommu_group_notifier_block = notifier_block<iommu_group_notify, device>;

/// What a generation's core keeps of a group beside what all do.
struct iommu_group_state {
  virtual ~iommu_group_state() = default;
  /// iommu_group_release(): the group goes, and with it what it owns beside its default domain.
  virtual void group_released() {}
};

struct iommu_group {
  int id = 0;
  int references = 0;
  iommu_core* core = nullptr;
  std::string sysfs_path;  ///< "kernel/iommu_groups/3"
  struct member {
    device* dev = nullptr;
    std::string name;  ///< its link's name under devices/
  };
  std::vector<member> devices;  ///< in order of joining
  notifier_chain<iommu_group_notify, device> notifier;
  iommu_domain* default_domain = nullptr;
  iommu_domain* domain = nullptr;
  std::unique_ptr<iommu_group_state> state;  ///< null in 4.4
};
inline int trace_word(const iommu_group& group) {
  return group.id;
}

/// The state that is global in iommu.c and iommu-sysfs.c: the group numbers in use, the class and
/// group directories of sysfs.
class iommu_core {
 public:
  iommu_core(environment& env, sysfs_tree& sysfs);
  ~iommu_core();
  iommu_core(const iommu_core&) = delete;
  iommu_core& operator=(const iommu_core&) = delete;

  [[nodiscard]] environment& env() const { return env_; }
  [[nodiscard]] sysfs_tree& sysfs() const { return sysfs_; }

  /// iommu_group_alloc(): null when sysfs refuses the name (before iommu_init()).
  iommu_group* group_alloc();
  [[nodiscard]] const std::vector<std::unique_ptr<iommu_group>>& groups() const { return groups_; }
  /// iommu_group_release(): what the last put does.
  void release(iommu_group& group);

  /// 6.12's part of what is global, when a 6.12 runs here.
  v6_12::iommu_subsystem* subsystem = nullptr;
  /// Keeps the notifier block of bus_set_iommu() alive.
  std::vector<std::unique_ptr<bus_notifier_block>> bus_blocks;

 private:
  environment& env_;
  sysfs_tree& sysfs_;
  std::vector<std::unique_ptr<iommu_group>> groups_;  // in order of allocation
  int next_number_ = 0;                               // the lowest that no group ever had
  std::set<int> given_back_;                          // numbers below it that no group has
};

// Linux v4.4 drivers/iommu/iommu.c, by the kernel's names. Errors are negative errnos.
void iommu_init(iommu_core& core);  ///< core_initcall: the iommu_groups directory
iommu_group* iommu_group_get(device& dev);
void iommu_group_put(iommu_group* group);
int iommu_group_for_each_dev(iommu_group& group, absl::FunctionRef<int(device&)> fn);
/// Null when the device is not PCI (-EINVAL in the kernel) or no group can be made.
iommu_group* pci_device_group(device& dev);
int iommu_group_id(const iommu_group& group);
void iommu_group_register_notifier(iommu_group& group, iommu_group_notifier_block& nb);
void iommu_group_unregister_notifier(iommu_group& group, iommu_group_notifier_block& nb);

}  // namespace iommulab
