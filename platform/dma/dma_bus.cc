// SPDX-License-Identifier: GPL-2.0-only
#include "platform/dma/dma_bus.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/pci/registers.h"
#include "platform/pci/capability_layout.h"
#include "platform/pci/config_bytes.h"
#include "platform/vtd/interrupt_range.h"

namespace iommulab {
namespace {

constexpr unsigned most_invalidations = 32;  ///< a depth of 0 in the capability
constexpr uint16_t msi_address = 0x04;       ///< of the MSI capability

uint64_t to_page_end(uint64_t address) {
  return page_size - (address & ~page_mask);
}

bool masters(const pci_function& function) {
  return function.present() && pci_reg::command_bus_master.test(function.read8(pci_reg::command));
}

dma_port::bridge_kind kind_of(const pci_function& bridge) {
  using kind = dma_port::bridge_kind;
  const absl::Span<const uint8_t> bytes = bridge.description().config;
  kind found = kind::conventional;
  for_each_capability(bytes, [&](uint8_t id, uint16_t at) {
    if (id != pci_reg::capability_id_express) return;
    const auto flags_at = static_cast<uint16_t>(at + pci_reg::exp_flags);
    switch (static_cast<pci_exp_type>(config_get(bytes, flags_at, pci_reg::exp_flags_type))) {
      case pci_exp_type::pci_bridge:
        found = kind::express_to_pci;
        return;
      case pci_exp_type::pcie_bridge:
        return;  // its upper side is a conventional bus
      default:
        found = kind::express;
        return;
    }
  });
  return found;
}

/// Holds interrupts back until a transaction of several pieces is through: a processor takes the
/// first one's interrupt long after the last piece was sent.
class interrupts_held {
 public:
  explicit interrupts_held(interrupt_controller& interrupts) : interrupts_(interrupts) {
    interrupts_.hold();
  }
  ~interrupts_held() { interrupts_.release(); }
  interrupts_held(const interrupts_held&) = delete;
  interrupts_held& operator=(const interrupts_held&) = delete;

 private:
  interrupt_controller& interrupts_;
};

}  // namespace

dma_port::dma_port(const pci_function& function, std::vector<bridge_above> bridges, vtd_unit* unit,
                   const physical_memory& memory, interrupt_controller& interrupts,
                   std::byte failed_read)
    : function_(function),
      bridges_(std::move(bridges)),
      unit_(unit),
      memory_(memory),
      interrupts_(interrupts),
      failed_read_(failed_read) {
  const absl::Span<const uint8_t> bytes = function.description().config;
  for_each_capability(bytes, [this](uint8_t id, uint16_t at) {
    if (id == pci_reg::capability_id_msi) msi_ = at;
  });
  for_each_extended_capability(bytes, [this](uint16_t id, uint16_t at) {
    if (id == pci_ext_cap_id_ats) ats_ = at;
  });
}

bool dma_port::can_master() const {
  if (!masters(function_)) return false;
  return std::all_of(bridges_.begin(), bridges_.end(),
                     [](const bridge_above& b) { return masters(*b.function); });
}

source_id dma_port::requester() const {
  source_id id = function_.description().id;
  if (bridges_.empty()) return id;
  id.bus = bridges_.front().function->secondary_bus();
  for (size_t i = 0; i < bridges_.size(); ++i) {
    const pci_function& bridge = *bridges_[i].function;
    switch (bridges_[i].kind) {
      case bridge_kind::express:
        break;
      case bridge_kind::express_to_pci:
        id.bus = bridge.secondary_bus();
        id.devfn = 0;
        break;
      case bridge_kind::conventional:
        id.bus = i + 1 < bridges_.size() ? bridges_[i + 1].function->secondary_bus()
                                         : bridge.description().id.bus;
        id.devfn = bridge.description().id.devfn;
        break;
    }
  }
  return id;
}

dma_translation dma_port::translate(const dma_request& request) const {
  if (unit_ != nullptr) return unit_->translate(request);
  // Without a unit only plain requests are known, and addresses are the host's.
  dma_translation result;
  if (request.type != address_type::untranslated) return result;
  result.address = request.address;
  result.length = request.length;
  result.readable = true;
  result.writable = true;
  result.outcome = dma_outcome::passed;
  if (!in_interrupt_range(request.address)) {
    result.length = clip_at_interrupt_range(request.address, request.length);
    return result;
  }
  const bool message =
      request.access == dma_access::write && is_interrupt_request(request.address, request.length);
  result.outcome = message ? dma_outcome::interrupt : dma_outcome::blocked;
  return result;
}

/// Tries one request for the start of `piece`; returns how many bytes it covered, moved or not.
uint64_t dma_port::move(const dma_request& piece, device_side side, dma_result& result) {
  const auto refused = [&](dma_end end, vtd::fault_reason reason, uint64_t length) {
    if (result.ok()) {
      result.end = end;
      result.reason = reason;
      result.failed_at = piece.address;
    }
    if (side.to != nullptr) std::memset(side.to, static_cast<int>(failed_read_), length);
    return length;
  };
  const dma_translation t = translate(piece);
  if (t.outcome == dma_outcome::interrupt) {
    uint32_t data = 0;
    std::memcpy(&data, side.from, sizeof(data));
    if (result.ok()) result.end = dma_end::interrupt;
    result.moved += sizeof(data);
    interrupts_.deliver({t.address, data});
    return sizeof(data);
  }
  if (!t.ok()) {
    return refused(dma_end::blocked, t.reason, std::min(piece.length, to_page_end(piece.address)));
  }
  uint64_t length = t.length;
  std::byte* host = memory_.at(phys_addr(t.address), length);
  if (host == nullptr) {
    // Memory may begin or end within what one translation covers.
    length = std::min(length, to_page_end(t.address));
    host = memory_.at(phys_addr(t.address), length);
    if (host == nullptr) return refused(dma_end::no_memory, vtd::fault_reason::none, length);
  }
  if (side.to != nullptr) {
    std::memcpy(side.to, host, length);
  } else if (length != 0) {
    std::memcpy(host, side.from, length);
  }
  result.moved += length;
  result.reached = phys_addr(t.address);
  return length;
}

dma_result dma_port::transfer(dma_request request, device_side side) {
  dma_result result;
  if (!can_master()) {
    result.end = dma_end::no_master;
    result.failed_at = request.address;
    if (side.to != nullptr) {
      std::memset(side.to, static_cast<int>(failed_read_), request.length);
    }
    return result;
  }
  request.source = requester();
  if (request.length <= to_page_end(request.address)) {
    // The usual case: within a page only the interrupt range or the end of memory could split it.
    const uint64_t covered = move(request, side, result);
    if (covered >= request.length) return result;
    request.address += covered;
    request.length -= covered;
    side.advance(covered);
  }
  const interrupts_held hold(interrupts_);
  while (request.length != 0) {
    const uint64_t covered = move(request, side, result);
    request.address += covered;  // the top of the address space leads back to its start
    request.length -= covered;
    side.advance(covered);
  }
  return result;
}

dma_result dma_port::read(uint64_t address, absl::Span<std::byte> to, address_type type) {
  dma_request request;
  request.address = address;
  request.length = to.size();
  request.access = dma_access::read;
  request.type = type;
  return transfer(request, {to.data(), nullptr});
}

dma_result dma_port::write(uint64_t address, absl::Span<const std::byte> from, address_type type) {
  dma_request request;
  request.address = address;
  request.length = from.size();
  request.access = dma_access::write;
  request.type = type;
  return transfer(request, {nullptr, from.data()});
}

dma_translation dma_port::request_translation(uint64_t address, uint64_t length,
                                              dma_access access) {
  if (!can_master()) return {};
  dma_request request;
  request.source = requester();
  request.address = address;
  request.length = length;
  request.access = access;
  request.type = address_type::translation_request;
  return translate(request);
}

bool dma_port::msi_enabled() const {
  return msi_ != 0 && function_.present() &&
         cap_layout::msi_enable.test(
             function_.read8(static_cast<uint16_t>(msi_ + cap_layout::msi_control)));
}

dma_result dma_port::send_msi() {
  const auto reg = [this](uint16_t offset) { return static_cast<uint16_t>(msi_ + offset); };
  const bool wide = cap_layout::msi_64bit.test(function_.read16(reg(cap_layout::msi_control)));
  uint64_t address = function_.read32(reg(msi_address));
  if (wide) address |= uint64_t{function_.read32(reg(msi_address + 4))} << 32;
  const uint32_t data = function_.read16(reg(wide ? msi_address + 8 : msi_address + 4));
  std::array<std::byte, sizeof(data)> bytes{};
  std::memcpy(bytes.data(), &data, sizeof(data));
  return write(address, bytes);
}

bool dma_port::ats_enabled() const {
  constexpr uint16_t enable_in_high_byte = pci_reg::ats_enable.mask() >> 8;
  return ats_ != 0 && function_.present() &&
         (function_.read8(static_cast<uint16_t>(ats_ + pci_reg::ats_control + 1)) &
          enable_in_high_byte) != 0;
}

unsigned dma_port::ats_queue_depth() const {
  if (ats_ == 0) return 0;
  const unsigned depth = pci_reg::ats_queue_depth.get(
      function_.read16(static_cast<uint16_t>(ats_ + pci_reg::ats_capability)));
  return depth == 0 ? most_invalidations : depth;
}

device_tlb_reply dma_port::invalidate(uint64_t address, uint64_t bytes) {
  if (!ats_enabled()) return device_tlb_reply::timed_out;
  // A function that nothing stands for holds no translations, and says that they are gone.
  return device_tlb_ == nullptr ? device_tlb_reply::done : device_tlb_->invalidate(address, bytes);
}

/// How one unit reaches the device-TLBs of the functions that it sees.
class dma_bus::invalidation_link final : public device_tlb_sink {
 public:
  invalidation_link(vtd_unit& unit, const pci_machine& pci) : unit_(unit), pci_(pci) {
    unit_.set_device_tlbs(this);
  }
  ~invalidation_link() override { unit_.set_device_tlbs(nullptr); }
  invalidation_link(const invalidation_link&) = delete;
  invalidation_link& operator=(const invalidation_link&) = delete;

  void add(dma_port& port) { ports_.push_back(&port); }

  // The request is routed by id to the function that has it; nobody else answers.
  device_tlb_reply invalidate(uint16_t source, uint64_t address, uint64_t bytes) override {
    if (by_requester_.empty() || numbered_at_ != pci_.renumberings()) number();
    const auto found = by_requester_.find(source);
    return found == by_requester_.end() ? device_tlb_reply::timed_out
                                        : found->second->invalidate(address, bytes);
  }

 private:
  /// Of ports with one id, the first in the machine's order counts.
  void number() {
    by_requester_.clear();
    for (dma_port* port : ports_) by_requester_.emplace(port->requester().requester_id(), port);
    numbered_at_ = pci_.renumberings();
  }

  vtd_unit& unit_;
  const pci_machine& pci_;
  std::vector<dma_port*> ports_;
  absl::flat_hash_map<uint16_t, dma_port*> by_requester_;
  uint64_t numbered_at_ = 0;
};

dma_bus::dma_bus(const physical_memory& memory, interrupt_controller& interrupts,
                 const pci_machine& pci, absl::Span<vtd_unit* const> units,
                 const unit_of_slot& seen_by, dma_bus_options options) {
  for (vtd_unit* unit : units) links_.push_back(std::make_unique<invalidation_link>(*unit, pci));
  absl::flat_hash_map<const pci_function*, dma_port::bridge_kind> kinds;
  for (const pci_function* function : pci.functions()) {
    if (function->is_bridge()) kinds.emplace(function, kind_of(*function));
  }
  for (const pci_function* function : pci.functions()) {
    const source_id slot = function->description().id;
    std::vector<dma_port::bridge_above> bridges;
    for (const pci_function* above : pci.bridges_above(slot)) {
      bridges.push_back({above, kinds.at(above)});
    }
    const auto found = seen_by.find(slot);
    const size_t index = found == seen_by.end() ? no_unit : found->second;
    vtd_unit* unit = index < units.size() ? units[index] : nullptr;
    auto port = std::make_unique<dma_port>(*function, std::move(bridges), unit, memory, interrupts,
                                           options.failed_read);
    if (unit != nullptr) links_[index]->add(*port);
    ports_.emplace(slot, std::move(port));
  }
}

dma_bus::~dma_bus() = default;

dma_port* dma_bus::port(source_id slot) {
  const auto found = ports_.find(slot);
  return found == ports_.end() ? nullptr : found->second.get();
}

}  // namespace iommulab
