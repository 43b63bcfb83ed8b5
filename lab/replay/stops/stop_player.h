// SPDX-License-Identifier: GPL-2.0-only
//
// Does on a running system what was done in a recording of stops, step by step (stop_steps.h), and
// keeps what of our run belongs to which call.
//
// Memory is the recording's: buffers that a driver brought lie where they lay, and the pages that a
// coherent buffer got are handed out again. Tables lie where our allocator puts them.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernel/kernel.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/stops/dma_api_file.h"
#include "lab/replay/stops/stop_steps.h"

namespace iommulab::verify {

/// A step, as our run did it.
struct played_step {
  stop_step step;
  size_t first_event = 0;  ///< of the run's events
  size_t last_event = 0;   ///< one past it
  std::string begins;      ///< as an event says it; empty for a timer
  std::string ends;        ///< the event with the result; empty where there is none
  std::string line;        ///< as the dma-api file has the call
};

class stop_player {
 public:
  /// All outlive the player.
  stop_player(kernel& system, const trace_recorder& recorder, absl::Span<const dma_api_file> files)
      : system_(system), recorder_(recorder), files_(files) {}

  /// EINVAL, naming the file and its line, for a call that no recording can have.
  absl::Status play(const stop_step& step);
  [[nodiscard]] const std::vector<played_step>& played() const { return played_; }

  /// Memory that the calls use: it is to be left free for them.
  static std::vector<page_block> used_blocks(absl::Span<const dma_api_file> files);

 private:
  using key = std::pair<std::string, uint64_t>;  ///< device, page of the recorded address
  struct mapped_list {
    std::vector<scatterlist> pieces;
  };

  absl::Status call(const dma_api_file& file, const dma_api_item& item, played_step& played);
  void let_timer_expire();
  absl::Status make_fault(const stop_step& step);
  void settle(size_t file);
  void remember(const dma_api_file& file, dma_addr recorded, dma_addr ours);
  [[nodiscard]] dma_addr ours(const dma_api_file& file, dma_addr recorded) const;
  [[nodiscard]] std::vector<scatterlist> make_list(const dma_api_item& item) const;
  absl::Status refuse(const dma_api_file& file, const dma_api_item& item,
                      std::string_view why) const;

  kernel& system_;
  const trace_recorder& recorder_;
  absl::Span<const dma_api_file> files_;
  std::vector<played_step> played_;
  size_t last_file_ = SIZE_MAX;
  int ticks_ = 0;  ///< that passed since a timer expired
  std::map<key, dma_addr> mapped_;
  std::map<key, mapped_list> lists_;
  std::map<key, phys_addr> buffers_;
};

}  // namespace iommulab::verify
