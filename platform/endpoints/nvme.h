// SPDX-License-Identifier: GPL-2.0-only
//
// A disk with queues in memory: registers, commands and completions of NVM Express (revision 1.1),
// as far as identifying, reading and writing one small namespace needs them.
//
// | offset | register | what                                                                  |
// |--------|----------|-----------------------------------------------------------------------|
// | 00     | CAP      | 256 entries a queue, doorbells 4 bytes apart                          |
// | 08     | VS       | 1.1                                                                   |
// | 0c, 10 | INTMS, INTMC | set, clear the interrupt's mask                                   |
// | 14     | CC       | bit 0 enables                                                         |
// | 1c     | CSTS     | bit 0 ready, bit 1 fatal                                              |
// | 24     | AQA      | sizes of the admin queues, less one: submission 11:0, completion 27:16|
// | 28, 30 | ASQ, ACQ | their addresses                                                       |
// | 1000 + | doorbells| submission tail, completion head of each queue pair in turn           |
//
// Queue 0 is the admin queue; 1 to 3 are for software to create. Commands are done one after the
// other within the write of the doorbell. Data moves by PRPs (4.3): two entries, or one and a list.
//
// What DMA does wrong: a command or completion that cannot be moved is fatal (CSTS.CFS), and
// nothing more is done until software disables the controller; data or a list that cannot be moved
// fails the command with "data transfer error".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "platform/endpoints/pci_endpoint.h"

namespace iommulab {

/// Status of a completion: type 10:8, code 7:0 (4.6.1).
enum class nvme_status : uint16_t {
  success = 0x000,
  invalid_opcode = 0x001,
  invalid_field = 0x002,
  data_transfer_error = 0x004,
  invalid_namespace = 0x00b,
  invalid_prp_offset = 0x013,
  lba_out_of_range = 0x080,
  completion_queue_invalid = 0x100,
  invalid_queue_id = 0x101,
  invalid_queue_size = 0x102,
};

class nvme final : public pci_endpoint {
 public:
  static constexpr uint64_t window = 0x2000;
  static constexpr unsigned queues = 4;
  static constexpr unsigned most_entries = 256;
  static constexpr uint64_t block_size = 512;

  /// A namespace of `blocks` blocks of 512 bytes, zero at first. `port` outlives the device.
  nvme(dma_port& port, uint64_t blocks) : pci_endpoint(port), disk_(blocks * block_size) {}

  [[nodiscard]] uint64_t size() const override { return window; }
  uint32_t read32(uint64_t offset) override;
  void write32(uint64_t offset, uint32_t value) override;

  /// The namespace's bytes.
  [[nodiscard]] absl::Span<std::byte> disk() { return absl::MakeSpan(disk_); }
  /// How the last failed DMA ended.
  [[nodiscard]] const dma_result& last_failure() const { return last_failure_; }

 private:
  struct command {
    std::array<uint32_t, 16> words{};

    [[nodiscard]] uint8_t opcode() const { return static_cast<uint8_t>(words[0] & 0xff); }
    [[nodiscard]] uint16_t id() const { return static_cast<uint16_t>(words[0] >> 16); }
    [[nodiscard]] uint64_t quad(unsigned word) const {
      return words[word] | uint64_t{words[word + 1]} << 32;
    }
    [[nodiscard]] uint64_t prp1() const { return quad(6); }
    [[nodiscard]] uint64_t prp2() const { return quad(8); }
  };
  struct queue {
    bool exists = false;
    uint64_t base = 0;
    uint32_t entries = 0;
    uint32_t head = 0;
    uint32_t tail = 0;
    uint16_t completion = 0;  ///< of a submission queue: where its completions go
    bool phase = true;        ///< of a completion queue
    bool interrupts = false;

    [[nodiscard]] uint32_t after(uint32_t index) const { return (index + 1) % entries; }
  };

  void control_written(uint32_t value);
  void doorbell(uint64_t offset, uint32_t value);
  void work(unsigned id);
  bool complete(unsigned id, const command& c, nvme_status status);
  void fatal(const dma_result& result);

  nvme_status admin(const command& c);
  nvme_status identify(const command& c);
  nvme_status create_completion_queue(const command& c);
  nvme_status create_submission_queue(const command& c);
  nvme_status delete_queue(const command& c, std::array<queue, queues>& of);
  nvme_status io(const command& c);

  /// Between memory, as the command's PRPs lay it out, and `data`.
  nvme_status move_data(const command& c, absl::Span<std::byte> data, bool to_memory);
  nvme_status move_page(uint64_t address, absl::Span<std::byte> data, bool to_memory);

  uint32_t control_ = 0;
  bool fatal_ = false;
  uint32_t admin_sizes_ = 0;
  uint64_t admin_submission_ = 0;
  uint64_t admin_completion_ = 0;
  bool masked_ = false;
  std::array<queue, queues> submission_{};
  std::array<queue, queues> completion_{};
  std::vector<std::byte> disk_;
  dma_result last_failure_;
};

}  // namespace iommulab
