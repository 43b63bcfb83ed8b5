// SPDX-License-Identifier: GPL-2.0-only
#include "platform/endpoints/nic.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/bit_field.h"

namespace iommulab {
namespace {

constexpr uint64_t status_register = 0x0008;
constexpr uint64_t interrupt_cause = 0x00c0;
constexpr uint64_t interrupt_mask_set = 0x00d0;
constexpr uint64_t interrupt_mask_clear = 0x00d8;
constexpr uint64_t receive_control = 0x0100;
constexpr uint64_t transmit_control = 0x0400;
constexpr uint64_t receive_ring = 0x2800;
constexpr uint64_t transmit_ring = 0x3800;
constexpr uint64_t missed_packets = 0x4010;
constexpr uint64_t packets_received = 0x4074;
constexpr uint64_t packets_sent = 0x4080;

// Within a ring's registers
constexpr uint64_t ring_base_low = 0x00;
constexpr uint64_t ring_base_high = 0x04;
constexpr uint64_t ring_length = 0x08;
constexpr uint64_t ring_head = 0x10;
constexpr uint64_t ring_tail = 0x18;
constexpr uint64_t ring_registers = 0x1c;
constexpr field32 ring_length_bytes{19, 7};  // multiples of 128
constexpr field32 ring_index{15, 0};
constexpr uint64_t descriptor_bytes = 16;

constexpr field32 link_up{1};
constexpr field32 control_enable{1};
constexpr field32 control_buffer_size{17, 16};

constexpr field32 cause_sent{0};      // TXDW
constexpr field32 cause_overrun{6};   // RXO
constexpr field32 cause_received{7};  // RXT0

// The upper eight bytes of a transmit descriptor (3.3.3) …
constexpr field64 sent_length{15, 0};
constexpr field64 sent_end_of_packet{24};
constexpr field64 sent_report{27};
constexpr field64 sent_done{32};
// … and of a receive descriptor (3.2.3).
constexpr field64 got_length{15, 0};
constexpr field64 got_done{32};
constexpr field64 got_end_of_packet{33};
constexpr field64 got_data_error{47};

bool in_ring(uint64_t offset, uint64_t ring) {
  return offset >= ring && offset - ring < ring_registers;
}

}  // namespace

bool nic::ring::works() const {
  // A head or tail beyond the ring would never meet the other: nothing works then.
  const uint64_t entries = length / descriptor_bytes;
  return enabled && !stopped && head != tail && head < entries && tail < entries;
}

uint64_t nic::ring::at_head() const {
  return base + uint64_t{head} * descriptor_bytes;
}

void nic::ring::advance() {
  ++head;
  if (uint64_t{head} * descriptor_bytes >= length) head = 0;
}

void nic::connect(nic& a, nic& b) {
  a.peer_ = &b;
  b.peer_ = &a;
}

uint32_t nic::read_ring(const ring& r, uint64_t reg) {
  switch (reg) {
    case ring_base_low:
      return static_cast<uint32_t>(r.base);
    case ring_base_high:
      return static_cast<uint32_t>(r.base >> 32);
    case ring_length:
      return r.length;
    case ring_head:
      return r.head;
    case ring_tail:
      return r.tail;
    default:
      return 0;
  }
}

/// Whether it was the tail.
bool nic::write_ring(ring& r, uint64_t reg, uint32_t value) {
  constexpr uint64_t low_half = 0xffffffff;
  switch (reg) {
    case ring_base_low:
      r.base = (r.base & ~low_half) | (value & ~uint32_t{descriptor_bytes - 1});
      return false;
    case ring_base_high:
      r.base = (r.base & low_half) | uint64_t{value} << 32;
      return false;
    case ring_length:
      r.length = value & ring_length_bytes.mask();
      return false;
    case ring_head:
      r.head = ring_index.get(value);
      return false;
    case ring_tail:
      r.tail = ring_index.get(value);
      return true;
    default:
      return false;
  }
}

void nic::enable(ring& r, bool on) {
  if (!on) r.stopped = false;
  r.enabled = on;
}

uint32_t nic::read32(uint64_t offset) {
  if (in_ring(offset, receive_ring)) return read_ring(receive_, offset - receive_ring);
  if (in_ring(offset, transmit_ring)) return read_ring(transmit_, offset - transmit_ring);
  switch (offset) {
    case status_register:
      return link_up.make(peer_ == nullptr ? 0 : 1);
    case interrupt_cause:
      lower_interrupt();
      return std::exchange(causes_, 0);
    case interrupt_mask_set:
      return mask_;
    case receive_control:
      return receive_control_;
    case transmit_control:
      return transmit_control_;
    case missed_packets:
      return std::exchange(missed_, 0);
    case packets_received:
      return std::exchange(received_, 0);
    case packets_sent:
      return std::exchange(sent_, 0);
    default:
      return 0;
  }
}

void nic::write32(uint64_t offset, uint32_t value) {
  if (in_ring(offset, receive_ring)) {
    write_ring(receive_, offset - receive_ring, value);
    return;
  }
  if (in_ring(offset, transmit_ring)) {
    if (write_ring(transmit_, offset - transmit_ring, value)) transmit();
    return;
  }
  switch (offset) {
    case interrupt_mask_set:
      mask_ |= value;
      return cause(0);
    case interrupt_mask_clear:
      mask_ &= ~value;
      return;
    case receive_control:
      receive_control_ = value;
      return enable(receive_, control_enable.test(value));
    case transmit_control:
      transmit_control_ = value;
      enable(transmit_, control_enable.test(value));
      return transmit();
    default:
      return;
  }
}

void nic::cause(uint32_t bits) {
  causes_ |= bits;
  if ((causes_ & mask_) != 0) raise_interrupt();
}

void nic::note(uint64_t& counter, const dma_result& result) {
  ++counter;
  last_failure_ = result;
}

std::optional<nic::descriptor> nic::fetch(ring& r) {
  std::array<std::byte, descriptor_bytes> bytes{};
  const dma_result result = port().read(r.at_head(), absl::MakeSpan(bytes));
  if (!result.ok()) {
    r.stopped = true;
    note(failures_.descriptor_reads, result);
    return std::nullopt;
  }
  descriptor d;
  std::memcpy(&d.address, bytes.data(), sizeof(d.address));
  std::memcpy(&d.fields, bytes.data() + sizeof(d.address), sizeof(d.fields));
  return d;
}

/// The upper half of the descriptor at the head.
void nic::write_back(const ring& r, uint64_t fields) {
  std::array<std::byte, sizeof(fields)> bytes{};
  std::memcpy(bytes.data(), &fields, sizeof(fields));
  const dma_result result = port().write(r.at_head() + sizeof(uint64_t), bytes);
  if (!result.ok()) note(failures_.write_backs, result);
}

void nic::transmit() {
  if (transmitting_) return;
  transmitting_ = true;
  while (transmit_.works()) {
    // 1. The descriptor, and the piece of a packet that it names.
    const std::optional<descriptor> d = fetch(transmit_);
    if (!d) break;
    const size_t length = sent_length.get(d->fields);
    const size_t before = packet_.size();
    packet_.resize(before + length);
    const dma_result data =
        port().read(d->address, absl::MakeSpan(packet_).subspan(before, length));
    if (!data.ok()) note(failures_.buffer_reads, data);
    packet_spoilt_ = packet_spoilt_ || !data.ok() || packet_.size() > longest_packet;
    if (packet_spoilt_) packet_.clear();
    // 2. The last piece sends it, unless one was missing.
    if (sent_end_of_packet.test(d->fields)) send_packet();
    // 3. Done, and said so where asked for.
    const bool report = sent_report.test(d->fields);
    if (report) write_back(transmit_, sent_done.set(d->fields, 1));
    transmit_.advance();
    if (report) cause(cause_sent.mask());
  }
  transmitting_ = false;
}

void nic::send_packet() {
  const bool spoilt = std::exchange(packet_spoilt_, false);
  const std::vector<std::byte> packet = std::exchange(packet_, {});
  if (spoilt) return;
  ++sent_;
  if (peer_ != nullptr) peer_->receive(packet);
}

size_t nic::buffer_size() const {
  constexpr size_t largest = 2048;
  return largest >> control_buffer_size.get(receive_control_);
}

/// Puts the start of `rest` into the descriptor at the head; false when the ring gives none.
bool nic::fill_one(absl::Span<const std::byte>& rest) {
  if (!receive_.works()) return false;
  const std::optional<descriptor> d = fetch(receive_);
  if (!d) return false;
  const size_t length = std::min(rest.size(), buffer_size());
  const dma_result data = port().write(d->address, rest.subspan(0, length));
  if (!data.ok()) note(failures_.buffer_writes, data);
  rest.remove_prefix(length);
  write_back(receive_, got_length.make(length) | got_done.make(1) |
                           got_end_of_packet.make(rest.empty()) | got_data_error.make(!data.ok()));
  receive_.advance();
  return true;
}

void nic::receive(absl::Span<const std::byte> packet) {
  if (!receive_.enabled || packet.empty()) return;
  absl::Span<const std::byte> rest = packet;
  while (!rest.empty()) {
    if (fill_one(rest)) continue;
    ++missed_;
    return cause(cause_overrun.mask());
  }
  ++received_;
  cause(cause_received.mask());
}

}  // namespace iommulab
