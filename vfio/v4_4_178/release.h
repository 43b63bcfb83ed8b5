// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/vfio of Linux 4.4.178, where it differs from 4.4.1.
#pragma once

#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4_178 {

class vfio_release final : public v4_4::vfio_release {
 public:
  /// -EFAULT when not all could be copied.
  [[nodiscard]] int64_t answered(uint64_t not_copied) const override;
  /// Later, by a work item: whoever calls the notifier holds a lock that to put the last reference
  /// takes.
  void put_notified_group(v4_4::vfio_group& group) const override;
  /// Refuses what goes beyond the limit.
  int vfio_lock_acct(v4_4::vfio_module& module, const task_struct* current, int64_t npage,
                     const bool* lock_cap) const override;
  /// The whole run fails.
  [[nodiscard]] int run_at_limit() const override;
  /// Resets that a user writes are done by the kernel.
  [[nodiscard]] vfio_pci_rules pci_rules() const override;
  int check_irq_set(const uapi::vfio_irq_set& hdr, int max, uint64_t& data_size) const override;
  [[nodiscard]] int check_err_trigger(unsigned start, unsigned count) const override;
  [[nodiscard]] int check_req_trigger(unsigned start, unsigned count) const override;
  int vfio_pci_set_ctx_trigger_single(task_struct* current, std::shared_ptr<eventfd_ctx>& ctx,
                                      unsigned count, uint32_t flags,
                                      const vfio_irq_data& data) const override;
};

const v4_4::vfio_release& vfio_4_4_178();

}  // namespace iommulab::v4_4_178
