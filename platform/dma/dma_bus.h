// SPDX-License-Identifier: GPL-2.0-only
//
// The way of a transaction from a PCI function to memory: may it leave, as whom does it appear,
// which remapping unit sees it, where does it go.
//
// Invariants: a function sends nothing while it is absent, while its bus master bit is clear, or
// while that of a bridge above it is. Each piece of a transaction is a request of its own: pieces
// after a refused one are still tried, as with posted writes and split reads on a link. Handlers of
// interrupts that a transaction causes run when all of it is done.
//
// Locking: none, as for the unit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "core/types.h"
#include "platform/interrupt_controller.h"
#include "platform/memory/physical_memory.h"
#include "platform/pci/pci_machine.h"
#include "platform/vtd/unit.h"

namespace iommulab {

/// How a transaction, or the first piece of it that did not move, ended.
enum class dma_end : uint8_t {
  done,       ///< all bytes moved
  interrupt,  ///< it was a message, and went to the interrupt controller
  no_master,  ///< the function is absent or may not master the bus, or a bridge does not forward
  blocked,    ///< a remapping unit refused it; `reason` says why, none without a fault
  no_memory,  ///< it left the unit towards an address where no memory is
};

struct dma_result {
  dma_end end = dma_end::done;
  vtd::fault_reason reason = vtd::fault_reason::none;  ///< of the first refused piece
  uint64_t moved = 0;                                  ///< bytes, of all pieces
  uint64_t failed_at = 0;  ///< the device's address of the first piece that did not move
  phys_addr reached;       ///< host address of the last piece that moved

  [[nodiscard]] bool ok() const { return end == dma_end::done || end == dma_end::interrupt; }
};

/// A page that a device asked for and keeps.
struct held_translation {
  uint64_t address = 0;  ///< first address that it covers, as the device puts it on the bus
  uint64_t page = 0;     ///< host address of its first byte
  unsigned page_bits = 0;
  bool readable = false;
  bool writable = false;
};

/// Who holds translations for a function: the function's device-TLB.
class invalidation_target {
 public:
  virtual ~invalidation_target() = default;
  /// Drop what covers any of `bytes` from `address` on (all when 0).
  virtual device_tlb_reply invalidate(uint64_t address, uint64_t bytes) = 0;
  /// What it holds, by page.
  [[nodiscard]] virtual std::vector<held_translation> held() const = 0;
};

/// One function's access to the bus.
class dma_port {
 public:
  /// How a bridge changes the requester id of what passes it upwards.
  enum class bridge_kind : uint8_t {
    express,         ///< a port: not at all
    express_to_pci,  ///< the secondary bus, device 0, function 0
    conventional,    ///< the bridge's own id
  };
  struct bridge_above {
    const pci_function* function = nullptr;
    bridge_kind kind = bridge_kind::express;
  };

  /// `bridges`: nearest first. `unit` is null where none sees the function.
  dma_port(const pci_function& function, std::vector<bridge_above> bridges, vtd_unit* unit,
           const physical_memory& memory, interrupt_controller& interrupts, std::byte failed_read);

  /// Fills `to` from `address` on. Bytes that could not be read become the bus's fill byte.
  /// An empty span is a zero-length read, a flush.
  dma_result read(uint64_t address, absl::Span<std::byte> to,
                  address_type type = address_type::untranslated);
  dma_result write(uint64_t address, absl::Span<const std::byte> from,
                   address_type type = address_type::untranslated);
  /// ATS: asks for a translation; moves nothing. Blocked when the function cannot send it.
  dma_translation request_translation(uint64_t address, uint64_t length, dma_access access);

  /// Whether function and bridges let a request out.
  [[nodiscard]] bool can_master() const;
  /// As whom the function's requests appear, at this moment.
  [[nodiscard]] source_id requester() const;
  [[nodiscard]] const pci_function& function() const { return function_; }
  [[nodiscard]] vtd_unit* unit() const { return unit_; }

  // The message-signalled interrupt of the function's MSI capability.
  [[nodiscard]] bool msi_enabled() const;
  /// Sends the message, through the bus like any write.
  dma_result send_msi();

  /// Whether the function's ATS capability is there and switched on.
  [[nodiscard]] bool ats_enabled() const;
  /// The invalidation queue depth of its ATS capability, 1 to 32; 0 without one.
  [[nodiscard]] unsigned ats_queue_depth() const;
  /// Its device-TLB; null for none. It outlives the port or is taken back.
  void set_device_tlb(invalidation_target* tlb) { device_tlb_ = tlb; }
  [[nodiscard]] const invalidation_target* device_tlb() const { return device_tlb_; }
  /// An invalidation request for the function. While its ATS is off nobody answers: the request is
  /// unsupported, and messages have no completion (ATS 1.1, 3.1).
  device_tlb_reply invalidate(uint64_t address, uint64_t bytes);

 private:
  /// The device's end of a transaction: where a read goes, or where a write comes from.
  struct device_side {
    std::byte* to = nullptr;
    const std::byte* from = nullptr;
    void advance(uint64_t bytes) {
      if (to != nullptr) to += bytes;
      if (from != nullptr) from += bytes;
    }
  };
  dma_result transfer(dma_request request, device_side side);
  uint64_t move(const dma_request& piece, device_side side, dma_result& result);
  [[nodiscard]] dma_translation translate(const dma_request& request) const;

  const pci_function& function_;
  std::vector<bridge_above> bridges_;
  vtd_unit* unit_;
  const physical_memory& memory_;
  interrupt_controller& interrupts_;
  std::byte failed_read_;
  uint16_t msi_ = 0;  ///< offset of the capability, 0 without one
  uint16_t ats_ = 0;
  invalidation_target* device_tlb_ = nullptr;
};

/// Which unit sees a function, by the address of its slot: an index, or `no_unit`.
inline constexpr size_t no_unit = SIZE_MAX;
using unit_of_slot = std::map<source_id, size_t>;

struct dma_bus_options {
  /// What a device finds where a read failed. A completion without data carries none; all ones is
  /// what PCI Express has a requester see (Base 2.3.2). QEMU's devices find zeros.
  std::byte failed_read{0xff};
};

class dma_bus final {
 public:
  /// All of them outlive the bus; `seen_by` counts in `units`.
  dma_bus(const physical_memory& memory, interrupt_controller& interrupts, const pci_machine& pci,
          absl::Span<vtd_unit* const> units, const unit_of_slot& seen_by,
          dma_bus_options options = {});
  ~dma_bus();  ///< the units no longer reach device-TLBs
  dma_bus(const dma_bus&) = delete;
  dma_bus& operator=(const dma_bus&) = delete;

  /// The port of the function whose slot had this address after reset; null when there is none. It
  /// lives as long as the bus.
  [[nodiscard]] dma_port* port(source_id slot);

 private:
  class invalidation_link;

  std::map<source_id, std::unique_ptr<dma_port>> ports_;
  std::vector<std::unique_ptr<invalidation_link>> links_;  ///< one a unit
};

}  // namespace iommulab
