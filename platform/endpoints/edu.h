// SPDX-License-Identifier: GPL-2.0-only
//
// A teaching device with a DMA engine: the register interface of QEMU's "edu" (docs/specs/edu.txt).
//
// | offset | bytes | what                                                                       |
// |--------|-------|----------------------------------------------------------------------------|
// | 00     | 4     | identification, 010000edh (read only)                                      |
// | 04     | 4     | liveness: reads as the inverse of what was written                         |
// | 08     | 4     | factorial: a written n reads as n! modulo 2^32                             |
// | 20     | 4     | status: 80h asks for an interrupt after a factorial                        |
// | 24     | 4     | interrupt status: 1 factorial, 100h DMA, other bits as raised (read only)  |
// | 60     | 4     | raises an interrupt with the bits written                                  |
// | 64     | 4     | acknowledges the bits written                                              |
// | 80     | 4, 8  | DMA source                                                                 |
// | 88     | 4, 8  | DMA destination                                                            |
// | 90     | 4, 8  | DMA count in bytes                                                         |
// | 98     | 4, 8  | DMA command: 1 start, 2 towards memory, 4 interrupt when done              |
//
// A transfer moves bytes between memory and the device's buffer, 4 KiB that the registers call
// 40000h, and takes 100 ms from the beginning of the millisecond in which it was started: transfers
// that were started within one millisecond end together. The start bit stays set meanwhile, and
// writes to the four registers are dropped. Other offsets and sizes read as all ones.
//
// Invariant: the count of a transfer is looked at when its time has come, not when it starts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/bit_field.h"
#include "core/clock.h"
#include "platform/endpoints/pci_endpoint.h"

namespace iommulab {

class edu final : public pci_endpoint {
 public:
  static constexpr uint64_t window = 0x100000;
  static constexpr uint64_t buffer_address = 0x40000;
  static constexpr uint64_t buffer_size = 4096;
  static constexpr uint64_t transfer_ns = 100'000'000;
  // Registers of a transfer, and the fields of its command.
  static constexpr uint64_t reg_source = 0x80;
  static constexpr uint64_t reg_destination = 0x88;
  static constexpr uint64_t reg_count = 0x90;
  static constexpr uint64_t reg_command = 0x98;
  static constexpr field64 command_start{0};
  static constexpr field64 command_to_memory{1};
  static constexpr field64 command_interrupt{2};
  static constexpr uint64_t command_bits =
      mask_of(command_start, command_to_memory, command_interrupt);
  /// Bits that a memory address of a transfer may have; others are dropped. This is QEMU's default.
  static constexpr uint64_t default_dma_mask = (uint64_t{1} << 28) - 1;

  /// `port` and `clock` outlive the device.
  edu(dma_port& port, virtual_clock& clock, uint64_t dma_mask = default_dma_mask);

  [[nodiscard]] uint64_t size() const override { return window; }
  uint32_t read32(uint64_t offset) override;
  uint64_t read64(uint64_t offset) override;
  void write32(uint64_t offset, uint32_t value) override;
  void write64(uint64_t offset, uint64_t value) override;

  /// What a driver writes for a transfer.
  struct transfer_order {
    uint64_t source = 0;
    uint64_t destination = 0;
    uint64_t count = 0;  ///< bytes
    uint64_t command = 0;
  };
  /// The four registers, the command last. Between memory and the buffer, in the direction that the
  /// command says.
  void start_transfer(const transfer_order& order);

  /// A transfer whose time came.
  struct transfer {
    bool to_memory = false;
    uint64_t address = 0;  ///< that the device put on the bus, or would have
    uint64_t inside = 0;   ///< of its own buffer, as the registers call it
    uint64_t count = 0;    ///< bytes
    bool refused = false;  ///< it does not lie in the buffer; `result` says nothing then
    dma_result result;
  };
  /// Transfers so far, and the last of them.
  [[nodiscard]] uint64_t transfers() const { return transfers_; }
  [[nodiscard]] const transfer& latest() const { return latest_; }

  /// How the last transfer that reached the bus went.
  [[nodiscard]] const dma_result& last_transfer() const { return last_; }
  /// Transfers that did not lie in the buffer. QEMU stops the machine at the first; here nothing
  /// moves, and the transfer ends as usual. `refusal` is a sentence about the last:
  /// no diagnosis_record, for there is one kind alone, with nothing to tell it from.
  [[nodiscard]] uint64_t refused() const { return refused_; }
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] const std::array<std::byte, buffer_size>& buffer() const { return buffer_; }

 private:
  [[nodiscard]] uint64_t* transfer_register(uint64_t offset);
  void raise(uint32_t bits);
  void acknowledge(uint32_t bits);
  void compute(uint32_t n);
  void finish_transfer();
  void run_transfer();
  [[nodiscard]] bool in_buffer(uint64_t address, uint64_t count);

  virtual_clock& clock_;
  virtual_timer timer_;
  const uint64_t dma_mask_;
  uint32_t liveness_ = 0;
  uint32_t factorial_ = 0;
  uint32_t status_ = 0;
  uint32_t interrupts_ = 0;
  uint64_t source_ = 0;
  uint64_t destination_ = 0;
  uint64_t count_ = 0;
  uint64_t command_ = 0;
  std::array<std::byte, buffer_size> buffer_{};
  dma_result last_;
  uint64_t transfers_ = 0;
  transfer latest_;
  uint64_t refused_ = 0;
  std::string refusal_;
};

}  // namespace iommulab
