// SPDX-License-Identifier: GPL-2.0-only
#include "platform/endpoints/hostile.h"

#include <cstring>

#include "absl/types/span.h"
#include "platform/vtd/interrupt_range.h"

namespace iommulab {
namespace {

constexpr uint64_t word_bytes = 8;

}  // namespace

// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled".
uint64_t hostile_device::next_random() {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 0x2545f4914f6cdd1d;
}

/// The word that lies `offset` from the scan's first address, beginning anew at its end.
uint64_t hostile_device::into_range(const hostile_scan& scan, uint64_t offset) {
  const uint64_t last = scan.last - scan.first;
  const uint64_t within = last == ~uint64_t{0} ? offset : offset % (last + 1);
  return scan.first + (within & ~(word_bytes - 1));
}

uint64_t hostile_device::next_address(const hostile_scan& scan) {
  switch (scan.pattern) {
    case scan_pattern::random:
      return into_range(scan, next_random());
    case scan_pattern::linear:
      return into_range(scan, step_++ * word_bytes);
    case scan_pattern::strided:
      return into_range(scan, step_++ * scan.stride);
    case scan_pattern::around: {
      if (scan.targets.empty()) return into_range(scan, next_random());
      const uint64_t target = scan.targets[next_random() % scan.targets.size()];
      const uint64_t away = next_random() % (2 * scan.spread);
      return into_range(scan, target + away - scan.spread - scan.first);
    }
  }
  return scan.first;
}

dma_result hostile_device::send_message() {
  const uint64_t made_up = next_random();
  const uint64_t offset = made_up % (interrupt_end - interrupt_base);
  const auto data = static_cast<uint32_t>(made_up >> 32);
  std::array<std::byte, interrupt_write_bytes> bytes{};
  std::memcpy(bytes.data(), &data, sizeof(data));
  return port_.write(interrupt_base + (offset & ~(interrupt_write_bytes - 1)), bytes);
}

dma_result hostile_device::access(const hostile_scan& scan, hostile_reach& reach) {
  const bool writes = scan.kind == scan_kind::writes ||
                      (scan.kind != scan_kind::reads && (next_random() >> 63) != 0);
  reach.access = writes ? dma_access::write : dma_access::read;
  const address_type type =
      scan.kind == scan_kind::translated ? address_type::translated : address_type::untranslated;
  if (!writes) return port_.read(reach.address, absl::MakeSpan(reach.data), type);
  std::memcpy(reach.data.data(), &mark, sizeof(mark));
  return port_.write(reach.address, reach.data, type);
}

void hostile_device::run(const hostile_scan& scan, uint64_t count,
                         absl::FunctionRef<void(const hostile_reach&)> on_reach) {
  hostile_reach reach;
  for (uint64_t i = 0; i < count; ++i) {
    dma_result result;
    if (scan.kind == scan_kind::messages) {
      result = send_message();
    } else {
      reach.address = next_address(scan);
      result = access(scan, reach);
    }
    ++counts_.accesses;
    ++counts_.by_end[static_cast<size_t>(result.end)];
    if (result.end == dma_end::blocked) ++counts_.by_reason[static_cast<size_t>(result.reason)];
    if (result.end == dma_end::done) {
      reach.host = result.reached;
      on_reach(reach);
    }
  }
}

}  // namespace iommulab
