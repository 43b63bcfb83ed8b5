// SPDX-License-Identifier: GPL-2.0-only
//
// A network function with descriptor rings: the registers and legacy descriptors of Intel's 8254x
// family (Software Developer's Manual 317453, chapters 3 and 13), as far as moving packets needs
// them.
//
// | offset     | register | what                                                             |
// |------------|----------|------------------------------------------------------------------|
// | 0008       | STATUS   | 2: the link is up (read only)                                    |
// | 00c0       | ICR      | causes; reading clears them                                      |
// | 00d0, 00d8 | IMS, IMC | sets, clears bits of the interrupt mask                          |
// | 0100       | RCTL     | 2: receive; 17:16 buffer size, 2048, 1024, 512, 256              |
// | 0400       | TCTL     | 2: transmit                                                      |
// | 2800..2818 | RD…      | receive ring: base low, high, length in bytes, head, tail        |
// | 3800..3818 | TD…      | transmit ring, alike                                             |
// | 4010       | MPC      | packets that found no descriptor; reading clears it              |
// | 4074, 4080 | GPRC, GPTC | packets received, sent; reading clears them                    |
//
// Writing TDT sends up to it, within the write. A packet that arrives goes into the descriptors at
// RDH. Descriptors done are written back: status, and on receive the length. DMA that fails: a
// descriptor that cannot be read stops its ring until software switches the ring off and on; a
// buffer that cannot be read drops the packet; one that cannot be written marks the descriptor.
//
// Invariant: head moves on only past descriptors that are done with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "platform/endpoints/pci_endpoint.h"

namespace iommulab {

class nic final : public pci_endpoint {
 public:
  static constexpr uint64_t window = 0x20000;
  static constexpr size_t longest_packet = 16384;

  /// `port` outlives the device.
  explicit nic(dma_port& port) : pci_endpoint(port) {}

  /// Both ends of a cable; a function may be its own other end. Both outlive the connection.
  static void connect(nic& a, nic& b);

  [[nodiscard]] uint64_t size() const override { return window; }
  uint32_t read32(uint64_t offset) override;
  void write32(uint64_t offset, uint32_t value) override;

  /// A packet arrives from the wire.
  void receive(absl::Span<const std::byte> packet);

  /// What DMA went wrong, since the beginning.
  struct failures {
    uint64_t descriptor_reads = 0;
    uint64_t buffer_reads = 0;
    uint64_t buffer_writes = 0;
    uint64_t write_backs = 0;
  };
  [[nodiscard]] const failures& failed() const { return failures_; }
  /// How the last failed DMA ended.
  [[nodiscard]] const dma_result& last_failure() const { return last_failure_; }

 private:
  struct ring {
    uint64_t base = 0;
    uint32_t length = 0;  ///< bytes
    uint32_t head = 0;
    uint32_t tail = 0;
    bool enabled = false;
    bool stopped = false;  ///< a descriptor could not be read

    [[nodiscard]] bool works() const;
    [[nodiscard]] uint64_t at_head() const;
    void advance();
  };
  /// A legacy descriptor: the address, and the upper half as it lies in memory.
  struct descriptor {
    uint64_t address = 0;
    uint64_t fields = 0;
  };

  static uint32_t read_ring(const ring& r, uint64_t reg);
  static bool write_ring(ring& r, uint64_t reg, uint32_t value);
  static void enable(ring& r, bool on);
  std::optional<descriptor> fetch(ring& r);
  void write_back(const ring& r, uint64_t fields);
  void transmit();
  void send_packet();
  [[nodiscard]] size_t buffer_size() const;
  bool fill_one(absl::Span<const std::byte>& rest);
  void cause(uint32_t bits);
  void note(uint64_t& counter, const dma_result& result);

  nic* peer_ = nullptr;
  ring receive_;
  ring transmit_;
  uint32_t receive_control_ = 0;
  uint32_t transmit_control_ = 0;
  uint32_t causes_ = 0;
  uint32_t mask_ = 0;
  uint32_t missed_ = 0;
  uint32_t received_ = 0;
  uint32_t sent_ = 0;
  bool transmitting_ = false;  ///< an interrupt handler's write of TDT finds the outer one at work
  bool packet_spoilt_ = false;
  std::vector<std::byte> packet_;  ///< being put together
  failures failures_;
  dma_result last_failure_;
};

}  // namespace iommulab
