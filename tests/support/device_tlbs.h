// SPDX-License-Identifier: GPL-2.0-only
//
// Devices with translation caches that answer a unit as a test wants, and a unit that takes its
// time, so that a submitter looks at the fault status in between.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "platform/mmio.h"
#include "platform/vtd/unit.h"

namespace iommulab::test {

/// Each answer is used once, then `done`.
class answering_devices : public device_tlb_sink {
 public:
  struct request {
    uint16_t source;
    uint64_t address;
    uint64_t bytes;
    bool operator==(const request&) const = default;
  };
  device_tlb_reply invalidate(uint16_t source, uint64_t address, uint64_t bytes) override {
    seen.push_back({source, address, bytes});
    if (answers.empty()) return device_tlb_reply::done;
    const device_tlb_reply answer = answers.front();
    answers.erase(answers.begin());
    return answer;
  }
  std::vector<device_tlb_reply> answers;
  std::vector<request> seen;
};

/// A unit that does the first descriptor (of `step` bytes) of a submission when FSTS is read the
/// first time, and the rest at the second: what a submitter sees of hardware that takes its time.
class slow_queue : public mmio_region {
 public:
  explicit slow_queue(vtd_unit& unit, uint64_t step = 16) : unit_(unit), step_(step) {}
  [[nodiscard]] uint64_t size() const override { return unit_.size(); }
  uint32_t read32(uint64_t offset) override {
    if (offset == fsts && held_ != done_) {
      const bool first = done_ + step_ < held_;
      done_ = first ? done_ + step_ : held_;
      unit_.write32(iqt, static_cast<uint32_t>(done_));
    }
    return unit_.read32(offset);
  }
  uint64_t read64(uint64_t offset) override { return unit_.read64(offset); }
  void write32(uint64_t offset, uint32_t value) override {
    if (offset != iqt) return unit_.write32(offset, value);
    done_ = unit_.peek(vtd_register::iqt);
    held_ = value;
  }
  void write64(uint64_t offset, uint64_t value) override { unit_.write64(offset, value); }

 private:
  static constexpr uint64_t fsts = 0x34, iqt = 0x88;

  vtd_unit& unit_;
  uint64_t step_;
  uint64_t held_ = 0;
  uint64_t done_ = 0;
};

}  // namespace iommulab::test
