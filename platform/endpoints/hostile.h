// SPDX-License-Identifier: GPL-2.0-only
//
// A hostile device: it tries addresses that nobody gave it, and counts what it got. It has no
// registers; whoever owns it says what to try.
//
// Nothing is allocated per access, and each access is one request to the unit: 8 bytes within a
// page (4 for messages). Runs repeat: the order follows from the seed alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "platform/dma/dma_bus.h"

namespace iommulab {

/// Which addresses a scan tries, all inside `first`..`last`; `first` is a multiple of 8.
enum class scan_pattern : uint8_t {
  random,   ///< anywhere, 8-byte aligned
  linear,   ///< one word after the other
  strided,  ///< `stride` bytes apart
  around,   ///< near one of `targets`: before it, in it, behind it
};

/// What it sends.
enum class scan_kind : uint8_t {
  plain,       ///< reads and writes, mixed
  reads,       ///< reads alone
  writes,      ///< writes alone
  translated,  ///< ATS requests with made-up host addresses, reads and writes
  messages,    ///< interrupts with made-up address bits and data; `first`, `last` do not count
};

struct hostile_scan {
  scan_pattern pattern = scan_pattern::random;
  scan_kind kind = scan_kind::plain;
  uint64_t first = 0;
  uint64_t last = ~uint64_t{0};
  uint64_t stride = page_size;
  std::vector<uint64_t> targets{};  ///< addresses
  uint64_t spread = 4 * page_size;  ///< how far from a target
};

/// One access that moved data.
struct hostile_reach {
  uint64_t address = 0;  ///< as the device sent it
  dma_access access = dma_access::read;
  phys_addr host;
  std::array<std::byte, 8> data{};  ///< read, or written
};

struct hostile_counts {
  uint64_t accesses = 0;
  std::array<uint64_t, 5> by_end{};       ///< by dma_end
  std::array<uint64_t, 256> by_reason{};  ///< of the blocked ones; 0 counts those without a fault

  [[nodiscard]] uint64_t of(dma_end end) const { return by_end[static_cast<size_t>(end)]; }
  [[nodiscard]] uint64_t of(vtd::fault_reason reason) const {
    return by_reason[static_cast<size_t>(reason)];
  }
  /// Accesses that moved data.
  [[nodiscard]] uint64_t reached() const { return of(dma_end::done); }
};

class hostile_device {
 public:
  /// `port` outlives the device.
  explicit hostile_device(dma_port& port, uint64_t seed = 1) : port_(port), state_(seed | 1) {}

  /// What a write leaves behind.
  static constexpr uint64_t mark = 0x6d75'7265'7473'6f68;

  /// `count` accesses; the next call goes on where this one ended. `on_reach` hears of each that
  /// moved data.
  void run(const hostile_scan& scan, uint64_t count,
           absl::FunctionRef<void(const hostile_reach&)> on_reach);
  void run(const hostile_scan& scan, uint64_t count) {
    run(scan, count, [](const hostile_reach&) {});
  }

  [[nodiscard]] const hostile_counts& counted() const { return counts_; }

 private:
  uint64_t next_random();
  uint64_t next_address(const hostile_scan& scan);
  static uint64_t into_range(const hostile_scan& scan, uint64_t offset);
  dma_result access(const hostile_scan& scan, hostile_reach& reach);
  dma_result send_message();

  dma_port& port_;
  uint64_t state_;
  uint64_t step_ = 0;
  hostile_counts counts_;
};

}  // namespace iommulab
