// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO as the IOMMU sees it: a driver takes a device, its group is watched and claimed, a domain of
// its own is attached to the group, memory is mapped and unmapped, and the device moves data.
// Makes the recorded calls of Linux v4.4 drivers/vfio/vfio.c and vfio_iommu_type1.c on a running
// system, and the transfers that its client asked of an edu device.
//
// A transfer is made when the tree shows the fault that it caused, with those before it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernel/kernel.h"
#include "lab/diff/numbered_line.h"
#include "lab/replay/replay_differences.h"
#include "lab/replay/vfio_calls.h"
#include "platform/endpoints/edu.h"

namespace iommulab::verify {

class vfio_player {
 public:
  /// `system` and `differences` outlive the player.
  vfio_player(kernel& system, std::vector<edu_transfer> transfers, replay_differences& differences);
  ~vfio_player();
  vfio_player(const vfio_player&) = delete;
  vfio_player& operator=(const vfio_player&) = delete;

  /// The next calls of the tree. One for which our system gave nothing to work on is a difference;
  /// EINVAL, with file and line, for one that no recording can have.
  absl::Status play(absl::Span<const vfio_call> calls);

  /// How the transfers ended, in the client's words, and whether VFIO could take the IOMMU.
  [[nodiscard]] const numbered_lines& client_lines() const { return lines_; }

 private:
  void play_until_notified();
  void notified();
  void skip_notification();
  void make(const vfio_call& call);
  void make_on_group(const vfio_call& call);
  void make_on_domain(const vfio_call& call);
  void fault();
  void transfer(const edu_transfer& t);
  void say(const edu_transfer& t, std::string text);
  [[nodiscard]] std::byte* memory_at(uint64_t iova, uint64_t count);
  absl::Status find_device();
  void fail(const vfio_call& call, std::string_view why);
  /// The call has no `thing` to work on, which `giver` was asked for.
  void miss(const vfio_call& call, bool asked, std::string_view giver);
  iommu_api& api() { return system_.generation().iommu_api(); }

  kernel& system_;
  replay_differences& differences_;
  std::vector<edu_transfer> transfers_;
  size_t next_transfer_ = 0;
  absl::Span<const vfio_call> calls_;
  size_t next_ = 0;
  absl::Status status_;
  device* dev_ = nullptr;
  edu* edu_ = nullptr;
  bool is_bound_ = false;
  bool is_absent_ = false;  ///< the device, which the machine has, is not on the bus
  bool asked_for_group_ = false;
  bool asked_for_domain_ = false;
  iommu_group* group_ = nullptr;
  iommu_group_notifier_block listener_;
  iommu_domain* domain_ = nullptr;
  std::map<uint64_t, std::pair<phys_addr, uint64_t>> mapped_;  ///< by address: page and bytes
  uint64_t read_from_ = 0;  ///< where the last transfer to the device came from
  bool has_read_ = false;
  numbered_lines lines_;
};

}  // namespace iommulab::verify
