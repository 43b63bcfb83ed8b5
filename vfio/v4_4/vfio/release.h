// SPDX-License-Identifier: GPL-2.0-only
//
// What releases of Linux 4.4 do differently in drivers/vfio. This class is 4.4.1; a later release
// overrides what it does otherwise (vfio/v4_4_178/release.h), so that the two files beside each
// other are the difference. No release has state of its own.
#pragma once

#include <cstdint>

#include "vfio/pci/intx.h"
#include "vfio/pci/perm_bits.h"
#include "vfio/v4_4/vfio/vfio.h"

namespace iommulab::v4_4 {

class vfio_release {
 public:
  virtual ~vfio_release() = default;

  /// What a call returns that has copied its answer to the user, all but `not_copied` bytes of it:
  /// that number.
  [[nodiscard]] virtual int64_t answered(uint64_t not_copied) const {
    return static_cast<int64_t>(not_copied);
  }

  // vfio.c

  /// vfio_iommu_group_notifier(): gives its reference back.
  virtual void put_notified_group(vfio_group& group) const;

  // vfio_iommu_type1.c

  /// Counts `npage` more pages of the process under way, or fewer. `lock_cap` says whether the
  /// limit is none, if that is known; `current` is asked where it counts. 0 or a negative errno.
  virtual int vfio_lock_acct(vfio_module& module, const task_struct* current, int64_t npage,
                             const bool* lock_cap) const;
  /// vfio_pin_pages(): the limit is reached behind `pinned` pages of a run. 0: these are the run.
  [[nodiscard]] virtual int run_at_limit() const { return 0; }

  // pci/

  [[nodiscard]] virtual vfio_pci_rules pci_rules() const;
  /// VFIO_DEVICE_SET_IRQS: whether what the user wrote is in order, with the bytes of data that
  /// follow. 0 or -EINVAL.
  virtual int check_irq_set(const uapi::vfio_irq_set& hdr, int max, uint64_t& data_size) const;
  /// Whether error and request interrupts may be addressed so: 0 or -EINVAL.
  [[nodiscard]] virtual int check_err_trigger(unsigned start, unsigned count) const;
  [[nodiscard]] virtual int check_req_trigger(unsigned start, unsigned count) const;
  virtual int vfio_pci_set_ctx_trigger_single(task_struct* current,
                                              std::shared_ptr<eventfd_ctx>& ctx, unsigned count,
                                              uint32_t flags, const vfio_irq_data& data) const;
};

/// 4.4.1.
const vfio_release& vfio_4_4_1();

}  // namespace iommulab::v4_4
