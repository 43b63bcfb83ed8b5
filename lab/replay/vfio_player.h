// SPDX-License-Identifier: GPL-2.0-only
//
// The recorded client of VFIO, played by a simulated process: it takes a device from nobody for
// vfio-pci, opens container and group, sets the IOMMU, maps its memory, lets the edu device move
// data, unmaps, closes all and gives the device back. What the kernel makes of that is VFIO's.
//
// The client's log (vfio.txt) has its calls and transfers, but neither addresses nor sizes; these,
// and where its memory lay, are in the recorded calls of the IOMMU API. From there is also known
// how far the client had come at a mark: it goes on as long as the phase's calls show what it does.
// A transfer is made when the tree shows the fault that it caused, with those before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernel/kernel.h"
#include "lab/clients/client_process.h"
#include "lab/diff/numbered_line.h"
#include "lab/replay/replay_differences.h"
#include "lab/replay/vfio_calls.h"
#include "platform/endpoints/edu.h"

namespace iommulab::verify {

class vfio_player {
 public:
  /// `system` and `differences` outlive the player.
  vfio_player(kernel& system, std::vector<edu_transfer> transfers, replay_differences& differences);
  vfio_player(const vfio_player&) = delete;
  vfio_player& operator=(const vfio_player&) = delete;

  /// As far as `calls`, the next of the tree, show what the client did. EINVAL, with file and line,
  /// for calls that no client can have caused; a device that VFIO cannot have is a difference.
  absl::Status play(absl::Span<const vfio_call> calls);

  /// What the client prints.
  [[nodiscard]] const numbered_lines& client_lines() const { return lines_; }

 private:
  /// What one VFIO_IOMMU_MAP_DMA maps.
  struct mapping {
    uint64_t iova = 0;
    uint64_t size = 0;
    int prot = 0;
    uint64_t vaddr = 0;
    size_t last_call = 0;
    std::vector<phys_addr> pages{};
  };

  absl::Status start();
  absl::Status find_device();
  absl::Status read_mappings();
  void replay_pages();
  void perform(size_t& at);
  void bind(const vfio_call& call);
  void open_all();
  void open_device();
  void map(const mapping& m);
  void unmap(const mapping& m);
  void close_all();
  void fault();
  void transfer(const edu_transfer& t);

  /// Prints a call and what it returned.
  void say_call(std::string_view call, int64_t ret);
  void say(std::string text);
  [[nodiscard]] std::byte* memory_at(uint64_t iova, uint64_t count);
  [[nodiscard]] const mapping* mapping_at(uint64_t iova) const;

  kernel& system_;
  replay_differences& differences_;
  std::vector<edu_transfer> transfers_;
  size_t next_transfer_ = 0;
  absl::Span<const vfio_call> calls_;
  client_process process_;
  std::vector<mapping> mappings_;
  device* dev_ = nullptr;
  edu* edu_ = nullptr;
  bool is_absent_ = false;  ///< the device is not on the bus, or VFIO does not have it
  bool is_bound_ = false;
  bool is_closed_ = false;
  int container_ = -1;
  int group_ = -1;
  int device_ = -1;
  uint64_t read_from_ = 0;  ///< where the last transfer to the device came from
  bool has_read_ = false;
  numbered_lines lines_;
};

}  // namespace iommulab::verify
