// SPDX-License-Identifier: GPL-2.0-only
//
// The address space of a program that is not simulated: its memory is the host's, and is lent to
// the machine page by page while it is pinned.
//
// A page that is pinned gets a frame within a window of the machine's addresses. Addresses of the
// program that lie side by side have frames side by side, 1 GiB at a time, so that large pages can
// be used. What the program unmaps while it is pinned stays: it is moved to where the program does
// not look.
//
// Invariant: a frame is in `addresses_` exactly while it is pinned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "platform/memory/physical_memory.h"
#include "vfio/process/mm_struct.h"

namespace iommulab {

class host_memory final : public mm_struct, public memory_lender {
 public:
  /// Where programs' memory lies in the machine: above what machines of 39 address bits have as
  /// RAM, and all that is left to them.
  static constexpr uint64_t window_start = uint64_t{1} << 38;
  static constexpr uint64_t window_length = uint64_t{1} << 38;

  /// `pages` outlives this.
  explicit host_memory(user_pages& pages);
  ~host_memory() override;
  host_memory(const host_memory&) = delete;
  host_memory& operator=(const host_memory&) = delete;

  uint64_t copy_from_user(absl::Span<std::byte> to, uint64_t from) override;
  uint64_t copy_to_user(uint64_t to, absl::Span<const std::byte> from) override;
  int64_t pin_user_pages(uint64_t start, uint64_t count, unsigned gup_flags,
                         std::vector<phys_addr>& pages) override;

  [[nodiscard]] std::byte* at(phys_addr address, uint64_t length) const override;

  /// The program is about to unmap the range, or to map something else there.
  void keep_pinned(uint64_t start, uint64_t length);

 private:
  /// The frame for a page that is not pinned; 0 when the window is full.
  uint64_t frame_for(uint64_t address);
  void forget(phys_addr page);

  absl::flat_hash_map<uint64_t, uint64_t> gibs_;       // of the window, by the program's
  absl::flat_hash_map<uint64_t, uint64_t> frames_;     // by the program's page
  absl::flat_hash_map<uint64_t, uint64_t> addresses_;  // where a frame's bytes are
  uint64_t next_gib_ = 0;
  uint64_t next_spare_ = 0;  // pages of the window's last 1 GiB that were given out
};

}  // namespace iommulab
